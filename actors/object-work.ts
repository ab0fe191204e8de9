// One synced object's pass as its requests see it: the two clusters, the bodies at hand, and the guards that every request
// shares. What is requested is in object-effects.ts (the way up and down), object-removal.ts and object-reports.ts.
// Rules: docs/reference/behaviour.md, "Objects" and "Fences".

import type { Key, KubeObject } from "../crds/kube-object.ts";
import type { EventReason } from "../crds/reasons.ts";
import type { ConsumerFact, CopyFact, Gate, ObjectContext, ObjectEvent } from "../machines/object-facts.ts";
import type { Engine } from "./engine.ts";
import type { Engagement } from "./engagement.ts";
import { consumerFact, copyFact } from "./facts.ts";
import * as writes from "./object-writes.ts";
import { type Cluster, type PatchOperation, UnreachableError } from "./ports.ts";
import { isStatus, judge } from "./refusals.ts";
import { gateFor, type Syncer, type Watching } from "./syncer.ts";
import { type Whereabouts, whereabouts } from "./whereabouts.ts";

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

export type Answer = Promise<ObjectEvent | undefined>;

export const engagementOf = ({ watching }: Work): Engagement => {
  const { provider: side } = watching;
  if (side === null) throw new Error("the Connection is not engaged");
  return side.engagement;
};

export const provider = (work: Work): Cluster => engagementOf(work).cluster;

/** Has a pause come over the object, whatever else is decided? */
export const isPausedNow = (work: Work): boolean => {
  const consumer = work.watching.table.get(work.id)?.consumer;
  return gateFor(work.syncer, work.id).paused !== "" || consumer?.paused === true;
};

/** Does the gate still say what this write was decided on? Bindings may have changed while an answer was awaited. */
export const gateMoved = (work: Work, decidedOn: Gate | undefined): boolean => {
  const now = gateFor(work.syncer, work.id);
  const same = now.mode === decidedOn?.mode && now.engaged === decidedOn.engaged && now.adopt === decidedOn.adopt;
  return !same || isPausedNow(work) || work.watching !== work.syncer.watching;
};

/**
 * The same for a delete. What a user deletes goes whether or not a binding governs it, so a binding that has come to be known
 * meanwhile changes nothing; another Connection's it must not have become.
 */
export const endMoved = (work: Work, { consumer, gate }: ObjectContext): boolean => {
  if (consumer?.deleting !== true) return gateMoved(work, gate);
  const now = gateFor(work.syncer, work.id);
  return now.mode === "elsewhere" || !now.engaged || isPausedNow(work) || work.watching !== work.syncer.watching;
};

export const COPY_REPLACED: ObjectEvent = {
  type: "refused",
  cause: "outdated",
  message: "another object has taken its place",
};

export const GATE_MOVED: ObjectEvent = {
  type: "refused",
  cause: "outdated",
  message: "its binding or Connection changed",
};

/** The consumer object, whole: the body at hand if it is the state the facts are from, else one GET. */
export async function consumerBody({ engine, watching, key, id }: Work): Promise<KubeObject> {
  const body = watching.table.get(id)?.consumerBody;
  if (body) return body;
  const object = await engine.consumer.get(watching.shape.resource, key);
  watching.table.consumerSeen(object);
  return object;
}

/** Is that the very state of which this is known? Then there is no need to weigh the object again. */
const isOf = (known: ConsumerFact | CopyFact, { metadata }: KubeObject): boolean =>
  known.uid === metadata.uid && known.resourceVersion === metadata.resourceVersion;

export function consumerFactOf({ watching: { shape, table }, id }: Work, object: KubeObject): ConsumerFact {
  const known = table.get(id)?.consumer;
  return known && isOf(known, object) ? known : consumerFact(shape, object);
}

export function copyFactOf({ watching: { shape, table }, id }: Work, copy: KubeObject): CopyFact {
  const known = table.get(id)?.copy;
  return known && isOf(known, copy) ? known : copyFact(shape, copy);
}

export async function copyBody(work: Work): Promise<KubeObject> {
  const body = work.watching.table.get(work.id)?.copyBody;
  return body ?? (await provider(work).get(work.watching.shape.resource, work.providerKey));
}

export const kindName = ({ watching: { shape }, providerKey }: Work): string =>
  `${shape.resource.resource} ${providerKey.namespace ? `${providerKey.namespace}/` : ""}${providerKey.name}`;

/** Runs a request against the consumer; 404 means that the object is gone, a failed `test` that it has changed. */
export async function onConsumer(work: Work, what: string, send: () => Answer): Answer {
  try {
    return await send();
  } catch (error) {
    if (isStatus(error, 404)) return { type: "consumer.gone" };
    const judgement = judge(error, `${what} on this cluster`, true);
    const cause = judgement.cause === "forbidden" ? "forbiddenHere" : judgement.cause;
    return { type: "refused", ...judgement, cause, here: true };
  }
}

/** Before anything is deleted or let go of: are we still the cluster for which that was decided? Shared by many. */
export async function beOurselves({ engine, watching }: Work): Promise<void> {
  try {
    // Without a Connection, and so without a pin, it can only be told from the one that this process began with.
    await engine.consumer.confirm(watching.shape.clusterUid || undefined);
  } catch (error) {
    // Whatever the answer was, it is none to the request that waits for it.
    throw new UnreachableError(`this cluster's own identity cannot be made sure of: ${(error as Error).message}`);
  }
}

/** Runs a request against the provider. */
export async function onProvider(what: string, send: () => Answer, tested = false): Answer {
  try {
    return await send();
  } catch (error) {
    return { type: "refused", ...judge(error, `${what} on the provider`, tested) };
  }
}

export const patchConsumer = async (work: Work, operations: PatchOperation[], status?: "status") => {
  const { engine, watching, key } = work;
  const object = await engine.consumer.patch(watching.shape.resource, key, operations, status);
  watching.table.consumerSeen(object);
  return consumerFactOf(work, object);
};

/** The copy in whichever version it is served; null once the pinned cluster has said that it is in none. */
export async function findCopy(work: Work): Promise<Whereabouts | null> {
  const engagement = engagementOf(work);
  const found = await whereabouts(engagement.cluster, work.watching.shape.resource, work.providerKey);
  // On another cluster nothing of ours is ever there.
  if (found === null) await engagement.confirm();
  return found;
}

export const record = (
  { engine, watching, key }: Work,
  uid: string,
  type: "Normal" | "Warning",
  reason: EventReason,
  message: string,
) => engine.recorder.event(writes.subjectOf({ uid }, watching.shape.resource, key), type, reason, message);
