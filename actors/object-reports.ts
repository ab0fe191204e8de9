// What one synced object says of itself: the conflict mark, its condition where its type keeps any, and Events. Said once; the
// decision when to say it is the machine's. Shared tools: object-work.ts.
// Rules: docs/reference/behaviour.md, "Ownership of copies", "Refusals" and "Status".

import { conflictOf, type ObjectContext, pausedBy } from "../machines/object-facts.ts";
import { isoNow } from "./engine.ts";
import {
  type Answer,
  consumerBody,
  GATE_MOVED,
  isPausedNow,
  kindName,
  onConsumer,
  patchConsumer,
  record,
  type Work,
} from "./object-work.ts";
import * as writes from "./object-writes.ts";

const conflictMessage = (work: Work, reason: string): string => {
  const owner =
    reason === "ForeignObjectExists"
      ? "exists on the provider and was not made by a konnector; remove or rename one of the two, or set conflictPolicy: Adopt on the binding"
      : "on the provider belongs to another consumer or to an earlier object of this name; remove it there, or take its core.kube-bind.io markers off";
  return `${kindName(work)} ${owner}`;
};

export const markConflict = (work: Work, context: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    const reason = conflictOf(context) || "ForeignObjectExists";
    const body = await consumerBody(work);
    if (isPausedNow(work)) return GATE_MOVED;
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
  if (isPausedNow(work)) return undefined;
  const status = writes.withSyncedFalse(body, reason, message, isoNow(work.engine.clock));
  return patchConsumer(work, writes.putStatus(body.metadata.uid, status), shape.hasStatus ? "status" : undefined);
}

export const clearMark = (work: Work, { consumer }: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    if (!consumer) return { type: "consumer.gone" };
    if (isPausedNow(work)) return GATE_MOVED;
    return { type: "unmarked", consumer: await patchConsumer(work, writes.removeMark(consumer)) };
  });

export function reportPause(work: Work, { consumer, gate }: ObjectContext): Answer {
  if (!consumer || !gate) return Promise.resolve(undefined);
  const message = `the annotation core.kube-bind.io/paused on ${pausedBy(consumer, gate)} stops every write for it on both sides, until that is taken off`;
  record(work, consumer.uid, "Normal", "Paused", message);
  return Promise.resolve(undefined);
}

const EVENT_REASON = {
  forbidden: "Forbidden",
  forbiddenHere: "Forbidden",
  terminating: "NamespaceTerminating",
  rejected: "SyncRejected",
} as const;

export async function reportRefusal(work: Work, { refused, consumer, attempts }: ObjectContext): Answer {
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
