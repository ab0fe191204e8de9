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
import { type StatusFact, statusFact } from "../machines/rules/status.ts";

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

/** Equal texts are kept once: with tens of thousands of objects that is a third of what is known of each. */
const once = <T>(found: T, known: T | undefined): T => (known !== undefined && found === known ? known : found);

const statusOnce = (found: StatusFact, known: StatusFact | undefined): StatusFact => {
  const isSame =
    known?.shape === found.shape &&
    known.behind === found.behind &&
    known.current.length === found.current.length &&
    known.current.every((place, index) => place === found.current[index]);
  return isSame ? known : found;
};

const [NO_FINALIZER, ONLY_OURS] = [
  { count: 0, ours: -1 },
  { count: 1, ours: 0 },
];

function finalizersOf({ metadata: { finalizers = [] } }: KubeObject): ConsumerFact["finalizers"] {
  const ours = finalizers.indexOf(FINALIZER.syncer);
  if (finalizers.length === 0) return NO_FINALIZER;
  return finalizers.length === 1 && ours === 0 ? ONLY_OURS : { count: finalizers.length, ours };
}

/** `known`: what was known of the object, with which the new fact shares what has not changed. */
export function consumerFact(shape: Shape, object: KubeObject, known?: ConsumerFact | null): ConsumerFact {
  const { metadata } = object;
  const finalizers = finalizersOf(object);
  return {
    uid: once(metadata.uid, known?.uid),
    resourceVersion: metadata.resourceVersion,
    generation: metadata.generation ?? 0,
    deleting: isDeleting(object),
    claimed: finalizers.ours >= 0,
    finalizers,
    orphan: metadata.annotations?.[ANNOTATION.deletionPolicy] === "Orphan",
    paused: isPaused(object),
    mark: metadata.annotations?.[ANNOTATION.conflict] ?? "",
    blocked: isDeleting(object) ? saidOfDeletion(object) : "",
    wanted: once(wantedHash(projectionOf(shape, object)), known?.wanted),
    status: statusOnce(statusFact(object, shape.hasStatus), known?.status),
  };
}

interface Stated {
  resourceVersion: string;
}

/** Is what is known now another state than that which was known then? That something has gone is no state. */
export const isOtherState = (now: Stated | null, then: Stated | null | undefined): boolean =>
  now !== null && now.resourceVersion !== then?.resourceVersion;

/** `consumer`: what is known of its object, most of which a copy in sync has in common with it. */
export function copyFact(shape: Shape, copy: KubeObject, consumer?: ConsumerFact | null): CopyFact {
  const { clusterUid, objectUid } = markersOf(copy);
  return {
    clusterUid: once(clusterUid, shape.clusterUid),
    objectUid: once(objectUid, consumer?.uid),
    uid: copy.metadata.uid,
    resourceVersion: copy.metadata.resourceVersion,
    deleting: isDeleting(copy),
    heldBy: isDeleting(copy) ? holdersOf(copy) : "",
    owned: once(ownedHash(copy), consumer?.wanted),
    heldByUpdate: isHeldByUpdate(copy),
    status: statusOnce(statusFact(copy, shape.hasStatus), consumer?.status),
  };
}
