// An hour, or less, in which something on the provider keeps undoing what is written there: how often the object machine
// writes, what it says, and that it comes to rest when the other stops. Time is simulated, its jitter the worst there is: none.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { hosted, type MachineRecord, runPass, statePath } from "../../actors/host.ts";
import { contextFrom } from "../../actors/table.ts";
import { setDue } from "../../actors/timers.ts";
import { initialObjectContext, type ObjectContext, type ObjectEvent } from "../../machines/object-facts.ts";
import { objectMachine } from "../../machines/object.ts";
import { CLUSTER, drive, DUE, consumer, copy, PASS, told, UID } from "./object-samples.ts";
import { type ProviderObject, type Side, SIDES, simulate, type World } from "./object-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const synced = (): World => ({
  consumer: {
    uid: UID,
    version: 10,
    spec: "a",
    status: "",
    finalizers: ["ours"],
    deleting: false,
    orphan: false,
    paused: false,
    mark: "",
  },
  copy: {
    uid: "copy",
    version: 20,
    clusterUid: CLUSTER,
    objectUid: UID,
    owned: `a of ${UID}`,
    heldByUpdate: false,
    status: "",
    deleting: false,
    held: false,
    labelled: true,
  },
  gate: { mode: "sync", engaged: true, adopt: false, paused: "", clusterUid: CLUSTER },
  hasNamespace: true,
  defaults: false,
});

/** A konnector with a clock of its own: `at` milliseconds, to the next time it waits for, and no further than told. */
function clockwork(world: World) {
  let now = 0;
  let dueAt: number | null = null;
  let version = 5000;
  let record: MachineRecord<ObjectContext> = { value: { engaging: "waiting" }, context: initialObjectContext };
  const known = new Map<Side, readonly ObjectEvent[]>();
  const tries: number[] = [];
  let fate: Parameters<typeof simulate>[1] = () => "done";
  const simulation = simulate(
    world,
    () => fate(),
    (side, facts) => void known.set(side, facts),
  );
  const { applyCopy } = simulation.effects;
  simulation.effects["applyCopy"] = async (context) => {
    tries.push(now);
    return applyCopy?.(context);
  };
  const machine = hosted(objectMachine, Object.keys(simulation.effects));
  const timers = { set: (_key: string, ms: number | null) => void (dueAt = ms === null ? null : now + ms) };
  const run = async (start: typeof PASS | typeof DUE): Promise<void> => {
    const events = [...[...known.values()].flat(), start];
    const rest = await runPass<ObjectContext, ObjectEvent>({ machine, record, events, effects: simulation.effects });
    setDue(timers, "", rest);
    const { found, accepted, acceptedStatus, refused, said, contest, attempts } = rest.context;
    const kept = contextFrom({ found, accepted, acceptedStatus, refused, said, contest, attempts, rest: "" });
    record = { value: rest.value, context: kept };
  };
  const tell = async (): Promise<void> => {
    let isNews = false;
    for (const side of SIDES) {
      const facts = simulation.truth(side);
      isNews ||= JSON.stringify(known.get(side)) !== JSON.stringify(facts);
      known.set(side, facts);
    }
    if (isNews) await run(PASS);
  };
  return {
    world,
    tries,
    violations: simulation.violations,
    get now() {
      return now;
    },
    get at() {
      return statePath(record.value);
    },
    get contest() {
      return record.context.contest;
    },
    set fate(next: typeof fate) {
      fate = next;
    },
    tell,
    /** Lets time pass. */
    async until(time: number): Promise<void> {
      while (dueAt !== null && dueAt <= time) {
        now = dueAt;
        dueAt = null;
        await run(DUE);
      }
      now = time;
    },
    /** Something happens on the provider, and is seen. */
    async there(change: (copy: ProviderObject) => void): Promise<void> {
      if (world.copy === null) return;
      change(world.copy);
      world.copy.version = ++version;
      await tell();
    },
  };
}

type Clockwork = ReturnType<typeof clockwork>;

const revert = (copy: ProviderObject): void => void (copy.owned = "theirs");

const isMine = ({ world }: Clockwork): boolean => world.copy?.owned === `a of ${UID}`;

/** The most writes within any minute. */
const most = (tries: readonly number[]): number =>
  Math.max(0, ...tries.map((from) => tries.filter((at) => at >= from && at < from + MINUTE).length));

/** Whenever our content stands, it is undone, each time after as long as it takes the other. */
async function fight(clock: Clockwork, reactions: readonly number[], until: number): Promise<void> {
  for (let round = 0; clock.now < until; round++) {
    await clock.until(clock.now + (reactions[round % reactions.length] ?? 0));
    if (isMine(clock)) await clock.there(revert);
    else await clock.until(clock.now + 100);
  }
}

