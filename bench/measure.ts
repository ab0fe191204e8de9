// What every scenario measures with: the processor time and the memory of a process, the gauges of a konnector, quantiles,
// and the one form of a result, which is kept in bench/results and read by scripts/gen/figures.ts.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { quantile } from "../test/e2e/pulse.ts";
import { NODE_FLAGS } from "../scripts/bundle.ts";
import type { Konnector } from "../test/harness/konnector.ts";
import { bound, isMet, type Limit, measured } from "./limits.ts";

export interface Result {
  scenario: string;
  /** The name of the file; default: the scenario's. */
  into?: string;
  limits?: readonly Limit[];
  [figure: string]: unknown;
}

/** In flight at once, of everybody who sends many: as many as the konnector has in the lane of one Connection. */
export const CONCURRENCY = 16;

const TICKS_PER_SECOND = 100;

/** Milliseconds of processor time that a process has used so far, in user and in system mode. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return ((user + system) * 1_000) / TICKS_PER_SECOND;
}

/** The same of all API servers (with what they store in) that this process has started. */
export function cpuOfServers(): number {
  const isOurs = new RegExp(`\\((?:kube-apiserver|etcd)\\) \\S ${process.pid} `);
  const cpuIfOurs = (pid: string): number => {
    try {
      return isOurs.test(readFileSync(`/proc/${pid}/stat`, "utf8")) ? cpuOf(Number(pid)) : 0;
    } catch {
      return 0; // It has ended meanwhile.
    }
  };
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.reduce((sum, pid) => sum + cpuIfOurs(pid), 0);
}

/** Bytes of a process that are in memory: of its own, without the pages of files that it shares with others. */
export function residentOf(pid: number): { all: number; own: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? Number.NaN);
  return { all: kilobytes("VmRSS") * 1_024, own: kilobytes("RssAnon") * 1_024 };
}

/** The gauges and counters without labels on a konnector's page, all of one moment: to read some is to begin anew with them. */
export async function gaugesOf({ metricsUrl }: Pick<Konnector, "metricsUrl">): Promise<(name: string) => number> {
  const page = await (await fetch(`${metricsUrl}/metrics`)).text();
  return (name) => Number(new RegExp(`^konnector_${name} (\\S+)$`, "m").exec(page)?.[1]);
}

export const gaugeOf = async (konnector: Pick<Konnector, "metricsUrl">, name: string): Promise<number> =>
  (await gaugesOf(konnector))(name);

export const rounded = (value: number, digits = 1): number => Math.round(value * 10 ** digits) / 10 ** digits;

/** `values` in any order. */
export function quantiles(values: readonly number[]): { p50: number; p90: number; p99: number; most: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number) => rounded(quantile(sorted, part));
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), most: at(1) };
}

/** Keeps the result, prints its limits, and has the process end with 1 if one of them is missed. */
export function conclude(result: Result): void {
  const [{ model } = { model: "unknown" }] = os.cpus();
  const machine = { cpus: os.availableParallelism(), model, node: process.version, flags: NODE_FLAGS.join(" ") };
  const { scenario, into = scenario, ...figures } = result;
  const file = path.join(import.meta.dirname, "results", `${into}.json`);
  writeFileSync(file, `${JSON.stringify({ scenario, machine, ...figures }, undefined, 2)}\n`);
  console.log(JSON.stringify(figures, undefined, 2));
  for (const limit of result.limits ?? [])
    console.log(`${isMet(limit) ? "kept  " : "MISSED"}  ${measured(limit)}: ${bound(limit)}`);
  if (!(result.limits ?? []).every(isMet)) process.exitCode = 1;
}
