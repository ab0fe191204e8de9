// The actor behind machines/related.ts: tells the machine what the table and the bindings say of one related object, runs its
// pass, and keeps what it has to remember. The requests it names are made in related-effects.ts.

import { isDeepStrictEqual } from "node:util";
import { type Key, keyText, parseKey } from "../crds/kube-object.ts";
import { relatedMachine } from "../machines/related.ts";
import { initialRelatedContext, type RelatedContext, type RelatedEvent } from "../machines/related-facts.ts";
import type { Engine } from "./engine.ts";
import { isOtherState } from "./facts.ts";
import { hosted, type Rest, runPass, stateAt, statePath } from "./host.ts";
import { relatedKey } from "./keys.ts";
import { PRIORITY } from "./ports.ts";
import { takesTurn } from "./rechecks.ts";
import { RELATED_EFFECTS, relatedEffects, type RelatedWork } from "./related-effects.ts";
import { relatedGate, whoseCopy } from "./related-ruling.ts";
import type { RelatedSyncer } from "./related-syncer.ts";
import type { RelatedMemory } from "./related-table.ts";
import { setDue } from "./timers.ts";

const machine = hosted(relatedMachine, RELATED_EFFECTS);

const contextFrom = (memory: RelatedMemory | null): RelatedContext => {
  const { rest: _rest, ...remembered } = memory ?? { rest: "" };
  return { ...initialRelatedContext, ...remembered };
};

function facts({ engine, syncer, watching, id }: RelatedWork): RelatedEvent[] {
  const { source, copy } = watching.table.get(id) ?? { source: null, copy: null };
  return [
    { type: "gate.seen", gate: relatedGate(engine, syncer, id) },
    source ? { type: "source.seen", source } : { type: "source.gone" },
    copy ? { type: "copy.seen", copy: { ...copy, whose: whoseCopy(engine, syncer, copy) } } : { type: "copy.gone" },
  ];
}

/** Where the machine goes on: what was remembered, or its beginning. */
const recordFrom = (memory: RelatedMemory | null) => ({
  value: stateAt(memory?.rest ?? "engaging.waiting"),
  context: contextFrom(memory),
});

/** One pass of one related object; `key` is the consumer's. Rejects only for bugs and for a Mapper's exception. */
export async function relatedPass(engine: Engine, syncer: RelatedSyncer, key: Key): Promise<void> {
  const id = keyText(key);
  const due = engine.timers.takeDue(relatedKey(syncer.connection, syncer.route, key));
  const { watching } = syncer;
  if (watching?.table.get(id) === undefined) return;
  const keys = { sourceKey: parseKey(watching.sourceKey(id)), copyKey: parseKey(watching.copyKey(id)) };
  syncer.busy++;
  try {
    await settle({ engine, syncer, watching, id, ...keys }, due);
  } finally {
    syncer.busy--;
    engine.wake(syncer.key, PRIORITY.backlog);
  }
}

async function settle(work: RelatedWork, due: boolean): Promise<void> {
  const { engine, syncer, watching, id } = work;
  const address = relatedKey(syncer.connection, syncer.route, parseKey(id));
  const memory = watching.table.get(id)?.memory ?? null;
  const isDue = due && takesTurn(engine, syncer.connection, address, memory?.rest);
  const rest = await runPass<RelatedContext, RelatedEvent>({
    machine,
    record: recordFrom(memory),
    events: [...facts(work), { type: isDue ? "due" : "pass" }],
    effects: relatedEffects(work),
  });
  setDue(engine.timers, address, rest);
  watching.table.remember(id, isReplaced(work, rest) ? null : memoryOf(rest));
  if (isOvertaken(work, rest)) engine.wake(address, PRIORITY.live);
  else if (BODILESS.some((state) => rest.in(state))) watching.table.dropBody(id);
}

/** States in which nothing more will be asked of the body. */
const BODILESS = ["ready", "elsewhere", "paused"];

/** Has another object taken its name during the pass? What was found out says nothing about that one. */
const isReplaced = ({ watching, id }: RelatedWork, { context }: Rest<RelatedContext>): boolean =>
  watching.table.get(id)?.source?.uid !== context.source?.uid;

/** Did what the pass decided on change while it awaited answers? */
function isOvertaken({ engine, syncer, watching, id }: RelatedWork, { context }: Rest<RelatedContext>): boolean {
  const entry = watching.table.get(id);
  if (entry === undefined || watching !== syncer.watching) return false;
  const gates = !isDeepStrictEqual(relatedGate(engine, syncer, id), context.gate);
  return gates || isOtherState(entry.source, context.source) || isOtherState(entry.copy, context.copy ?? context.found);
}

/** States that have to be found again: by their due time, or because they have been told. */
const WAITS = ["conflicted", "contested", "refused", "engaging.awaitingRemoval", "cleaningUp"];

/** What has to be kept of a pass; nothing for an object that is settled without any peculiarity. */
function memoryOf(rest: Rest<RelatedContext>): RelatedMemory | null {
  const { found, accepted, refused, said, contest, attempts } = rest.context;
  const isPlain = found === null && accepted === null && refused === null && contest === null && said === "";
  if (isPlain && attempts === 0 && !WAITS.some((state) => rest.in(state))) return null;
  return { found, accepted, refused, said, contest, attempts, rest: statePath(rest.value) };
}
