// The actor behind machines/object.ts: runs a pass of the machine on what the table and the bindings say of one object, and
// keeps what it has to remember. The requests it names are made in object-effects.ts.

import { isDeepStrictEqual } from "node:util";
import { type Key, keyText } from "../crds/kube-object.ts";
import { objectMachine } from "../machines/object.ts";
import type { ObjectContext, ObjectEvent } from "../machines/object-facts.ts";
import { type Fact, informed } from "../machines/object-memory.ts";
import { demandOn } from "./demand.ts";
import type { Engine } from "./engine.ts";
import { isOtherState } from "./facts.ts";
import { hosted, type Rest, runPass, stateAt, statePath } from "./host.ts";
import { setDue } from "./timers.ts";
import { objectKey } from "./keys.ts";
import { noteLeaving, noteLeft } from "./leaving.ts";
import { EFFECTS, objectEffects } from "./object-effects.ts";
import type { Work } from "./object-work.ts";
import { PRIORITY } from "./ports.ts";
import { takesTurn } from "./rechecks.ts";
import { recount } from "./recount.ts";
import { isAtPeace, isRoomForBodies, isSettled, keepsBodies } from "./settled.ts";
import { gateFor, notePass, type Syncer } from "./syncer.ts";
import { contextFrom, type Memory } from "./table.ts";

const machine = hosted(objectMachine, EFFECTS);

function facts({ watching, syncer, id }: Work): Fact[] {
  const entry = watching.table.get(id);
  const gate: Fact = { type: "gate.seen", gate: gateFor(syncer, id) };
  if (!entry) return [gate, { type: "consumer.gone" }, { type: "copy.gone" }];
  return [
    gate,
    entry.consumer ? { type: "consumer.seen", consumer: entry.consumer } : { type: "consumer.gone" },
    entry.copy ? { type: "copy.seen", copy: entry.copy } : { type: "copy.gone", unseen: entry.copyWentAt === null },
  ];
}

/** One pass of one object. Rejects only for bugs and for a Mapper's exception. */
export async function objectPass(engine: Engine, syncer: Syncer, key: Key): Promise<void> {
  const { watching } = syncer;
  const id = keyText(key);
  const due = engine.timers.takeDue(objectKey(syncer.connection, syncer.api, key));
  if (watching === null || !watching.consumer.isListed(key.namespace) || watching.table.get(id) === undefined) return;
  const providerKey = engine.settings.mapper.toProvider(watching.shape.resource, key);
  const work: Work = { engine, syncer, watching, key, id, providerKey };
  const before = reportable(work);
  noteLeaving(engine, syncer, id);
  notePass(syncer, key.namespace, 1);
  try {
    if (!isSpared(work, due)) await settle(work, due);
  } finally {
    notePass(syncer, key.namespace, -1);
    noteLeft(work);
    if (before !== reportable(work) || isAwaited(work)) recount(engine, syncer);
  }
}

/** What was owed when it was put on the queue may have been settled by the pass before; or it only had to be forgotten. */
function isSpared({ syncer, watching: { table }, id }: Work, due: boolean): boolean {
  const entry = table.get(id);
  if (entry === undefined || !isSettled(syncer, id, entry) || (due && !isAtPeace(entry.memory))) return false;
  if (due) table.remember(id, null);
  if (!keepsBodies(syncer, id, entry)) table.dropBodies(id);
  return true;
}

/** Where the machine goes on: what was remembered, or its beginning, and what is known now. */
const recordFrom = (work: Work, memory: Memory | null) => ({
  value: stateAt(memory?.rest ?? "engaging.waiting"),
  context: informed(contextFrom(memory), facts(work)),
});

/** Runs the machine and keeps what it remembers. */
async function settle(work: Work, due: boolean): Promise<void> {
  const { engine, syncer, watching, key, id } = work;
  const address = objectKey(syncer.connection, syncer.api, key);
  const memory = watching.table.get(id)?.memory ?? null;
  const isDue = due && takesTurn(engine, syncer.connection, address, memory?.rest);
  const rest = await runPass<ObjectContext, ObjectEvent>({
    machine,
    record: recordFrom(work, memory),
    events: [{ type: isDue ? "due" : "pass" }],
    effects: objectEffects(work),
  });
  setDue(engine.timers, address, rest);
  watching.table.remember(id, isReplaced(work, rest) ? null : memoryOf(rest));
  if (isOvertaken(work, rest)) engine.wake(address, PRIORITY.live);
  else if (isBodiless(work, rest)) watching.table.dropBodies(id);
}

/** States in which nothing more will be asked of the bodies. */
const BODILESS = ["ready", "gone", "unbound", "elsewhere", "paused", "cleaningUp.released"];

/** Will nothing more be asked of the bodies? Not so where only the lists are awaited, and what they mean. */
const isBodiless = ({ syncer }: Work, rest: Rest<ObjectContext>): boolean => {
  const isStarting = rest.in("unbound") && syncer.undecided && isRoomForBodies(syncer);
  return !isStarting && BODILESS.some((state) => rest.in(state));
};

/**
 * Did what the pass decided on change while it awaited answers? The events that told so may be old news by now, because
 * answers were noted before them, and then nobody else would look again.
 */
function isOvertaken({ syncer, watching, id }: Work, { context }: Rest<ObjectContext>): boolean {
  const entry = watching.table.get(id);
  if (!entry?.consumer || watching !== syncer.watching) return false;
  const gates = !isDeepStrictEqual(gateFor(syncer, id), context.gate);
  return gates || isOtherState(entry.consumer, context.consumer) || isOtherState(entry.copy, context.copy);
}

/** Has another object taken its name during the pass? What was found out says nothing about that one. */
const isReplaced = ({ watching, id }: Work, { context }: Rest<ObjectContext>): boolean =>
  watching.table.get(id)?.consumer?.uid !== context.consumer?.uid;

/** What the bindings report of this object. */
function reportable({ watching, id }: Work): string {
  const { consumer, memory } = watching.table.get(id) ?? {};
  const { refused, contest, rest } = memory ?? {};
  // A pause is counted from its beginning to its end, and both are passes. A contest is none before something is said of it.
  const trouble = [refused?.cause, refused?.message, contest?.message || undefined];
  return JSON.stringify([rest === "paused.told", consumer?.mark || undefined, ...trouble]);
}

/** Does a binding wait for objects of this API to let go, and may this have been the last? */
const isAwaited = ({ engine, syncer, key }: Work): boolean =>
  syncer.ruleFor(key.namespace).mode !== "sync" ||
  (!syncer.busy.has(key.namespace) && demandOn(engine, syncer).draining > 0);

/** What has to be kept of a pass; nothing for an object that is settled without any peculiarity. */
function memoryOf(rest: Rest<ObjectContext>): Memory | null {
  const { found, accepted, acceptedStatus, refused, said, contest, attempts } = rest.context;
  const isUnknown = found === null && accepted === null && acceptedStatus === null && contest === null;
  const plain = isUnknown && refused === null && said === "" && attempts === 0;
  // A copy that is being removed is looked at again when due, should its end never be told; a pause is told once.
  const waits = ["paused.told", "conflicted", "engaging.awaitingRemoval", "cleaningUp.awaitingRemoval"];
  if (plain && !waits.some((state) => rest.in(state))) return null;
  return { found, accepted, acceptedStatus, refused, said, contest, attempts, rest: statePath(rest.value) };
}
