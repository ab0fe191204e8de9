// The annotation on a binding that names the Connection through which its objects are synced: the only memory of where their
// copies are once `spec.connectionRef` has changed. What follows from the two being different is decided in
// actors/course.ts. Rule: docs/reference/behaviour.md, "Changing the Connection".

import type { AnyBinding } from "./binding.ts";
import { ANNOTATION } from "./labels.ts";

/** "" while nothing has been recorded: then it is the one that the binding names. */
export const recordedConnection = ({ metadata }: Pick<AnyBinding, "metadata">): string =>
  metadata.annotations?.[ANNOTATION.boundConnection] ?? "";

/** The Connection through which copies of the binding's objects were made, if any were. */
export const boundConnection = (binding: Pick<AnyBinding, "metadata" | "spec">): string =>
  recordedConnection(binding) || binding.spec.connectionRef.name;

/** Every Connection that the binding has to do with: the one it names, and the one it has not let go of. */
export const connectionsOf = (binding: Pick<AnyBinding, "metadata" | "spec">): string[] => [
  ...new Set([binding.spec.connectionRef.name, boundConnection(binding)]),
];
