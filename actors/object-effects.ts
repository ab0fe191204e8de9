// The requests of one synced object: carries out what machines/object.ts names and turns each answer into its event. Every
// answer goes into the table at once, so that the next pass does not wait for the watch to tell what is known already. A
// write is made only while the gate it was decided on still stands.
// Rules: docs/reference/behaviour.md, "Objects" and "Fences".

import { hasFinalizer, type Key, type KubeObject, type Resource } from "../crds/kube-object.ts";
import { FIELD_MANAGER, FINALIZER } from "../crds/labels.ts";
import type { EventReason } from "../crds/reasons.ts";
import {
  conflictOf,
  copyOf,
  type Gate,
  type ObjectContext,
  type ObjectEvent,
  whose,
} from "../machines/object-facts.ts";
import { wantedHash } from "../machines/rules/projection.ts";
import type { Markers } from "../machines/rules/ownership.ts";
import { mirroredStatus, speaksOfThePast, statusFact } from "../machines/rules/status.ts";
import { type Engine, isoNow } from "./engine.ts";
import type { Engagement } from "./engagement.ts";
import { consumerFact, copyFact, projectionOf } from "./facts.ts";
import type { Effects } from "./host.ts";
import { ensureNamespace } from "./namespaces.ts";
import * as writes from "./object-writes.ts";
import { type Cluster, type PatchOperation, UnreachableError } from "./ports.ts";
import { isNamespaceMissing, isStatus, judge } from "./refusals.ts";
import { gateFor, type Syncer, type Watching } from "./syncer.ts";
import { type Whereabouts, whereabouts } from "./whereabouts.ts";

export const EFFECTS = [
  "addFinalizer",
  "applyCopy",
  "reownFields",
  "createNamespace",
  "lookUpCopy",
  "writeStatus",
  "markConflict",
  "clearMark",
  "deleteCopy",
  "stripMarkers",
  "removeFinalizer",
  "reportRefusal",
] as const;

/** What the effects of one pass work with. */
export interface Work {
  engine: Engine;
  syncer: Syncer;
  watching: Watching;
  key: Key;
  id: string;
  providerKey: Key;
  /** What a look in this pass has found: no watch shows it, so the table does not have it. */
  looked?: KubeObject;
}

type Answer = Promise<ObjectEvent | undefined>;

const engagementOf = ({ watching }: Work): Engagement => {
  const { provider: side } = watching;
  if (side === null) throw new Error("the Connection is not engaged");
  return side.engagement;
};

const provider = (work: Work): Cluster => engagementOf(work).cluster;

/** Does the gate still say what this write was decided on? Bindings may have changed while an answer was awaited. */
const gateMoved = (work: Work, decidedOn: Gate | undefined): boolean => {
  const now = gateFor(work.syncer, work.id);
  const same = now.mode === decidedOn?.mode && now.engaged === decidedOn.engaged && now.adopt === decidedOn.adopt;
  return !same || work.watching !== work.syncer.watching;
};

const COPY_REPLACED: ObjectEvent = {
  type: "refused",
  cause: "outdated",
  message: "another object has taken its place",
};
const GATE_MOVED: ObjectEvent = { type: "refused", cause: "outdated", message: "its binding or Connection changed" };

/** The consumer object, whole: the body at hand if it is the state the facts are from, else one GET. */
async function consumerBody({ engine, watching, key, id }: Work): Promise<KubeObject> {
  const body = watching.table.get(id)?.consumerBody;
  if (body) return body;
  const object = await engine.consumer.get(watching.shape.resource, key);
  watching.table.consumerSeen(object);
  return object;
}

async function copyBody(work: Work): Promise<KubeObject> {
  const body = work.watching.table.get(work.id)?.copyBody;
  return body ?? (await provider(work).get(work.watching.shape.resource, work.providerKey));
}

const kindName = ({ watching: { shape }, providerKey }: Work): string =>
  `${shape.resource.resource} ${providerKey.namespace ? `${providerKey.namespace}/` : ""}${providerKey.name}`;

/** Runs a request against the consumer; 404 means that the object is gone, a failed `test` that it has changed. */
async function onConsumer(work: Work, what: string, send: () => Answer): Answer {
  try {
    return await send();
  } catch (error) {
    if (isStatus(error, 404)) return { type: "consumer.gone" };
    const judgement = judge(error, `${what} on this cluster`, true);
    return { type: "refused", ...judgement, ...(judgement.cause === "forbidden" ? { cause: "forbiddenHere" } : {}) };
  }
}

