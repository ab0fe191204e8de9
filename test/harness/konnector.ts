// Runs the real process, `cmd/konnector.ts run`, as a child: its log is kept in memory (to be searched for credentials)
// and in a file, and it never outlives the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, writeFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { freePort } from "./free-port.ts";
import { guardedDir, recordPid } from "./process-guard.ts";
import { eventually, NotYet } from "./wait.ts";

export interface KonnectorOptions {
  /** Text of the kubeconfig of the consumer cluster. */
  kubeconfig: string;
  /** More flags, for example ["--namespace", "elsewhere"]. */
  args?: string[];
  /** Added to the environment; undefined removes. */
  env?: Record<string, string | undefined>;
  /** The program; default: the one that ships. */
  entry?: string;
  /** Flags of Node itself. */
  nodeFlags?: readonly string[];
}

export interface Konnector {
  pid: number;
  /** http://127.0.0.1:port of /metrics. */
  metricsUrl: string;
  /** http://127.0.0.1:port of /healthz and /readyz. */
  healthUrl: string;
  /** Everything written to stdout and stderr so far. */
  output(): string;
  /** The log entries of `output()`; lines that are no JSON are left out. */
  log(): Record<string, unknown>[];
  logFile: string;
  /** Waits until /readyz answers 200; fails at once if the process has ended. */
  ready(deadlineMs?: number): Promise<void>;
  /** SIGTERM; resolves with the exit code, or fails if the process needs more than 10 s. */
  stop(): Promise<number>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** Undefined while it runs; -1 for an end by signal. */
  exitCode(): number | undefined;
}

const ENTRY = path.join(import.meta.dirname, "..", "..", "cmd", "konnector.ts");
const STOP_MS = 10_000;

const parseLine = (line: string): Record<string, unknown>[] => {
  try {
    return [JSON.parse(line) as Record<string, unknown>];
  } catch {
    return [];
  }
};

export async function startKonnector(options: KonnectorOptions): Promise<Konnector> {
  const dir = await mkdtemp(path.join(guardedDir(), "konnector-"));
  const kubeconfigPath = path.join(dir, "kubeconfig");
  const logFile = path.join(dir, "konnector.log");
  writeFileSync(kubeconfigPath, options.kubeconfig, { mode: 0o600 });
  const [metrics, health] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const flags = [
    "--kubeconfig",
    kubeconfigPath,
    "--metrics-bind-address",
    metrics,
    "--health-probe-bind-address",
    health,
  ];
  const program = [...(options.nodeFlags ?? []), options.entry ?? ENTRY];
  const child = spawn(process.execPath, [...program, "run", ...flags, ...(options.args ?? [])], {
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (child.pid !== undefined) recordPid(child.pid);
  const chunks: string[] = [];
  const file = createWriteStream(logFile);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      chunks.push(text);
      file.write(text);
    });
  }
  let code: number | undefined;
  const closed = once(child, "close").then(([exit]) => {
    code = (exit as number | null) ?? -1;
    file.end();
  });
  await once(child, "spawn");
  const output = () => chunks.join("");

  const probeReady = async () => {
    if (code !== undefined) return "ended" as const;
    const response = await fetch(`http://${health}/readyz?verbose`, { signal: AbortSignal.timeout(2000) });
    return response.ok ? ("ready" as const) : new NotYet(await response.text());
  };

  const endWith = async (signal: NodeJS.Signals) => {
    if (code === undefined) child.kill(signal);
    const late = sleep(STOP_MS, "late" as const, { ref: false });
    if ((await Promise.race([closed, late])) !== "late") return;
    child.kill("SIGKILL");
    await closed;
    throw new Error(`the konnector did not end within ${STOP_MS} ms of ${signal}:\n${output().slice(-4000)}`);
  };

  return {
    pid: child.pid as number,
    metricsUrl: `http://${metrics}`,
    healthUrl: `http://${health}`,
    output,
    log: () => output().split("\n").flatMap(parseLine),
    logFile,
    ready: async (deadlineMs = 15_000) => {
      const state = await eventually("the konnector to be ready", probeReady, deadlineMs);
      if (state === "ended") throw new Error(`the konnector ended with code ${code}:\n${output().slice(-4000)}`);
    },
    stop: async () => {
      await endWith("SIGTERM");
      return code as number;
    },
    kill: () => endWith("SIGKILL"),
    exitCode: () => code,
  };
}
