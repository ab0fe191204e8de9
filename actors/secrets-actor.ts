// Our finalizer on Secrets, taken off again: by a Connection that goes, and for those that no Connection refers to any more
// (two Connections that shared one and went together, or one whose finalizer was removed by force). Level-triggered: a
// pass looks at every Secret of our namespace. Rule: docs/reference/behaviour.md, "Connections".

import { hasFinalizer } from "../crds/kube-object.ts";
import { FINALIZER } from "../crds/labels.ts";
import { SECRETS } from "../crds/resources.ts";
import type { Secret } from "./directory.ts";
import type { Engine } from "./engine.ts";
import { ifThere, removeCleanup } from "./finalizers.ts";
import type { Cluster } from "./ports.ts";

/** Does a Connection, other than `except`, that is still ours to finish refer to the Secret? */
export const isNeeded = (engine: Engine, { metadata }: Secret, except?: string): boolean =>
  [...engine.directory.connections.values()].some(
    (connection) =>
      connection.metadata.name !== except &&
      // One without our finalizer, unless it goes, is about to get it.
      (hasFinalizer(connection, FINALIZER.cleanup) || connection.metadata.deletionTimestamp === undefined) &&
      connection.spec.kubeconfigSecretRef.namespace === metadata.namespace &&
      connection.spec.kubeconfigSecretRef.name === metadata.name,
  );

export const freeSecret = (consumer: Cluster, secret: Secret): Promise<void> =>
  ifThere(() => removeCleanup(consumer, SECRETS, secret));

/** One pass over the Secrets. Rejects with the first error of our own cluster; the worker runs it again. */
export async function secretsPass(engine: Engine): Promise<void> {
  for (const secret of [...engine.directory.secrets.values()]) {
    if (!hasFinalizer(secret, FINALIZER.cleanup) || isNeeded(engine, secret)) continue;
    await engine.consumer.confirm();
    await freeSecret(engine.consumer, secret);
  }
}
