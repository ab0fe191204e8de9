// A clock that moves only when a test moves it. A fake, because due times of minutes must be tried in no time, and
// because "not a moment earlier" cannot be seen on a clock that goes by itself.

import type { Clock } from "../../actors/ports.ts";

export interface ManualClock extends Clock {
  /** Lets so many milliseconds pass, calling back what becomes due on the way, each at its own time. */
  advance(ms: number): void;
  /** Callbacks that wait. */
  readonly waiting: number;
}

export function manualClock(start = 1_000_000): ManualClock {
  let now = start;
  const waiting = new Set<{ at: number; callback: () => void }>();
  return {
    now: () => now,
    after(ms, callback) {
      const one = { at: now + ms, callback };
      waiting.add(one);
      return () => waiting.delete(one);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...waiting].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        waiting.delete(next);
        now = next.at;
        next.callback();
      }
      now = end;
    },
    get waiting() {
      return waiting.size;
    },
  };
}
