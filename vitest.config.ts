// Three projects: `unit` (everything beside one part of the source, some of it against real API servers), then `e2e` (whole
// clusters and the real process) and, among those, `e2e-mapped` (some of them with a konnector that renames what it copies).

import { defineConfig } from "vitest/config";

import { ClosingReporter } from "./test/harness/reporter.ts";

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    retry: 0,
    allowOnly: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    reporters: ["default", new ClosingReporter()],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/histories/**"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts", "test/histories/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "e2e-mapped",
          include: ["core", "removals", "related", "related-rules"].map((name) => `test/e2e/${name}.test.ts`),
          env: { E2E_MAPPER: "prefixed" },
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
