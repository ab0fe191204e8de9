// Builds one control-plane binary from the Go modules that go.mod beside this file pins. About four minutes for all of
// them on two cores with an empty Go build cache, seconds with a warm one.

import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";

import { step } from "./progress.ts";
import { BUILD_ARGS, BUILD_ENV, MODULE_DIR, PACKAGES, type Binary } from "./recipe.ts";

const TAIL_LINES = 30;

/** Runs `go` in the module's directory; resolves with its exit code and the last lines it wrote. */
async function go(args: string[], onLine: (line: string) => void): Promise<{ code: number; tail: string }> {
  const child = spawn("go", args, {
    cwd: MODULE_DIR,
    env: { ...process.env, ...BUILD_ENV },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const tail: string[] = [];
  createInterface(child.stderr).on("line", (line) => {
    tail.push(line);
    if (tail.length > TAIL_LINES) tail.shift();
    onLine(line);
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? 1, tail: tail.join("\n") };
}

/** Whether `go` can be run at all. */
export const hasGo = (): Promise<boolean> =>
  go(["version"], () => undefined).then(
    ({ code }) => code === 0,
    () => false,
  );

/** Builds `binary` into `dir` and returns its path. */
export function build(binary: Binary, dir: string): Promise<string> {
  const file = path.join(dir, binary);
  let done = 0;
  const detail = () => (done === 0 ? "fetching modules" : `${done} packages`);
  return step(`building ${binary} from Go modules`, detail, async () => {
    const { code, tail } = await go([...BUILD_ARGS, "-o", file, PACKAGES[binary]], () => (done += 1));
    if (code !== 0) throw new Error(`go build of ${binary} failed:\n${tail}`);
    return file;
  });
}
