// How long to wait before trying again. Delays are bounded, attempts never are; whoever schedules adds the jitter.

/** Milliseconds: doubles from `first` with each attempt (counted from 1) up to `most`. */
const doubling = (attempt: number, first: number, most: number): number =>
  Math.min(most, first * 2 ** Math.min(Math.max(attempt, 1) - 1, 20));

/** A provider or network fault: 0.5 s doubling to 30 s. */
export const faultDelay = (attempt: number): number => doubling(attempt, 500, 30_000);

/** A conflicted object is read again after 2 s, doubling to 30 s. */
export const conflictRecheckDelay = (attempt: number): number => doubling(attempt, 2_000, 30_000);

/** A rejected object: "slow retry", 1 to 10 min. */
export const slowRetryDelay = (attempt: number): number => doubling(attempt, 60_000, 600_000);

/** A missing permission is asked for again every 30 s. */
export const DENIED_DELAY = 30_000;

/** A write that lost a race waits for the newer event; this is only the backstop should that event never come. */
export const NEWS_BACKSTOP = 5_000;
