// Which source a Connection takes its exports from, over everything that may be known.
// Rule: docs/reference/behaviour.md, "Schema sources".

import { describe, expect, test } from "vitest";

import { chooseSource, type Labelled } from "../../machines/rules/schema-source.ts";

const EVERYTHING: Labelled[] = ["unknown", "some", "none", "forbidden", "unserved", "failed"];

describe("a source that is named", () => {
  test.each(["CRD", "OpenAPI"] as const)("(%s) is taken, whatever was decided before and is found", (wanted) => {
    for (const labelled of EVERYTHING) {
      for (const decided of ["", "CRD", "OpenAPI"]) expect(chooseSource(wanted, decided, labelled)).toBe(wanted);
    }
  });
});

describe("Auto", () => {
  test.each([
    ["CRD if there is a labelled definition", "some", "CRD"],
    ["OpenAPI if a complete list shows none", "none", "OpenAPI"],
    ["OpenAPI if they may not be listed", "forbidden", "OpenAPI"],
    ["OpenAPI if they are not served", "unserved", "OpenAPI"],
    ["nothing before it is known", "unknown", null],
    ["nothing from an error that may pass", "failed", null],
  ] as const)("decides for %s", (_what, labelled, source) => {
    expect(chooseSource("Auto", "", labelled)).toBe(source);
  });

  test("stays with CRD whatever happens then", () => {
    for (const labelled of EVERYTHING) expect(chooseSource("Auto", "CRD", labelled)).toBe("CRD");
  });

  test("moves from OpenAPI only when a labelled definition appears", () => {
    for (const labelled of EVERYTHING) {
      expect(chooseSource("Auto", "OpenAPI", labelled)).toBe(labelled === "some" ? "CRD" : "OpenAPI");
    }
  });
});
