// The step from a Secret to a provider client: builds it, reads who is there and who we are. What may be done with the
// client is decided by the machine, which compares both with the pins. Rule: docs/reference/behaviour.md, "Identity".

import { secretKey } from "../crds/connection.ts";
import type { ConnectionEvent } from "../machines/connection-facts.ts";
import type { Engine } from "./engine.ts";
import { clusterUid } from "./identity.ts";
import { fingerprintOf, kubeconfigOf, secretOf } from "./kubeconfig-secret.ts";
import { ApiError, type Cluster, KubeconfigError, UnreachableError } from "./ports.ts";
import { faultOf } from "./source.ts";

/** A client whose identity has been read, until the machine has compared it with the pin. */
export interface Candidate {
  cluster: Cluster;
  fingerprint: string;
}

type Identified = Extract<ConnectionEvent, { type: "identified" | "unusable" | "failed" }>;

const unusable = (fingerprint: string, error: KubeconfigError): Identified => ({
  type: "unusable",
  fingerprint,
  reason: error.problem === "forbidden" ? "ForbiddenField" : "SecretNotFound",
  message: error.message,
});

/** How long the server asked us to wait, for a failed step. */
export const waiting = (error: unknown): { retryAfter?: number } => {
  const asked = error instanceof ApiError || error instanceof UnreachableError ? error.retryAfter : undefined;
  return asked === undefined ? {} : { retryAfter: asked };
};

/** A failed step; `side` tells whose API server it was. */
function failed(side: "provider" | "local", what: string, error: unknown): Identified {
  const fault = side === "local" ? "local" : faultOf(error);
  return {
    type: "failed",
    // An answer that is neither yes nor a plain refusal leaves nothing to work with: as good as none.
    fault: fault === "degraded" ? "unreachable" : fault,
    message: `${what}: ${error instanceof Error ? error.message : String(error)}`,
    ...waiting(error),
  };
}

function build(engine: Engine, name: string, fingerprint: string): Cluster | Identified {
  const connection = engine.directory.connection(name);
  const secret = connection && secretOf(engine, connection);
  if (!secret) return failed("local", "read the Secret", new Error("it has just gone"));
  const { text } = kubeconfigOf(secret, secretKey(connection.spec));
  // What is found out below is remembered of these very bytes.
  if (fingerprintOf(text) !== fingerprint) return failed("local", "read the Secret", new Error("it has just changed"));
  try {
    return engine.connect(name, text);
  } catch (error) {
    if (error instanceof KubeconfigError) return unusable(fingerprint, error);
    throw error;
  }
}

/** Never rejects but for bugs. With `identified` comes the client, still unused and still to be closed by the caller. */
export async function identify(
  engine: Engine,
  name: string,
  fingerprint: string,
): Promise<{ answer: Identified; candidate: Candidate | null }> {
  const cluster = build(engine, name, fingerprint);
  if ("type" in cluster) return { answer: cluster, candidate: null };
  const answer = await readIdentities(engine, cluster, fingerprint);
  if (answer.type === "identified") return { answer, candidate: { cluster, fingerprint } };
  void cluster.close();
  return { answer, candidate: null };
}

async function readIdentities(engine: Engine, cluster: Cluster, fingerprint: string): Promise<Identified> {
  let remote: string;
  try {
    remote = await clusterUid(cluster);
  } catch (error) {
    return failed(
      "provider",
      "read the provider's identity (get logicalclusters cluster, or namespaces kube-system)",
      error,
    );
  }
  try {
    return { type: "identified", remote, local: await clusterUid(engine.consumer), fingerprint };
  } catch (error) {
    return failed("local", "read this cluster's own identity", error);
  }
}
