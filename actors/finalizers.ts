// Our finalizer on our own kinds and on Secrets: JSON patches fenced by the state they were decided on.
// Rule: docs/reference/behaviour.md, "Finalizers".

import { hasFinalizer, keyOf, type KubeObject, type Resource } from "../crds/kube-object.ts";
import { FINALIZER } from "../crds/labels.ts";
import type { Cluster, PatchOperation } from "./ports.ts";
import { isStatus } from "./refusals.ts";

const fence = ({ metadata }: KubeObject): PatchOperation[] => [
  { op: "test", path: "/metadata/uid", value: metadata.uid },
  { op: "test", path: "/metadata/resourceVersion", value: metadata.resourceVersion },
];

/** Resolves to the object with the finalizer; rejects with what the API server answered (422: it has changed). */
export async function addCleanup(cluster: Cluster, resource: Resource, object: KubeObject): Promise<KubeObject> {
  if (hasFinalizer(object, FINALIZER.cleanup)) return object;
  const finalizers = [...(object.metadata.finalizers ?? []), FINALIZER.cleanup];
  const add: PatchOperation = { op: "add", path: "/metadata/finalizers", value: finalizers };
  return cluster.patch(resource, keyOf(object), [...fence(object), add]);
}

/** Resolves when the finalizer is off; rejects with what the API server answered (422: it has changed). */
export async function removeCleanup(cluster: Cluster, resource: Resource, object: KubeObject): Promise<KubeObject> {
  if (!hasFinalizer(object, FINALIZER.cleanup)) return object;
  const finalizers = (object.metadata.finalizers ?? []).filter((one) => one !== FINALIZER.cleanup);
  const replace: PatchOperation = { op: "replace", path: "/metadata/finalizers", value: finalizers };
  return cluster.patch(resource, keyOf(object), [...fence(object), replace]);
}

/** What has gone by itself needs no removing. */
export async function ifThere(remove: () => Promise<unknown>): Promise<void> {
  try {
    await remove();
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
  }
}
