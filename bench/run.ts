// Runs the scenarios of this directory one after the other, or the one that is named first, with what follows as its flags:
// `npm run bench`, `npm run bench -- bindings --bindings 50`. Ends with the first one that fails.

import { spawnSync } from "node:child_process";
import path from "node:path";

const SCENARIOS = [
  ...["throughput", "latency", "live", "restart", "isolation", "bindings", "rotation"],
  ...["connections", "memory", "soak", "ceiling"],
];

const [named = "", ...flags] = process.argv.slice(2);
const isNamed = SCENARIOS.includes(named);
if (named !== "" && !isNamed) {
  console.error(`no such scenario: ${named}; there are ${SCENARIOS.join(", ")}`);
  process.exit(2);
}
for (const scenario of isNamed ? [named] : SCENARIOS) {
  const script = path.join(import.meta.dirname, `${scenario}.ts`);
  const { status } = spawnSync(process.execPath, [script, ...flags], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
