// What the object machine keeps of what it is told: each function takes an event, or the mere course of things, into the
// context. Pure. Rules: docs/reference/behaviour.md, "Objects", "Refusals" and "Two writers".

import { attempted, copyOf, LASTING, type ObjectContext, type ObjectEvent, type RefusalCause } from "./object-facts.ts";
import { mirrored, statusShown, troubleOf } from "./object-trouble.ts";
import { conflictRecheckDelay, DENIED_DELAY, faultDelay, NEWS_BACKSTOP, slowRetryDelay } from "./rules/backoff.ts";
import { afterInterval, afterPeace, afterWrite, beforeWrite, REPAIR_INTERVAL } from "./rules/contest.ts";

/** Milliseconds until the next try, by the number of those before it. */
export const REFUSAL_DELAY: Record<RefusalCause, (attempt: number) => number> = {
  outdated: () => NEWS_BACKSTOP,
  forbidden: () => DENIED_DELAY,
  forbiddenHere: () => DENIED_DELAY,
  terminating: faultDelay,
  rejected: slowRetryDelay,
  fault: faultDelay,
};

interface Told {
  context: ObjectContext;
  event: ObjectEvent;
}

type Kept = Partial<ObjectContext>;

/** What is known of an object before its pass. */
export type Fact = Extract<ObjectEvent, { type: `${"consumer" | "copy"}.${"seen" | "gone"}` | "gate.seen" }>;

export const objectMemory = {
  noteConsumer: ({ event }: Told): Kept => ("consumer" in event ? { consumer: event.consumer } : {}),
  forgetConsumer: (): Kept => ({ consumer: null }),
  noteCopy: ({ event }: Told): Kept =>
    "copy" in event && event.copy !== null ? { copy: event.copy, found: null } : {},
  forgetCopy: ({ event }: Told): Kept => ({ copy: null, unseen: event.type === "copy.gone" && event.unseen === true }),
  noteClaimed: ({ event }: Told): Kept => (event.type === "claimed" ? { consumer: event.consumer, unseen: false } : {}),
  noteGate: ({ event }: Told): Kept => (event.type === "gate.seen" ? { gate: event.gate } : {}),
  noteDeleted: (): Kept => ({ copy: null, found: null, confirmedAbsent: true }),
  noteApplied: ({ context, event }: Told): Kept => {
    if (event.type !== "applied") return {};
    const { consumer, copy, sent } = event;
    const accepted = copy.owned === sent ? null : { wanted: sent, owned: copy.owned };
    const contest = afterWrite(context.contest, sent);
    return { consumer, copy, found: null, accepted, refused: null, attempts: 0, retryIn: null, contest };
  },
  // Asked for once in a pass, whatever the server has made of it.
  noteReowned: ({ context, event }: Told): Kept => {
    if (event.type !== "reowned") return {};
    const copy = { ...event.copy, heldByUpdate: false };
    return context.copy ? { copy } : { found: copy };
  },
  noteMirrored: ({ context, event }: Told): Kept => {
    if (event.type !== "mirrored") return {};
    const { consumer, copy, sent } = event;
    const kept = consumer.status.shape;
    const seen = copy === null ? {} : { copy, found: null };
    const isPlain = sent === kept && troubleOf(context) === null;
    return { consumer, ...seen, acceptedStatus: isPlain ? null : { sent, kept } };
  },
  // Not shown, for whatever reason: that changes nothing of what the trouble is, nor of when it is tried again.
  noteUnshown: ({ context }: Told): Kept => {
    const sent = statusShown(mirrored(context)?.status.shape ?? "", troubleOf(context));
    return { acceptedStatus: { sent, kept: context.consumer?.status.shape ?? "", failed: true as const } };
  },
  spendRepair: ({ context }: Told): Kept => ({ contest: beforeWrite(context.contest, context.consumer?.wanted ?? "") }),
  allowRepair: ({ context }: Told): Kept => ({ contest: afterInterval(context.contest) }),
  makePeace: ({ context }: Told): Kept => ({ contest: afterPeace(context.contest) }),
  nameContest: ({ context: { contest }, event }: Told): Kept =>
    event.type === "contest.named" && contest ? { contest: { ...contest, message: event.message } } : {},
  scheduleRepair: (): Kept => ({ retryIn: REPAIR_INTERVAL }),
  noteLooked: ({ context, event }: Told): Kept => {
    if (event.type !== "looked") return {};
    const attempts = event.found === null ? 0 : context.attempts + 1;
    return { found: event.found, copy: null, confirmedAbsent: event.found === null, attempts };
  },
  noteRefusal: ({ context, event }: Told): Kept => {
    if (event.type !== "refused") return {};
    const attempts = context.attempts + 1;
    const retryIn = Math.max(REFUSAL_DELAY[event.cause](attempts), (event.retryAfter ?? 0) * 1000);
    const wanted = attempted(context);
    const { cause, message, here } = event;
    const said = LASTING.has(cause) ? `${cause} ${wanted}` : context.said;
    const refused = { cause, message, wanted, isNews: said !== context.said, ...(here ? { here } : {}) };
    // What a GET found is no longer so, and no watch will tell: look again.
    return { attempts, retryIn, refused, said, ...(cause === "outdated" ? { found: null } : {}) };
  },
  scheduleLook: ({ context: { copy, attempts } }: Told): Kept => ({
    retryIn: copy ? slowRetryDelay(attempts) : conflictRecheckDelay(attempts),
  }),
  // What nobody has looked at yet is looked at as soon as it has its turn.
  scheduleRecheck: ({ context }: Told): Kept => ({
    retryIn: copyOf(context) === null ? 0 : conflictRecheckDelay(context.attempts),
  }),
  startOver: (): Kept => ({ confirmedAbsent: false, retryIn: null }),
  // A write that failed may have been carried out all the same: what was read before it proves nothing any more.
  forgetFound: (): Kept => ({ found: null }),
  forgetRefusal: ({ context: { acceptedStatus } }: Told): Kept => ({
    refused: null,
    acceptedStatus: acceptedStatus?.failed ? null : acceptedStatus,
  }),
  forgetContest: (): Kept => ({ contest: null }),
  settle: ({ context: { contest } }: Told): Kept => ({
    attempts: 0,
    retryIn: contest === null ? null : REPAIR_INTERVAL,
    refused: null,
    said: "",
    found: null,
  }),
};

const NOTED = {
  "gate.seen": objectMemory.noteGate,
  "consumer.seen": objectMemory.noteConsumer,
  "consumer.gone": objectMemory.forgetConsumer,
  "copy.seen": objectMemory.noteCopy,
  "copy.gone": objectMemory.forgetCopy,
} satisfies Record<Fact["type"], (told: Told) => Kept>;

/**
 * What the machine makes of facts that it is told at rest, and what a pass begins with: each event costs it as much as a
 * transition does, and there are three of these for each.
 */
export const informed = (context: ObjectContext, facts: readonly Fact[]): ObjectContext =>
  facts.reduce((known, event) => ({ ...known, ...NOTED[event.type]({ context: known, event }) }), context);
