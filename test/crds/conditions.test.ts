import { describe, expect, test } from "vitest";

import {
  boundedMessage,
  findCondition,
  isTrue,
  sameConditions,
  setCondition,
  wholeSeconds,
  type ConditionUpdate,
} from "../../crds/conditions.ts";
import type { Condition } from "../../crds/meta.ts";
import type { Reason } from "../../crds/reasons.ts";
import { fc, test as prop } from "./properties.ts";

const EARLY = "2026-01-02T03:04:05.678Z";
const LATE = "2026-01-02T04:00:00Z";

const ready = (status: "True" | "False", message = "", observedGeneration = 1): ConditionUpdate => ({
  type: "Ready",
  status,
  reason: status === "True" ? "AsExpected" : "Pending",
  message,
  observedGeneration,
});

describe("setting a condition", () => {
  test("adds it at the end, with whole seconds", () => {
    const foreign: Condition = { type: "Theirs", status: "True", lastTransitionTime: LATE, reason: "X", message: "" };
    expect(setCondition([foreign], ready("False", "waiting", 3), EARLY)).toEqual([
      foreign,
      {
        type: "Ready",
        status: "False",
        reason: "Pending",
        message: "waiting",
        observedGeneration: 3,
        lastTransitionTime: "2026-01-02T03:04:05Z",
      },
    ]);
  });

  test("keeps the transition time while the status stays, whatever else changes", () => {
    const before = setCondition(undefined, ready("False", "one"), EARLY);
    const after = setCondition(before, { ...ready("False", "two", 7), reason: "Forbidden" }, LATE);
    expect(after).toEqual([{ ...before[0], reason: "Forbidden", message: "two", observedGeneration: 7 }]);
  });

  test("moves the transition time when the status flips", () => {
    const before = setCondition(undefined, ready("False"), EARLY);
    expect(setCondition(before, ready("True"), LATE)[0]?.lastTransitionTime).toBe(LATE);
  });

  test("replaces it where it stands and leaves the old list as it was", () => {
    const before = setCondition(
      setCondition(undefined, ready("False"), EARLY),
      { type: "Connected", status: "True", reason: "AsExpected", message: "" },
      EARLY,
    );
    const copy = structuredClone(before);
    const after = setCondition(before, ready("True"), LATE);
    expect(after.map(({ type }) => type)).toEqual(["Ready", "Connected"]);
    expect(before).toEqual(copy);
  });

  test("omits an unknown generation, so that no null is sent", () => {
    const update: ConditionUpdate = { type: "Ready", status: "True", reason: "AsExpected", message: "" };
    expect(Object.keys(setCondition([], update, EARLY)[0] ?? {})).not.toContain("observedGeneration");
  });

  test("refuses a reason that no API server would take", () => {
    expect(() => setCondition([], { ...ready("True"), reason: "no good" as Reason }, EARLY)).toThrow(TypeError);
  });
});

describe("a message", () => {
  test("of 32768 characters is kept, a longer one is cut and says so", () => {
    const longest = "m".repeat(32_768);
    expect(boundedMessage(longest)).toBe(longest);
    const cut = boundedMessage(`${longest}m`);
    expect([cut.length, cut.at(-1)]).toEqual([32_768, "…"]);
  });

  test("is not cut in the middle of a character", () => {
    const cut = boundedMessage("a" + "😀".repeat(20_000));
    expect(cut.isWellFormed()).toBe(true);
    expect(boundedMessage("😀".repeat(20_000)).isWellFormed()).toBe(true);
  });
});

describe("comparing conditions", () => {
  const list: Condition[] = [
    { type: "A", status: "True", reason: "R", message: "m", observedGeneration: 1, lastTransitionTime: LATE },
    { type: "B", status: "False", reason: "S", message: "", lastTransitionTime: LATE },
  ];
  const other = fc.constantFrom<Partial<Condition>>(
    { type: "C" },
    { status: "Unknown" },
    { reason: "Other" },
    { message: "other" },
    { observedGeneration: 2 },
  );

  test("ignores times and order", () => {
    const same = list.map((condition) => ({ ...condition, lastTransitionTime: EARLY })).reverse();
    expect(sameConditions(list, same)).toBe(true);
  });

  prop("sees every other difference", fc.tuple(other, fc.nat(1)), ([change, index]) => {
    const changed = list.map((condition, at) => (at === index ? { ...condition, ...change } : condition));
    expect(sameConditions(list, changed)).toBe(false);
    expect(sameConditions(changed, list)).toBe(false);
  });

  test("takes none and an empty list for the same, and a missing one for a difference", () => {
    expect(sameConditions(undefined, [])).toBe(true);
    expect(sameConditions(list, list.slice(1))).toBe(false);
  });
});

test("a condition is found by its type, and counts as true only when it says so", () => {
  const list = setCondition(undefined, ready("False"), EARLY);
  expect(findCondition(list, "Ready")?.status).toBe("False");
  expect(findCondition(list, "Synced")).toBeUndefined();
  expect([isTrue(list, "Ready"), isTrue(undefined, "Ready")]).toEqual([false, false]);
  expect(isTrue(setCondition(list, ready("True"), LATE), "Ready")).toBe(true);
});

test("whole seconds are those of the moment, not rounded up", () => {
  expect(wholeSeconds("2026-01-02T03:04:05.999Z")).toBe("2026-01-02T03:04:05Z");
});
