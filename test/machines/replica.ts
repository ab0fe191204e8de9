// Hosts a machine as a konnector does, against a simulated world: keeps what the watches have shown, wakes the actor when
// that is news, runs its passes through actors/host.ts, keeps its timer, and forgets everything when it starts anew.

import type { AnyStateMachine } from "xstate";

import { type Effects, hosted, type MachineRecord, type Rest, runPass, statePath } from "../../actors/host.ts";
import { setDue } from "../../actors/timers.ts";

export interface Simulation<Context, Event, Side extends string> {
  readonly effects: Effects<Context, Event>;
  /** Every request that changed something, by effect. */
  readonly writes: string[];
  /** What must never happen, if it happened. */
  readonly violations: string[];
  /** What is true of that side now, as facts that are always told together. */
  truth(side: Side): readonly Event[];
  /** After a pass: lets the actor do what the state asks for. */
  rested?(rest: Rest<Context>): void;
  /** The process has ended: what it kept open is closed. */
  ended?(): void;
}

interface Hosting<Context, Event, Side extends string> {
  machine: AnyStateMachine;
  start: MachineRecord<Context>;
  sides: readonly Side[];
  /** Sides that the actor itself keeps, so that every pass knows them as they are. */
  live?: readonly Side[];
  /** The answer to a write of its own wakes the actor, as a change in the directory does. */
  hearsItself?: boolean;
  /** Does it rest until a time comes? */
  awaitsTime(rest: Rest<Context>): boolean;
  /** What is kept of a pass. */
  keep(rest: Rest<Context>): MachineRecord<Context>;
  /** Builds the world's answers; `heard` takes in what an answer shows, so that it is no news later. */
  simulate(heard: (side: Side, facts: readonly Event[]) => void): Simulation<Context, Event, Side>;
}

export interface Replica<Side extends string> {
  readonly at: string;
  readonly writes: readonly string[];
  readonly violations: readonly string[];
  /** The watch shows that side as it now is. */
  tell(side: Side): void;
  /** Runs a pass if the actor is awake. */
  pass(): Promise<void>;
  /** Time passes: what is due becomes due, and its pass is run. */
  tick(): Promise<void>;
  /** The process ends and starts again. */
  restart(): void;
  /** Everything true is told and time passes until nothing changes any more. */
  settle(): Promise<void>;
}

const machines = new WeakMap<AnyStateMachine, AnyStateMachine>();

/** Making a machine ready to be hosted costs more than a whole schedule. */
function hostedOnce(machine: AnyStateMachine, effects: readonly string[]): AnyStateMachine {
  const known = machines.get(machine) ?? hosted(machine, effects);
  machines.set(machine, known);
  return known;
}

/** A machine that is looked at again for ever is quiet after so many looks without a write. */
const QUIET = 6;

export function createReplica<
  Context extends { retryIn: number | null },
  Event extends { type: string },
  Side extends string,
>(hosting: Hosting<Context, Event, Side>): Replica<Side> {
  const known = new Map<Side, readonly Event[]>();
  let record = hosting.start;
  let awake = false;
  let due = false;
  const simulation = hosting.simulate((side, facts) => {
    known.set(side, facts);
    if (hosting.hearsItself) awake = true;
  });
  const { effects, writes, violations } = simulation;
  const machine = hostedOnce(hosting.machine, Object.keys(effects));
  const timers = { set: (_key: string, ms: number | null) => (due = ms !== null) };

  const tell = (side: Side): void => {
    const facts = simulation.truth(side);
    if (JSON.stringify(known.get(side)) === JSON.stringify(facts)) return;
    known.set(side, facts);
    awake = true;
  };

  const run = async (start: "pass" | "due"): Promise<void> => {
    hosting.live?.forEach(tell);
    awake = false;
    const events = [...[...known.values()].flat(), { type: start } as Event];
    const rest = await runPass<Context, Event>({ machine, record, events, effects });
    if (!rest.hasTag("resting")) throw new Error(`put away in ${statePath(rest.value)}, which does not rest`);
    setDue(timers, "", rest);
    if (hosting.awaitsTime(rest) && !due)
      throw new Error(`waits in ${statePath(rest.value)} for a time that never comes`);
    record = hosting.keep(rest);
    at = statePath(rest.value);
    simulation.rested?.(rest);
  };
  let at = statePath(record.value);

  const pass = async (): Promise<void> => {
    if (awake) await run("pass");
  };

  const tick = async (): Promise<void> => {
    if (!due) return;
    due = false;
    await run("due");
  };

  return {
    get at() {
      return at;
    },
    writes,
    violations,
    tell,
    pass,
    tick,
    restart() {
      known.clear();
      record = hosting.start;
      awake = due = false;
      simulation.ended?.();
    },
    async settle() {
      for (let quiet = 0; quiet < QUIET;) {
        const before = writes.length;
        hosting.sides.forEach(tell);
        if (!awake && !due) return;
        await (awake ? pass() : tick());
        if (writes.length > 200) throw new Error("no end of writes");
        quiet = writes.length > before ? 0 : quiet + 1;
      }
    },
  };
}
