// What a Connection brings without a binding, over every policy and source.
// Rule: docs/reference/behaviour.md, "Schema pull".

import { describe, expect, test } from "vitest";

import type { Connection } from "../../crds/connection.ts";
import { pullsEverything } from "../../machines/rules/pulling.ts";

const connection = (source: string, pullPolicy: string, metadata: object = {}): Connection =>
  ({
    metadata: { name: "acme", uid: "1", ...metadata },
    spec: { schema: { source, pullPolicy, updatePolicy: "Always" } },
    status: { activeSchemaSource: "OpenAPI" },
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
    expect(pullsEverything(connection(source, pullPolicy))).toBe(brought === "everything");
  });

  test("a Connection that is being deleted brings nothing more", () => {
    const deleting = { deletionTimestamp: "2026-01-01T00:00:00Z" };
    expect(pullsEverything(connection("OpenAPI", "All", deleting))).toBe(false);
  });
});
