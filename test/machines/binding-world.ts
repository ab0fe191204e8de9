// A binding, its Connection, its APIs and what is left to let go of: enough to answer both effects of the binding machine
// truthfully, and to keep watch over what must never happen.

import type { ApiVerdict, BindingContext, BindingEvent, BindingFact } from "../../machines/binding.ts";
import { binding, NO_CONNECTION, NOT_READY, READY } from "./binding-samples.ts";
import type { Simulation } from "./replica.ts";

export const SIDES = ["binding", "connection", "apis"] as const;
export type Side = (typeof SIDES)[number];

export interface World {
  binding: {
    uid: string;
    claimed: boolean;
    deleting: boolean;
    paused: string;
    stage: BindingFact["stage"];
    unnoted?: boolean;
  } | null;
  connection: "ready" | "away" | "absent";
  apis: ApiVerdict[];
  /** Objects that still have to let go; null: that cannot be told yet. */
  left: number | null;
}

/** What happens to a request: carried out, failed, or carried out while its answer is lost. */
export type Fate = "done" | "lost" | "failed";

const CONNECTIONS = { ready: READY, away: NOT_READY, absent: NO_CONNECTION };

const remaining = ({ left }: World): BindingContext["remaining"] =>
  left === null ? null : { objects: left, apis: [], message: `${left} object(s) still have a copy` };

function truth(world: World, side: Side): BindingEvent[] {
  switch (side) {
    case "binding":
      if (world.binding === null) return [{ type: "binding.gone" }];
      // What is left is counted in every pass of a binding that is being deleted, or moves.
      return [
        { type: "binding.seen", binding: binding(world.binding) },
        ...(world.binding.deleting || world.binding.stage === "draining"
          ? [{ type: "remaining.counted" as const, remaining: remaining(world) }]
          : []),
      ];
    case "connection":
      return [{ type: "connection.seen", connection: CONNECTIONS[world.connection] }];
    case "apis":
      return [{ type: "apis.seen", apis: world.apis }];
  }
}

export function simulate(
  world: World,
  fate: () => Fate,
  heard: (side: Side, facts: readonly BindingEvent[]) => void,
): Simulation<BindingContext, BindingEvent, Side> {
  const writes: string[] = [];
  const violations: string[] = [];
  const never = (what: string, happened: boolean) => happened && violations.push(what);

  const write = async (name: string, carryOut: () => BindingEvent): Promise<BindingEvent> => {
    const chosen = fate();
    const failure: BindingEvent = { type: "failed", message: "not taken" };
    if (chosen === "failed") return failure;
    if (world.binding === null) return { type: "binding.gone" };
    const answer = carryOut();
    writes.push(name);
    if (chosen === "lost") return failure;
    heard("binding", truth(world, "binding"));
    return answer;
  };

  return {
    writes,
    violations,
    truth: (side) => truth(world, side),
    effects: {
      claim: ({ binding: known }) =>
        write("claim", () => {
          never("a claim of what is paused", known?.paused !== "");
          if (world.binding?.deleting === false) world.binding.claimed = true;
          return { type: "claimed" };
        }),
      record: ({ binding: known, remaining: counted }) =>
        write("record", () => {
          never("a note on what is paused", known?.paused !== "");
          never("a note on a binding without our finalizer", known?.claimed !== true);
          never("a note before it is known where it goes", known?.stage === "waiting");
          never("a note before the objects have left", known?.stage === "draining" && counted?.objects !== 0);
          // Fenced by the state it was decided on.
          if (world.binding !== null && world.binding.stage === known?.stage) world.binding.stage = "settled";
          return { type: "recorded" };
        }),
      note: ({ binding: known }) =>
        write("note", () => {
          never("a note on what is paused", known?.paused !== "");
          never("a note on a binding that goes or moves", known?.deleting === true || known?.stage === "draining");
          if (world.binding !== null) world.binding.unnoted = false;
          return { type: "noted" };
        }),
      release: ({ binding: known, remaining: counted }) =>
        write("release", () => {
          never("a release of what is paused", known?.paused !== "");
          never("a release of a binding that stays", known?.deleting !== true);
          never("a release before the objects have let go", counted?.objects !== 0);
          if (world.binding?.deleting) world.binding = null;
          return { type: "released" };
        }),
    },
  };
}
