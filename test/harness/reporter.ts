// Closes a test run with its slowest tests and one line of counts that a machine can read. A file or a suite that failed
// outside its tests (import, beforeAll) counts as one failure, so that nothing that could not run looks passed. The line
// also goes to the file that KONNECTOR_COUNTS_FILE names, for those who want it after everything else was printed.

import { writeFileSync } from "node:fs";
import path from "node:path";

import type { Reporter, TestModule, TestSuite } from "vitest/node";

const SLOWEST = 10;
const WORTH_NAMING_MS = 1000;

const brokenSuites = (suite: TestModule | TestSuite): number => {
  const within = [...suite.children.suites()].reduce((sum, child) => sum + brokenSuites(child), 0);
  return within + (suite.errors().length > 0 ? 1 : 0);
};

const slowest = (modules: readonly TestModule[]): string[] =>
  modules
    .flatMap((module) => [...module.children.allTests()])
    .map((test) => ({ test, ms: test.diagnostic()?.duration ?? 0 }))
    .filter(({ ms }) => ms >= WORTH_NAMING_MS)
    .sort((a, b) => b.ms - a.ms)
    .slice(0, SLOWEST)
    .map(({ test, ms }) => {
      const file = path.relative(process.cwd(), test.module.moduleId);
      return `  ${(ms / 1000).toFixed(1).padStart(6)} s  ${file} > ${test.fullName}`;
    });

export class ClosingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      counts.failed += brokenSuites(module);
      for (const test of module.children.allTests()) counts[test.result().state] += 1;
    }
    const skipped = counts.skipped + counts.pending;
    const line = `${counts.passed} passed, ${counts.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
    const slow = slowest(modules);
    if (slow.length > 0) process.stdout.write(`\nSlowest tests:\n${slow.join("\n")}\n`);
    process.stdout.write(`\n${line}\n`);
    const file = process.env["KONNECTOR_COUNTS_FILE"];
    if (file) writeFileSync(file, `${line}\n`);
  }
}
