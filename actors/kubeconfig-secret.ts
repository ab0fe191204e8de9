// The Secret behind a Connection: found only in the konnector's own namespace, read only here and where the client is
// built from it. Facts about it carry a fingerprint, never its content. Rule: docs/reference/behaviour.md, "Connections".

import { createHash } from "node:crypto";
import { type Connection, secretKey } from "../crds/connection.ts";
import { hasFinalizer, isDeleting } from "../crds/kube-object.ts";
import { FINALIZER } from "../crds/labels.ts";
import type { SecretFact } from "../machines/connection-facts.ts";
import type { Secret } from "./directory.ts";
import type { Engine } from "./engine.ts";

/** What tells one kubeconfig from another without showing it. */
export const fingerprintOf = (text: string): string => createHash("sha256").update(text).digest("base64");

/** The Secret a Connection refers to; undefined when it is missing or lies in a namespace that is not read. */
export const secretOf = (engine: Engine, connection: Connection): Secret | undefined => {
  const { namespace, name } = connection.spec.kubeconfigSecretRef;
  return namespace === engine.settings.namespace ? engine.directory.secrets.get(`${namespace}/${name}`) : undefined;
};

/** The kubeconfig's text, or what is wrong with the Secret. */
export function kubeconfigOf(secret: Secret, key: string): { text: string; problem: string } {
  const encoded = secret.data?.[key];
  if (encoded === undefined) return { text: "", problem: `has no key ${key}` };
  const text = Buffer.from(encoded, "base64").toString("utf8");
  return { text, problem: text.trim() === "" ? `key ${key} is empty` : "" };
}

export function secretFact(engine: Engine, connection: Connection): SecretFact {
  const secret = secretOf(engine, connection);
  if (secret === undefined) return { present: false, settled: true, fingerprint: "", problem: "" };
  const { text, problem } = kubeconfigOf(secret, secretKey(connection.spec));
  const settled = hasFinalizer(secret, FINALIZER.cleanup) || isDeleting(secret);
  return { present: true, settled, fingerprint: problem === "" ? fingerprintOf(text) : "", problem };
}
