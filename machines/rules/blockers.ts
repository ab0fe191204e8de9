// What stands in the way of a deletion, told from the facts of one object that has to go, and how many such deletions are
// summed up in a sentence. Pure; when it is worth telling, and where, is for actors/leaving.ts.
// Rule: docs/reference/behaviour.md, "Blocked deletions".

import type { DeletionBlocker } from "../../crds/reasons.ts";
import type { CopyFact, Gate, ObjectContext } from "../object-facts.ts";

export interface Blocker {
  cause: DeletionBlocker;
  /** What exactly, as half a sentence. */
  detail: string;
}

/** What is known of an object that has to let go of its copy. */
export interface LeavingFacts {
  gate: Gate;
  /** What carries the annotation that stops every write for it; "" where none does. */
  paused: string;
  /** As a watch or a look shows it; null: none is known. */
  copy: CopyFact | null;
  refused: ObjectContext["refused"];
  /** A request to the provider has not been answered for longer than one should take. */
  unanswered: boolean;
  /** Why the provider cannot be worked with while the gate is not engaged. */
  away: Blocker;
}

type Refusal = NonNullable<ObjectContext["refused"]>;

/** A write that merely lost a race is on its way again. */
const causeOf = ({ cause }: Refusal): DeletionBlocker | null => {
  if (cause === "outdated") return null;
  return cause === "fault" ? "ProviderUnreachable" : "Forbidden";
};

function ofRefusal(refused: ObjectContext["refused"]): Blocker | null {
  const cause = refused && causeOf(refused);
  return refused && cause ? { cause, detail: refused.message } : null;
}

/** Null: nothing but time. */
export function blockerOf({ gate, paused, copy, refused, unanswered, away }: LeavingFacts): Blocker | null {
  if (paused !== "") return { cause: "Paused", detail: `the annotation core.kube-bind.io/paused is on ${paused}` };
  if (!gate.engaged) return away;
  if (unanswered) return { cause: "ProviderUnreachable", detail: "the provider has not answered for 3 seconds" };
  const refusal = ofRefusal(refused);
  if (refusal !== null || !copy?.deleting) return refusal;
  const holders = copy.heldBy === "" ? "something" : copy.heldBy;
  return { cause: "ProviderFinalizer", detail: `the copy waits for ${holders} on the provider` };
}

/** Blocked deletions, summed up. */
export interface Blocked {
  counts: Partial<Record<DeletionBlocker, number>>;
  /** The first few, with their API. */
  names: string[];
  /** The first few different details. */
  details: string[];
}

const MOST_NAMES = 5;
const MOST_DETAILS = 2;
/** Characters. */
const MOST_DETAIL = 300;

export const NOTHING_BLOCKED: Blocked = { counts: {}, names: [], details: [] };

const add = (into: string[], one: string, most: number): void => {
  if (into.length < most && !into.includes(one)) into.push(one);
};

/** `name`: of the object, with its API. */
export function sumUp(blockers: Iterable<Blocker & { name: string }>): Blocked {
  const sum: Blocked = { counts: {}, names: [], details: [] };
  for (const { cause, detail, name } of blockers) {
    sum.counts[cause] = (sum.counts[cause] ?? 0) + 1;
    add(sum.names, name, MOST_NAMES);
    add(sum.details, detail.slice(0, MOST_DETAIL), MOST_DETAILS);
  }
  return sum;
}

const total = ({ counts }: Blocked): number => Object.values(counts).reduce((sum, count) => sum + count, 0);

/** "" when nothing is blocked. */
export function blockedMessage(blocked: Blocked): string {
  const all = total(blocked);
  if (all === 0) return "";
  const causes = Object.entries(blocked.counts).map(([cause, count]) => `${count} by ${cause}`);
  const more = all > blocked.names.length ? ` and ${all - blocked.names.length} more` : "";
  return `${all} deletion(s) blocked, ${causes.join(", ")}: ${blocked.names.join(", ")}${more} (${blocked.details.join("; ")})`;
}
