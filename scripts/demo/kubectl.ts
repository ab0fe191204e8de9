// Runs the real kubectl for the demo and shows what was typed and what came back. A command has a deadline and never
// outlives the demo; one that fails is an error that says which command and what it answered.

import { spawn } from "node:child_process";

import { guardedDir, recordPid } from "../../test/harness/process-guard.ts";
import { command, output } from "./screen.ts";

export type Side = "provider" | "consumer";

export interface Kubectl {
  /** Runs and shows it; the answer is its stdout. `hide` is shown in the place of a secret answer. */
  run(side: Side, args: string[], options?: { hide?: string }): Promise<string>;
  /** As `run`, for a command that must find nothing. */
  findsNothing(side: Side, args: string[]): Promise<void>;
}

interface Result {
  stdout: string;
  stderr: string;
  code: number;
}

/** Above the deadlines that the commands bring themselves (--timeout), so that theirs speak first. */
const DEADLINE_MS = 40_000;

/** Only what a shell would split or expand is quoted. */
const shown = (arg: string): string => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg}'`);

function execute(binary: string, args: string[], kubeconfigs: string): Promise<Result> {
  const child = spawn(binary, args, {
    env: { ...process.env, KUBECONFIG: kubeconfigs },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: DEADLINE_MS,
    killSignal: "SIGKILL",
  });
  if (child.pid !== undefined) recordPid(child.pid);
  const end = () => void child.kill("SIGKILL");
  process.once("exit", end);
  return new Promise((resolve, reject) => {
    const result = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (result.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (result.stderr += text));
    child.on("error", reject);
    child.on("close", (code) => {
      process.off("exit", end);
      resolve({ ...result, code: code ?? 1 });
    });
  });
}

/** `kubeconfigs` as in KUBECONFIG; together they hold a context for each side. */
export function kubectlWith(binary: string, kubeconfigs: string): Kubectl {
  const run = async (side: Side, args: string[]): Promise<Result> => {
    const words = ["--context", side, ...args];
    command(`kubectl ${words.map(shown).join(" ")}`);
    const result = await execute(binary, [...words, `--cache-dir=${guardedDir()}/kubectl-cache`], kubeconfigs);
    if (result.code === 0) return result;
    throw new Error(`kubectl ended with code ${result.code}: ${result.stderr || result.stdout}`.trimEnd());
  };
  return {
    async run(side, args, { hide } = {}) {
      const { stdout } = await run(side, args);
      output(hide ?? stdout);
      return stdout;
    },
    async findsNothing(side, args) {
      const { stdout, stderr } = await run(side, args);
      if (stdout !== "") throw new Error(`something is left on the ${side}:\n${stdout.trimEnd()}`);
      output(stderr);
    },
  };
}
