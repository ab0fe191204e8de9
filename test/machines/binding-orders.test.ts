// Whatever the order in which a binding's facts arrive, are dropped, repeated or overtaken, whatever fails or gets lost on
// the way and however often the process starts anew: one end, and nothing on the way that must never happen.

import fc from "fast-check";
import { expect, test } from "vitest";

import {
  type BindingContext,
  type BindingEvent,
  type BindingFact,
  bindingMachine,
  initialBindingContext,
} from "../../machines/binding.ts";
import { api } from "./binding-samples.ts";
import { type Fate, type Side, SIDES, simulate, type World } from "./binding-world.ts";
import { createReplica, type Replica } from "./replica.ts";
import { chances, type Deeds, fates, steps, take } from "./schedule.ts";

const START = { value: { engaging: "waiting" }, context: initialBindingContext };

const bindingReplica = (world: World, fate: () => Fate): Replica<Side> =>
  createReplica<BindingContext, BindingEvent, Side>({
    machine: bindingMachine,
    start: START,
    sides: SIDES,
    hearsItself: true,
    awaitsTime: ({ context }) => context.failed !== null,
    // As actors/binding-actor.ts does it: each pass starts from the beginning, with the memory of the last.
    keep: ({ context }) => ({ value: START.value, context }),
    simulate: (heard) => simulate(world, fate, heard),
  });

const APIS = {
  none: [],
  synced: [api()],
  pending: [api(), api({ name: "gadgets.example.org", reason: "Pending" })],
  taken: [api({ reason: "OwnedByAnother" })],
  conflicting: [api({ conflicts: { foreign: 1, another: 0 } })],
};

let made = 0;

const DEEDS: Deeds<World> = {
  create: (world) =>
    (world.binding ??= { uid: `binding-${++made}`, claimed: false, deleting: false, paused: "", stage: "unrecorded" }),
  delete: (world) => {
    if (world.binding) world.binding = world.binding.claimed ? { ...world.binding, deleting: true } : null;
  },
  pause: (world) => {
    if (world.binding) world.binding = { ...world.binding, paused: "Connection acme" };
  },
  goOn: (world) => {
    if (world.binding) world.binding = { ...world.binding, paused: "" };
  },
  move: (world) => {
    if (world.binding) world.binding = { ...world.binding, stage: "draining", unnoted: true };
  },
  moveAnywhere: (world) => {
    if (world.binding) world.binding = { ...world.binding, stage: "waiting" };
  },
  moveBack: (world) => {
    if (world.binding) world.binding = { ...world.binding, stage: "settled" };
  },
  forceAway: (world) => (world.binding = null),
  engage: (world) => (world.connection = "ready"),
  disengage: (world) => (world.connection = "away"),
  removeConnection: (world) => (world.connection = "absent"),
  sync: (world) => (world.apis = APIS.synced),
  wait: (world) => (world.apis = APIS.pending),
  conflict: (world) => (world.apis = APIS.conflicting),
  letGo: (world) => (world.left = 0),
  hold: (world) => (world.left = 2),
};

const worlds: fc.Arbitrary<World> = fc.record({
  binding: fc.option(
    fc.record({
      uid: fc.constant("binding"),
      claimed: fc.boolean(),
      deleting: fc.boolean(),
      paused: fc.constantFrom("", "", "Binding acme"),
      stage: fc.constantFrom<BindingFact["stage"][]>("settled", "settled", "unrecorded", "draining", "waiting"),
    }),
  ),
  connection: fc.constantFrom<World["connection"][]>("ready", "ready", "away", "absent"),
  apis: fc.constantFrom(...Object.values(APIS)),
  left: fc.constantFrom(null, 0, 2),
});

function expectedEnd({ binding, connection, apis, left }: World): string {
  if (binding === null || (binding.deleting && !binding.claimed)) return "gone";
  if (binding.paused) return "paused";
  if (binding.deleting) return leavingEnd(left);
  if (binding.stage === "waiting") return "moving.waiting";
  const isHeld = binding.stage === "draining" && left !== 0;
  return isHeld ? "moving.draining" : livingEnd(connection, apis);
}

const leavingEnd = (left: World["left"]): string => (left === 0 ? "gone" : "cleaningUp.draining");

function livingEnd(connection: World["connection"], apis: World["apis"]): string {
  if (connection !== "ready") return "disengaged";
  if (apis === APIS.taken || apis === APIS.conflicting) return "conflicted";
  return apis === APIS.pending ? "engaging.awaitingApis" : "ready";
}

async function expectTheEnd(replica: Replica<Side>, world: World): Promise<void> {
  const expected = expectedEnd(world);
  await replica.settle();
  expect(replica.violations).toEqual([]);
  expect(replica.at).toBe(expected);
  if (world.binding?.deleting === false && !world.binding.paused) expect(world.binding.claimed).toBe(true);
}

const setting = fc.record({
  start: worlds,
  schedule: steps<World, Side>(SIDES, DEEDS),
  list: chances<World, Fate>(["lost", "failed"], "done", DEEDS),
});

test("a binding comes to the one end that Connection and objects ask for, whatever happened before", async () => {
  await fc.assert(
    fc.asyncProperty(setting, async ({ start, schedule, list }) => {
      const world = { ...start, binding: start.binding && { ...start.binding } };
      const { next, end } = fates(world, list, "done", DEEDS);
      const replica = bindingReplica(world, next);
      for (const step of schedule) await take(step, replica, world, DEEDS);
      end();
      await expectTheEnd(replica, world);
      for (const deed of ["letGo", "goOn"]) {
        DEEDS[deed]?.(world);
        await expectTheEnd(replica, world);
      }
    }),
    { numRuns: 3000 },
  );
});
