// What is to be done with the heartbeat Lease that was found, or not found, on a provider. Pure.
// Rule: docs/reference/behaviour.md, "Heartbeat Lease".

import { holderOf, isMarkedFor, type Lease, renewedAt } from "../../crds/lease.ts";

export interface LeaseSettings {
  /** Where on the provider it is kept. */
  namespace: string;
  /** For how long it is good. */
  seconds: number;
}

export type LeaseStep =
  /** There is none. */
  | { do: "create" }
  /** It is ours, or nobody's. */
  | { do: "renew" }
  /** It is ours, and was renewed only so many milliseconds ago. */
  | { do: "wait"; ms: number }
  /** Somebody else holds it. */
  | { do: "respect"; holder: string };

/**
 * Milliseconds between two renewals: a little less than a third of the duration. So the renewal of a Lease of 60 s comes
 * before the second heartbeat that would be due since the last one, and in its place.
 */
export const renewEvery = (seconds: number): number => (seconds * 1000 * 0.92) / 3;

export function leaseStep(found: Lease | null, consumer: string, { seconds }: LeaseSettings, now: number): LeaseStep {
  if (found === null) return { do: "create" };
  const holder = holderOf(found);
  if (holder !== "" && holder !== consumer) return { do: "respect", holder };
  const asWanted = holder === consumer && found.spec?.leaseDurationSeconds === seconds && isMarkedFor(found, consumer);
  const left = renewedAt(found) + renewEvery(seconds) - now;
  // A time to come was written by another clock than ours: it says nothing.
  const isFresh = left > 0 && left <= renewEvery(seconds);
  return asWanted && isFresh ? { do: "wait", ms: left } : { do: "renew" };
}
