// When a blocked deletion is told of, to the millisecond, and how often. The clock is the test's own, and so is what the
// clusters answer; what they really answer is in test/e2e/deletion-matrix.test.ts and blocked-deletions.test.ts.

import { beforeEach, describe, expect, test } from "vitest";

import type { Engine } from "../../actors/engine.ts";
import { awaited, blockedIn, noteLeaving, noteLeft } from "../../actors/leaving.ts";
import type { Work } from "../../actors/object-work.ts";
import { createSyncer, type Syncer } from "../../actors/syncer.ts";
import { createTable } from "../../actors/table.ts";
import type { KubeObject } from "../../crds/kube-object.ts";
import { FINALIZER } from "../../crds/labels.ts";
import { identityMapper } from "../../machines/rules/mapper.ts";
import { manualClock } from "./manual-clock.ts";
import { copyOfWidget, shapeOf, widget } from "./widget-objects.ts";

const ID = "default/a";
const LEAVING = { finalizers: [FINALIZER.syncer], deletionTimestamp: "2026-01-02T03:04:05Z" };

let clock: ReturnType<typeof manualClock>;
let syncer: Syncer;
let engine: Engine;
let work: Work;
let events: string[];
let written: unknown[];

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await turn();
}

const blocked = () => blockedIn([syncer], () => true);

beforeEach(() => {
  clock = manualClock();
  events = [];
  written = [];
  syncer = createSyncer("acme", "widgets.example.org");
  syncer.ruleFor = () => ({ mode: "sync", adopt: false, paused: "" });
  const shape = shapeOf();
  const table = createTable(shape);
  syncer.watching = {
    shape,
    table,
    provider: { feeds: { isListed: () => true, isUnserved: () => false, troubleOf: () => null } },
  } as unknown as Syncer["watching"];
  engine = {
    clock,
    settings: { mapper: identityMapper },
    phases: new Map([["acme", { state: "ready", lost: false, because: "AsExpected", reason: "it is Ready" }]]),
    directory: { bindingsOf: () => [] },
    wake: () => {},
    log: { debug: () => {} },
    recorder: {
      event: (_about: unknown, _type: string, reason: string, message: string) => events.push(`${reason} ${message}`),
    },
    consumer: {
      patch: async (_resource: unknown, _key: unknown, operations: { path: string; value: KubeObject["status"] }[]) => {
        written.push(operations.at(-1)?.value);
        return widget({ ...LEAVING, resourceVersion: `${10 + written.length}`, status: operations.at(-1)?.value });
      },
    },
  } as unknown as Engine;
  const watching = syncer.watching as Work["watching"];
  work = {
    engine,
    syncer,
    watching,
    key: { namespace: "default", name: "a" },
    id: ID,
    providerKey: { namespace: "default", name: "a" },
  };
});

const leaves = (metadata = LEAVING) => {
  syncer.watching?.table.consumerSeen(widget(metadata));
  noteLeaving(engine, syncer, ID);
};
const held = (finalizers = ["example.org/hold"]) =>
  syncer.watching?.table.copySeen(copyOfWidget(shapeOf(), widget(), { ...LEAVING, finalizers }));

