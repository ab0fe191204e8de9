// Which cluster is this? The UID of kcp's LogicalCluster where that is served, else of the namespace kube-system.
// Rule: docs/reference/behaviour.md, "Identity".

import { LOGICAL_CLUSTERS, NAMESPACES } from "../crds/resources.ts";
import { AnotherClusterError, type Cluster, type Identity } from "./ports.ts";
import { isStatus } from "./refusals.ts";

const LOGICAL_CLUSTER = { resource: LOGICAL_CLUSTERS, key: { namespace: "", name: "cluster" } };
const KUBE_SYSTEM = { resource: NAMESPACES, key: { namespace: "", name: "kube-system" } };

const read = async (cluster: Cluster, { resource, key }: Pick<Identity, "resource" | "key">): Promise<Identity> => ({
  resource,
  key,
  uid: (await cluster.get(resource, key)).metadata.uid,
});

/**
 * Rejects with what the API server answered. Another identity is never taken because a read failed: only a LogicalCluster
 * that is not served or does not exist leads to kube-system. Discovery is asked first, since a limited credential gets 403
 * and not 404 for a group that is not served.
 */
export async function identityOf(cluster: Cluster): Promise<Identity> {
  const groups = await cluster.groups();
  if (groups.includes(LOGICAL_CLUSTERS.group)) {
    try {
      return await read(cluster, LOGICAL_CLUSTER);
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }
  return read(cluster, KUBE_SYSTEM);
}

/** One request: is it still that cluster? Rejects with AnotherClusterError, or with why it cannot be told. */
export async function confirmIdentity(cluster: Cluster, known: Identity): Promise<void> {
  const { uid } = await read(cluster, known);
  if (uid !== known.uid) {
    throw new AnotherClusterError(`another cluster answers, known by ${uid} and not by ${known.uid}`, uid);
  }
}
