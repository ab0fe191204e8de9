// What autoBind decides, for every combination of what may be known.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AutoBindFacts, autoBindPlan } from "../../../machines/rules/auto-bind.ts";

type Binding = NonNullable<AutoBindFacts["binding"]>;

const ours = (apis: string[], change: Partial<Binding> = {}): Binding => ({
  ours: true,
  deleting: false,
  connection: "acme",
  apis,
  ...change,
});
const facts = (change: Partial<AutoBindFacts> = {}): AutoBindFacts => ({
  connection: { name: "acme", autoBind: true, deleting: false },
  binding: null,
  exports: { apis: ["a", "b"], complete: true },
  inUse: () => false,
  ...change,
});
const stepFor = (change: Partial<AutoBindFacts>) => autoBindPlan(facts(change)).step;

const names = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"));
const anything: fc.Arbitrary<AutoBindFacts> = fc.record({
  connection: fc.record({ name: fc.constant("acme"), autoBind: fc.boolean(), deleting: fc.boolean() }),
  binding: fc.option(
    fc.record({
      ours: fc.boolean(),
      deleting: fc.boolean(),
      connection: fc.constantFrom("acme", "other"),
      apis: fc.array(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1 }),
    }),
  ),
  exports: fc.option(fc.record({ apis: names.map((apis) => apis.sort()), complete: fc.boolean() })),
  inUse: names.map((used) => (api: string) => used.some((one) => one === api)),
});
const always = (holds: (facts: AutoBindFacts, plan: ReturnType<typeof autoBindPlan>) => void) =>
  fc.assert(fc.property(anything, (one) => holds(one, autoBindPlan(one))));

describe("the ClusterBinding that autoBind keeps", () => {
  it("is made once exports are known, and lists them in their order", () => {
    expect(stepFor({})).toEqual({ do: "create", apis: ["a", "b"] });
    expect(stepFor({ exports: null })).toEqual({ do: "nothing" });
    expect(stepFor({ exports: { apis: [], complete: true } })).toEqual({ do: "nothing" });
  });

  it("gets a new API at once, and back what a user has changed", () => {
    const wanted = { do: "update", apis: ["a", "b"] };
    for (const apis of [["a"], ["b", "a"], ["a", "b", "b"], ["a", "b", "unheard"]]) {
      expect(stepFor({ binding: ours(apis) })).toEqual(wanted);
    }
    expect(stepFor({ binding: ours(["a", "b"], { connection: "other" }) })).toEqual(wanted);
    expect(stepFor({ binding: ours(["a", "b"]) })).toEqual({ do: "nothing" });
  });

  it("loses an API that is no longer exported only when it has no synced object left", () => {
    const binding = ours(["a", "b", "c"]);
    expect(autoBindPlan(facts({ binding, inUse: (api) => api === "c" }))).toEqual({
      step: { do: "nothing" },
      kept: ["c"],
    });
    expect(stepFor({ binding })).toEqual({ do: "update", apis: ["a", "b"] });
    expect(stepFor({ binding, exports: { apis: ["a", "b"], complete: false } })).toEqual({ do: "nothing" });
  });

  it("is neither emptied nor deleted because exports look empty", () => {
    always(({ exports, binding, connection }, { step }) => {
      if (connection.deleting || !connection.autoBind) return;
      expect(step.do).not.toBe("delete");
      if (exports === null || exports.apis.length === 0) expect(["nothing", "refuse"]).toContain(step.do);
      if ("apis" in step) expect(step.apis.length).toBeGreaterThan(0);
      if (step.do === "create") expect(binding).toBeNull();
    });
  });

  it("is never written where it is a user's own", () => {
    always(({ binding, connection }, { step }) => {
      if (binding === null || binding.ours) return;
      expect(step.do).toBe(connection.autoBind && !connection.deleting ? "refuse" : "nothing");
    });
  });

  it("keeps every API that is exported or in use, and settles after one write", () => {
    always((one, { step }) => {
      if (step.do !== "update") return;
      const { binding, exports, inUse } = one;
      expect(step.apis).toEqual(expect.arrayContaining([...(exports?.apis ?? [])]));
      expect(step.apis).toEqual([...new Set(step.apis)].sort());
      for (const api of binding?.apis ?? []) if (inUse(api)) expect(step.apis).toContain(api);
      expect(autoBindPlan({ ...one, binding: ours(step.apis) }).step).toEqual({ do: "nothing" });
    });
  });

  it("is given to the user when autoBind is taken back, also from a Connection that is being deleted", () => {
    for (const deleting of [false, true]) {
      const connection = { name: "acme", autoBind: false, deleting };
      expect(stepFor({ connection, binding: ours(["a"]) })).toEqual({ do: "letGo" });
      expect(stepFor({ connection, binding: ours(["a"], { ours: false }) })).toEqual({ do: "nothing" });
      expect(stepFor({ connection })).toEqual({ do: "nothing" });
    }
  });

  it("goes with its Connection, whatever is known of the provider", () => {
    const connection = { name: "acme", autoBind: true, deleting: true };
    expect(stepFor({ connection, binding: ours(["a"]), exports: null })).toEqual({ do: "delete" });
    expect(stepFor({ connection, binding: ours(["a"], { deleting: true }) })).toEqual({ do: "nothing" });
    expect(stepFor({ connection })).toEqual({ do: "nothing" });
  });
});