/** Before anything is deleted or let go of: are we still the cluster for which that was decided? Shared by many. */
async function beOurselves({ engine, watching }: Work): Promise<void> {
  try {
    await engine.consumer.confirm(watching.shape.clusterUid);
  } catch (error) {
    // Whatever the answer was, it is none to the request that waits for it.
    throw new UnreachableError(`this cluster's own identity cannot be made sure of: ${(error as Error).message}`);
  }
}

/** Runs a request against the provider. */
async function onProvider(what: string, send: () => Answer, tested = false): Answer {
  try {
    return await send();
  } catch (error) {
    return { type: "refused", ...judge(error, `${what} on the provider`, tested) };
  }
}

/** What `runPass` carries out, by the names in EFFECTS. */
export function objectEffects(work: Work): Effects<ObjectContext, ObjectEvent> {
  return {
    addFinalizer: (context) => addFinalizer(work, context),
    applyCopy: (context) => applyCopy(work, context),
    reownFields: (context) => reownFields(work, context),
    createNamespace: (context) => createNamespace(work, context),
    lookUpCopy: () => lookUpCopy(work),
    writeStatus: (context) => writeStatus(work, context),
    markConflict: (context) => markConflict(work, context),
    clearMark: (context) => clearMark(work, context),
    deleteCopy: (context) => deleteCopy(work, context),
    stripMarkers: (context) => stripMarkers(work, context),
    removeFinalizer: (context) => removeFinalizer(work, context),
    reportRefusal: (context) => reportRefusal(work, context),
  };
}

const patchConsumer = async (work: Work, operations: PatchOperation[], status?: "status") => {
  const { engine, watching, key } = work;
  const object = await engine.consumer.patch(watching.shape.resource, key, operations, status);
  watching.table.consumerSeen(object);
  return consumerFact(watching.shape, object);
};

const addFinalizer = (work: Work, { consumer, gate }: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    if (!consumer) return { type: "consumer.gone" };
    if (gateMoved(work, gate)) return GATE_MOVED;
    return { type: "claimed", consumer: await patchConsumer(work, writes.addFinalizer(consumer)) };
  });

async function applyCopy(work: Work, context: ObjectContext): Answer {
  const copy = copyOf(context);
  const { shape, table } = work.watching;
  try {
    const body = await consumerBody(work);
    if (body.metadata.uid !== context.consumer?.uid || gateMoved(work, context.gate)) return GATE_MOVED;
    // The answer to a release may have been lost: nothing is written for an object that we do not hold.
    if (!hasFinalizer(body, FINALIZER.syncer)) return GATE_MOVED;
    if (copy === null && work.syncer.unguarded && !context.confirmedAbsent) return { type: "occupied" };
    const projection = projectionOf(shape, body);
    const patch = writes.guardedApply(projection, copy);
    const applied = await provider(work).apply(shape.resource, work.providerKey, patch, FIELD_MANAGER);
    reportFirst(work, context, applied.created);
    table.copySeen(applied.object);
    const sent = wantedHash(projection);
    return { type: "applied", consumer: consumerFact(shape, body), copy: copyFact(shape, applied.object), sent };
  } catch (error) {
    return applyFailure(work, context, error);
  }
}

/** What the first write of a copy may have to tell: a guard that was ignored, or an object that was taken over. */
function reportFirst(work: Work, context: ObjectContext, created: boolean): void {
  const uid = context.consumer?.uid ?? "";
  const name = kindName(work);
  if (copyOf(context) === null && !created) {
    work.syncer.unguarded = true;
    record(work, uid, "Warning", "GuardNotHonoured", `the provider ignored the guard of the first write of ${name}`);
  }
  if (whose(context) === "foreign") {
    const message = `${name} existed on the provider and is now kept in sync; it will be deleted with this object`;
    record(work, uid, "Normal", "Adopted", message);
  }
}

function applyFailure(work: Work, context: ObjectContext, error: unknown): ObjectEvent {
  if (isNamespaceMissing(error, work.providerKey.namespace)) return { type: "namespace.missing" };
  const judgement = judge(error, `apply ${kindName(work)} on the provider`);
  if (copyOf(context) !== null || !isStatus(error, 409)) return { type: "refused", ...judgement };
  // Nothing is there, and still 409 (a quota in contention, say): not a matter of whose it is.
  return context.confirmedAbsent ? { type: "refused", ...judgement, cause: "fault" } : { type: "occupied" };
}

