// Provider namespaces: created only when an apply's 404 names one, once for all objects that wait for it.
// Rule: docs/reference/behaviour.md, "Provider namespaces".

import { NAMESPACES } from "../crds/resources.ts";
import { namespaceBody } from "./object-writes.ts";
import type { Cluster } from "./ports.ts";
import { isStatus } from "./refusals.ts";

const underWay = new WeakMap<Cluster, Map<string, Promise<void>>>();

async function create(cluster: Cluster, name: string, clusterUid: string): Promise<void> {
  try {
    await cluster.create(NAMESPACES, "", namespaceBody(name, clusterUid));
  } catch (error) {
    if (!isStatus(error, 409)) throw error;
  }
}

/** Resolves once the namespace exists; rejects with what the API server answered. */
export function ensureNamespace(cluster: Cluster, name: string, clusterUid: string): Promise<void> {
  const running = underWay.get(cluster) ?? new Map<string, Promise<void>>();
  underWay.set(cluster, running);
  const already = running.get(name);
  if (already) return already;
  const creating = create(cluster, name, clusterUid).finally(() => running.delete(name));
  running.set(name, creating);
  return creating;
}
