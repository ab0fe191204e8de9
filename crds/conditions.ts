// Lists of conditions, changed by value: no clock, no client, never in place.
// A transition time moves only when a status flips, so that a settled system has nothing to write.
// Rules: docs/reference/behaviour.md, "Conditions".

import type { ConditionType } from "./condition-types.ts";
import type { Condition, ConditionStatus } from "./meta.ts";
import { MAX_MESSAGE, REASON_PATTERN } from "./meta.ts";
import type { Reason } from "./reasons.ts";

/** What a machine decides about one condition; the time is added by `setCondition`. */
export interface ConditionUpdate {
  type: ConditionType;
  status: ConditionStatus;
  reason: Reason;
  message: string;
  observedGeneration?: number;
}

/** What ends a message that had to be cut. */
const CUT = "…";

/** A text an API server accepts as the message of a condition: at most MAX_MESSAGE characters. */
export const boundedMessage = (text: string): string => {
  // The server counts code points; a string of that many UTF-16 units is never longer than that.
  if (text.length <= MAX_MESSAGE) return text;
  const kept = text.slice(0, MAX_MESSAGE - CUT.length);
  return kept.replace(/[\uD800-\uDBFF]$/, "") + CUT;
};

/** Whole seconds, as conditions carry them: "2026-01-02T03:04:05Z". Takes any ISO date-time. */
export const wholeSeconds = (time: string): string => `${new Date(time).toISOString().slice(0, 19)}Z`;

export const findCondition = (
  conditions: readonly Condition[] | undefined,
  type: ConditionType,
): Condition | undefined => conditions?.find((condition) => condition.type === type);

/** True only if the condition is there and its status is "True". */
export const isTrue = (conditions: readonly Condition[] | undefined, type: ConditionType): boolean =>
  findCondition(conditions, type)?.status === "True";

/**
 * The list with that one condition set: replaced where it stands, or added at the end. Conditions of other types, ours or
 * not, stay as they are. `now` is an ISO date-time and counts only if the status flips or the condition is new.
 * Throws TypeError for a reason that no API server would take (the type should have prevented it).
 */
export const setCondition = (
  conditions: readonly Condition[] | undefined,
  update: ConditionUpdate,
  now: string,
): Condition[] => {
  if (!REASON_PATTERN.test(update.reason)) throw new TypeError(`not a condition reason: ${update.reason}`);
  const before = findCondition(conditions, update.type);
  const condition: Condition = {
    type: update.type,
    status: update.status,
    ...(update.observedGeneration === undefined ? {} : { observedGeneration: update.observedGeneration }),
    lastTransitionTime: before?.status === update.status ? before.lastTransitionTime : wholeSeconds(now),
    reason: update.reason,
    message: boundedMessage(update.message),
  };
  if (before === undefined) return [...(conditions ?? []), condition];
  return (conditions ?? []).map((entry) => (entry === before ? condition : entry));
};

const sameButTime = (a: Condition, b: Condition): boolean =>
  a.status === b.status &&
  a.reason === b.reason &&
  a.message === b.message &&
  a.observedGeneration === b.observedGeneration;

/** Whether two lists say the same, whatever their order and their transition times. */
export const sameConditions = (a: readonly Condition[] | undefined, b: readonly Condition[] | undefined): boolean => {
  const left = a ?? [];
  const right = b ?? [];
  return (
    left.length === right.length &&
    left.every((condition) => right.some((other) => other.type === condition.type && sameButTime(condition, other)))
  );
};
