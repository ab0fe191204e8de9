// Reduces an object, as a watch or an answer shows it, to the facts that the object machine weighs. Each fact is computed
// from one side's object alone, so it is the same after a restart and on any replica.
// Rules: docs/reference/behaviour.md, "In sync" and "Status".

import type { Json } from "../crds/json.ts";
import { isDeleting, keyOf, type KubeObject, type Resource } from "../crds/kube-object.ts";
import { ANNOTATION, FINALIZER } from "../crds/labels.ts";
import { isPaused } from "../crds/pausing.ts";
import type { Reason } from "../crds/reasons.ts";
import type { ConsumerFact, CopyFact } from "../machines/object-facts.ts";
import { isHeldByUpdate } from "../machines/rules/field-entries.ts";
import type { Mapper } from "../machines/rules/mapper.ts";
import { markersOf } from "../machines/rules/ownership.ts";
import { ownedHash, project, type TravelPolicy, wantedHash } from "../machines/rules/projection.ts";
import { statusFact } from "../machines/rules/status.ts";

/** What a syncer's objects have in common. */
export interface Shape {
  resource: Resource;
  mapper: Mapper;
  travel: TravelPolicy;
  /** UID of the consumer cluster, as pinned. */
  clusterUid: string;
  /** The type has a status subresource, so generations count specs only and can be translated. */
  hasStatus: boolean;
  /** The type keeps `status.conditions`, so a condition of ours is worth writing. */
  keepsConditions: boolean;
}

/** The body of the apply that makes the copy what this consumer object wants. Throws what the Mapper throws. */
export const projectionOf = (shape: Shape, object: KubeObject): KubeObject => {
  const markers = { clusterUid: shape.clusterUid, objectUid: object.metadata.uid };
  return project(object, shape.mapper.toProvider(shape.resource, keyOf(object)), markers, shape.travel);
};

const BLOCKED: Reason = "DeletionBlocked";

/** Characters of finalizers that are worth remembering. */
const MOST_HOLDERS = 200;

const holdersOf = ({ metadata }: KubeObject): string => (metadata.finalizers ?? []).join(", ").slice(0, MOST_HOLDERS);

/** The message of our own condition about its deletion, as `withSyncedFalse` writes it. */
function saidOfDeletion({ status }: KubeObject): string {
  const conditions = (status as Record<string, Json> | undefined)?.["conditions"];
  if (!Array.isArray(conditions)) return "";
  const ours = (conditions as (Record<string, Json> | null)[]).find(
    (one) => one?.["type"] === "Synced" && one["reason"] === BLOCKED,
  );
  const message = ours?.["message"];
  return typeof message === "string" ? message : "";
}

export function consumerFact(shape: Shape, object: KubeObject): ConsumerFact {
  const { metadata } = object;
  const ours = metadata.finalizers?.indexOf(FINALIZER.syncer) ?? -1;
  return {
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    generation: metadata.generation ?? 0,
    deleting: isDeleting(object),
    claimed: ours >= 0,
    finalizers: { count: metadata.finalizers?.length ?? 0, ours },
    orphan: metadata.annotations?.[ANNOTATION.deletionPolicy] === "Orphan",
    paused: isPaused(object),
    mark: metadata.annotations?.[ANNOTATION.conflict] ?? "",
    blocked: isDeleting(object) ? saidOfDeletion(object) : "",
    wanted: wantedHash(projectionOf(shape, object)),
    status: statusFact(object, shape.hasStatus),
  };
}

interface Stated {
  resourceVersion: string;
}

/** Is what is known now another state than that which was known then? That something has gone is no state. */
export const isOtherState = (now: Stated | null, then: Stated | null | undefined): boolean =>
  now !== null && now.resourceVersion !== then?.resourceVersion;

export const copyFact = (shape: Shape, copy: KubeObject): CopyFact => ({
  ...markersOf(copy),
  uid: copy.metadata.uid,
  resourceVersion: copy.metadata.resourceVersion,
  deleting: isDeleting(copy),
  heldBy: isDeleting(copy) ? holdersOf(copy) : "",
  owned: ownedHash(copy),
  heldByUpdate: isHeldByUpdate(copy),
  status: statusFact(copy, shape.hasStatus),
});
