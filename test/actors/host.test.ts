// One pass of a machine: the promises of actors/host.ts, with a small machine of its own.

import { describe, expect, it } from "vitest";
import { assign, type InspectionEvent, setup } from "xstate";
import { type Effects, hosted, type MachineRecord, runPass, statePath } from "../../actors/host.ts";

interface Memory {
  wanted: number;
  carried: number;
  said: string[];
}
type Told = { type: "wanted"; parcels: number } | { type: "pass" } | { type: "carried" } | { type: "broken" };

/** Carries as many parcels as are wanted, one at a time, and reports each way it goes. */
const carrier = setup({
  types: { context: {} as Memory, events: {} as Told, tags: {} as "resting" },
  guards: { owes: ({ context }) => context.carried < context.wanted },
  actions: {
    carry: () => {},
    report: () => {},
    noteWanted: assign(({ event }) => (event.type === "wanted" ? { wanted: event.parcels } : {})),
    count: assign(({ context }) => ({ carried: context.carried + 1 })),
  },
}).createMachine({
  id: "carrier",
  context: { wanted: 0, carried: 0, said: [] },
  initial: "idle",
  on: { wanted: { actions: "noteWanted" }, pass: { target: ".deciding" } },
  states: {
    deciding: { always: [{ guard: "owes", target: "way.carrying" }, { target: "idle" }] },
    way: {
      initial: "carrying",
      states: {
        carrying: {
          entry: ["report", "carry"],
          on: { carried: { target: "#carrier.deciding", actions: "count" }, broken: "stuck" },
        },
        stuck: { tags: "resting" },
      },
    },
    idle: { tags: "resting" },
  },
});
const machine = hosted(carrier, ["carry", "report"]);

const FRESH: MachineRecord<Memory> = { value: "idle", context: { wanted: 0, carried: 0, said: [] } };

const pass = (effects: Effects<Memory, Told>, record = FRESH, events: Told[] = [{ type: "pass" }]) =>
  runPass<Memory, Told>({ machine, record, events, effects });

const wants = (parcels: number): Told[] => [{ type: "wanted", parcels }, { type: "pass" }];

describe("effects", () => {
  it("run one after the other, in the order in which the machine named them, and their answers arrive", async () => {
    const log: string[] = [];
    const rest = await pass(
      {
        async report({ carried }) {
          log.push(`report ${carried}`);
          return undefined;
        },
        async carry({ carried }) {
          log.push(`begin ${carried}`);
          await new Promise(setImmediate);
          log.push(`end ${carried}`);
          return { type: "carried" };
        },
      },
      FRESH,
      wants(2),
    );
    expect(log).toEqual(["report 0", "begin 0", "end 0", "report 1", "begin 1", "end 1"]);
    expect(rest).toMatchObject({ value: "idle", context: { wanted: 2, carried: 2 } });
  });

  it("are given the memory as it then is, not as it was when they were named", async () => {
    const seen: number[] = [];
    await pass({ carry: async ({ carried }) => (seen.push(carried), { type: "carried" }) }, FRESH, wants(3));
    expect(seen).toEqual([0, 1, 2]);
  });

  it("that nobody provides, or that answer nothing, leave the machine where it named them", async () => {
    const rest = await pass({}, FRESH, wants(1));
    expect(rest.value).toEqual({ way: "carrying" });
  });

  it("that reject end the pass with what they reject with", async () => {
    await expect(pass({ carry: () => Promise.reject(new Error("a bug")) }, FRESH, wants(1))).rejects.toThrow("a bug");
  });

  it("are not named again by a machine that is only rehydrated", async () => {
    let carried = 0;
    const record = { value: { way: "carrying" }, context: { wanted: 1, carried: 0, said: [] } };
    await pass(
      {
        carry: async () => {
          carried++;
          return undefined;
        },
      },
      record,
      [],
    );
    expect(carried).toBe(0);
  });
});

describe("an actor that was dropped", () => {
  it("goes on from its record as if it had never been away", async () => {
    const broken = await pass({ carry: async () => ({ type: "broken" }) }, FRESH, wants(2));
    expect(broken).toMatchObject({ value: { way: "stuck" }, context: { wanted: 2, carried: 0 } });
    const kept = JSON.parse(JSON.stringify({ value: broken.value, context: broken.context })) as typeof FRESH;
    const rest = await pass({ carry: async () => ({ type: "carried" }) }, kept);
    expect(rest).toMatchObject({ value: "idle", context: { wanted: 2, carried: 2 } });
  });

  it("shares nothing with another pass of the same machine at the same time", async () => {
    const effects: Effects<Memory, Told> = {
      carry: async () => {
        await new Promise(setImmediate);
        return { type: "carried" };
      },
    };
    const rests = await Promise.all([1, 5, 3].map((parcels) => pass(effects, FRESH, wants(parcels))));
    expect(rests.map(({ context }) => context.carried)).toEqual([1, 5, 3]);
    expect(FRESH.context).toEqual({ wanted: 0, carried: 0, said: [] });
  });
});

describe("a machine that goes in circles", () => {
  it("is stopped and named, however willing the world is", async () => {
    let carried = 0;
    const endless = pass({ carry: async () => (carried++, { type: "carried" }) }, FRESH, wants(Infinity));
    await expect(endless).rejects.toThrow(/^carrier: no rest after \d+ effects$/);
    expect(carried).toBeLessThan(100);
  });

  it("is not what a pass of ordinary length is taken for", async () => {
    const rest = await pass({ carry: async () => ({ type: "carried" }) }, FRESH, wants(10));
    expect(rest.context.carried).toBe(10);
  });
});

describe("a rest", () => {
  it("tells its tags, and the states it is in by whole names from the outside in", async () => {
    const rest = await pass({ carry: async () => ({ type: "broken" }) }, FRESH, wants(1));
    expect([rest.hasTag("resting"), rest.hasTag("engaged")]).toEqual([true, false]);
    expect(
      ["way", "way.stuck", "wa", "way.st", "stuck", "idle", "way.stuck.deeper"].filter((path) => rest.in(path)),
    ).toEqual(["way", "way.stuck"]);
  });

  it("can be watched on its way", async () => {
    const seen: InspectionEvent["type"][] = [];
    await runPass<Memory, Told>({
      machine,
      record: FRESH,
      events: wants(0),
      effects: {},
      inspect: (event) => seen.push(event.type),
    });
    expect(seen).toContain("@xstate.snapshot");
  });
});

describe("a state as a path", () => {
  it("joins the names from the outside in", () => {
    expect([statePath("idle"), statePath({ way: "stuck" }), statePath({ a: { b: "c" } }), statePath({})]).toEqual([
      "idle",
      "way.stuck",
      "a.b.c",
      "",
    ]);
  });
});
