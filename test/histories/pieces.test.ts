// The parts of the runner that need no cluster: what a seed says is the same for ever, shrinking finds what matters, and each
// check of the logs catches what it is for.

import { describe, expect, test } from "vitest";

import type { Write } from "../e2e/audit-policy.ts";
import type { Deed } from "./deed.ts";
import { faultFor, forecastOf } from "./fault-plan.ts";
import { historyOf } from "./generator.ts";
import { lateWrites, violations } from "./log-checks.ts";
import { faultPlan } from "./requests.ts";
import { shrink } from "./shrink.ts";
import { ROUNDS, tell } from "./step.ts";

describe("a seed", () => {
  test("says the same history, faults and weather each time, and another seed others", () => {
    const faults = (seed: number) =>
      Array.from({ length: 200 }, (_, nth) => faultFor(seed, "provider", "apply", "widgets/a", nth)?.kind);
    for (const told of [(seed: number) => tell(historyOf(seed)), faults, forecastOf]) {
      expect(told(7)).toEqual(told(7));
      expect(told(7)).not.toEqual(told(8));
    }
  });

  test("means ten to twenty-five acts in the rounds there are", () => {
    for (let seed = 0; seed < 200; seed++) {
      const { steps } = historyOf(seed);
      // Beside those there is a first binding, and tries to make one anew.
      const drawn = steps.filter(({ step }) => step.do !== "bind").length;
      expect(drawn).toBeLessThanOrEqual(25);
      expect(steps.length).toBeGreaterThanOrEqual(10);
      expect(steps.every(({ round }) => round >= 0 && round < ROUNDS)).toBe(true);
    }
  });

  test("brings every kind of act and every kind of fault, before long", () => {
    const seeds = Array.from({ length: 300 }, (_, seed) => seed);
    expect(new Set(seeds.flatMap((seed) => historyOf(seed).steps.map(({ step }) => step.do))).size).toBe(23);
    const struck = seeds.flatMap((nth) => {
      const fault = faultFor(1, "consumer", "patch", "widgets/a", nth);
      return fault === undefined ? [] : ["code" in fault ? String(fault.code) : fault.kind];
    });
    expect(new Set(struck)).toEqual(new Set(["409", "422", "429", "500", "lost", "dropped", "late"]));
  });

  test("lets the same requests fail in whatever namespace its history is played, and none where faults are off", () => {
    const struck = (namespace: string, seed: number | undefined) => {
      const plan = faultPlan(1);
      plan.enrol(namespace, seed);
      plan.on = true;
      const path = `/apis/example.org/v1/namespaces/${namespace}/widgets/a`;
      return Array.from({ length: 100 }, () => plan.faultOf("provider", { method: "DELETE", path, headers: {} })?.kind);
    };
    expect(struck("h5-1", 5)).toEqual(struck("h5-2", 5));
    expect(new Set(struck("h5-1", 5)).size).toBeGreaterThan(1);
    expect(new Set(struck("h5-3", undefined))).toEqual(new Set([undefined]));
  });
});

describe("shrinking", () => {
  const items = Array.from({ length: 20 }, (_, index) => index);
  const shrunk = (fails: (items: readonly number[]) => boolean, isOver = () => false) =>
    shrink(items, async (all) => all.map(fails), isOver);

  test("leaves only what it takes to fail", async () => {
    expect(await shrunk((left) => left.includes(3) && left.includes(17))).toEqual([3, 17]);
    expect(await shrunk((left) => left.includes(19))).toEqual([19]);
  });

  test("keeps the whole where every part of it matters, and stops when time is up", async () => {
    expect(await shrunk((left) => left.length === 20)).toEqual(items);
    expect(
      await shrunk(
        () => true,
        () => true,
      ),
    ).toEqual(items);
  });
});

