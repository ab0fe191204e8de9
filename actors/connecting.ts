// The step from a Secret to a provider client: builds it, reads who is there and who we are. What may be done with the
// client is decided by the machine, which compares both with the pins. Rule: docs/reference/behaviour.md, "Identity".

import { secretKey } from "../crds/connection.ts";
import type { ConnectionEvent } from "../machines/connection-facts.ts";
import type { Engine } from "./engine.ts";
import { identityOf } from "./identity.ts";
import { fingerprintOf, kubeconfigOf, secretOf } from "./kubeconfig-secret.ts";
import { ApiError, type Cluster, type Identity, KubeconfigError } from "./ports.ts";
import { askedToWait } from "./refusals.ts";
import { faultOf } from "./source.ts";

/** A client for the cluster whose identity has been read, until the machine has compared that with the pin. */
export interface Candidate {
  /** Not used yet; each of its connections makes sure that it leads to `remote`. */
  cluster: Cluster;
  fingerprint: string;
  remote: Identity;
  /** UID of the consumer. */
  local: string;
}

type Identified = Extract<ConnectionEvent, { type: "identified" | "unusable" | "failed" }>;

const unusable = (fingerprint: string, error: KubeconfigError): Identified => ({
  type: "unusable",
  fingerprint,
  reason: error.problem === "forbidden" ? "ForbiddenField" : "SecretNotFound",
  message: error.message,
});

export const READ_REMOTE = "read the provider's identity (get logicalclusters cluster, or namespaces kube-system)";
export const READ_LOCAL = "read this cluster's own identity";

/** A failed step; `side` tells whose API server it was. */
export function failed(side: "provider" | "local", what: string, error: unknown): Identified {
  const fault = side === "local" ? "local" : faultOf(error);
  return {
    type: "failed",
    // An answer that is neither yes nor a plain refusal leaves nothing to work with: as good as none.
    fault: fault === "degraded" ? "unreachable" : fault,
    message: `${what}: ${error instanceof Error ? error.message : String(error)}`,
    ...askedToWait(error),
  };
}

/** The kubeconfig, if it is still the one that the pass began with: what is found out is remembered of these very bytes. */
function textOf(engine: Engine, name: string, fingerprint: string): string | Identified {
  const connection = engine.directory.connection(name);
  const secret = connection && secretOf(engine, connection);
  if (!secret) return failed("local", "read the Secret", new Error("it has just gone"));
  const { text } = kubeconfigOf(secret, secretKey(connection.spec));
  return fingerprintOf(text) === fingerprint
    ? text
    : failed("local", "read the Secret", new Error("it has just changed"));
}

/** Never rejects but for bugs. With `identified` comes the client, still unused and still to be closed by the caller. */
export async function identify(
  engine: Engine,
  name: string,
  fingerprint: string,
): Promise<{ answer: Identified; candidate: Candidate | null }> {
  const text = textOf(engine, name, fingerprint);
  if (typeof text !== "string") return { answer: text, candidate: null };
  try {
    const found = await readIdentities(engine, name, text);
    if ("type" in found) return { answer: found, candidate: null };
    const { remote, local } = found;
    const cluster = engine.connect(name, text, remote);
    const broken = await firstUse(cluster);
    if (broken !== undefined) return { answer: broken, candidate: null };
    const answer: Identified = { type: "identified", remote: remote.uid, local, fingerprint };
    return { answer, candidate: { cluster, fingerprint, remote, local } };
  } catch (error) {
    if (error instanceof KubeconfigError) return { answer: unusable(fingerprint, error), candidate: null };
    throw error;
  }
}

/** A client that cannot be used although the provider said who it is: nothing may be engaged with that, or let go for it. */
async function firstUse(cluster: Cluster): Promise<Identified | undefined> {
  try {
    await cluster.ping();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    void cluster.close();
    return failed("provider", "connect to the provider", error);
  }
}

/** By a client of its own, since nobody knows yet where it leads. Rejects with KubeconfigError. */
async function readIdentities(
  engine: Engine,
  name: string,
  kubeconfig: string,
): Promise<{ remote: Identity; local: string } | Identified> {
  const cluster = engine.connect(name, kubeconfig);
  try {
    const remote = await identityOf(cluster).catch((error: unknown) => failed("provider", READ_REMOTE, error));
    if ("type" in remote) return remote;
    const local = await engine.consumer.uid().catch((error: unknown) => failed("local", READ_LOCAL, error));
    return typeof local === "string" ? { remote, local } : local;
  } finally {
    void cluster.close();
  }
}
