// The bodies of the writes that concern one object: JSON patches with their fences, and the apply with its guard. Pure.
// Rules: docs/reference/behaviour.md, "Fences".

import { isRecord, type Json } from "../crds/json.ts";
import type { KubeObject } from "../crds/kube-object.ts";
import { ANNOTATION, FINALIZER, LABEL } from "../crds/labels.ts";
import { apiVersionOf } from "../crds/resources.ts";
import type { ConsumerFact, CopyFact } from "../machines/object-facts.ts";
import { reowned } from "../machines/rules/field-entries.ts";
import type { Markers } from "../machines/rules/ownership.ts";
import type { PatchOperation } from "./ports.ts";

/** A name as a segment of a JSON pointer. */
const segment = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");
const annotationPath = (name: string): string => `/metadata/annotations/${segment(name)}`;
const labelPath = (name: string): string => `/metadata/labels/${segment(name)}`;

const sameObject = (uid: string): PatchOperation => ({ op: "test", path: "/metadata/uid", value: uid });
/**
 * The very state that the write was decided on: one that is late, or whose answer was lost and that was made again, would undo
 * what a newer one of ours has done since.
 */
const sameState = ({
  uid,
  resourceVersion,
}: Pick<KubeObject["metadata"], "uid" | "resourceVersion">): PatchOperation[] => [
  sameObject(uid),
  { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
];

/** No live object carries this resourceVersion: an apply with it creates, or is answered 409 when anything is there. */
const FIRST_WRITE = { resourceVersion: "1" };

/** The projection with its guard: a first write, or one that names the copy as last seen. */
export const guardedApply = (
  projection: KubeObject,
  copy: Pick<CopyFact, "uid" | "resourceVersion"> | null,
): unknown => ({
  ...projection,
  metadata: {
    ...projection.metadata,
    ...(copy === null ? FIRST_WRITE : { uid: copy.uid, resourceVersion: copy.resourceVersion }),
  },
});

export const addFinalizer = (consumer: ConsumerFact): PatchOperation[] => [
  ...sameState(consumer),
  consumer.finalizers.count === 0
    ? { op: "add", path: "/metadata/finalizers", value: [FINALIZER.syncer] }
    : { op: "add", path: "/metadata/finalizers/-", value: FINALIZER.syncer },
];

/** Takes off our finalizer, and the conflict mark with it. */
export function removeFinalizer(consumer: ConsumerFact): PatchOperation[] {
  const path = `/metadata/finalizers/${consumer.finalizers.ours}`;
  return [
    ...sameState(consumer),
    { op: "test", path, value: FINALIZER.syncer },
    { op: "remove", path },
    ...(consumer.mark === "" ? [] : [UNMARK]),
  ];
}

/** The first annotation needs a new list, as the first finalizer does. */
export const addMark = ({ metadata }: KubeObject, reason: string): PatchOperation[] => [
  ...sameState(metadata),
  metadata.annotations === undefined
    ? { op: "add", path: "/metadata/annotations", value: { [ANNOTATION.conflict]: reason } }
    : { op: "add", path: annotationPath(ANNOTATION.conflict), value: reason },
];

const UNMARK: PatchOperation = { op: "remove", path: annotationPath(ANNOTATION.conflict) };

export const removeMark = (consumer: ConsumerFact): PatchOperation[] => [...sameState(consumer), UNMARK];

/** Replaces the status of the object as last seen, whether there was one or not. */
export const putStatus = (
  seen: Pick<ConsumerFact, "uid" | "resourceVersion">,
  status: Json | undefined,
): PatchOperation[] => [
  ...sameState(seen),
  status === undefined ? { op: "remove", path: "/status" } : { op: "add", path: "/status", value: status },
];

/** Orphan: only from the copy that is provably ours; never an apply, which would take the spec away with the markers. */
export const stripMarkers = (copy: KubeObject, markers: Markers): PatchOperation[] => [
  sameObject(copy.metadata.uid),
  { op: "test", path: annotationPath(ANNOTATION.consumerClusterUid), value: markers.clusterUid },
  { op: "test", path: annotationPath(ANNOTATION.consumerObjectUid), value: markers.objectUid },
  { op: "remove", path: annotationPath(ANNOTATION.consumerClusterUid) },
  { op: "remove", path: annotationPath(ANNOTATION.consumerObjectUid) },
  ...[LABEL.managed, LABEL.consumerClusterUid]
    .filter((label) => copy.metadata.labels?.[label] !== undefined)
    .map((label): PatchOperation => ({ op: "remove", path: labelPath(label) })),
];

/** What we own under Update becomes ours under Apply, on the very state we saw; nothing else of the copy changes. */
export const reownFields = ({ metadata }: KubeObject): PatchOperation[] => [
  ...sameState(metadata),
  { op: "replace", path: "/metadata/managedFields", value: reowned(metadata.managedFields ?? []) },
];

/** Maps of a copy that are to be empty become so, on the very state we saw. */
export const emptyMaps = ({ metadata }: KubeObject, paths: readonly (readonly string[])[]): PatchOperation[] => [
  ...sameState(metadata),
  ...paths.map((path): PatchOperation => ({ op: "replace", path: `/${path.map(segment).join("/")}`, value: {} })),
];

/** A provider namespace that an object needs, marked as ours. */
export const namespaceBody = (name: string, clusterUid: string): unknown => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: {
    name,
    labels: { [LABEL.managed]: "true", [LABEL.consumerClusterUid]: clusterUid },
    annotations: { [ANNOTATION.consumerClusterUid]: clusterUid },
  },
});

/** Does the object say, for that reason of ours, that it is not synced? */
export const saysUnsynced = ({ status }: KubeObject, reason: string): boolean =>
  conditionsIn(status).some((one) => isSynced(one) && isRecord(one) && one["reason"] === reason);

/** The status without our entry. */
export const withoutSynced = ({ status }: KubeObject): Json | undefined =>
  isRecord(status) ? { ...status, conditions: conditionsIn(status).filter((one) => !isSynced(one)) } : status;

/** `status` with our entry in it; `shown`: what the object shows now, whose entry keeps its time while it says False. */
export function withSyncedFalse(
  status: Json | undefined,
  shown: Json | undefined,
  { reason, message }: { reason: string; message: string },
  now: string,
): Json {
  const fields = isRecord(status) ? status : {};
  const others = conditionsIn(fields).filter((one) => !isSynced(one));
  const earlier = conditionsIn(shown).find((one) => isSynced(one) && isRecord(one) && one["status"] === "False");
  const lastTransitionTime = (isRecord(earlier) && earlier["lastTransitionTime"]) || `${now.slice(0, 19)}Z`;
  const synced = { type: "Synced", status: "False", reason, message, lastTransitionTime };
  return { ...fields, conditions: [...others, synced] };
}

const conditionsIn = (status: Json | undefined): Json[] =>
  isRecord(status) && Array.isArray(status["conditions"]) ? status["conditions"] : [];

const isSynced = (condition: Json): boolean => isRecord(condition) && condition["type"] === "Synced";

export const subjectOf = (
  object: { uid: string },
  resource: Parameters<typeof apiVersionOf>[0] & { kind: string },
  key: { namespace: string; name: string },
) => ({
  apiVersion: apiVersionOf(resource),
  kind: resource.kind,
  ...(key.namespace === "" ? {} : { namespace: key.namespace }),
  name: key.name,
  uid: object.uid,
});
