// Whether an object asks to be left alone: a Connection, a binding or a synced object, by an annotation of its own. What
// follows from that for others is decided where they are weighed.
// Rule: docs/reference/behaviour.md, "Pausing".

import type { ObjectMeta } from "./kube-object.ts";
import { ANNOTATION } from "./labels.ts";

/** Only the exact value "true" pauses. */
export const isPaused = ({ metadata }: { metadata: Pick<ObjectMeta, "annotations"> }): boolean =>
  metadata.annotations?.[ANNOTATION.paused] === "true";
