// How fast requests may follow each other: a bucket of tokens that is full at first, as arithmetic. Who waits for a token, and
// with what clock, is for limiter.ts. Rule: docs/reference/behaviour.md, "Limits".

export interface Rate {
  /** Requests per second in the long run; 0 for no cap. */
  qps: number;
  /** Requests that may go at once after a pause; at least 1. */
  burst: number;
}

export interface TokenBucket {
  /** Milliseconds from `now` until there is a token for one who has so many before him; 0 or less: there is one. */
  wait: (now: number, before: number) => number;
  take: (now: number) => void;
}

/** `now`: milliseconds of a clock that is never set back. */
export const createTokenBucket = ({ qps, burst }: Rate, now: number): TokenBucket => {
  const apart = 1_000 / qps;
  /** When it will be full again. */
  let full = now;
  return {
    wait: (at, before) => Math.max(full, at) + (before - burst + 1) * apart - at,
    take: (at) => {
      full = Math.max(full, at) + apart;
    },
  };
};