describe("against somebody who changes our fields back", () => {
  test("no minute of an hour sees more than ten writes, however fast or slow the other is", async () => {
    const reaction = fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 30_000 }));
    await fc.assert(
      fc.asyncProperty(fc.array(reaction, { minLength: 1, maxLength: 8 }), async (reactions) => {
        const clock = clockwork(synced());
        await clock.tell();
        await fight(clock, reactions, HOUR);
        expect(most(clock.tries)).toBeLessThanOrEqual(10);
        expect(clock.violations).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  test("it does not give up: a write every ten seconds, for as long as it takes", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    await fight(clock, [1], HOUR);
    expect(clock.tries.filter((at) => at > HOUR - 10 * MINUTE).length).toBeGreaterThanOrEqual(59);
  });

  test("a few repairs wait for nothing, and then it says so on the object", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    for (let times = 1; times <= 5; times++) {
      await clock.there(revert);
      expect(clock.at).toBe("ready.settled");
      expect(clock.tries).toHaveLength(times);
    }
    await clock.there(revert);
    expect(clock.at).toBe("contested.resting");
    expect(clock.tries).toHaveLength(5);
    expect(clock.world.consumer?.status).toContain("Synced=False FieldsContested");
  });

  test("a write that only lost a race counts as well: it was sent", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    await clock.there(revert);
    clock.fate = () => "outdated";
    for (let times = 0; times < 50; times++) await clock.there((copy) => void (copy.status = `busy ${times}`));
    expect(clock.tries.length).toBeLessThanOrEqual(10);
  });

  test("repeated news does not put the next repair off", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    await fight(clock, [1], 1_000);
    const before = clock.tries.length;
    const from = clock.now;
    while (clock.tries.length === before) {
      await clock.there((copy) => void (copy.status = `at ${clock.now}`));
      await clock.until(clock.now + 500);
    }
    expect(clock.now - from).toBeLessThanOrEqual(11_000);
  });

  test("the provider's status goes on being shown, and the trouble beside it", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    await fight(clock, [1], 30_000);
    await clock.there((copy) => void (copy.status = "running"));
    expect(clock.world.consumer?.status).toMatch(/^running Synced=False FieldsContested/);
  });

  test("a change of the object is written at once", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    await fight(clock, [1], 30_000);
    const before = clock.tries.length;
    Object.assign(clock.world.consumer ?? {}, { spec: "b", version: 11 });
    await clock.tell();
    expect(clock.tries).toHaveLength(before + 1);
    expect(clock.world.copy?.owned).toBe(`b of ${UID}`);
  });

  test("it is over by itself once the other stops, and nothing of it is remembered", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    await fight(clock, [1], 5 * MINUTE);
    const end = clock.now;
    await clock.until(end + 45_000);
    expect(clock.at).toBe("ready.settled");
    expect(clock.world.consumer?.status).toBe("");
    await clock.until(end + 2 * MINUTE);
    expect(clock.contest).toBeNull();
    const before = clock.tries.length;
    await clock.until(end + HOUR);
    expect(clock.tries).toHaveLength(before);
  });

  test("it is not taken back between two rounds of a slow fight", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    await fight(clock, [1], MINUTE);
    const shown = new Set<boolean>();
    for (let rounds = 0; rounds < 50; rounds++) {
      await fight(clock, [9_000], clock.now + 9_000);
      shown.add(clock.world.consumer?.status.includes("FieldsContested") === true);
    }
    expect([...shown]).toEqual([true]);
  });
});

describe("against somebody who deletes the copy", () => {
  test("it is made again at once a few times, and then no more than ten times a minute", async () => {
    const clock = clockwork(synced());
    await clock.tell();
    while (clock.now < 10 * MINUTE) {
      clock.world.copy = null;
      await clock.tell();
      await clock.until(clock.now + 200);
    }
    expect(clock.tries.slice(0, 4).every((at) => at < 1_000)).toBe(true);
    expect(most(clock.tries)).toBeLessThanOrEqual(10);
    expect(clock.world.consumer?.status).toContain("FieldsContested");
  });
});

describe("in peace", () => {
  const applied = (sent = "a"): ObjectEvent => ({ type: "applied", consumer: consumer(), copy: copy(), sent });

  test("a write is remembered for ten seconds and no longer, without a request", () => {
    const written = [...told(consumer(), null), PASS, applied()];
    expect(drive(...written)).toMatchObject({ at: "ready.settled", context: { retryIn: 10_000 } });
    expect(drive(...written, DUE)).toMatchObject({ at: "ready.settled", context: { contest: null, retryIn: null } });
  });

  test("an object that was only read is not remembered at all", () => {
    expect(drive(...told(consumer(), copy()), PASS).context.contest).toBeNull();
  });
});