describe("from the logs", () => {
  const KEY = { apiGroup: "example.org", resource: "widgets", namespace: "h1", name: "a" };
  const MARKS = "core.kube-bind.io";
  let version = 0;
  const write = (more: Partial<Write>): Write => ({
    auditID: "",
    stage: "ResponseComplete",
    verb: "patch",
    requestURI: "/apis/example.org/v1/namespaces/h1/widgets/a",
    user: { username: "konnector" },
    objectRef: KEY,
    responseStatus: { code: 200 },
    requestReceivedTimestamp: `2030-01-01T00:00:${String(++version).padStart(2, "0")}.000000Z`,
    stageTimestamp: "",
    ...more,
  });
  const applied = (count: number): Write => {
    const annotations = { [`${MARKS}/consumer-object-uid`]: "mine" };
    const requestObject = { metadata: { annotations }, spec: { count } };
    const metadata = { uid: "copy", namespace: "h1", resourceVersion: String(version + 1), annotations };
    return write({ requestObject, responseObject: { metadata, spec: { count } } });
  };
  const mirrored = (phase: string, count: number): Write => {
    const status = { phase, observedGeneration: 1 };
    const metadata = { uid: "mine", namespace: "h1", generation: 1, resourceVersion: String(version + 1) };
    const requestObject = [{ op: "add", path: "/status", value: status }];
    const objectRef = { ...KEY, subresource: "status" };
    return write({ objectRef, requestObject, responseObject: { metadata, spec: { count }, status } });
  };

  test("an apply that brings back an older spec is found (V6)", () => {
    expect(violations({ consumer: [], provider: [applied(1), applied(2)] }, [])).toEqual([]);
    const [problem] = violations({ consumer: [], provider: [applied(2), applied(1)] }, []);
    expect(problem).toContain("V6: patch widgets h1/a brought back 1 after 2");
  });

  test("a status that was replaced and comes back is found (V6)", () => {
    expect(violations({ consumer: [mirrored("ph1", 1), mirrored("ph2", 1)], provider: [] }, [])).toEqual([]);
    const [problem] = violations({ consumer: [mirrored("ph2", 1), mirrored("ph1", 1)], provider: [] }, []);
    expect(problem).toContain("V6: patch widgets/status h1/a brought back status 1 after 2");
  });

  test("readiness that was said of another spec is found", () => {
    const body = { metadata: { generation: 3 }, spec: { count: 1 }, status: { observedGeneration: 3 } };
    const deed: Deed = {
      round: 0,
      step: { do: "report", name: "a", phase: "ph1", observed: "now" },
      status: 200,
      body,
    };
    expect(violations({ consumer: [mirrored("ph1", 1)], provider: [] }, [deed])).toEqual([]);
    expect(violations({ consumer: [mirrored("ph1", 2)], provider: [] }, [deed])).toEqual([
      "ph1 was said of 1 and shown for 2",
    ]);
  });

  test("a copy that is deleted for nobody, or although its object was to leave it, is found (V8)", () => {
    const gone = () => write({ verb: "delete", requestObject: { preconditions: { uid: "copy" } } });
    const going = (annotations: object): Write => {
      const metadata = { uid: "mine", namespace: "h1", deletionTimestamp: "2029-01-01T00:00:00Z", annotations };
      return write({ user: { username: "admin" }, verb: "delete", responseObject: { metadata } });
    };
    const provider = () => [applied(1), gone()];
    expect(violations({ consumer: [going({})], provider: provider() }, [])).toEqual([]);
    expect(violations({ consumer: [], provider: provider() }, [])[0]).toContain("neither deleting nor let go");
    const kept = going({ [`${MARKS}/deletion-policy`]: "Orphan" });
    expect(violations({ consumer: [kept], provider: provider() }, [])[0]).toContain("its object was to leave it");
  });

  test("a write that came late and changed something is found (V6)", () => {
    const late = (version: string): Write => {
      const one = applied(2);
      const { metadata } = one.responseObject;
      return { ...one, auditID: "late-1", responseObject: { metadata: { ...metadata, resourceVersion: version } } };
    };
    const before = applied(2);
    const { resourceVersion } = before.responseObject.metadata;
    expect(violations({ consumer: [], provider: [before, late(resourceVersion)] }, [])).toEqual([]);
    expect(violations({ consumer: [], provider: [before, late("99")] }, [])[0]).toContain("came late and was taken");
  });

  test("what was carried of an object that was paused is found, and what was carried before or afterwards is not", () => {
    const left = (count: number, paused: boolean): Write => {
      const annotations = paused ? { [`${MARKS}/paused`]: "true" } : {};
      const metadata = { uid: "mine", namespace: "h1", annotations };
      return write({ user: { username: "admin" }, responseObject: { metadata, spec: { count } } });
    };
    const [made, before, paused, edited] = [left(1, false), applied(1), left(1, true), left(2, true)];
    const meanwhile = applied(2);
    const consumer = [made, paused, edited, left(2, false)];
    expect(violations({ consumer, provider: [before, applied(1), applied(2)] }, [])).toEqual([]);
    const [problem] = violations({ consumer, provider: [before, meanwhile] }, []);
    expect(problem).toContain("carried 2 of an object that is paused");
  });

  test("a write after all had settled is found (V5)", () => {
    const late = applied(1);
    const before = "2029-12-31T00:00:00.000Z";
    expect(lateWrites({ consumer: [], provider: [late] }, before)).toHaveLength(1);
    expect(lateWrites({ consumer: [], provider: [late] }, "2030-01-02T00:00:00.000Z")).toEqual([]);
  });
});
