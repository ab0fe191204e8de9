// The request budget, counted from the API servers' audit logs: what the konnector asked beyond what a change may cost, and
// what it left out, one line each. Rule: docs/reference/behaviour.md, "Cost".

import { LEASES } from "../../crds/resources.ts";
import type { Write } from "./audit-policy.ts";
import { describe, lines, type Traffic, withoutHeartbeat } from "./traffic.ts";

/**
 * Every object costs exactly these requests ("provider patch widgets"), and nothing else is asked of either side but what
 * shows that both still live. Answers "extra: …" and "missing: …", with the whole request or the object.
 */
export function offBudget(heard: Traffic, perObject: readonly string[], places: readonly string[]): string[] {
  const expected = new Map<string, number>();
  for (const line of places.flatMap((place) => perObject.map((request) => `${request} ${place}`)))
    expected.set(line, (expected.get(line) ?? 0) + 1);
  const extra: string[] = [];
  for (const line of lines(withoutHeartbeat(heard))) {
    const left = expected.get(line) ?? 0;
    if (left === 0) extra.push(`extra: ${line}`);
    else expected.set(line, left - 1);
  }
  const missing = [...expected].filter(([, left]) => left > 0).map(([line]) => `missing: ${line}`);
  return [...extra, ...missing];
}

/** Each request once, also where a watch has a line when it starts and one when it ends. */
export const requestsOf = (events: readonly Write[]): string[] => [
  ...new Map(events.map((event) => [event.auditID, describe(event)])).values(),
];

/** What has a budget of its own, a minute: the Lease, and the look whether a server still answers. */
export const isSignOfLife = ({ requestURI, objectRef }: Write): boolean =>
  requestURI === "/version" || objectRef?.resource === LEASES.resource;
