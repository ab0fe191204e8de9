// When which actor is due again: one wheel for all of them, so that a thousand waiting objects cost one timer. A due key
// is only put on the queue; its pass then asks `takeDue` and tells the machine that its time has come.
// Promises: a key has at most one due time, the last one set. Adds up to 20 % jitter unless told otherwise, so that what
// failed together is not tried again together.

import type { Rest } from "./host.ts";
import { type Clock, PRIORITY, type WorkQueue } from "./ports.ts";

const TICK = 100;
const JITTER = 0.2;

export interface Timers {
  /**
   * Due in `ms` milliseconds, or never when null; whatever was set before, come or not, counts no more. `jitter`: the most
   * that is added, as a part of `ms`.
   */
  set(key: string, ms: number | null, jitter?: number): void;
  /** True once after the key's time has come. */
  takeDue(key: string): boolean;
  stop(): void;
}

/**
 * When the actor that rests like this is due again: in the time it named in this pass, else in `otherwise`. A rest tagged
 * "timed" waits for a time named in an earlier pass: what passed meanwhile without news for it must not take that away.
 */
export function setDue(
  timers: Pick<Timers, "set">,
  key: string,
  rest: Pick<Rest<{ retryIn: number | null }>, "context" | "hasTag">,
  otherwise: number | null = null,
): void {
  const { retryIn } = rest.context;
  if (retryIn !== null || !rest.hasTag("timed")) timers.set(key, retryIn ?? otherwise);
}

export function createTimers(clock: Clock, queue: Pick<WorkQueue, "add">, random: () => number = Math.random): Timers {
  const slots = new Map<number, Set<string>>();
  const slotOf = new Map<string, number>();
  const due = new Set<string>();
  let cancel: (() => void) | undefined;

  const clear = (key: string) => {
    // A time that came while the pass was under way which now sets another is no longer the last one set.
    due.delete(key);
    const slot = slotOf.get(key);
    if (slot === undefined) return;
    slotOf.delete(key);
    const keys = slots.get(slot);
    keys?.delete(key);
    if (keys?.size === 0) slots.delete(slot);
  };

  const turn = () => {
    cancel = undefined;
    const now = Math.floor(clock.now() / TICK);
    for (const [slot, keys] of [...slots]) {
      if (slot > now) continue;
      slots.delete(slot);
      for (const key of keys) {
        slotOf.delete(key);
        due.add(key);
        queue.add(key, PRIORITY.resync);
      }
    }
    arm();
  };

  const arm = () => {
    if (cancel === undefined && slots.size > 0) cancel = clock.after(TICK, turn);
  };

  return {
    set(key, ms, jitter = JITTER) {
      clear(key);
      if (ms === null) return;
      const slot = Math.ceil((clock.now() + ms * (1 + jitter * random())) / TICK);
      const keys = slots.get(slot) ?? new Set();
      slots.set(slot, keys.add(key));
      slotOf.set(key, slot);
      arm();
    },
    takeDue: (key) => due.delete(key),
    stop() {
      cancel?.();
      slots.clear();
      slotOf.clear();
      due.clear();
    },
  };
}
