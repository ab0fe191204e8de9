// What a Connection brings without a binding, over every policy and source.
// Rule: docs/reference/behaviour.md, "Schema pull".

import { describe, expect, test } from "vitest";

import type { Connection } from "../../crds/connection.ts";
import { pullsEverything, wantsEagerly } from "../../machines/rules/pulling.ts";

const WIDGETS = { name: "widgets.example.org", group: "example.org", resource: "widgets" };

const connection = (source: string, pullPolicy: string, more: object = {}): Connection =>
  ({
    metadata: { name: "acme", uid: "1" },
    spec: { schema: { source, pullPolicy, updatePolicy: "Always" } },
    status: { activeSchemaSource: "OpenAPI", exportedAPIs: [{ ...WIDGETS, scope: "Namespaced", versions: ["v1"] }] },
    ...more,
  }) as unknown as Connection;

describe("without a binding", () => {
  test.each([
    ["CRD", "Bound", "nothing"],
    ["CRD", "None", "nothing"],
    ["CRD", "All", "everything"],
    ["OpenAPI", "Bound", "everything"],
    ["OpenAPI", "None", "nothing"],
    ["OpenAPI", "All", "everything"],
    ["Auto", "Bound", "nothing"],
    ["Auto", "None", "nothing"],
    ["Auto", "All", "everything"],
  ])("source %s with pullPolicy %s brings %s, though OpenAPI is in use", (source, pullPolicy, brought) => {
    const one = connection(source, pullPolicy);
    expect(pullsEverything(one)).toBe(brought === "everything");
    expect(wantsEagerly(one, WIDGETS.name)).toBe(brought === "everything");
  });

  test("only what is exported is brought", () => {
    expect(wantsEagerly(connection("CRD", "All"), "gadgets.example.org")).toBe(false);
    expect(wantsEagerly(connection("CRD", "All", { status: {} }), WIDGETS.name)).toBe(false);
    expect(wantsEagerly(connection("CRD", "All", { status: undefined }), WIDGETS.name)).toBe(false);
  });

  test("a Connection that is being deleted brings nothing more", () => {
    const metadata = { name: "acme", uid: "1", deletionTimestamp: "2026-01-01T00:00:00Z" };
    expect(wantsEagerly(connection("OpenAPI", "All", { metadata }), WIDGETS.name)).toBe(false);
  });
});
