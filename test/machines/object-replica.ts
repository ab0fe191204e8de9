// The object machine as actors/object-actor.ts hosts it, against a simulated world.

import type { MachineRecord, Rest } from "../../actors/host.ts";
import { contextFrom } from "../../actors/table.ts";
import { initialObjectContext, type ObjectContext, type ObjectEvent } from "../../machines/object-facts.ts";
import { objectMachine } from "../../machines/object.ts";
import { type Fate, type Side, SIDES, simulate, type World } from "./object-world.ts";
import { createReplica, type Replica } from "./replica.ts";

const START: MachineRecord<ObjectContext> = { value: { engaging: "waiting" }, context: initialObjectContext };

/** What actors/object-actor.ts keeps of a pass. */
function compact({ value, context }: Rest<ObjectContext>): MachineRecord<ObjectContext> {
  const { found, accepted, acceptedStatus, refused, said, contest, attempts } = context;
  return {
    value,
    context: contextFrom({ found, accepted, acceptedStatus, refused, said, contest, attempts, rest: "" }),
  };
}

/** `keep`: whether records are kept whole between passes or only as far as object-actor.ts keeps them. */
export const objectReplica = (world: World, fate: () => Fate, keep: "whole" | "compact"): Replica<Side> =>
  createReplica<ObjectContext, ObjectEvent, Side>({
    machine: objectMachine,
    start: START,
    sides: SIDES,
    awaitsTime: (rest) => rest.hasTag("timed"),
    keep: (rest) => (keep === "whole" ? rest : compact(rest)),
    simulate: (heard) => simulate(world, fate, heard),
  });
