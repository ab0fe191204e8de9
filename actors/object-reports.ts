// What one synced object says of itself: the conflict mark, its condition where its type keeps any, and Events. Said once; the
// decision when to say it is the machine's. Shared tools: object-work.ts.
// Rules: docs/reference/behaviour.md, "Ownership of copies", "Refusals" and "Status".

import { ANNOTATION } from "../crds/labels.ts";
import type { Reason } from "../crds/reasons.ts";
import {
  conflictOf,
  type ConsumerFact,
  copyOf,
  isSyncing,
  type ObjectContext,
  pausedBy,
} from "../machines/object-facts.ts";
import { reasonOf } from "../machines/object-trouble.ts";
import { type Rivalry, rivalry } from "../machines/rules/rivals.ts";
import { isoNow } from "./engine.ts";
import { projectionOf } from "./facts.ts";
import {
  type Answer,
  consumerBody,
  copyBody,
  GATE_MOVED,
  isPausedNow,
  kindName,
  onConsumer,
  patchConsumer,
  record,
  type Work,
} from "./object-work.ts";
import * as writes from "./object-writes.ts";
import { isRightMissing } from "./refusals.ts";

const FIELDS_CONTESTED: Reason = "FieldsContested";

/** What to type on the provider to change a mark of the object there. */
const annotate = ({ watching: { shape }, providerKey }: Work, ...changes: string[]): string => {
  const { resource, group } = shape.resource;
  const place = providerKey.namespace === "" ? "" : ` -n ${providerKey.namespace}`;
  return `"kubectl annotate ${resource}.${group} ${providerKey.name}${place} ${changes.join(" ")}" there`;
};

function conflictMessage(work: Work, context: ObjectContext, reason: string): string {
  const name = `${kindName(work)} on the provider`;
  if (reason === "ForeignObjectExists") {
    return `${name} was not made by a konnector; remove or rename one of the two, or set conflictPolicy: Adopt on the binding`;
  }
  if (copyOf(context)?.clusterUid === context.gate?.clusterUid) {
    const handOver = annotate(work, `${ANNOTATION.consumerObjectUid}=${context.consumer?.uid}`, "--overwrite");
    return `${name} is the copy of an earlier object of this name; delete it there, or hand it to this one: ${handOver}`;
  }
  const release = annotate(work, `${ANNOTATION.consumerClusterUid}-`, `${ANNOTATION.consumerObjectUid}-`);
  return `${name} belongs to another consumer; rename one of the two. If nobody wants it any more, delete it or take its marks off, so that it is nobody's: ${release}`;
}

export const markConflict = (work: Work, context: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    const reason = conflictOf(context) || "ForeignObjectExists";
    const message = conflictMessage(work, context, reason);
    // The mark goes last: once it stands there, nothing of this is done again.
    await noteUnsynced(work, reason, message).catch(unlessForbidden);
    const body = await consumerBody(work);
    if (isPausedNow(work)) return GATE_MOVED;
    const marked = await patchConsumer(work, writes.addMark(body, reason));
    record(work, body.metadata.uid, "Warning", reason, message);
    return { type: "marked", consumer: marked };
  });

/** Without the right to write the status the object is marked all the same. */
function unlessForbidden(error: unknown): undefined {
  if (!isRightMissing(error)) throw error;
  return undefined;
}

/** Where the type keeps conditions, says on the object itself why it is not synced. */
async function noteUnsynced(work: Work, reason: string, message: string) {
  const { shape } = work.watching;
  if (!shape.keepsConditions) return undefined;
  const body = await consumerBody(work);
  if (isPausedNow(work)) return undefined;
  const status = writes.withSyncedFalse(body.status, body.status, { reason, message }, isoNow(work.engine.clock));
  return patchConsumer(work, writes.putStatus(body.metadata, status), shape.hasStatus ? "status" : undefined);
}

