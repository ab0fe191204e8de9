// Whatever the order in which the facts of a related object arrive, are dropped, repeated or overtaken, whatever fails or gets
// lost on the way and however often the process starts anew: one end, and nothing on the way that must never happen.

import fc from "fast-check";
import { expect, test } from "vitest";

import { isIrreplaceable } from "../../machines/related-facts.ts";
import { another, copy, foreign, gate, source } from "./related-samples.ts";
import { type Fate, nextVersion, relatedReplica, type Side, SIDES, type World } from "./related-world.ts";
import { chances, type Deeds, fates, steps, take } from "./schedule.ts";

const changed = <T extends { resourceVersion: string }>(object: T | null, change: Partial<T>): void => {
  if (object !== null) Object.assign(object, change, { resourceVersion: nextVersion() });
};

/** Whoever takes away the source of a copy takes away what a rule means; whoever brings one brings it back. */
const DEEDS: Deeds<World> = {
  edit: ({ source: it }) => it?.immutable || changed(it, { content: `${it?.content}'` }),
  retype(world) {
    if (world.source)
      world.source = { ...world.source, uid: nextVersion(), type: "example.org/other", resourceVersion: nextVersion() };
  },
  remove(world) {
    world.source = null;
    if (world.gate.mode === "carry") world.gate = gate({ ...world.gate, mode: "remove" });
  },
  bring(world) {
    world.source ??= { ...source({ uid: nextVersion(), resourceVersion: nextVersion() }), immutable: false };
    if (world.gate.mode === "remove") world.gate = gate({ ...world.gate, mode: "carry" });
  },
  drift: ({ copy: it }) => it?.whose === "ours" && changed(it, { owned: "drifted" }),
  unlabel: ({ copy: it }) => it?.whose === "ours" && changed(it, { labelled: false }),
  lose(world) {
    if (world.copy?.held) changed(world.copy, { deleting: true });
    else world.copy = null;
  },
  unhold(world) {
    if (world.copy?.deleting) world.copy = null;
    else changed(world.copy, { held: false });
  },
  usurp: (world) => (world.copy ??= { ...foreign(), uid: nextVersion(), resourceVersion: nextVersion(), held: false }),
  handOver: (world) => (world.gate = gate({ ...world.gate, binding: "next" })),
  pause: (world) => (world.gate = gate({ ...world.gate, paused: "Binding acme" })),
  goOn: (world) => (world.gate = gate({ ...world.gate, paused: "" })),
  shut: (world) => (world.gate = gate({ ...world.gate, open: false })),
  open: (world) => (world.gate = gate({ ...world.gate, open: true })),
  hold: (world) => (world.gate = gate({ ...world.gate, mode: "held" })),
  unmean: (world) => (world.gate = gate({ ...world.gate, mode: "remove" })),
  mean: (world) => world.source && (world.gate = gate({ ...world.gate, mode: "carry" })),
  leaveToAnother: (world) => (world.gate = gate({ ...world.gate, mode: "elsewhere" })),
  adopt: (world) => (world.gate = gate({ ...world.gate, adopt: true })),
};

const worlds: fc.Arbitrary<World> = fc
  .record({
    source: fc.constantFrom(null, { ...source(), immutable: false }, { ...source(), immutable: true }),
    copy: fc.constantFrom(
      null,
      ...[copy(), copy({ owned: "b" }), another(), foreign()].map((one) => ({ ...one, held: false })),
    ),
    adopt: fc.boolean(),
    hasNamespace: fc.boolean(),
  })
  .map(({ source: it, adopt, ...rest }) => ({
    ...rest,
    source: it,
    gate: gate({ adopt, mode: it ? "carry" : "remove" }),
  }));

const FAILURES: readonly Fate[] = ["lost", "outdated", "forbidden", "terminating", "rejected", "fault"];

const isStopped = ({ paused, open, mode }: World["gate"]): boolean =>
  paused !== "" || !open || mode === "held" || mode === "elsewhere";

/** Nothing of ours that a watch shows is left, but what somebody holds. */
const isUnwound = (its: World["copy"]): boolean =>
  its === null || its.deleting || !its.labelled || its.whose !== "ours";

const isSomebodyElses = ({ source: it, copy: its, gate: { adopt } }: World): boolean => {
  if (its?.whose !== "foreign") return its?.whose === "another";
  return !adopt || (it !== null && isIrreplaceable(it, its, null));
};

/** What has to be true when everything has come to rest and the world allows all of it. */
function expectTheEnd(world: World, at: string): void {
  const { source: it, copy: its, gate: allowed } = world;
  if (isStopped(allowed)) return;
  if (its?.deleting || allowed.mode === "remove") return expect(isUnwound(its), at).toBe(true);
  if (isSomebodyElses(world)) return expect(at).toMatch(/^conflicted/);
  const { content: owned, type } = it ?? source();
  const carried = { owned, type, binding: allowed.binding, labelled: true, whose: "ours" };
  expect(its, at).toMatchObject(carried);
}

const setting = fc.record({
  start: worlds,
  schedule: steps<World, Side>(SIDES, DEEDS),
  chances: chances<World, Fate>(FAILURES, "done", DEEDS),
});

test("a related object comes to the one end that clusters and bindings ask for, whatever happened before", async () => {
  await fc.assert(
    fc.asyncProperty(setting, async ({ start, schedule, chances: list }) => {
      const world = structuredClone(start);
      const { next, end } = fates(world, list, "done", DEEDS);
      const replica = relatedReplica(world, next);
      for (const step of schedule) await take(step, replica, world, DEEDS);
      end();
      for (const deed of ["open", "goOn", "unhold"]) {
        DEEDS[deed]?.(world);
        await replica.settle();
        expect(replica.violations).toEqual([]);
        expectTheEnd(world, replica.at);
      }
    }),
    { numRuns: 1500 },
  );
});
