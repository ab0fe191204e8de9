// Label selectors as users write them: what they match, what a request says for them, and what is wrong with a bad one.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { isEmpty, type LabelSelector, matches, problemOf, requestText } from "../../crds/label-selector.ts";

const expressions = (...matchExpressions: NonNullable<LabelSelector["matchExpressions"]>): LabelSelector => ({
  matchExpressions,
});

describe("a label selector matches", () => {
  test.each<[string, LabelSelector, Record<string, string>, boolean]>([
    ["labels that are equal", { matchLabels: { app: "db" } }, { app: "db", tier: "x" }, true],
    ["no label of another value", { matchLabels: { app: "db" } }, { app: "web" }, false],
    ["one of the values", expressions({ key: "app", operator: "In", values: ["a", "b"] }), { app: "b" }, true],
    ["no missing label by In", expressions({ key: "app", operator: "In", values: ["a"] }), {}, false],
    ["a missing label by NotIn", expressions({ key: "app", operator: "NotIn", values: ["a"] }), {}, true],
    ["no value that NotIn names", expressions({ key: "app", operator: "NotIn", values: ["a"] }), { app: "a" }, false],
    ["any value by Exists", expressions({ key: "app", operator: "Exists" }), { app: "" }, true],
    ["a missing label by DoesNotExist", expressions({ key: "app", operator: "DoesNotExist" }), {}, true],
    ["nothing that objects have by nature", expressions({ key: "constructor", operator: "Exists" }), {}, false],
    [
      "only all of them",
      { matchLabels: { a: "1" }, ...expressions({ key: "b", operator: "Exists" }) },
      { a: "1" },
      false,
    ],
  ])("%s", (_what, selector, labels, expected) => {
    expect(problemOf(selector, "selector")).toBeNull();
    expect(matches(selector, labels)).toBe(expected);
  });
});

test("an empty one is known as such", () => {
  expect([{}, { matchLabels: {} }, { matchExpressions: [] }].map(isEmpty)).toEqual([true, true, true]);
  expect(isEmpty({ matchLabels: { a: "" } })).toBe(false);
});

test("requests say the same for selectors that mean the same", () => {
  const one = {
    matchLabels: { b: "2", a: "1" },
    ...expressions({ key: "c", operator: "NotIn", values: ["y", "x", "y"] }),
  };
  const other = expressions(
    { key: "c", operator: "NotIn", values: ["x", "y"] },
    { key: "a", operator: "In", values: ["1"] },
    { key: "b", operator: "In", values: ["2"] },
  );
  expect(requestText(one)).toBe("a in (1),b in (2),c notin (x,y)");
  expect(requestText(other)).toBe(requestText(one));
  const bare = expressions({ key: "example.org/a", operator: "Exists" }, { key: "b", operator: "DoesNotExist" });
  expect(requestText(bare)).toBe("!b,example.org/a");
});

describe("a selector that no API server would take is refused by the name of its field:", () => {
  test.each<[string, LabelSelector]>([
    ['s.matchExpressions[0].operator: "Near" is none of', expressions({ key: "a", operator: "Near", values: ["b"] })],
    ["s.matchExpressions[0].values: In needs", expressions({ key: "a", operator: "In" })],
    [
      "s.matchExpressions[1].values: Exists takes no",
      {
        matchExpressions: [
          { key: "a", operator: "Exists" },
          { key: "a", operator: "Exists", values: ["b"] },
        ],
      },
    ],
    ['s.matchExpressions[0].key: "a b" is not', expressions({ key: "a b", operator: "Exists" })],
    ['s.matchExpressions[0].values: "x,y" is not', expressions({ key: "a", operator: "In", values: ["x,y"] })],
    ['s.matchLabels: "a/b/c" is not', { matchLabels: { "a/b/c": "d" } }],
    ['s.matchLabels[a]: "-" is not', { matchLabels: { a: "-" } }],
  ])("%s", (message, selector) => {
    expect(problemOf(selector, "s")).toContain(message);
  });

  test("whatever a user writes, it is judged without an exception", () => {
    const word = fc.oneof(fc.string(), fc.constantFrom("app", "a/b", "__proto__", "constructor", "In", "Exists"));
    const selector = fc.record({
      matchLabels: fc.dictionary(word, word),
      matchExpressions: fc.array(fc.record({ key: word, operator: word, values: fc.array(word) })),
    });
    fc.assert(
      fc.property(selector, fc.dictionary(word, word), (one, labels) => {
        const problem = problemOf(one, "s");
        expect(problem === null || problem.startsWith("s.match")).toBe(true);
        if (problem === null) expect(typeof matches(one, labels)).toBe("boolean");
      }),
    );
  });
});
