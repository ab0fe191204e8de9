// Gives memory back once a burst is over. An engine that has nothing to do any more does not look what is still needed, or looks
// once and keeps what it has freed: a process that has carried ten thousand objects would hold 100 MB for nothing. Promises to
// look only after much was done and when little is, once for each such time, and never where that would take long.
// Rule: docs/reference/behaviour.md, "Process".

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../actors/ports.ts";

export interface Heap {
  /** Milliseconds of processor time that the process has used so far. */
  worked(): number;
  /** Bytes that are in use, or were when it was last looked. */
  used(): number;
  /** Frees what is not needed and gives it back; nothing else runs meanwhile. */
  collect(): void;
}

/** Milliseconds between two looks, and what has to be worked in them to be a burst, or at most to be calm. */
const LOOK = 10_000;
const MUCH = 1_000;
const LITTLE = 500;
/** Bytes. A larger heap takes more than a moment, and there a burst matters less. */
const LARGE = 192 * 1024 * 1024;

/** Ends with the process; its timers do not keep that alive. */
export function tidyAfterBursts(heap: Heap, clock: Clock): void {
  let before = heap.worked();
  let burst = false;
  const look = (): void => {
    const now = heap.worked();
    const worked = now - before;
    before = now;
    if (worked >= MUCH) burst = true;
    else if (burst && worked <= LITTLE) {
      burst = false;
      if (heap.used() <= LARGE) heap.collect();
    }
    clock.after(LOOK, look);
  };
  clock.after(LOOK, look);
}

type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/** The heap of this process. */
export function ownHeap(): Heap {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as Collect;
  return {
    worked: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000;
    },
    used: () => getHeapStatistics().used_heap_size,
    // The flavour that also gives back the pages it has emptied.
    collect: () => collect({ type: "major", execution: "sync", flavor: "last-resort" }),
  };
}
