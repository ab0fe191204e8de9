// Gives memory back once a burst is over. An engine that has nothing to do any more does not look what is still needed, or looks
// once and keeps what it has freed: a process that has carried ten thousand objects would hold 100 MB for nothing. Promises to
// look only while little happens, where there is something to be had since the last time, and never where it would take long.
// Rule: docs/reference/behaviour.md, "Process".

import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../actors/ports.ts";

export interface Heap {
  /** Milliseconds of processor time that the process has used so far. */
  worked(): number;
  /** Bytes that are in use, or were when it was last looked. */
  used(): number;
  /** Bytes that are held, in use or not. */
  held(): number;
  /** Frees what is not needed and gives it back; nothing else runs meanwhile. */
  collect(): void;
}

/** Milliseconds between two looks, and how many of them may be worked where little happens. */
const LOOK = 10_000;
const LITTLE = 500;
/** Bytes: what is not worth a look, and what takes more than a moment to look through. */
const SMALL = 12 * 1024 * 1024;
const LARGE = 192 * 1024 * 1024;

/** Ends with the process; its timers do not keep that alive. */
export function tidyAfterBursts(heap: Heap, clock: Clock): void {
  let before = heap.worked();
  let tidy = 0;
  const look = (): void => {
    const worked = heap.worked() - before;
    before += worked;
    if (worked <= LITTLE && heap.held() > tidy + SMALL && heap.used() <= LARGE) {
      heap.collect();
      tidy = heap.held();
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
    held: () => getHeapStatistics().total_heap_size,
    // The flavour that also gives back the pages it has emptied.
    collect: () => collect({ type: "major", execution: "sync", flavor: "last-resort" }),
  };
}
