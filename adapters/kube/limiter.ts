// The requests of one client, let through one by one: no more in flight than in-flight-limit.ts says, none while the server
// has asked to be left in peace, no faster than a configured rate. Promises that they go in the order in which they asked,
// that nobody waits in vain or for longer than he can, and that who would is told so at once. Which requests have to ask, and
// which answers speak for the whole server, is decided in requests.ts and errors.ts. Costs next to nothing while nobody waits.
// Rule: docs/reference/behaviour.md, "Limits"; why: docs/adr/0017-in-flight-not-per-second.md.

import { ApiError, type Clock } from "../../actors/ports.ts";
import { systemClock } from "../clock.ts";
import { createInFlightLimit } from "./in-flight-limit.ts";
import { createTokenBucket, type Rate } from "./token-bucket.ts";

export interface Limits {
  /** Requests in flight, at most. */
  inFlight: number;
  rate: Rate;
}

/** How it is with a limiter at the moment. */
export interface LimiterState {
  readonly limit: number;
  readonly inFlight: number;
  readonly waiting: number;
}

/** Is told what happens. */
export interface LimiterReport {
  /** It begins its work; what this answers is called when that ends. */
  opened?(state: LimiterState): () => void;
  /** A request goes that has waited for so many milliseconds. */
  waited?(milliseconds: number): void;
  /** A request was not sent, because it would have waited for too long. */
  turnedAway?(): void;
  /** The server is sent less than before, for this reason, until `relieved`. */
  throttled?(why: string): void;
  /** It is sent as much as ever, after so many milliseconds. */
  relieved?(milliseconds: number): void;
}

export interface Limiter extends LimiterState {
  /**
   * To be asked before a request is sent: how many milliseconds that had to wait. Rejects as a server does that has too many
   * requests when it would be more than `most`, or, for a write, when the server wants its peace for longer than a moment.
   */
  enter: (most: number, isWrite: boolean) => number | Promise<number>;
  /** A request that had entered, sent at `sent`, is over `now`: reading a clock costs more than all the rest. */
  leave: (sent: number, now: number, isAnswered: boolean, isWrite: boolean) => void;
  /** The server wants to be left in peace for so many seconds; it has said so to a request that was sent at `sent`. */
  refused: (sent: number, seconds: number, words: string) => void;
  /** What is not even to be asked now, because the server wants its peace, fails with this. */
  resting: () => ApiError | undefined;
  /** Resolves when the server no longer wants that. */
  peace: () => Promise<void>;
  /** Nobody waits any more, now or later. */
  close: () => void;
}

interface Waiter {
  asked: number;
  /** Until when he can wait, and until when for a server that wants its peace. */
  until: number;
  patience: number;
  go: (milliseconds: number) => void;
  turnAway: (error: ApiError) => void;
}

/** Milliseconds. Who would wait longer to write gives up his place to one who may need nothing of this server. */
const MOMENT = 2_000;

const SLOW = "its answers take very much longer than they did";

/** That of `performance`: the time of day may be set back, and everybody would wait for it to come again. */
const steadyClock: Clock = { now: () => performance.now(), after: (ms, callback) => systemClock.after(ms, callback) };

const tooMany = (message: string, wait: number): ApiError =>
  new ApiError(message, { status: 429, reason: "TooManyRequests", retryAfter: Math.max(1, Math.ceil(wait / 1_000)) });

