// `npm run e2e`: the end-to-end suites alone; with `--core` only the core promises (under 90 s). Other arguments go to
// vitest as they are.

import { spawnSync } from "node:child_process";

const given = process.argv.slice(2);
const rest = given.filter((arg) => arg !== "--core");
const core = rest.length < given.length ? ["test/e2e/core.test.ts"] : [];
const { status } = spawnSync("vitest", ["run", "--project", "e2e", ...core, ...rest], { stdio: "inherit" });
process.exitCode = status ?? 1;
