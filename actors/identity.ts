// Which cluster is this? The UID of kcp's LogicalCluster where that is served, else of the namespace kube-system.
// Rule: docs/reference/behaviour.md, "Identity".

import { LOGICAL_CLUSTERS, NAMESPACES } from "../crds/resources.ts";
import type { Cluster } from "./ports.ts";
import { isStatus } from "./refusals.ts";

/**
 * Rejects with what the API server answered. Another identity is never taken because a read failed: only a LogicalCluster
 * that is not served or does not exist leads to kube-system. Discovery is asked first, since a limited credential gets 403
 * and not 404 for a group that is not served.
 */
export async function clusterUid(cluster: Cluster): Promise<string> {
  const groups = await cluster.groups();
  if (groups.includes(LOGICAL_CLUSTERS.group)) {
    try {
      return (await cluster.get(LOGICAL_CLUSTERS, { namespace: "", name: "cluster" })).metadata.uid;
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }
  return (await cluster.get(NAMESPACES, { namespace: "", name: "kube-system" })).metadata.uid;
}
