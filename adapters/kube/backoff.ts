// How long a watch waits before it tries again: exponential with full jitter, so that many watches of a server that
// comes back do not come back together; a server's own Retry-After wins, however long it is (errors.ts bounds it).
// Rule: docs/reference/behaviour.md, "Client and watch".

import { ApiError, UnreachableError } from "../../actors/ports.ts";

export interface BackoffLimits {
  /** Milliseconds: the longest first wait. */
  base: number;
  /** Milliseconds: the longest wait that the server did not ask for. */
  cap: number;
  /** The same two where the API is likely to appear in a moment (404, 429 of a fresh CRD). */
  appearingBase: number;
  appearingCap: number;
}

export const BACKOFF: BackoffLimits = { base: 500, cap: 30_000, appearingBase: 100, appearingCap: 5_000 };

/** What who has too much to do wants at least. */
const A_SECOND = 1;

const isAppearing = (error: Error): boolean =>
  error instanceof ApiError && (error.status === 404 || error.status === 429);

/** Milliseconds that the server asked us to wait; 0 where it did not. */
export const askedDelay = (error: Error | undefined): number =>
  error instanceof ApiError || error instanceof UnreachableError ? (error.retryAfter ?? 0) * 1_000 : 0;

/** Seconds for which the whole server wants to be left in peace; 0 where it has not said so, or of one request only. */
export const peaceAsked = (error: Error): number => {
  if (error instanceof UnreachableError) return error.retryAfter ?? 0;
  if (!(error instanceof ApiError) || !error.isOfServer) return 0;
  if (error.status === 429) return error.retryAfter || A_SECOND;
  return error.status === 503 ? (error.retryAfter ?? 0) : 0;
};

/** Milliseconds to wait after `failures` failures in a row (0: the first one). */
export const backoffDelay = (failures: number, error: Error, limits: BackoffLimits, random: () => number): number => {
  const [base, cap] = isAppearing(error) ? [limits.appearingBase, limits.appearingCap] : [limits.base, limits.cap];
  return Math.max(random() * Math.min(cap, base * 2 ** Math.min(failures, 30)), askedDelay(error));
};
