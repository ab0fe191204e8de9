// How many requests may be with one server at a time, as a number that follows what the server says and how it answers. Never
// more than the cap that it begins with, never less than 1. Halved when the server has too much to do; lowered gently, and not
// below an eighth of the cap, when even the quickest of its answers have become very slow; grown by about one for each round of
// good answers. Pure arithmetic: times are told. Rule: docs/reference/behaviour.md, "Limits"; why: docs/adr/0017.

export interface InFlightLimit {
  /** Requests that may be in flight now. */
  readonly now: number;
  /** The server has too much to do, it answers a request that was sent at `sent`. */
  refused(sent: number, now: number): void;
  /** It has answered such a request well. */
  answered(sent: number): void;
  /** The time of a write, one of so many in flight. Of one that failed it says something only if it was long. */
  measured(sent: number, now: number, inFlight: number, isAnswered: boolean): void;
}

/** Milliseconds. What is quicker is never slow, whatever it was before: requests that queue take turns, and that is no harm. */
const SLOW = 1_000;
/** So many times as long as lately. */
const WORSE = 10;
const GENTLY = 0.75;
/** A round is as many answers as there are requests in flight, and at least so many. */
const ROUND = 8;
/** Milliseconds: "lately" is this long ago at least, and at most twice as long. */
const LATELY = 60_000;

export const createInFlightLimit = (cap: number): InFlightLimit => {
  const floor = Math.max(1, Math.ceil(cap / 8));
  let limit = cap;
  /** When it was last lowered: what was sent before that says nothing about the limit that holds now. */
  let cutAt = -Infinity;
  let quickest = Infinity;
  let answers = 0;
  /** In flight during this round, at most. */
  let busy = 0;
  let isSlow = false;
  /** The quickest round of the present time and of the time before it. */
  const lately = { since: -Infinity, present: Infinity, before: Infinity };

  const lower = (to: number, now: number): void => {
    limit = to;
    cutAt = now;
  };

  const remember = (now: number): void => {
    if (now - lately.since >= LATELY) {
      lately.before = lately.present;
      lately.present = Infinity;
      lately.since = now;
    }
    lately.present = Math.min(lately.present, quickest);
  };

  /** One request alone may be slow for a reason of its own; if every one of a whole round is, it is the server. */
  const judge = (now: number): void => {
    isSlow = quickest > SLOW && quickest > WORSE * Math.min(lately.present, lately.before);
    if (isSlow && limit > floor) lower(Math.max(floor, Math.min(limit, busy) * GENTLY), now);
    remember(now);
    quickest = Infinity;
    answers = 0;
    busy = 0;
  };

  return {
    get now() {
      return Math.floor(limit);
    },
    refused: (sent, now) => {
      if (sent > cutAt) lower(Math.max(1, limit / 2), now);
    },
    answered: (sent) => {
      if (sent > cutAt && !isSlow) limit = Math.min(cap, limit + 1 / limit);
    },
    measured: (sent, now, inFlight, isAnswered) => {
      const milliseconds = now - sent;
      if (sent <= cutAt || !(isAnswered || milliseconds > SLOW)) return;
      quickest = Math.min(quickest, milliseconds);
      busy = Math.max(busy, inFlight);
      if (++answers >= Math.max(ROUND, busy)) judge(now);
    },
  };
};
