// What an untrusted kubeconfig, a provider's, may hold: an allow-list. Whatever could run a program, read a file of this
// machine or lead to a metadata service is refused, naming the field as its author knows it and what to do instead.
// Makes no request and reads no file. Rule: docs/reference/behaviour.md, "Kubeconfig allow-list".

import * as z from "zod";
import { KubeconfigError } from "../../actors/ports.ts";
import { isRefusedHost } from "./address.ts";
import { type Entry, type Fields, invalid, readKubeconfig, type Selection } from "./kubeconfig-document.ts";
import { checkCertificates, checkKeyPair, decodeBase64 } from "./pem.ts";
import type { Impersonation, ServerAccess } from "./server-access.ts";

/** What flags of the process may allow; a kubeconfig of the process itself may lead to any address. */
export interface KubeconfigRules {
  allowHttp?: boolean;
  allowInsecure?: boolean;
  anyAddress?: boolean;
}

const text = z.string({ error: "must be text" });
const ignored = z.unknown().optional();

const clusterSchema = z.strictObject({
  server: z.string({ error: "must be set to the API server's URL" }).min(1, "must be set to the API server's URL"),
  "certificate-authority-data": text.optional(),
  "tls-server-name": text.regex(/^[A-Za-z0-9.:-]{1,253}$/, "is not a host name").optional(),
  "insecure-skip-tls-verify": z.boolean({ error: "must be true or false" }).optional(),
  "disable-compression": ignored,
  extensions: ignored,
});

/** What may stand in an HTTP header. */
const headerText = text.regex(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, "holds characters that cannot be sent");

const userSchema = z.strictObject({
  "client-certificate-data": text.optional(),
  "client-key-data": text.optional(),
  token: z.preprocess(
    (value) => (typeof value === "string" ? value.trim() : value),
    text.regex(/^[\x21-\x7e]+$/, "holds characters that cannot be part of a token").optional(),
  ),
  as: headerText.optional(),
  "as-uid": headerText.optional(),
  "as-groups": z.array(headerText, { error: "must be a list" }).optional(),
  "as-user-extra": z
    .record(z.string().min(1, "has an empty key"), z.array(headerText, { error: "must be a list" }), {
      error: "must be a mapping of lists",
    })
    .optional(),
  extensions: ignored,
});

const contextSchema = z.strictObject({ cluster: ignored, user: ignored, namespace: ignored, extensions: ignored });

const INSTEAD: Record<string, string> = {
  exec: "it would run a program here; use a token, or a client certificate and key as data",
  "auth-provider": "it would run a program here; use a token, or a client certificate and key as data",
  tokenFile: "it names a file of this machine; put the token itself into token",
  "client-certificate": "it names a file of this machine; put the content into client-certificate-data",
  "client-key": "it names a file of this machine; put the content into client-key-data",
  "certificate-authority": "it names a file of this machine; put the content into certificate-authority-data",
  username: "use a token, or a client certificate and key as data",
  password: "use a token, or a client certificate and key as data",
  "proxy-url": "a proxy is set for the whole process, by HTTPS_PROXY",
};

const forbidden = (path: string, field: string): KubeconfigError => {
  const name = /^[\w.-]{1,63}$/.test(field) ? `${path}.${field}` : `a field of ${path}`;
  const advice = Object.hasOwn(INSTEAD, field) ? INSTEAD[field] : "it is not among the fields that may be used";
  return new KubeconfigError("forbidden", `${name} is not allowed: ${advice}`);
};

/** An empty value means what an absent field means. */
const withoutEmpty = (fields: Fields): Fields =>
  Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== "" && value !== undefined),
  );

const where = (path: string, issue: z.core.$ZodIssue): string =>
  issue.path.reduce<string>(
    (name, part, depth) =>
      typeof part === "number" ? `${name}[${part}]` : depth === 0 ? `${name}.${String(part)}` : name,
    path,
  );

const check = <T>(schema: z.ZodType<T>, { path, fields }: Entry): T => {
  const result = schema.safeParse(withoutEmpty(fields));
  if (result.success) return result.data;
  const { issues } = result.error;
  const unknown = issues.find((issue) => issue.code === "unrecognized_keys");
  if (unknown !== undefined) throw forbidden(path, unknown.keys[0] ?? "");
  const [issue] = issues;
  throw invalid(issue === undefined ? `${path} cannot be read` : `${where(path, issue)} ${issue.message}`);
};

const parseUrl = (field: string, value: string): URL => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw invalid(`${field} must be a URL that begins with https://`);
  return url;
};