const reownFields = (work: Work, context: ObjectContext): Answer =>
  onProvider(
    `patch ${kindName(work)}`,
    async () => {
      const { shape, table } = work.watching;
      const known = copyOf(context);
      const isKnown = ({ metadata: { uid, resourceVersion } }: KubeObject) =>
        uid === known?.uid && resourceVersion === known.resourceVersion;
      const copy = work.looked && isKnown(work.looked) ? work.looked : await copyBody(work);
      if (!isKnown(copy)) return COPY_REPLACED;
      if (gateMoved(work, context.gate)) return GATE_MOVED;
      const patched = await provider(work).patch(shape.resource, work.providerKey, writes.reownFields(copy));
      if (context.copy) table.copySeen(patched);
      return { type: "reowned", copy: copyFact(shape, patched) };
    },
    true,
  );

const createNamespace = (work: Work, { gate }: ObjectContext): Answer =>
  onProvider(`create namespaces ${work.providerKey.namespace}`, async () => {
    if (gateMoved(work, gate)) return GATE_MOVED;
    const { shape } = work.watching;
    await ensureNamespace(provider(work), work.providerKey.namespace, shape.clusterUid);
    return { type: "namespace.ready" };
  });

/** The copy in whichever version it is served; null once the pinned cluster has said that it is in none. */
async function findCopy(work: Work): Promise<Whereabouts | null> {
  const engagement = engagementOf(work);
  const found = await whereabouts(engagement.cluster, work.watching.shape.resource, work.providerKey);
  // On another cluster nothing of ours is ever there.
  if (found === null) await engagement.confirm();
  return found;
}

const lookUpCopy = (work: Work): Answer =>
  onProvider(`get ${kindName(work)}`, async () => {
    const { shape, table } = work.watching;
    const found = await findCopy(work);
    if (found !== null) {
      work.looked = found.object;
      return { type: "looked", found: copyFact(shape, found.object) };
    }
    const known = table.get(work.id)?.copy;
    if (known) table.forgetCopy(work.id, known.uid);
    return { type: "looked", found: null };
  });

