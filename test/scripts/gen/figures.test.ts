import { expect, test } from "vitest";

import { figuresTable, withFigures } from "../../../scripts/gen/figures.ts";

const machine = { cpus: 2, model: "Some CPU", node: "v24.0.0" };
const result = (value: number) => ({
  scenario: "backlog",
  machine,
  limits: [{ what: "of the bare limit", value, least: 0.85 }],
});

test("the table says what was measured, what was promised, and how to measure it", () => {
  const text = figuresTable([result(0.93)]);
  expect(text).toContain("| 0.93 of the bare limit | at least 0.85 | `backlog` |");
  expect(text).toContain("On 2 cores (Some CPU), Node v24.0.0");
});

test("a promise that was missed is told as one", () => {
  expect(figuresTable([result(0.5)])).toContain("| at least 0.85 (**missed**) |");
  expect(figuresTable([{ ...result(0), limits: [{ what: "for each", value: 2, most: 1.2, unit: "ms" }] }])).toContain(
    "| 2 ms for each | at most 1.2 ms (**missed**) |",
  );
});

test("only what is between its marks is written, and a page without them is an error", () => {
  const readme =
    "before\n\n<!-- figures: written by npm run gen from bench/results -->\nold\n<!-- /figures -->\nafter\n";
  const text = withFigures(readme, [result(1)]);
  expect(text.startsWith("before\n")).toBe(true);
  expect(text.endsWith("<!-- /figures -->\nafter\n")).toBe(true);
  expect(text).not.toContain("old");
  expect(() => withFigures("nothing", [])).toThrow(/the page has no/);
});
