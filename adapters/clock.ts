// The Clock of the running process: the machine's time and timers. Timers do not keep the process alive, so a shutdown
// never waits for a due time; what keeps it alive are its servers and connections.

import type { Clock } from "../actors/ports.ts";

/** Node fires a longer timer at once (32-bit overflow); a due time that far away may come early, never late. */
const LONGEST_TIMER = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), LONGEST_TIMER));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
