// The actor behind machines/object.ts: tells the machine what the table and the bindings say of one object, runs its pass,
// and keeps what it has to remember. The requests it names are made in object-effects.ts.

import { type Key, keyText } from "../crds/kube-object.ts";
import { objectMachine } from "../machines/object.ts";
import type { ObjectContext, ObjectEvent } from "../machines/object-facts.ts";
import type { Engine } from "./engine.ts";
import { hosted, type Rest, runPass, statePath } from "./host.ts";
import { setDue } from "./timers.ts";
import { objectKey } from "./keys.ts";
import { EFFECTS, objectEffects, type Work } from "./object-effects.ts";
import { PRIORITY } from "./ports.ts";
import { gateFor, type Syncer } from "./syncer.ts";
import { contextFrom, type Memory, type Tally } from "./table.ts";

const machine = hosted(objectMachine, EFFECTS);

const stateOf = (rest: string): Rest<ObjectContext>["value"] => {
  const [outer = "engaging", inner] = rest.split(".");
  return inner === undefined ? outer : { [outer]: inner };
};

function facts({ watching, syncer, id }: Work): ObjectEvent[] {
  const entry = watching.table.get(id);
  const gate: ObjectEvent = { type: "gate.seen", gate: gateFor(syncer, id) };
  if (!entry) return [gate, { type: "consumer.gone" }, { type: "copy.gone" }];
  return [
    gate,
    entry.consumer ? { type: "consumer.seen", consumer: entry.consumer } : { type: "consumer.gone" },
    entry.copy ? { type: "copy.seen", copy: entry.copy } : { type: "copy.gone" },
  ];
}

/** One pass of one object. Rejects only for bugs and for a Mapper's exception. */
export async function objectPass(engine: Engine, syncer: Syncer, key: Key): Promise<void> {
  const { watching } = syncer;
  const id = keyText(key);
  const due = engine.timers.takeDue(objectKey(syncer.connection, syncer.api, key));
  if (watching === null || !watching.consumerListed || watching.table.get(id) === undefined) return;
  const providerKey = engine.settings.mapper.toProvider(watching.shape.resource, key);
  const work: Work = { engine, syncer, watching, key, id, providerKey };
  const before = { ...watching.table.tally(key.namespace) };
  syncer.inFlight++;
  try {
    await settle(work, due);
  } finally {
    syncer.inFlight--;
    tell(work, before);
  }
}

/** Runs the machine and keeps what it remembers. */
async function settle(work: Work, due: boolean): Promise<void> {
  const { engine, syncer, watching, key, id } = work;
  const memory = watching.table.get(id)?.memory ?? null;
  const rest = await runPass<ObjectContext, ObjectEvent>({
    machine,
    record: { value: stateOf(memory?.rest ?? "engaging.waiting"), context: contextFrom(memory) },
    events: [...facts(work), { type: due ? "due" : "pass" }],
    effects: objectEffects(work),
  });
  setDue(engine.timers, objectKey(syncer.connection, syncer.api, key), rest);
  watching.table.remember(id, isReplaced(work, rest) ? null : memoryOf(rest));
  if (rest.in("ready") || rest.in("gone")) watching.table.dropBodies(id);
}

/** Has another object taken its name during the pass? What was found out says nothing about that one. */
const isReplaced = ({ watching, id }: Work, { context }: Rest<ObjectContext>): boolean =>
  watching.table.get(id)?.consumer?.uid !== context.consumer?.uid;

/** Lets the syncer count again when something it reports has changed, or when somebody waits for objects to let go. */
function tell({ engine, syncer, watching, key }: Work, before: Tally): void {
  const after = watching.table.tally(key.namespace);
  const changed = (["foreign", "another", "failing"] as const).some((field) => before[field] !== after[field]);
  if (changed || syncer.ruleFor(key.namespace).mode !== "sync") engine.wake(syncer.key, PRIORITY.backlog);
}

/** What has to be kept of a pass; nothing for an object that is settled without any peculiarity. */
function memoryOf(rest: Rest<ObjectContext>): Memory | null {
  const { found, accepted, acceptedStatus, refused, said, attempts } = rest.context;
  const isUnknown = found === null && accepted === null && acceptedStatus === null;
  const plain = isUnknown && refused === null && said === "" && attempts === 0;
  if (plain && !rest.in("conflicted")) return null;
  return { found, accepted, acceptedStatus, refused, said, attempts, rest: statePath(rest.value) };
}
