// What a scenario reads of a running konnector, from outside: CPU and resident size as the kernel counts them, and the gauges of
// its own page; and when it has come to rest.

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Konnector } from "../../test/harness/konnector.ts";

/** Milliseconds of a tick of the kernel's clock, as Linux counts CPU everywhere. */
const TICK = 10;
const [USER, SYSTEM] = [11, 12];

/** Milliseconds of CPU that a process has had so far. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[USER]) + Number(fields[SYSTEM])) * TICK;
}

/** Bytes. */
export const residentSizeOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

export async function gaugesOf({ metricsUrl }: Konnector): Promise<(name: string) => number> {
  const page = await (await fetch(`${metricsUrl}/metrics`)).text();
  return (name) => Number(new RegExp(`^konnector_${name} (\\S+)$`, "m").exec(page)?.[1]);
}

/** Milliseconds for which a process at rest is looked at, and the CPU it may have then. */
const [LOOK, IDLE] = [250, 20];
const LOOKS = 8;
const PATIENCE = 1_800_000;

/** Resolves once it has done next to nothing for two seconds, with when that began (as of `performance.now()`). */
export async function atRest({ pid }: Konnector): Promise<number> {
  let [quiet, since, before] = [0, performance.now(), cpuOf(pid)];
  for (const deadline = since + PATIENCE; quiet < LOOKS;) {
    if (performance.now() > deadline) throw new Error("it does not come to rest");
    await pause(LOOK);
    const now = cpuOf(pid);
    if (now - before <= IDLE) quiet++;
    else [quiet, since] = [0, performance.now()];
    before = now;
  }
  return since;
}
