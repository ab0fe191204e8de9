import { readFileSync } from "node:fs";
import path from "node:path";

import { afterEach, expect, test } from "vitest";

import { discard, judge, miniature, type Planted, type Verdict } from "./skeleton.ts";

const directories: string[] = [];
afterEach(() => directories.splice(0).forEach(discard));

const runIn = (planted: Planted, ...command: [string, ...string[]]): Promise<Verdict> => {
  const dir = miniature(planted);
  directories.push(dir);
  return judge({ name: "runner", promise: "", command }, dir);
};

const VITEST = `import { beforeAll, expect, test } from "vitest";\n\n`;

test("npm run lint fails when one gate fails, and shows what it said", async () => {
  const crooked = { files: { "machines/crooked.ts": "// Planted.\n\nexport const a = {b:1}\n" } };
  const verdict = await runIn(crooked, "node", "scripts/lint.ts", "repository", "format");
  expect(verdict).toMatchObject({
    code: 1,
    output: expect.stringMatching(/FAILED format[\s\S]*machines\/crooked\.ts/),
  });
  expect(verdict.output).toMatch(/ok +repository/);
});

test("npm run lint refuses a gate that does not exist", async () => {
  expect((await runIn({}, "node", "scripts/lint.ts", "nonsense")).code).not.toBe(0);
});

test("a test run closes with what failed and its counts, and what could not run counts as failed", async () => {
  const files = {
    "test/mixed.test.ts": `${VITEST}test("a", () => {});\ntest("b", () => expect(1).toBe(2));\ntest.skip("c", () => {});\n`,
    "test/hook.test.ts": `${VITEST}beforeAll(() => {\n  throw new Error("no start");\n});\ntest("d", () => {});\n`,
    "test/import.test.ts": `${VITEST}import "./nowhere.ts";\n\ntest("e", () => {});\n`,
  };
  const dir = miniature({ files });
  directories.push(dir);
  const counts = path.join(dir, "counts");
  const command = ["env", `KONNECTOR_COUNTS_FILE=${counts}`, "vitest", "run"] as const;
  const verdict = await judge({ name: "vitest", promise: "", command }, dir);
  expect(verdict.code).toBe(1);
  // Passed: "a" and the miniature's own test. Failed: "b", the hook, the import. Skipped: "c" and "d".
  expect(readFileSync(counts, "utf8")).toBe("2 passed, 3 failed, 2 skipped\n");
  const closing = verdict.output.slice(verdict.output.lastIndexOf("\nFailed:\n"));
  expect(closing).toMatch(/^ {2}test\/mixed\.test\.ts > b: expected 1 to be 2/m);
  expect(closing).toMatch(/^ {2}test\/hook\.test\.ts \(outside its tests\): no start$/m);
  expect(closing).toMatch(/^ {2}test\/import\.test\.ts \(outside its tests\): .*nowhere/m);
  expect(verdict.output.trim().split("\n").at(-1)).toBe("2 passed, 3 failed, 2 skipped");
});

test("a test that is marked `only` fails the run instead of hiding the others", async () => {
  const files = { "test/only.test.ts": `${VITEST}test.only("a", () => {});\n` };
  expect((await runIn({ files }, "vitest", "run")).code).toBe(1);
});