const writeStatus = (work: Work, context: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)} status`, async () => {
    const { shape } = work.watching;
    const { consumer } = context;
    if (!consumer) return { type: "consumer.gone" };
    const copy = await copyBody(work);
    if (copy.metadata.uid !== copyOf(context)?.uid) return COPY_REPLACED;
    // A settled object has no body here; it is read only where the provider's status lags behind its own spec.
    const published = speaksOfThePast(copy, shape.hasStatus) ? (await consumerBody(work)).status : undefined;
    const status = mirroredStatus(copy, consumer.generation, published, shape.hasStatus);
    const operations = writes.putStatus(consumer.uid, status);
    const fact = await patchConsumer(work, operations, shape.hasStatus ? "status" : undefined);
    const sent = statusFact(copy, shape.hasStatus).shape;
    return { type: "mirrored", consumer: fact, copy: copyFact(shape, copy), sent };
  });

const conflictMessage = (work: Work, reason: string): string => {
  const owner =
    reason === "ForeignObjectExists"
      ? "exists on the provider and was not made by a konnector; remove or rename one of the two, or set conflictPolicy: Adopt on the binding"
      : "on the provider belongs to another consumer or to an earlier object of this name; remove it there, or take its core.kube-bind.io markers off";
  return `${kindName(work)} ${owner}`;
};

const markConflict = (work: Work, context: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    const reason = conflictOf(context) || "ForeignObjectExists";
    const body = await consumerBody(work);
    const message = conflictMessage(work, reason);
    const marked = await patchConsumer(work, writes.addMark(body, reason));
    record(work, body.metadata.uid, "Warning", reason, message);
    const noted = await noteUnsynced(work, reason, message);
    return { type: "marked", consumer: noted ?? marked };
  });

/** Where the type keeps conditions, says on the object itself why it is not synced. */
async function noteUnsynced(work: Work, reason: string, message: string) {
  const { shape } = work.watching;
  if (!shape.keepsConditions) return undefined;
  const body = await consumerBody(work);
  const status = writes.withSyncedFalse(body, reason, message, isoNow(work.engine.clock));
  return patchConsumer(work, writes.putStatus(body.metadata.uid, status), shape.hasStatus ? "status" : undefined);
}

const clearMark = (work: Work, { consumer }: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    if (!consumer) return { type: "consumer.gone" };
    return { type: "unmarked", consumer: await patchConsumer(work, writes.removeMark(consumer)) };
  });

const deleteCopy = (work: Work, context: ObjectContext): Answer =>
  onProvider(`delete ${kindName(work)}`, async () => {
    const copy = copyOf(context);
    await beOurselves(work);
    if (copy === null || gateMoved(work, context.gate)) return GATE_MOVED;
    const { shape, table } = work.watching;
    const answer = await deleteByUid(work, copy.uid);
    if (answer === "gone") {
      table.forgetCopy(work.id, copy.uid);
      return { type: "deleted" };
    }
    table.copySeen(answer);
    return { type: "delete.waiting", copy: copyFact(shape, answer) };
  });

async function deleteByUid(work: Work, uid: string): Promise<"gone" | KubeObject> {
  const engagement = engagementOf(work);
  const { cluster } = engagement;
  const answer = await cluster.delete(work.watching.shape.resource, work.providerKey, uid);
  // "gone" names the very object; that nothing is there could be said by any cluster, and of one version of it alone.
  if (answer !== "absent") return answer;
  const found = await findCopy(work);
  if (found?.object.metadata.uid !== uid) return "gone";
  const second = await cluster.delete(found.resource, work.providerKey, uid);
  if (second !== "absent") return second;
  await engagement.confirm();
  return "gone";
}

const stripMarkers = (work: Work, context: ObjectContext): Answer =>
  onProvider(
    `patch ${kindName(work)}`,
    async () => {
      const { gate, consumer } = context;
      await beOurselves(work);
      if (gateMoved(work, gate)) return GATE_MOVED;
      await strip(work, { clusterUid: gate?.clusterUid ?? "", objectUid: consumer?.uid ?? "" });
      work.watching.table.forgetCopy(work.id, copyOf(context)?.uid ?? "");
      return { type: "orphaned" };
    },
    true,
  );

async function strip(work: Work, markers: Markers): Promise<void> {
  const patch = (resource: Resource, copy: KubeObject) =>
    provider(work).patch(resource, work.providerKey, writes.stripMarkers(copy, markers));
  try {
    await patch(work.watching.shape.resource, await copyBody(work));
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    const found = await findCopy(work);
    if (found !== null) await patch(found.resource, found.object);
  }
}

const removeFinalizer = (work: Work, { consumer, gate }: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    if (!consumer) return { type: "consumer.gone" };
    await beOurselves(work);
    // A binding may have come back to an object that was only drained: then it is held, not released.
    if (!consumer.deleting && gateMoved(work, gate)) return GATE_MOVED;
    const { engine, watching, key } = work;
    const object = await engine.consumer.patch(watching.shape.resource, key, writes.removeFinalizer(consumer));
    // The answer to the patch that took the last finalizer off shows an object that no longer exists.
    if (consumer.deleting && !object.metadata.finalizers?.length) watching.table.consumerGone(object);
    else watching.table.consumerSeen(object);
    return { type: "released" };
  });

const EVENT_REASON = {
  forbidden: "Forbidden",
  forbiddenHere: "Forbidden",
  terminating: "NamespaceTerminating",
  rejected: "SyncRejected",
} as const;

async function reportRefusal(work: Work, { refused, consumer, attempts }: ObjectContext): Answer {
  if (refused === null || !consumer) return undefined;
  const fields = { connection: work.syncer.connection, crd: work.syncer.api, key: work.id, cause: refused.cause };
  work.engine.log.debug({ ...fields, attempts, error: refused.message }, "write refused");
  if (refused.cause === "outdated" || refused.cause === "fault") return undefined;
  const reason = EVENT_REASON[refused.cause];
  if (!refused.isNews) return undefined;
  record(work, consumer.uid, "Warning", reason, refused.message);
  if (consumer.deleting) return undefined;
  return onConsumer(work, `patch ${kindName(work)} status`, async () => {
    await noteUnsynced(work, reason, refused.message);
    return undefined;
  }).then(() => undefined);
}

const record = (
  { engine, watching, key }: Work,
  uid: string,
  type: "Normal" | "Warning",
  reason: EventReason,
  message: string,
) => engine.recorder.event(writes.subjectOf({ uid }, watching.shape.resource, key), type, reason, message);
