// Where the konnector's own cluster, the consumer, is and who the konnector is there: `--kubeconfig`, KUBECONFIG, the
// pod's service account, ~/.kube/config, in this order. Unlike a provider's, this kubeconfig is trusted: it may name
// files, lead to any address and skip TLS verification. Plugins (`exec`, `auth-provider`) are not supported.
// Rule: docs/reference/behaviour.md, "Client and watch".

import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { UnreachableError } from "../../actors/ports.ts";
import { accessOf } from "./kubeconfig.ts";
import { type Entry, type Fields, invalid, readKubeconfig } from "./kubeconfig-document.ts";
import type { ServerAccess } from "./server-access.ts";

export interface OwnConfigSources {
  /** The value of `--kubeconfig`. */
  kubeconfig?: string;
  env?: Readonly<Record<string, string | undefined>>;
  home?: string;
  /** Where a pod finds its service account. */
  serviceAccountDir?: string;
}

export interface OwnConfig {
  access: ServerAccess;
  /** For the log: where it came from. */
  source: string;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
/** A projected token is renewed long before it expires; a minute is what client-go allows itself too. */
const TOKEN_AGE = 60_000;

const readText = (field: string, file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid(`${field}: ${file} cannot be read (${code ?? "unknown error"})`);
  }
};

/** A token that is read again once a minute; while the file cannot be read, the last one goes on being used. */
const tokenFrom = (field: string, file: string): (() => string) => {
  let token = readText(field, file).trim();
  let readAt = performance.now();
  return () => {
    if (performance.now() - readAt > TOKEN_AGE) {
      readAt = performance.now();
      try {
        token = readFileSync(file, "utf8").trim() || token;
      } catch {
        // The mount is being renewed; a token that has expired meanwhile shows as 401.
      }
    }
    if (token === "") throw new UnreachableError(`${field}: the token file is empty`);
    return token;
  };
};

const inlineFile = (entry: Entry, field: string, directory: string): Fields => {
  const { [field]: file, ...rest } = entry.fields;
  const data = `${field}-data`;
  if (typeof file !== "string" || file === "") return entry.fields;
  if (typeof rest[data] === "string" && rest[data] !== "") return rest;
  const text = readText(`${entry.path}.${field}`, path.resolve(directory, file));
  return { ...rest, [data]: Buffer.from(text).toString("base64") };
};

const inlineFiles = (entry: Entry, files: string[], directory: string): Entry =>
  files.reduce<Entry>((done, field) => ({ ...done, fields: inlineFile(done, field, directory) }), entry);

const refusePlugins = ({ path: where, fields }: Entry): void => {
  for (const plugin of ["exec", "auth-provider"])
    if (fields[plugin] !== undefined && fields[plugin] !== null)
      throw invalid(
        `${where}.${plugin} is not supported: give the konnector a kubeconfig with a token, a tokenFile or a client ` +
          "certificate, or run it in the cluster",
      );
};

const fromKubeconfig = (file: string): ServerAccess => {
  const directory = path.dirname(path.resolve(file));
  const selection = readKubeconfig(readText("kubeconfig", file));
  const cluster = inlineFiles(selection.cluster, ["certificate-authority"], directory);
  const rules = { allowHttp: true, allowInsecure: true, anyAddress: true };
  if (selection.user === undefined) return accessOf({ ...selection, cluster }, rules);
  refusePlugins(selection.user);
  const user = inlineFiles(selection.user, ["client-certificate", "client-key"], directory);
  const { tokenFile, ...fields } = user.fields;
  if (typeof tokenFile !== "string" || tokenFile === "") return accessOf({ ...selection, cluster, user }, rules);
  const access = accessOf({ ...selection, cluster, user: { path: user.path, fields } }, rules);
  return { ...access, token: tokenFrom(`${user.path}.tokenFile`, path.resolve(directory, tokenFile)) };
};

const fromPod = (host: string, port: string, directory: string): ServerAccess => ({
  server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
  ca: readText("in-cluster configuration", path.join(directory, "ca.crt")),
  token: tokenFrom("in-cluster configuration", path.join(directory, "token")),
});

const namedFile = (kubeconfig: string | undefined, variable: string | undefined): [string, string] | undefined => {
  if (kubeconfig !== undefined && kubeconfig !== "") return [kubeconfig, "--kubeconfig"];
  if (variable === undefined || variable === "") return undefined;
  const files = variable.split(path.delimiter).filter((file) => file !== "");
  if (files.length > 1)
    throw invalid("KUBECONFIG names several files; name one, or merge them with kubectl config view --flatten");
  return [files[0] ?? variable, "KUBECONFIG"];
};

/** Throws KubeconfigError with a sentence that says what to do. */
export const loadOwnConfig = (sources: OwnConfigSources = {}): OwnConfig => {
  const env = sources.env ?? process.env;
  const named = namedFile(sources.kubeconfig, env["KUBECONFIG"]);
  if (named !== undefined) return { access: fromKubeconfig(named[0]), source: named[1] };
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host !== undefined && host !== "")
    return {
      access: fromPod(host, port ?? "443", sources.serviceAccountDir ?? SERVICE_ACCOUNT),
      source: "in-cluster configuration",
    };
  const file = path.join(sources.home ?? homedir(), ".kube", "config");
  if (existsSync(file)) return { access: fromKubeconfig(file), source: "~/.kube/config" };
  throw invalid("no configuration found: use --kubeconfig or KUBECONFIG, or run in a cluster");
};
