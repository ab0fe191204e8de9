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
  /** The fact as it now is, or undefined where nothing can be told of it. */
  truth(side: Side): Event | undefined;
  /** After a pass: lets the actor do what the state asks for. */
  rested?(rest: Rest<Context>): void;
}

interface Hosting<Context, Event, Side extends string> {
  machine: AnyStateMachine;
  start: MachineRecord<Context>;
  sides: readonly Side[];
  /** What is kept of a pass. */
  keep(rest: Rest<Context>): MachineRecord<Context>;
  /** Builds the world's answers; `heard` takes in what an answer shows, so that it is no news later. */
  simulate(heard: (side: Side, fact: Event) => void): Simulation<Context, Event, Side>;
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

/** A machine that is looked at again for ever is quiet after so many looks without a write. */
const QUIET = 6;

export function createReplica<
  Context extends { retryIn: number | null },
  Event extends { type: string },
  Side extends string,
>(hosting: Hosting<Context, Event, Side>): Replica<Side> {
  const known = new Map<Side, Event>();
  let record = hosting.start;
  let awake = false;
  let due = false;
  const simulation = hosting.simulate((side, fact) => known.set(side, fact));
  const { effects, writes, violations } = simulation;
  const machine = hosted(hosting.machine, Object.keys(effects));
  const timers = { set: (_key: string, ms: number | null) => (due = ms !== null) };

  const tell = (side: Side): void => {
    const fact = simulation.truth(side);
    if (fact === undefined || JSON.stringify(known.get(side)) === JSON.stringify(fact)) return;
    known.set(side, fact);
    awake = true;
  };

  const run = async (start: "pass" | "due"): Promise<void> => {
    awake = false;
    const events = [...known.values(), { type: start } as Event];
    const rest = await runPass<Context, Event>({ machine, record, events, effects });
    if (!rest.hasTag("resting")) throw new Error(`put away in ${statePath(rest.value)}, which does not rest`);
    setDue(timers, "", rest);
    if (rest.hasTag("timed") && !due) throw new Error(`waits in ${statePath(rest.value)} for a time that never comes`);
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
