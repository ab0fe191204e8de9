// Runs one pass of a machine: hydrates an actor from its record, tells it the facts, carries out each effect it names
// and tells it the answer, until it rests; then the actor is dropped and its record returned.
// Promises: effects run one after the other, in the order the machine named them. Leaves to the caller: gathering the
// facts, keeping the record, and never running two passes of one actor at a time (the queue sees to that).

import { type AnyActorRef, type AnyStateMachine, createActor, type InspectionEvent, type StateValue } from "xstate";

export interface MachineRecord<Context> {
  value: StateValue;
  context: Context;
}

export interface Rest<Context> extends MachineRecord<Context> {
  hasTag(tag: string): boolean;
  /** True when the machine is in that state, written as a path: "cleaningUp.draining". */
  in(path: string): boolean;
}

/** Carries out one effect; the answer is the event the machine waits for, or nothing for a mere report. */
export type Effects<Context, Event> = Record<string, (context: Context) => Promise<Event | undefined>>;

/** More effects than any pass can need: a machine that goes in circles is a bug and must not spin. */
const MOST_EFFECTS = 30;

const named = new WeakMap<AnyActorRef, string[]>();

/** The machine with its named effects collected for `runPass` instead of doing nothing. */
export function hosted<Machine extends AnyStateMachine>(machine: Machine, effects: readonly string[]): Machine {
  const collect =
    (name: string) =>
    ({ self }: { self: AnyActorRef }) => {
      named.get(self)?.push(name);
    };
  const actions = Object.fromEntries(effects.map((name) => [name, collect(name)]));
  return machine.provide({ actions }) as Machine;
}

const path = (value: StateValue): string => {
  if (typeof value === "string") return value;
  const [outer] = Object.entries(value);
  return outer === undefined ? "" : `${outer[0]}.${path(outer[1] as StateValue)}`;
};

/** Where a machine rests, as a path: "ready.settled". */
export const statePath = path;

/** The state at such a path. */
export const stateAt = (rest: string): StateValue => {
  const [outer = "", inner] = rest.split(".");
  return inner === undefined ? outer : { [outer]: inner };
};

export interface Pass<Context, Event> {
  machine: AnyStateMachine;
  record: MachineRecord<Context>;
  /** The facts, then what starts the pass (`pass` or `due`). */
  events: readonly Event[];
  effects: Effects<Context, Event>;
  inspect?: ((event: InspectionEvent) => void) | undefined;
}

/** Rejects only when an effect rejects (effects answer their failures as events) or the machine goes in circles. */
export async function runPass<Context, Event>(pass: Pass<Context, Event>): Promise<Rest<Context>> {
  const { machine, record, events, effects } = pass;
  const snapshot = machine.resolveState({ value: record.value, context: record.context });
  const actor = createActor(machine, { snapshot, ...(pass.inspect ? { inspect: pass.inspect } : {}) } as never);
  const owed: string[] = [];
  named.set(actor, owed);
  actor.start();
  for (const event of events) actor.send(event);
  const contextNow = () => actor.getSnapshot().context as Context;
  for (let carriedOut = 0; owed.length > 0; carriedOut++) {
    if (carriedOut === MOST_EFFECTS) throw new Error(`${machine.id}: no rest after ${MOST_EFFECTS} effects`);
    const name = owed.shift() as string;
    const answer = await effects[name]?.(contextNow());
    if (answer !== undefined) actor.send(answer);
  }
  const rest = actor.getSnapshot();
  actor.stop();
  const value = rest.value as StateValue;
  return {
    value,
    context: contextNow(),
    hasTag: (tag) => rest.hasTag(tag),
    in: (wanted) => `${path(value)}.`.startsWith(`${wanted}.`),
  };
}
