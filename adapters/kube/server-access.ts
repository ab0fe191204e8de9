// How to reach one API server and as whom, as plain data: what a kubeconfig (kubeconfig.ts for untrusted ones,
// own-config.ts for the konnector's own) comes down to and what the transport is built from. Holds credentials: never
// log it, never put it into an error.

export interface Impersonation {
  user: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

export interface ServerAccess {
  /** May carry a path, which every request keeps (`https://host/clusters/root:team`). No credentials, no query. */
  server: URL;
  /** PEM. Absent: the system's certificate authorities. */
  ca?: string;
  /** The name that the server's certificate must carry, where it is not the host of `server`. */
  serverName?: string;
  /** PEM; both or neither. */
  clientCert?: string;
  clientKey?: string;
  /** A function where the token is a file that is renewed under our feet. */
  token?: string | (() => string);
  impersonate?: Impersonation;
  /** Do not verify the server's certificate. */
  insecure?: boolean;
  /** Refuse link-local and metadata addresses at each connection: set for whoever's address is not trusted. */
  guardAddress?: boolean;
}

/** The header set that authenticates a request; asked for each request, because a token may change. */
export const credentialHeaders = (access: ServerAccess): Record<string, string | string[]> => {
  const headers: Record<string, string | string[]> = {};
  const token = currentToken(access);
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  if (access.impersonate !== undefined) Object.assign(headers, impersonationHeaders(access.impersonate));
  return headers;
};

export const currentToken = (access: ServerAccess): string | undefined =>
  typeof access.token === "function" ? access.token() : access.token;

const impersonationHeaders = (as: Impersonation): Record<string, string | string[]> => {
  const headers: Record<string, string | string[]> = { "impersonate-user": as.user };
  if (as.uid !== undefined) headers["impersonate-uid"] = as.uid;
  if (as.groups !== undefined && as.groups.length > 0) headers["impersonate-group"] = as.groups;
  for (const [key, values] of Object.entries(as.extra ?? {})) headers[`impersonate-extra-${headerName(key)}`] = values;
  return headers;
};

/** The API server percent-decodes the key, because not every character may stand in a header name. */
const headerName = (key: string): string =>
  [...Buffer.from(key)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9._-]/.test(char) ? char : `%${byte.toString(16).padStart(2, "0").toUpperCase()}`;
    })
    .join("");
