// Whether an operator wants the objects of a binding that is being deleted let go of without the provider's word, said on the
// binding itself or, for all of them, by a time. What follows from that is decided where they are weighed.
// Rule: docs/reference/behaviour.md, "Letting go without the provider".

import { isDeleting, type KubeObject } from "./kube-object.ts";
import { ANNOTATION } from "./labels.ts";

/** Only the exact value "true" releases, and only what is being deleted. */
export const isReleased = (object: KubeObject): boolean =>
  isDeleting(object) && object.metadata.annotations?.[ANNOTATION.release] === "true";

/** When a drain has taken long enough, in milliseconds since 1970; null: never. `timeout`: milliseconds, 0 for never. */
export function drainEnd({ metadata: { deletionTimestamp } }: KubeObject, timeout: number): number | null {
  if (timeout === 0 || deletionTimestamp === undefined) return null;
  return Date.parse(deletionTimestamp) + timeout;
}
