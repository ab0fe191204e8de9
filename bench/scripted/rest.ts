// When a konnector has come to rest, from outside: by the processor time that it uses.

import { setTimeout as pause } from "node:timers/promises";
import type { Konnector } from "../../test/harness/konnector.ts";
import { cpuOf } from "../measure.ts";

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
