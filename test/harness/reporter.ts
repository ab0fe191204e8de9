// Closes a test run with its slowest tests, with what failed and its first words (so that a test that fails once in twenty runs
// is known from the end of a log), and with one line of counts that a machine can read. A file or a suite that failed outside
// its tests (import, beforeAll) counts as one failure, so that nothing that could not run looks passed. The line also goes to
// the file that KONNECTOR_COUNTS_FILE names, for those who want it after everything else was printed.

import { writeFileSync } from "node:fs";
import path from "node:path";

import type { Reporter, SerializedError, TestModule, TestSuite } from "vitest/node";

const SLOWEST = 10;
const WORTH_NAMING_MS = 1000;

const fileOf = (module: TestModule): string => path.relative(process.cwd(), module.moduleId);

const failure = (what: string, errors: readonly Pick<SerializedError, "message">[] = []): string => {
  const [firstWords = ""] = (errors[0]?.message ?? "").split("\n");
  return `  ${what}: ${firstWords}`;
};

const brokenSuites = (suite: TestModule | TestSuite): string[] => {
  const within = [...suite.children.suites()].flatMap(brokenSuites);
  if (suite.errors().length === 0) return within;
  const what = suite.type === "module" ? fileOf(suite) : `${fileOf(suite.module)} > ${suite.fullName}`;
  return [failure(`${what} (outside its tests)`, suite.errors()), ...within];
};

const failuresOf = (module: TestModule): string[] => {
  const failed = [...module.children.allTests("failed")];
  return [
    ...brokenSuites(module),
    ...failed.map((test) => failure(`${fileOf(module)} > ${test.fullName}`, test.result().errors)),
  ];
};

const slowest = (modules: readonly TestModule[]): string[] =>
  modules
    .flatMap((module) => [...module.children.allTests()])
    .map((test) => ({ test, ms: test.diagnostic()?.duration ?? 0 }))
    .filter(({ ms }) => ms >= WORTH_NAMING_MS)
    .sort((a, b) => b.ms - a.ms)
    .slice(0, SLOWEST)
    .map(({ test, ms }) => `  ${(ms / 1000).toFixed(1).padStart(6)} s  ${fileOf(test.module)} > ${test.fullName}`);

const print = (title: string, lines: readonly string[]): void => {
  if (lines.length > 0) process.stdout.write(`\n${title}:\n${lines.join("\n")}\n`);
};

export class ClosingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const module of modules) for (const test of module.children.allTests()) counts[test.result().state] += 1;
    const failures = [...modules.flatMap(failuresOf), ...unhandledErrors.map((error) => failure("no test's", [error]))];
    const skipped = counts.skipped + counts.pending;
    const line = `${counts.passed} passed, ${failures.length} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
    print("Slowest tests", slowest(modules));
    print("Failed", failures);
    process.stdout.write(`\n${line}\n`);
    const file = process.env["KONNECTOR_COUNTS_FILE"];
    if (file) writeFileSync(file, `${line}\n`);
  }
}
