// How fast the requests of one client may follow each other: a token bucket that is full at first. Promises that turns
// come in the order they were asked for, and that whoever would wait too long is told so at once instead of waiting. Which
// requests need a turn is decided in requests.ts. Rule: docs/reference/behaviour.md, "Client and watch".

import { ApiError, type Clock } from "../../actors/ports.ts";
import { systemClock } from "../clock.ts";

export interface Rate {
  /** Requests per second in the long run; 0 for no cap. */
  qps: number;
  /** Requests that may go at once after a pause; at least 1. */
  burst: number;
}

export interface RateLimit {
  /**
   * Resolves when it is the caller's turn, to the milliseconds that took. Rejects at once, as a server does that has too
   * many requests, if it would take more than `most`; the turn then goes to the next.
   */
  turn: (most: number) => Promise<number>;
  /** Nobody waits any more, now or later. */
  close: () => void;
}

const UNLIMITED: RateLimit = { turn: () => Promise.resolve(0), close: () => undefined };

/** The time of day may be set back, and everybody would wait for it to come again. */
const steadyClock: Clock = { now: () => performance.now(), after: (ms, callback) => systemClock.after(ms, callback) };

const refusal = (qps: number, wait: number): ApiError =>
  new ApiError(`it is sent ${qps} requests per second at most (--provider-qps), and too many wait already`, {
    status: 429,
    reason: "TooManyRequests",
    retryAfter: Math.ceil(wait / 1_000),
  });

export const createRateLimit = ({ qps, burst }: Rate, clock: Clock = steadyClock): RateLimit => {
  if (qps === 0) return UNLIMITED;
  const apart = 1_000 / qps;
  const waiting: { at: number; go: () => void }[] = [];
  let cancel: (() => void) | undefined;
  /** When the bucket will be full again. */
  let full = clock.now();
  let closed = false;

  const release = (): void => {
    cancel = undefined;
    const now = clock.now();
    while (waiting[0] !== undefined && waiting[0].at <= now) waiting.shift()?.go();
    arm();
  };
  const arm = (): void => {
    const [next] = waiting;
    // A timer may fire a fraction of a millisecond early; it is then set once more.
    if (next !== undefined) cancel ??= clock.after(Math.ceil(next.at - clock.now()), release);
  };

  return {
    turn: async (most) => {
      const asked = clock.now();
      const from = Math.max(full, asked);
      const at = from - (burst - 1) * apart;
      if (closed || at <= asked) {
        full = from + apart;
        return 0;
      }
      if (at - asked > most) throw refusal(qps, at - asked);
      full = from + apart;
      await new Promise<void>((go) => {
        waiting.push({ at, go });
        arm();
      });
      return clock.now() - asked;
    },
    close: () => {
      closed = true;
      cancel?.();
      for (const { go } of waiting.splice(0)) go();
    },
  };
};
