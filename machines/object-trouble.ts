// What keeps an object from being in sync as the object itself says it, in its condition Synced, and which status it should
// show meanwhile: the provider's goes on being mirrored. Pure.
// Rules: docs/reference/behaviour.md, "Status", "Refusals" and "Two writers".

import type { Reason } from "../crds/reasons.ts";
import {
  copyOf,
  type CopyFact,
  isStillRefused,
  type ObjectContext,
  specInSync,
  statusInSync,
  whose,
} from "./object-facts.ts";
import { isContested } from "./rules/contest.ts";

export interface Trouble {
  reason: Reason;
  message: string;
  /** The same for the same trouble, also where a server words it anew each time. */
  id: string;
}

const REASON = {
  forbidden: "Forbidden",
  forbiddenHere: "Forbidden",
  terminating: "NamespaceTerminating",
  rejected: "SyncRejected",
  outdated: "",
  fault: "",
} as const;

/** The reason of a refusal that is said to people; "" for what is expected to pass by itself. */
export const reasonOf = (cause: keyof typeof REASON) => REASON[cause];

export function troubleOf(context: ObjectContext): Trouble | null {
  const { refused, contest } = context;
  if (refused !== null && isStillRefused(context)) {
    const reason = reasonOf(refused.cause);
    return reason === "" ? null : { reason, message: refused.message, id: `${refused.cause} ${refused.wanted}` };
  }
  return isContested(contest) ? { reason: "FieldsContested", message: contest.message, id: contest.message } : null;
}

/** Do both sides agree on the spec, so that what the copy says of its generation holds for the object's? */
export const speaksOfNow = ({ consumer, accepted }: ObjectContext, copy: CopyFact): boolean =>
  !!consumer && specInSync(consumer, copy, accepted);

/** The copy whose status is mirrored; none where it is not ours, or where that very mirroring was refused. */
export function mirrored(context: ObjectContext): CopyFact | null {
  const copy = copyOf(context);
  if (copy === null || whose(context) !== "ours") return null;
  return isStillRefused(context) && speaksOfNow(context, copy) ? null : copy;
}

/** Stands for a status with what is said beside it: `shape` is the copy's, "" where none is mirrored. */
export const statusShown = (shape: string, trouble: Trouble | null): string =>
  trouble === null ? shape : `${shape} Synced=False ${trouble.reason} ${trouble.id}`;

/** Is a status write owed, for the copy's status or for what is said beside it? */
export function owesStatus(context: ObjectContext): boolean {
  const { consumer, acceptedStatus } = context;
  if (!consumer) return false;
  const trouble = troubleOf(context);
  if (trouble === null) {
    const copy = copyOf(context);
    return copy !== null && !statusInSync(consumer, copy, acceptedStatus);
  }
  const wanted = statusShown(mirrored(context)?.status.shape ?? "", trouble);
  return acceptedStatus?.sent !== wanted || acceptedStatus.kept !== consumer.status.shape;
}
