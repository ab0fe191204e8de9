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

/** Our finalizer and, if it is not there yet, the annotation: both or neither. Otherwise as `addCleanup`. */
export async function addCleanupWith(
  cluster: Cluster,
  resource: Resource,
  object: KubeObject,
  [annotation, value]: readonly [string, string],
): Promise<KubeObject> {
  if (hasFinalizer(object, FINALIZER.cleanup)) return object;
  const finalizers = [...(object.metadata.finalizers ?? []), FINALIZER.cleanup];
  const add: PatchOperation = { op: "add", path: "/metadata/finalizers", value: finalizers };
  const { annotations } = object.metadata;
  const record = annotations?.[annotation] === undefined ? [annotate(object, annotation, value)] : [];
  return cluster.patch(resource, keyOf(object), [...fence(object), add, ...record]);
}

/** Writes one annotation. Rejects as `addCleanup` does. */
export const setAnnotation = (
  cluster: Cluster,
  resource: Resource,
  object: KubeObject,
  [annotation, value]: readonly [string, string],
): Promise<KubeObject> =>
  cluster.patch(resource, keyOf(object), [...fence(object), annotate(object, annotation, value)]);

const annotate = ({ metadata: { annotations } }: KubeObject, name: string, value: string): PatchOperation => ({
  op: "add",
  path: "/metadata/annotations",
  value: { ...annotations, [name]: value },
});

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
