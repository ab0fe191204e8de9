// Objects that owe nothing to either side, told without a pass: what a list shows in sync, what only waits until the copies are
// known, and what was written a moment ago and left alone since. Promises that a pass would have done nothing to the two sides.
// Also says whose bodies may still be needed. Rules: docs/reference/behaviour.md, "Objects" and "Queue".

import { type ConsumerFact, type Gate, isHeldBack, isPaused, mustGo, owesNothing } from "../machines/object-facts.ts";
import { gateFor, type Syncer } from "./syncer.ts";
import type { Entry, Memory } from "./table.ts";

/** Where an object rests that is paused and has said so. */
const TOLD = "paused.told";

/** Objects of one API whose bodies wait for both lists; more of them are read again where something is owed. */
const MOST_WAITING = 1_000;

type Known = Pick<Entry, "copy" | "memory">;

const accepted = (memory: Memory | null) => ({
  accepted: memory?.accepted ?? null,
  acceptedStatus: memory?.acceptedStatus ?? null,
});

/** Nothing can be done for it before something else is known, which weighs it again. */
const isWaiting = (gate: Gate, consumer: ConsumerFact, { memory }: Known): boolean =>
  memory === null && !mustGo({ consumer, gate }) && (gate.mode !== "sync" || !gate.engaged);

/** What a pause holds back is said once. */
const isStill = (gate: Gate, consumer: ConsumerFact, { copy, memory }: Known): boolean =>
  memory?.rest === TOLD || !(consumer.paused || isHeldBack(consumer, copy, gate, accepted(memory)));

function isSettledAt(gate: Gate, consumer: ConsumerFact, known: Known): boolean {
  const { copy, memory } = known;
  if (gate.mode === "elsewhere") return !memory;
  if (isPaused({ consumer, gate })) return isStill(gate, consumer, known);
  if (isWaiting(gate, consumer, known)) return true;
  if (copy === null || memory?.refused || memory?.rest === TOLD) return false;
  return owesNothing(consumer, copy, gate, accepted(memory));
}

export const isSettled = (syncer: Syncer, key: string, { consumer, ...known }: Entry): boolean =>
  consumer === null || isSettledAt(gateFor(syncer, key), consumer, known);

/** Is there room for the bodies of all that wait for the lists to be complete? */
export const isRoomForBodies = ({ watching }: Syncer): boolean =>
  watching !== null && watching.table.size <= MOST_WAITING;

/** May its bodies still be needed, although nothing is owed now? */
export function keepsBodies(syncer: Syncer, key: string, { consumer, ...known }: Entry): boolean {
  const gate = gateFor(syncer, key);
  if (consumer === null || isPaused({ consumer, gate }) || !isWaiting(gate, consumer, known)) return false;
  return gate.mode === "sync" || (syncer.undecided && isRoomForBodies(syncer));
}

/** It was written a moment ago, nobody has changed it back, and there is nothing else to be remembered of it. */
export function isAtPeace(memory: Memory | null): boolean {
  if (memory === null) return true;
  const { found, accepted: spec, acceptedStatus, refused, contest, said, attempts, rest } = memory;
  const isPlain = [found, spec, acceptedStatus, refused].every((one) => one === null) && said === "" && attempts === 0;
  return isPlain && rest === "ready.settled" && contest?.spent === 0 && contest.message === "";
}
