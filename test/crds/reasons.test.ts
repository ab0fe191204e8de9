import { describe, expect, test } from "vitest";

import { CONDITION_TYPES } from "../../crds/condition-types.ts";
import { REASON_PATTERN } from "../../crds/meta.ts";
import { DELETION_BLOCKERS, EVENT_REASONS, isRegistered, REASONS } from "../../crds/reasons.ts";

const tables = { CONDITION_TYPES, REASONS, EVENT_REASONS, DELETION_BLOCKERS };
const words = Object.entries(tables).flatMap(([table, entries]) =>
  Object.entries(entries).map(([word, entry]) => ({ table, word, ...entry })),
);

describe.each(words)("$table $word", ({ word, when, todo }) => {
  test("is a word that an API server takes", () => {
    expect(word).toMatch(REASON_PATTERN);
    expect(word.length).toBeLessThanOrEqual(128); // the limit of an Event's reason
  });

  test("says when it appears and what to do, in sentences", () => {
    for (const sentence of [when, todo]) expect(sentence).toMatch(/^[A-Z].*\.$/);
  });
});

test("every place of a reason is a condition that its subject carries", () => {
  const wrong = Object.entries(REASONS).flatMap(([reason, { on }]) =>
    on
      .filter((place) => {
        const [subject, type] = place.split(/[ =]/) as [string, keyof typeof CONDITION_TYPES];
        return !(CONDITION_TYPES[type].on as readonly string[]).includes(subject);
      })
      .map((place) => `${reason}: ${place}`),
  );
  expect(wrong).toEqual([]);
});

test("every condition type of every subject can be said to be well, or is one that only appears when it is not", () => {
  const wells = REASONS.AsExpected.on.map((place) => place.replace(/=.*/, ""));
  const carried = Object.entries(CONDITION_TYPES).flatMap(([type, { on }]) =>
    on.map((subject) => `${subject} ${type}`),
  );
  expect(carried.filter((place) => !wells.includes(place as never))).toEqual(["Instance Synced"]);
});

test("the registry tells a known use of a reason from an unknown one", () => {
  expect(isRegistered("Connection", "SecretValid", "False", "ForbiddenField")).toBe(true);
  expect(isRegistered("Connection", "SecretValid", "True", "ForbiddenField")).toBe(false);
  expect(isRegistered("Connection", "SecretValid", "False", "NoSuchReason")).toBe(false);
});
