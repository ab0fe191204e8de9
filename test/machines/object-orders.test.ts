// Whatever the order in which an object's facts arrive, are dropped, repeated or overtaken, whatever fails or gets lost on
// the way and however often the process starts anew: one end, and nothing on the way that must never happen.

import fc from "fast-check";
import { expect, test } from "vitest";

import { endOf, expectedEnd } from "./object-end.ts";
import { objectReplica } from "./object-replica.ts";
import { CLUSTER, UID } from "./object-samples.ts";
import { type ConsumerObject, type Fate, type ProviderObject, type Side, SIDES, type World } from "./object-world.ts";
import type { Replica } from "./replica.ts";
import { chances, type Deeds, fates, steps, take } from "./schedule.ts";

let version = 100;
const changed = <T extends { version: number }>(object: T | null, change: Partial<T>): void => {
  if (object !== null) Object.assign(object, change, { version: ++version });
};

/** What people and controllers do on either side. */
const DEEDS: Deeds<World> = {
  edit: ({ consumer }) => changed(consumer, { spec: `${consumer?.spec}'` }),
  delete(world) {
    if (world.consumer?.finalizers.length === 0) world.consumer = null;
    else changed(world.consumer, { deleting: true });
  },
  pause: ({ consumer }) => changed(consumer, { paused: true }),
  goOn: ({ consumer }) => changed(consumer, { paused: false }),
  pauseBinding: (world) => (world.gate = { ...world.gate, paused: "Binding acme" }),
  goOnWithBinding: (world) => (world.gate = { ...world.gate, paused: "" }),
  orphan: ({ consumer }) => changed(consumer, { orphan: true }),
  report: ({ copy }) => changed(copy, { status: `${copy?.status}+` }),
  drift: ({ copy }) => changed(copy, { owned: "drifted" }),
  put: ({ copy }) => changed(copy, { heldByUpdate: true }),
  lose(world) {
    if (world.copy?.held) changed(world.copy, { deleting: true });
    else world.copy = null;
  },
  usurp: (world) => (world.copy ??= provided({ uid: `foreign-${++version}`, version: ++version })),
  unhold(world) {
    if (world.copy?.deleting) world.copy = null;
    else changed(world.copy, { held: false });
  },
  disengage: (world) => (world.gate = { ...world.gate, engaged: false }),
  engage: (world) => (world.gate = { ...world.gate, engaged: true }),
  drain: (world) => (world.gate = { ...world.gate, mode: "drain" }),
  letGo: (world) => (world.gate = { ...world.gate, letGo: true }),
  insist: (world) => (world.gate = { ...world.gate, letGo: false }),
  hold: (world) => (world.gate = { ...world.gate, mode: "held" }),
  leaveToAnother: (world) => (world.gate = { ...world.gate, mode: "elsewhere" }),
  bind: (world) => (world.gate = { ...world.gate, mode: "sync" }),
  adopt: (world) => (world.gate = { ...world.gate, adopt: true }),
  refuse: (world) => (world.gate = { ...world.gate, adopt: false }),
};

const wanted = (change: Partial<ConsumerObject> = {}): ConsumerObject => ({
  uid: UID,
  version: 10,
  spec: "a",
  status: "",
  finalizers: [],
  deleting: false,
  orphan: false,
  paused: false,
  mark: "",
  ...change,
});

/** Somebody else's object, unless changed. */
const provided = (change: Partial<ProviderObject> = {}): ProviderObject => ({
  uid: "copy",
  version: 20,
  clusterUid: "",
  objectUid: "",
  owned: "",
  heldByUpdate: false,
  status: "",
  deleting: false,
  held: false,
  labelled: false,
  ...change,
});

const ours = (change: Partial<ProviderObject> = {}): ProviderObject =>
  provided({ clusterUid: CLUSTER, objectUid: UID, owned: `a of ${UID}`, labelled: true, ...change });

const consumers: fc.Arbitrary<ConsumerObject | null> = fc.oneof(
  fc.constant(null),
  fc
    .record({
      finalizers: fc.constantFrom<ConsumerObject["finalizers"][]>([], ["ours"], ["other"], ["other", "ours"]),
      deleting: fc.boolean(),
      orphan: fc.boolean(),
      paused: fc.constantFrom(false, false, false, true),
      mark: fc.constantFrom("", "", "ForeignObjectExists"),
      status: fc.constantFrom("", "ready"),
    })
    // Nothing holds the deletion of an object without finalizers.
    .map((change) => wanted({ ...change, deleting: change.deleting && change.finalizers.length > 0 })),
);

const copies: fc.Arbitrary<ProviderObject | null> = fc.oneof(
  fc.constant(null),
  fc
    .record({
      // A copy without our labels does not hold what we want of it, and our watch does not show it.
      base: fc.constantFrom(
        ours(),
        ours({ owned: "drifted" }),
        ours({ labelled: false, owned: "unlabelled" }),
        provided(),
        ours({ objectUid: "earlier" }),
        ours({ heldByUpdate: true }),
        ours({ heldByUpdate: true, labelled: false, owned: "unlabelled" }),
        provided({ heldByUpdate: true }),
      ),
      status: fc.constantFrom("", "ready"),
      held: fc.boolean(),
      deleting: fc.boolean(),
    })
    .map(({ base, deleting, ...change }) => ({ ...base, ...change, deleting: deleting && change.held })),
);

const worlds: fc.Arbitrary<World> = fc.record({
  consumer: consumers,
  copy: copies,
  gate: fc.record({
    mode: fc.constantFrom("sync", "sync", "sync", "drain", "held", "elsewhere"),
    engaged: fc.oneof(fc.constant(true), fc.constant(true), fc.boolean()),
    adopt: fc.boolean(),
    letGo: fc.constantFrom(false, false, true),
    paused: fc.constantFrom("", "", "", "Connection acme"),
    clusterUid: fc.constant(CLUSTER),
  }),
  hasNamespace: fc.boolean(),
  defaults: fc.boolean(),
});

const FAILURES: readonly Fate[] = [
  "lost",
  "outdated",
  "forbidden",
  "forbiddenHere",
  "terminating",
  "rejected",
  "fault",
];

async function expectTheEnd(replica: Replica<Side>, world: World): Promise<void> {
  const expected = expectedEnd(structuredClone(world));
  await replica.settle();
  const end = endOf(replica.at, world);
  // Whether it has said so is a matter of what was held back meanwhile.
  const rest = end.at.startsWith("paused.") ? "paused" : end.at;
  expect({ ...end, at: end.consumer === null ? "gone" : rest }).toMatchObject(expected);
  expect(replica.violations).toEqual([]);
}

const setting = fc.record({
  start: worlds,
  schedule: steps<World, Side>(SIDES, DEEDS),
  chances: chances<World, Fate>(FAILURES, "done", DEEDS),
  keep: fc.constantFrom<("whole" | "compact")[]>("whole", "compact"),
});

test("an object comes to the one end that clusters and bindings ask for, whatever happened before", async () => {
  await fc.assert(
    fc.asyncProperty(setting, async ({ start, schedule, chances: list, keep }) => {
      const world = structuredClone(start);
      const { next, end } = fates(world, list, "done", DEEDS);
      const replica = objectReplica(world, next, keep);
      for (const step of schedule) await take(step, replica, world, DEEDS);
      end();
      await expectTheEnd(replica, world);
      for (const deed of ["unhold", "lose", "goOn", "goOnWithBinding"]) {
        DEEDS[deed]?.(world);
        await expectTheEnd(replica, world);
      }
    }),
    { numRuns: 3000 },
  );
});