/** A blocked deletion: an Event and, where the type keeps conditions, ours. What stands there already is not said again. */
export async function noteBlocked(work: Work, message: string): Promise<void> {
  const { consumer } = work.watching.table.get(work.id) ?? {};
  if (!consumer?.deleting || !consumer.claimed || consumer.blocked === message) return;
  record(work, consumer.uid, "Warning", "DeletionBlocked", message);
  if (isPausedNow(work)) return;
  await onConsumer(work, `patch ${kindName(work)} status`, async () => {
    await noteUnsynced(work, "DeletionBlocked", message);
    return undefined;
  });
}

/** The deletion goes on, and others still hold the object: what was said of it is so no more. */
export async function takeBackBlocked(work: Work, consumer: ConsumerFact): Promise<ConsumerFact> {
  const { blocked, finalizers } = consumer;
  if (blocked === "" || finalizers.count < 2 || isPausedNow(work)) return consumer;
  const body = await consumerBody(work);
  const operations = writes.putStatus(body.metadata, writes.withoutSynced(body));
  return patchConsumer(work, operations, work.watching.shape.hasStatus ? "status" : undefined);
}

/** The object is let go of and stays: what we said on it of its not being synced is so no more. */
export async function takeBackUnsynced(
  work: Work,
  { refused, contest }: Pick<ObjectContext, "refused" | "contest">,
  consumer: ConsumerFact,
): Promise<ConsumerFact> {
  const { shape } = work.watching;
  if (!shape.keepsConditions || isPausedNow(work)) return consumer;
  const said = [consumer.mark, refused && reasonOf(refused.cause), contest && FIELDS_CONTESTED].filter((one) => one);
  if (said.length === 0) return consumer;
  const body = await consumerBody(work);
  if (!said.some((reason) => writes.saysUnsynced(body, reason ?? ""))) return consumer;
  const operations = writes.putStatus(body.metadata, writes.withoutSynced(body));
  const taken = patchConsumer(work, operations, shape.hasStatus ? "status" : undefined);
  return (await taken.catch(unlessForbidden)) ?? consumer;
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

export async function reportRefusal(work: Work, context: ObjectContext): Answer {
  const { refused, consumer, attempts } = context;
  if (refused === null || !consumer) return undefined;
  const fields = { connection: work.syncer.connection, crd: work.syncer.api, key: work.id, cause: refused.cause };
  work.engine.log.debug({ ...fields, attempts, error: refused.message }, "write refused");
  const reason = reasonOf(refused.cause);
  if (reason === "" || !refused.isNews) return undefined;
  record(work, consumer.uid, "Warning", reason, refused.message);
  // What is to stay says it beside the status that it goes on mirroring.
  if (consumer.deleting || isSyncing(context)) return undefined;
  return onConsumer(work, `patch ${kindName(work)} status`, async () => {
    await noteUnsynced(work, reason, refused.message);
    return undefined;
  }).then(() => undefined);
}

/** Who keeps changing our fields back, as far as the copy tells. */
export async function nameRivals(work: Work, context: ObjectContext): Answer {
  const what = copyOf(context) === null ? "something on the provider keeps deleting" : rivalsText(await rivals(work));
  const message = `${what} ${kindName(work)}; it is written at most 10 times a minute until that ends`;
  record(work, context.consumer?.uid ?? "", "Warning", "FieldsContested", message);
  return { type: "contest.named", message };
}

const NOBODY: Rivalry = { managers: [], fields: [] };

/** A settled object has no body here and is read. That it cannot be read keeps nothing from being said. */
const rivals = async (work: Work): Promise<Rivalry> => {
  try {
    return rivalry(await copyBody(work), projectionOf(work.watching.shape, await consumerBody(work)));
  } catch {
    return NOBODY;
  }
};

const MOST_NAMED = 5;
const some = (names: string[]): string =>
  names.length > MOST_NAMED ? `${names.slice(0, MOST_NAMED).join(", ")} and others` : names.join(", ");

const rivalsText = ({ managers, fields }: Rivalry): string => {
  const who =
    managers.length === 0 ? "somebody on the provider" : `${some(managers.map((one) => `"${one}"`))} on the provider`;
  return fields.length === 0 ? `${who} keeps changing` : `${who} keeps changing ${some(fields)} of`;
};