export const createLimiter = (
  { inFlight: cap, rate }: Limits,
  report: LimiterReport = {},
  clock: Clock = steadyClock,
): Limiter => {
  const adaptive = createInFlightLimit(cap);
  const bucket = rate.qps === 0 ? undefined : createTokenBucket(rate, clock.now());
  const waiting: Waiter[] = [];
  const sleepers: (() => void)[] = [];
  let inFlight = 0;
  /** 0 where the server does not want to be left in peace. */
  let peaceUntil = 0;
  let words = "";
  let throttledSince: number | undefined;
  let timer: { at: number; cancel: () => void } | undefined;
  let closed = false;

  const forPeace = (now: number): number => Math.max(0, peaceUntil - now);
  const forToken = (now: number, before: number): number => Math.max(0, bucket?.wait(now, before) ?? 0);
  /** Milliseconds that one waits who has so many before him, as far as that can be told. */
  const wait = (now: number, before: number): number => Math.max(forPeace(now), forToken(now, before));

  const leftInPeace = (milliseconds: number): ApiError =>
    tooMany(`nothing is sent while the server wants to be left in peace: ${words}`, milliseconds);
  const refusal = (now: number, before: number): ApiError => {
    report.turnedAway?.();
    const [peace, token] = [forPeace(now), forToken(now, before)];
    if (peace > token) return leftInPeace(peace);
    return tooMany(
      token > 0
        ? `it is sent ${rate.qps} requests per second at most (--provider-qps), and too many wait already`
        : "it is slow or has asked for fewer requests, and too many wait already",
      token,
    );
  };

  const arm = (at: number): void => {
    if (timer !== undefined && timer.at <= at) return;
    timer?.cancel();
    // A timer may fire a fraction of a millisecond early; it is then set once more.
    timer = { at, cancel: clock.after(Math.ceil(at - clock.now()), ring) };
  };

  const admit = (now: number): void => {
    inFlight++;
    bucket?.take(now);
  };

  /** Whoever may go, goes. */
  const pump = (now: number): void => {
    for (let first = waiting[0]; first !== undefined && inFlight < adaptive.now; first = waiting[0]) {
      const more = wait(now, 0);
      if (more > 0) return arm(now + more);
      waiting.shift();
      admit(now);
      report.waited?.(now - first.asked);
      first.go(now - first.asked);
    }
  };

  /** Whoever would wait in vain is told so. */
  const sweep = (now: number): void => {
    for (let index = 0; index < waiting.length;) {
      const { until, patience, turnAway } = waiting[index] as Waiter;
      if (now < until && peaceUntil <= patience) index++;
      else {
        waiting.splice(index, 1);
        turnAway(refusal(now, index));
      }
    }
  };

  function ring(): void {
    timer = undefined;
    const now = clock.now();
    if (forPeace(now) > 0) arm(peaceUntil);
    else wake();
    pump(now);
    sweep(now);
    if (waiting.length > 0) arm(Math.min(...waiting.map(({ until }) => until)));
  }

  function wake(): void {
    peaceUntil = 0;
    for (const rested of sleepers.splice(0)) rested();
  }

  const queue = (now: number, most: number, isWrite: boolean): Promise<number> => {
    const until = now + most;
    const patience = isWrite ? Math.min(until, now + MOMENT) : until;
    if (peaceUntil > patience || wait(now, waiting.length) > most) return Promise.reject(refusal(now, waiting.length));
    return new Promise((go, turnAway) => {
      waiting.push({ asked: now, until, patience, go, turnAway });
      arm(until);
      pump(now);
    });
  };

  const enter = (most: number, isWrite: boolean): number | Promise<number> => {
    if (waiting.length === 0 && inFlight < adaptive.now) {
      const isTimeless = peaceUntil === 0 && bucket === undefined;
      const now = isTimeless ? 0 : clock.now();
      if (isTimeless || wait(now, 0) === 0) {
        admit(now);
        return 0;
      }
    }
    return closed ? 0 : queue(clock.now(), most, isWrite);
  };

  /** Tells once of many times that less is sent, and once that it is as much as ever. */
  const tell = (now: number, why: string): void => {
    const isLess = adaptive.now < cap || peaceUntil > now;
    if (isLess && throttledSince === undefined) {
      throttledSince = now;
      report.throttled?.(why);
    } else if (!isLess && throttledSince !== undefined) {
      report.relieved?.(now - throttledSince);
      throttledSince = undefined;
    }
  };

  const leave = (sent: number, now: number, isAnswered: boolean, isWrite: boolean): void => {
    if (isWrite) adaptive.measured(sent, now, inFlight, isAnswered);
    if (isAnswered) adaptive.answered(sent);
    inFlight--;
    tell(now, SLOW);
    if (waiting.length > 0) pump(now);
  };

  const refused = (sent: number, seconds: number, told: string): void => {
    if (closed) return;
    const now = clock.now();
    adaptive.refused(sent, now);
    words = told;
    peaceUntil = Math.max(peaceUntil, now + seconds * 1_000);
    sweep(now);
    arm(peaceUntil);
    tell(now, told);
  };

  const state: LimiterState = {
    get limit() {
      return adaptive.now;
    },
    get inFlight() {
      return inFlight;
    },
    get waiting() {
      return waiting.length;
    },
  };
  const forget = report.opened?.(state);

  const close = (): void => {
    closed = true;
    timer?.cancel();
    wake();
    for (const { go } of waiting.splice(0)) go(0);
    forget?.();
  };

  const resting = (): ApiError | undefined => {
    const peace = peaceUntil === 0 ? 0 : forPeace(clock.now());
    return peace === 0 ? undefined : leftInPeace(peace);
  };

  const peace = (): Promise<void> =>
    peaceUntil === 0 || closed ? Promise.resolve() : new Promise((rested) => sleepers.push(rested));

  return Object.assign(state, { enter, leave, refused, resting, peace, close });
};