/** The URL itself never stands in a message: it may hold a credential. */
const parseServer = (field: string, value: string, rules: KubeconfigRules): URL => {
  const url = parseUrl(field, value);
  if (url.protocol === "http:" && rules.allowHttp !== true)
    throw new KubeconfigError(
      "forbidden",
      `${field} is not allowed to be http: use https://, or start the konnector with --allow-http`,
    );
  if (url.username !== "" || url.password !== "")
    throw new KubeconfigError(
      "forbidden",
      `${field} is not allowed to hold credentials: put a token into the user entry`,
    );
  if (url.search !== "" || url.hash !== "") throw invalid(`${field} must not have a query or a fragment`);
  return url;
};

const serverOf = (field: string, value: string, rules: KubeconfigRules): URL => {
  const url = parseServer(field, value, rules);
  if (rules.anyAddress !== true && isRefusedHost(url))
    throw new KubeconfigError(
      "forbidden",
      `${field} is not allowed to be a link-local or metadata address: use the API server's own address`,
    );
  return url;
};

const checkInsecure = (path: string, insecure: boolean, rules: KubeconfigRules): boolean => {
  if (insecure && rules.allowInsecure !== true)
    throw new KubeconfigError(
      "forbidden",
      `${path}.insecure-skip-tls-verify is not allowed: set certificate-authority-data, ` +
        "or start the konnector with --allow-insecure-skip-tls-verify",
    );
  return insecure;
};

const clusterAccess = (entry: Entry, rules: KubeconfigRules): ServerAccess => {
  const fields = check(clusterSchema, entry);
  const ca = fields["certificate-authority-data"];
  const caField = `${entry.path}.certificate-authority-data`;
  return {
    server: serverOf(`${entry.path}.server`, fields.server, rules),
    guardAddress: rules.anyAddress !== true,
    ca: ca === undefined ? undefined : checkCertificates(caField, decodeBase64(caField, ca)),
    serverName: fields["tls-server-name"],
    insecure: checkInsecure(entry.path, fields["insecure-skip-tls-verify"] === true, rules),
  };
};

const impersonation = (path: string, fields: z.infer<typeof userSchema>): Impersonation | undefined => {
  const user = fields.as;
  const more = { uid: fields["as-uid"], groups: fields["as-groups"], extra: fields["as-user-extra"] };
  if (user !== undefined) return { user, ...more };
  if (Object.values(more).some((value) => value !== undefined))
    throw invalid(`${path}.as must be set where as-uid, as-groups or as-user-extra is`);
  return undefined;
};

const clientCertificate = (path: string, cert: string | undefined, key: string | undefined): Partial<ServerAccess> => {
  if (cert === undefined && key === undefined) return {};
  const [certField, keyField] = [`${path}.client-certificate-data`, `${path}.client-key-data`];
  if (cert === undefined) throw invalid(`${certField} must be set where client-key-data is`);
  if (key === undefined) throw invalid(`${keyField} must be set where client-certificate-data is`);
  const pair = { clientCert: decodeBase64(certField, cert), clientKey: decodeBase64(keyField, key) };
  checkKeyPair(certField, pair.clientCert, keyField, pair.clientKey);
  return pair;
};

const userAccess = (entry: Entry | undefined): Partial<ServerAccess> => {
  if (entry === undefined) return {};
  const fields = check(userSchema, entry);
  const access = clientCertificate(entry.path, fields["client-certificate-data"], fields["client-key-data"]);
  const as = impersonation(entry.path, fields);
  return {
    ...access,
    ...(fields.token === undefined ? {} : { token: fields.token }),
    ...(as === undefined ? {} : { impersonate: as }),
  };
};

/** Judges what was selected of a kubeconfig. Throws as `parseKubeconfig` does. */
export const accessOf = ({ context, cluster, user }: Selection, rules: KubeconfigRules): ServerAccess => {
  check(contextSchema, context);
  return { ...clusterAccess(cluster, rules), ...userAccess(user) };
};

/**
 * Reduces the text of an untrusted kubeconfig to what may be used of it. Throws KubeconfigError: "forbidden" for a field
 * or an address that is not on the allow-list, "invalid" for what is no usable kubeconfig.
 */
export const parseKubeconfig = (text: string, rules: KubeconfigRules = {}): ServerAccess =>
  accessOf(readKubeconfig(text), { allowHttp: rules.allowHttp, allowInsecure: rules.allowInsecure });
