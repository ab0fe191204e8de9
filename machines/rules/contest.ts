// How often the same content is written to one copy whose fields somebody on the provider keeps changing back: a few repairs
// at once, then one in each interval, so that two writers who disagree never spin. Pure; kept only for objects that were
// written a moment ago. Rule: docs/reference/behaviour.md, "Two writers".

export interface Contest {
  /** Hash of what was written last: only the same again is a repair. */
  sent: string;
  /** Repairs made and not yet made up for by a quiet interval. */
  spent: number;
  /** What the object says of it while it lasts; "" as long as repairs are quick. */
  message: string;
}

/** Has it been said that somebody keeps changing the object's fields back? */
export const isContested = (contest: Contest | null): contest is Contest => contest !== null && contest.message !== "";

/** Repairs that wait for nothing. With one more in each interval, no minute sees more than ten writes. */
const QUICK_REPAIRS = 4;

/** Milliseconds after which one more repair may be made. */
export const REPAIR_INTERVAL = 10_000;

/** What was written is remembered for an interval, to tell a repair from a change of mind. */
export const afterWrite = (contest: Contest | null, sent: string): Contest => ({
  sent,
  spent: contest?.spent ?? 0,
  message: contest?.message ?? "",
});

/** A try counts, whatever the server answers: a write that lost a race was sent all the same. */
export const beforeWrite = (contest: Contest | null, wanted: string): Contest | null =>
  contest?.sent === wanted ? { ...contest, spent: Math.min(contest.spent + 1, QUICK_REPAIRS) } : contest;

/** Would the next write be one repair too many? What the consumer has changed since is none, and does not wait. */
export const isOverspent = (contest: Contest | null, wanted: string): boolean =>
  contest?.sent === wanted && contest.spent >= QUICK_REPAIRS;

/** An interval has passed. */
export const afterInterval = (contest: Contest | null): Contest | null =>
  contest === null || contest.spent === 0 ? null : { ...contest, spent: contest.spent - 1 };

/** Several intervals in which nothing had to be repaired: it is over. One would do where the other is merely slow. */
export const afterPeace = (contest: Contest | null): Contest | null => {
  const next = afterInterval(contest);
  return next !== null && next.spent <= QUICK_REPAIRS / 2 ? { ...next, message: "" } : next;
};
