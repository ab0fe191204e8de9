// The quality gates, each one command that fails when its promise is broken. test/gates.test.ts plants what each must
// catch; add a gate here and a plant there.

export interface Gate {
  name: string;
  promise: string;
  command: readonly [string, ...string[]];
}

const SOURCES = ["crds", "machines", "actors", "adapters", "cmd", "scripts", "test", "bench"];

/** By content, so that nothing that has changed is passed over; a fresh clone has none. */
const PRETTIER_CACHE = ["--cache", "--cache-strategy", "content", "--cache-location", ".tmp/prettier"];

export const GATES: readonly Gate[] = [
  { name: "types", promise: "every type fits", command: ["tsc", "--noEmit", "--pretty", "false"] },
  { name: "eslint", promise: "promises awaited, functions and files small", command: ["eslint", "."] },
  {
    name: "imports",
    promise: "imports run one way, no cycles, nothing undeclared",
    command: ["depcruise", "--config", ".dependency-cruiser.mjs", "--output-type", "err", ...SOURCES],
  },
  { name: "unused", promise: "no unused file, export or dependency", command: ["knip", "--no-progress"] },
  { name: "repository", promise: "names and contents of files", command: ["node", "scripts/repository.ts"] },
  {
    name: "format",
    promise: "laid out by prettier",
    command: ["prettier", "--check", "--log-level", "warn", ...PRETTIER_CACHE, "."],
  },
];