describe("a deletion that does not come through", () => {
  test("is told of after 3 s and not before, once, and on the object", async () => {
    leaves();
    held();
    await pass(2_900);
    expect(events).toEqual([]);
    await pass(200);
    expect(events).toEqual([expect.stringMatching(/^DeletionBlocked ProviderFinalizer: .*example\.org\/hold/)]);
    expect(written).toHaveLength(1);
    expect(JSON.stringify(written)).toContain('"reason":"DeletionBlocked"');
    await pass(60_000);
    noteLeft(work);
    await turn();
    expect(events).toHaveLength(1);
    expect(written).toHaveLength(1);
  });

  test("is summed up for those who report it, until the object has let go", async () => {
    leaves();
    held();
    await pass(3_100);
    expect(blocked()).toMatchObject({ counts: { ProviderFinalizer: 1 }, names: ["widgets.example.org default/a"] });
    syncer.watching?.table.consumerGone(widget({ ...LEAVING, resourceVersion: "99" }));
    expect(blocked().counts).toEqual({});
  });

  test("is told of beside seven others, so that one answer that is slow to come holds up few", async () => {
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
    const answers: (() => void)[] = [];
    engine.consumer.patch = ((_resource: unknown, { name }: { name: string }) =>
      new Promise((resolve) => answers.push(() => resolve(widget({ ...LEAVING, name, uid: name }))))) as never;
    for (const name of names) {
      syncer.watching?.table.consumerSeen(widget({ ...LEAVING, name, uid: name }));
      noteLeaving(engine, syncer, `default/${name}`);
      syncer.watching?.table.copySeen(copyOfWidget(shapeOf(), widget({ name, uid: name }), LEAVING));
    }
    await pass(3_100);
    expect(answers).toHaveLength(8);
    for (const answer of answers.splice(1)) answer();
    await turn();
    expect(answers).toHaveLength(1 + 7);
    for (const answer of answers.splice(1)) answer();
    await turn();
    expect(events).toHaveLength(8 + 7 + 3);
  });

  test("is looked at once when it has waited for a moment, however many wait with it and come after", async () => {
    let looks = 0;
    syncer.ruleFor = () => {
      looks++;
      return { mode: "sync", adopt: false, paused: "" };
    };
    const leave = (name: string) => {
      syncer.watching?.table.consumerSeen(widget({ ...LEAVING, name, uid: name }));
      noteLeaving(engine, syncer, `default/${name}`);
    };
    for (let index = 0; index < 1_000; index++) leave(`n${index}`);
    for (let second = 0; second < 20; second++) {
      await pass(1_000);
      leave(`later${second}`);
    }
    const aLook = 5;
    expect(looks).toBeLessThanOrEqual(1_020 * aLook);
    expect(events).toEqual([]);
  });

  test("is nothing to tell of while only its turn has not come", async () => {
    leaves();
    await pass(60_000);
    expect(events).toEqual([]);
    expect(blocked().counts).toEqual({});
  });

  test("is told of again when another cause takes the place of the first", async () => {
    leaves();
    held();
    await pass(3_100);
    engine.phases.set("acme", {
      state: "away",
      lost: true,
      undecided: false,
      because: "SecretNotFound",
      reason: "no Secret",
    });
    syncer.lost = true;
    if (syncer.watching) syncer.watching.provider = null;
    noteLeft(work);
    await turn();
    expect(events[1]).toMatch(/^DeletionBlocked ProviderUnreachable: no Secret/);
    // The words of one cause change with each try.
    engine.phases.set("acme", {
      state: "away",
      lost: true,
      undecided: false,
      because: "SecretNotFound",
      reason: "still no Secret",
    });
    noteLeft(work);
    await turn();
    expect(events).toHaveLength(2);
    expect(blocked().details).toEqual(["still no Secret"]);
  });

  test("is not told of again where it stands on the object already, as a process before has left it", async () => {
    leaves();
    held();
    await pass(3_100);
    const [status] = written as KubeObject["status"][];
    const after = createSyncer("acme", "widgets.example.org");
    after.ruleFor = syncer.ruleFor;
    after.watching = { ...syncer.watching, table: createTable(shapeOf()) } as Syncer["watching"];
    syncer = after;
    syncer.watching?.table.consumerSeen(widget({ ...LEAVING, status, resourceVersion: "11" }));
    noteLeaving(engine, syncer, ID);
    held();
    await pass(3_100);
    expect(events).toHaveLength(1);
    expect(written).toHaveLength(1);
    expect(blocked().counts).toEqual({ ProviderFinalizer: 1 });
  });

  test("is told of as an Event alone where the object is paused, since nothing is written to it", async () => {
    syncer.ruleFor = () => ({ mode: "sync", adopt: false, paused: "Connection acme" });
    leaves();
    await pass(3_100);
    expect(events).toEqual([expect.stringMatching(/^DeletionBlocked Paused: .*Connection acme/)]);
    expect(written).toEqual([]);
  });

  test("is looked at once more as soon as it may be let go of without the provider's word, and not before", async () => {
    const woken: string[] = [];
    engine.wake = (key) => void woken.push(key);
    syncer.ruleFor = () => ({ mode: "drain", adopt: false, paused: "", letGo: true });
    leaves();
    held();
    await pass(2_900);
    expect(woken).toEqual([]);
    await pass(200);
    expect(woken.filter((key) => key.includes("/object/"))).toEqual([`acme/object/widgets.example.org/${ID}`]);
    noteLeft(work);
    expect(woken.filter((key) => key.includes("/object/"))).toHaveLength(1);
  });

  test("of a drain is told by its binding alone", async () => {
    syncer.ruleFor = () => ({ mode: "drain", adopt: false, paused: "" });
    syncer.watching?.table.consumerSeen(widget({ finalizers: [FINALIZER.syncer] }));
    noteLeaving(engine, syncer, ID);
    held();
    await pass(3_100);
    expect(blocked().counts).toEqual({ ProviderFinalizer: 1 });
    expect([...events, ...written]).toEqual([]);
  });
});

