// Hosts the object machine as a konnector does, against a simulated world: keeps what the watches have shown, wakes the
// object when that is news, runs its passes, keeps its timer, and forgets everything when it starts anew.

import { hosted, type MachineRecord, type Rest, runPass, statePath } from "../../actors/host.ts";
import { contextFrom } from "../../actors/table.ts";
import { setDue } from "../../actors/timers.ts";
import {
  type ConsumerFact,
  type CopyFact,
  type Gate,
  initialObjectContext,
  type ObjectContext,
  type ObjectEvent,
} from "../../machines/object-facts.ts";
import { objectMachine } from "../../machines/object.ts";
import { consumerFact, copyFact, type Fate, simulate, type World } from "./object-world.ts";

interface Known {
  consumer: ConsumerFact | null | undefined;
  copy: CopyFact | null | undefined;
  gate: Gate | undefined;
}

export type Side = keyof Known;
export const SIDES: readonly Side[] = ["consumer", "copy", "gate"];

const START: MachineRecord<ObjectContext> = { value: { engaging: "waiting" }, context: initialObjectContext };

/** What actors/object-actor.ts keeps of a pass. */
function compact({ value, context }: Rest<ObjectContext>): MachineRecord<ObjectContext> {
  const { found, accepted, acceptedStatus, refused, said, attempts } = context;
  return { value, context: contextFrom({ found, accepted, acceptedStatus, refused, said, attempts, rest: "" }) };
}

const facts = ({ consumer, copy, gate }: Known): ObjectEvent[] => [
  ...(gate === undefined ? [] : [{ type: "gate.seen", gate } as const]),
  ...(consumer === undefined
    ? []
    : [consumer === null ? ({ type: "consumer.gone" } as const) : ({ type: "consumer.seen", consumer } as const)]),
  ...(copy === undefined
    ? []
    : [copy === null ? ({ type: "copy.gone" } as const) : ({ type: "copy.seen", copy } as const)]),
];

export interface Replica {
  readonly at: string;
  readonly writes: readonly string[];
  readonly violations: readonly string[];
  /** The watch shows that side as it now is. */
  tell(side: Side): void;
  /** Runs a pass if the object is awake. */
  pass(): Promise<void>;
  /** Time passes: what is due becomes due, and its pass is run. */
  tick(): Promise<void>;
  /** The process ends and starts again. */
  restart(): void;
  /** Everything true is told and time passes until nothing changes any more. */
  settle(): Promise<void>;
}

/** `keep`: whether records are kept whole between passes or only as far as object-actor.ts keeps them. */
export function createReplica(world: World, fate: () => Fate, keep: "whole" | "compact"): Replica {
  const known: Known = { consumer: undefined, copy: undefined, gate: undefined };
  let record = START;
  let awake = false;
  let due = false;
  const simulation = simulate(world, fate, {
    consumer: (fact) => (known.consumer = fact),
    copy: (fact) => (known.copy = fact),
  });
  const machine = hosted(objectMachine, Object.keys(simulation.effects));
  const timers = { set: (_key: string, ms: number | null) => (due = ms !== null) };

  const truth = (): Known => ({
    consumer: world.consumer && consumerFact(world.consumer),
    copy: world.copy?.labelled ? copyFact(world.copy) : null,
    gate: world.gate,
  });

  const tell = (side: Side): void => {
    const now = truth();
    if (JSON.stringify(known[side]) === JSON.stringify(now[side])) return;
    Object.assign(known, { [side]: now[side] });
    awake = true;
  };

  const run = async (start: "pass" | "due"): Promise<void> => {
    awake = false;
    const { effects } = simulation;
    const rest = await runPass<ObjectContext, ObjectEvent>({
      machine,
      record,
      events: [...facts(known), { type: start }],
      effects,
    });
    if (!rest.hasTag("resting")) throw new Error(`put away in ${statePath(rest.value)}, which does not rest`);
    setDue(timers, "object", rest);
    if (rest.hasTag("timed") && !due) throw new Error(`waits in ${statePath(rest.value)} for a time that never comes`);
    record = keep === "whole" ? rest : compact(rest);
  };

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
      return statePath(record.value);
    },
    writes: simulation.writes,
    violations: simulation.violations,
    tell,
    pass,
    tick,
    restart() {
      Object.assign(known, { consumer: undefined, copy: undefined, gate: undefined });
      record = START;
      awake = due = false;
    },
    async settle() {
      // A conflict is looked at again for ever, so quiet means: looked at several times without a write.
      for (let quiet = 0; quiet < 6;) {
        const before = simulation.writes.length;
        SIDES.forEach(tell);
        if (!awake && !due) return;
        await (awake ? pass() : tick());
        if (simulation.writes.length > 200) throw new Error("no end of writes");
        quiet = simulation.writes.length > before ? 0 : quiet + 1;
      }
    },
  };
}
