// The end of one synced object: its copy is deleted by uid, or loses our markers and stays, and then our finalizer comes
// off. Nothing is done before both clusters are known to be themselves. Shared tools: object-work.ts.
// Rules: docs/reference/behaviour.md, "Objects", "Identity" and "Fences".

import type { KubeObject, Resource } from "../crds/kube-object.ts";
import {
  type ConsumerFact,
  copyOf,
  isGivenUp,
  isOrphanedUnasked,
  type ObjectContext,
  type ObjectEvent,
} from "../machines/object-facts.ts";
import type { Markers } from "../machines/rules/ownership.ts";
import { consumerFact, copyFact } from "./facts.ts";
import {
  type Answer,
  beOurselves,
  copyBody,
  endMoved,
  engagementOf,
  findCopy,
  GATE_MOVED,
  gateMoved,
  isPausedNow,
  kindName,
  onConsumer,
  onProvider,
  provider,
  record,
  type Work,
} from "./object-work.ts";
import { forgetUnasked, noteUnasked } from "./letting-go.ts";
import { takeBackBlocked, takeBackUnsynced } from "./object-reports.ts";
import * as writes from "./object-writes.ts";
import { isStatus } from "./refusals.ts";
import { gateFor } from "./syncer.ts";

const SAID_OTHERWISE: ObjectEvent = { type: "refused", cause: "outdated", message: "the object has changed" };

/**
 * A drain is decided on what two watches show, and the end of a binding may be known here before what was said of the object
 * earlier. One read of it, begun after that end, shows whatever was: a copy is not deleted against it. Undefined: go on.
 */
const saidMeanwhile = async ({ engine, watching, key }: Work, { consumer }: ObjectContext): Answer => {
  const object = await engine.consumer.get(watching.shape.resource, key);
  watching.table.consumerSeen(object);
  const { uid, claimed, orphan, paused } = consumerFact(watching.shape, object);
  return uid !== consumer?.uid || !claimed || orphan || paused ? SAID_OTHERWISE : undefined;
};

/** An ordinary deletion is shown by the object itself, and with it what else was said of it. */
const lookHere = (work: Work, context: ObjectContext): Answer =>
  onConsumer(work, `get ${kindName(work)}`, async () => {
    await beOurselves(work);
    return context.consumer?.deleting === true ? undefined : saidMeanwhile(work, context);
  });

export const deleteCopy = async (work: Work, context: ObjectContext): Answer =>
  (await lookHere(work, context)) ??
  onProvider(`delete ${kindName(work)}`, async () => {
    const copy = copyOf(context);
    if (copy === null || endMoved(work, context)) return GATE_MOVED;
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

export const stripMarkers = (work: Work, context: ObjectContext): Answer =>
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

export const removeFinalizer = (work: Work, context: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    const { consumer, gate } = context;
    if (!consumer) return { type: "consumer.gone" };
    await beOurselves(work);
    // A binding may have come back to an object that was only drained: then it is held, not released.
    if (isPausedNow(work) || (!consumer.deleting && gateMoved(work, gate))) return GATE_MOVED;
    forgetUnasked(work);
    return release(work, context, consumer);
  });

/** Without the provider's word. What may be left there is counted before, since the answer to the patch may be lost. */
export const letGo = (work: Work, context: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    const { consumer } = context;
    if (!consumer) return { type: "consumer.gone" };
    await beOurselves(work);
    const now = gateFor(work.syncer, work.id);
    const isAllowed = isGivenUp(now) || isOrphanedUnasked({ consumer, gate: now });
    if (!isAllowed || isPausedNow(work) || work.watching !== work.syncer.watching) return GATE_MOVED;
    const counted = noteUnasked(work, isGivenUp(now) ? "asked" : "Orphan");
    const released = await release(work, context, consumer);
    if (!counted) recordUnasked(work, consumer);
    return released;
  });

async function release(work: Work, context: ObjectContext, consumer: ConsumerFact): Promise<ObjectEvent> {
  // Off the state that this has left.
  const last = consumer.deleting
    ? await takeBackBlocked(work, consumer)
    : await takeBackUnsynced(work, context, consumer);
  const { engine, watching, key } = work;
  const object = await engine.consumer.patch(watching.shape.resource, key, writes.removeFinalizer(last));
  // The answer to the patch that took the last finalizer off shows an object that no longer exists.
  if (consumer.deleting && !object.metadata.finalizers?.length) watching.table.consumerGone(object);
  else watching.table.consumerSeen(object);
  return { type: "released" };
}

/** Where no binding goes that could tell of it. */
const recordUnasked = (work: Work, { uid }: ConsumerFact): void =>
  record(
    work,
    uid,
    "Warning",
    "FinalizerReleased",
    `let go without the provider's word, by deletion-policy Orphan: ${kindName(work)} may be left on the provider, with the marks of this cluster`,
  );
