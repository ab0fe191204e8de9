// `npm run histories`: random histories with faults (test/histories). `--seed N` plays what that seed says, `--count M` so
// many of them (512 if not told), `--only H` one history alone, as a divergence names it. Without a seed, one that was never
// played. Other arguments go to vitest as they are.

import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  options: { seed: { type: "string" }, count: { type: "string" }, only: { type: "string" } },
  allowPositionals: true,
  strict: false,
});

const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const only = text(values.only);
const seed = text(values.seed) ?? String(1 + (Math.floor(Date.now() / 1000) % 1_000_000));
console.log(only === undefined ? `seed ${seed}` : `history ${only}`);
const env = {
  ...process.env,
  HISTORIES_SEED: seed,
  ...(text(values.count) === undefined ? {} : { HISTORIES_COUNT: text(values.count) }),
  ...(only === undefined ? {} : { HISTORIES_ONLY: only }),
};
const args = ["run", "--project", "e2e", "test/histories/histories.test.ts", ...positionals];
const { status } = spawnSync("vitest", args, { stdio: "inherit", env });
process.exitCode = status ?? 1;
