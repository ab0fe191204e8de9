// Whatever the order in which a syncer's facts arrive, are dropped, repeated or overtaken, whatever fails or gets lost on
// the way and however often the process starts anew: one end, and nothing on the way that must never happen.

import fc from "fast-check";
import { expect, test } from "vitest";

import { initialSyncerContext, type SyncerContext, type SyncerEvent, syncerMachine } from "../../machines/syncer.ts";
import { createReplica, type Replica } from "./replica.ts";
import { chances, type Deeds, fates, steps, take } from "./schedule.ts";
import { COMING, EAGER, EAGER_PAUSED, ENDING, NOBODY, PAUSED, WANTED } from "./syncer-samples.ts";
import { elapse, type Fate, NOTHING_LISTED, type Side, SIDES, simulate, type World } from "./syncer-world.ts";

const START = { value: { engaging: "waiting" }, context: initialSyncerContext };

const syncerReplica = (world: World, fate: () => Fate): Replica<Side> =>
  createReplica<SyncerContext, SyncerEvent, Side>({
    machine: syncerMachine,
    start: START,
    sides: SIDES,
    live: ["objects"],
    awaitsTime: (rest) => rest.context.failed !== null,
    // As actors/syncer-actor.ts does it: each pass starts from the beginning, with the memory of the last.
    keep: ({ context }) => ({ value: START.value, context }),
    simulate: (heard) => simulate(world, fate, heard),
  });

const DEEDS: Deeds<World> = {
  want: (world) => (world.demand = WANTED),
  come: (world) => (world.demand = COMING),
  end: (world) => (world.demand = ENDING),
  leave: (world) => (world.demand = NOBODY),
  keep: (world) => (world.demand = EAGER),
  pause: (world) => (world.demand = PAUSED),
  pauseKeeper: (world) => (world.demand = EAGER_PAUSED),
  engage: (world) => (world.connection = "ready"),
  disengage: (world) => (world.connection = "away"),
  deleteConnection: (world) => (world.connection = "deleting"),
  export: (world) => (world.offer = "exported"),
  grant: (world) => (world.blind = false),
  revoke: (world) => (world.blind = true),
  withhold: (world) => (world.offer = "withheld"),
  change: (world) => world.wanted++,
  usurp: (world) => {
    if (world.crd.state === "absent") world.crd = { state: "established", version: 0, owner: "foreign" };
  },
  remove: (world) => {
    if (world.crd.state !== "absent") world.crd.state = world.holding > 0 ? "deleting" : "absent";
  },
};

const worlds: fc.Arbitrary<World> = fc
  .record({
    connection: fc.constantFrom<World["connection"][]>("ready", "ready", "ready", "away", "deleting", "absent"),
    demand: fc.constantFrom(WANTED, WANTED, COMING, ENDING, NOBODY, EAGER, PAUSED, {
      live: 0,
      draining: 1,
      takesCrd: false,
    }),
    offer: fc.constantFrom<World["offer"][]>("exported", "exported", "withheld", "refused"),
    wanted: fc.constant(1),
    crd: fc.record({
      state: fc.constantFrom<World["crd"]["state"][]>("absent", "installing", "established", "deleting"),
      version: fc.constantFrom(0, 1),
      owner: fc.constantFrom<World["crd"]["owner"][]>("ours", "ours", "user", "foreign"),
    }),
    holding: fc.constantFrom(0, 2),
  })
  .map((world) => ({
    ...world,
    // Only objects of a definition of ours that is served can hold our finalizer.
    holding: ["established", "deleting"].includes(world.crd.state) && world.crd.owner !== "foreign" ? world.holding : 0,
    watching: false,
    listed: NOTHING_LISTED,
  }));

const isOurs = ({ owner, state }: World["crd"]): boolean => owner !== "foreign" && state !== "absent";

/** The end, derived from the clusters and the bindings alone. */
function expectedEnd(world: World): { at: string; holds: boolean } {
  const { connection, demand, crd } = world;
  const isEngaged = ["ready", "deleting"].includes(connection);
  const isGoing = crd.state === "deleting";
  // While the definition goes, its objects let go, as far as the provider can be asked.
  const holds = isOurs(crd) && world.holding > 0 && !(isGoing && isEngaged);
  if (isGoing && holds) return { at: "cleaningUp.crdTerminating", holds };
  if (demand.live > 0) return wantedEnd(world, holds);
  return demand.coming ? { at: "engaging.awaitingClaim", holds } : leftEnd(world, holds && !isEngaged);
}

function leftEnd(world: World, holds: boolean) {
  if (holds) return { at: "cleaningUp.draining", holds };
  return { at: world.demand.eager ? unboundEnd(world) : "cleaningUp.idle", holds };
}

function unboundEnd({ connection, offer, crd, demand }: World): string {
  if (connection !== "ready" || offer === "withheld") return "unbound.waiting";
  const isTaken = crd.owner === "foreign" && ["installing", "established"].includes(crd.state);
  if (offer === "refused" || isTaken) return "unbound.conflicted";
  const isMissing = crd.state === "absent" || crd.state === "deleting";
  return demand.paused && isMissing ? "unbound.paused" : "unbound.installed";
}

function wantedEnd({ connection, offer, crd, demand }: World, holds: boolean): { at: string; holds: boolean } {
  if (connection === "deleting") return { at: "cleaningUp.deletionsOnly", holds };
  if (connection !== "ready") return { at: "disengaged", holds };
  if (offer === "withheld") return { at: "engaging.notExported", holds };
  if (offer === "refused") return { at: "conflicted", holds };
  const isTaken = crd.owner === "foreign" && ["installing", "established"].includes(crd.state);
  // One that is going has gone by then.
  const isMissing = crd.state === "absent" || crd.state === "deleting";
  if (demand.paused && isMissing) return { at: "engaging.paused", holds: false };
  return isTaken ? { at: "conflicted", holds: false } : { at: "ready", holds: true };
}

/** Time passes on both clusters until a whole round changes nothing. */
async function settle(replica: Replica<Side>, world: World): Promise<void> {
  for (let round = 0; round < 30; round++) {
    const before = JSON.stringify([world, replica.at]);
    await replica.settle();
    elapse(world, replica.at);
    if (JSON.stringify([world, replica.at]) === before) return;
  }
  throw new Error(`no rest in ${replica.at}: ${JSON.stringify(world)}`);
}

const setting = fc.record({
  start: worlds,
  schedule: steps<World, Side>(SIDES, DEEDS),
  list: chances<World, Fate>(["lost", "failed", "rejected"], "done", DEEDS),
});

test("a syncer comes to the one end that clusters and bindings ask for, whatever happened before", async () => {
  await fc.assert(
    fc.asyncProperty(setting, async ({ start, schedule, list }) => {
      const world = structuredClone(start);
      const { next, end } = fates(world, list, "done", DEEDS);
      const replica = syncerReplica(world, next);
      for (const step of schedule) {
        await take(step, replica, world, DEEDS);
        elapse(world, replica.at);
      }
      end();
      // What may not be looked at is found as soon as it may.
      world.blind = false;
      const expected = expectedEnd(world);
      await settle(replica, world);
      expect(replica.violations).toEqual([]);
      expect({ at: replica.at, holds: world.holding > 0 }).toEqual(expected);
    }),
    { numRuns: 3000 },
  );
});
