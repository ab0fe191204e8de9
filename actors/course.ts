// Through which Connection the objects of a binding go, and what has to happen first where it names another one by now: it is
// handed over at once between Connections to one provider, else its objects are drained through the old one before anything
// is done through the new one. Reads what is there; the memory is the annotation on the binding.
// Rule: docs/reference/behaviour.md, "Changing the Connection".

import { isKeptNow } from "../crds/auto-binding.ts";
import type { AnyBinding } from "../crds/binding.ts";
import { boundConnection, recordedConnection } from "../crds/bound-connection.ts";
import type { Connection } from "../crds/connection.ts";
import { isDeleting } from "../crds/kube-object.ts";

export interface Course {
  /**
   * settled: nothing is in the way. unrecorded: likewise, but the annotation does not say so yet. draining: the objects have to
   * leave the provider that they are on. waiting: it is not known where the Connection that it names leads.
   */
  stage: "settled" | "unrecorded" | "draining" | "waiting";
  /** The Connection that the objects go through until then. */
  through: string;
}

interface Connections {
  connection(name: string): Connection | undefined;
}

export function courseOf(connections: Connections, binding: AnyBinding): Course {
  const { name: wanted } = binding.spec.connectionRef;
  const bound = boundConnection(binding);
  // What a user makes of the reference of one that `autoBind` keeps is set back.
  if (isKeptNow(connections.connection(bound), binding)) return settled(binding, bound);
  if (bound === wanted) return settled(binding, wanted);
  const [old, next] = [bound, wanted].map((name) => connections.connection(name)?.status?.remoteClusterUID ?? "");
  if (old !== "" && old === next) return { stage: "unrecorded", through: wanted };
  return { stage: next === "" && !isDeleting(binding) ? "waiting" : "draining", through: bound };
}

const settled = (binding: AnyBinding, through: string): Course => ({
  stage: recordedConnection(binding) === through ? "settled" : "unrecorded",
  through,
});

/** Its objects are on another provider than the one it names, or may be. */
export const isMoving = ({ stage }: Course): boolean => stage === "draining" || stage === "waiting";