describe("a request that is not answered", () => {
  test("is told of after 3 s to all that wait, without being given up, and is forgotten with its answer", async () => {
    leaves();
    const start = clock.now();
    let answer: (value: string) => void = () => {};
    const asked = awaited(work, () => new Promise<string>((resolve) => (answer = resolve)));
    await pass(3_100);
    expect(clock.now() - start).toBeLessThan(5_000);
    expect(events).toEqual([
      expect.stringMatching(/^DeletionBlocked ProviderUnreachable: .*not answered for 3 seconds/),
    ]);
    answer("at last");
    expect(await asked).toBe("at last");
    noteLeft(work);
    expect(blocked().counts).toEqual({});
  });

  test("says nothing of the others while these are answered, and of all of them once they no longer are", async () => {
    const answers = new Map<string, () => void>();
    const ask = (name: string) => {
      const metadata = { ...LEAVING, name, uid: name };
      syncer.watching?.table.consumerSeen(widget(metadata));
      noteLeaving(engine, syncer, `default/${name}`);
      return awaited({ ...work, id: `default/${name}` }, () => new Promise<void>((end) => answers.set(name, end)));
    };
    engine.consumer.patch = async (_resource: unknown, { name }: { name: string }) =>
      widget({ ...LEAVING, name, uid: name });
    const told = () => blocked().names.map((name) => name.split("/")[1]);

    const asked = ["slow", "prompt", "stuck"].map(ask);
    for (const name of ["inLine", "alsoInLine"]) {
      syncer.watching?.table.consumerSeen(widget({ ...LEAVING, name, uid: name }));
      noteLeaving(engine, syncer, `default/${name}`);
    }
    await pass(2_500);
    answers.get("prompt")?.();
    await pass(0);
    await pass(500);
    expect(told()).toEqual(["slow", "stuck"]);
    await pass(2_400);
    expect(told()).toEqual(["slow", "stuck"]);
    await pass(400);
    expect(told()).toContain("inLine");
    expect(events).toHaveLength(5);

    // Somebody is answered, and then nobody again.
    asked.push(ask("later"));
    answers.get("later")?.();
    await pass(0);
    for (const name of ["default/inLine", "default/alsoInLine"]) noteLeft({ ...work, id: name });
    expect(told()).not.toContain("inLine");
    await pass(3_500);
    expect(told()).toContain("inLine");
    for (const answer of answers.values()) answer();
    await Promise.all(asked);
  });

  test("is nothing where the answer is in time", async () => {
    leaves();
    await awaited(work, async () => "at once");
    await pass(60_000);
    expect(events).toEqual([]);
  });
});
