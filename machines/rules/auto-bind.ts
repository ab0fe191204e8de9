// What `autoBind` has to do to the ClusterBinding of the Connection's name. Pure; what has not been listed yet reaches it as
// "not known", and then nothing is taken away. Rule: docs/reference/behaviour.md, "autoBind".

import type { ApiName } from "../../crds/kube-object.ts";
import type { Reason } from "../../crds/reasons.ts";

export interface AutoBindFacts {
  connection: { name: string; autoBind: boolean; deleting: boolean };
  /** The ClusterBinding of the Connection's name. */
  binding: { ours: boolean; deleting: boolean; connection: string; apis: readonly ApiName[] } | null;
  /** Sorted by name; null while they are not known. `complete`: what is not among them is not exported. */
  exports: { apis: readonly ApiName[]; complete: boolean } | null;
  /** Has the API synced objects, as far as can be told? */
  inUse: (api: ApiName) => boolean;
}

export type AutoBindStep =
  | { do: "nothing" }
  | { do: "create"; apis: ApiName[] }
  | { do: "update"; apis: ApiName[] }
  /** It becomes the user's. */
  | { do: "letGo" }
  | { do: "delete" }
  /** A user's stands in its place. */
  | { do: "refuse" };

/** `kept`: APIs that are listed although they are no longer exported; to be looked at again. */
export interface AutoBindPlan {
  step: AutoBindStep;
  kept: ApiName[];
}

/** What keeps the ClusterBinding from being as it should. */
export interface AutoBindTrouble {
  reason: Extract<Reason, "ForeignObjectExists" | "Pending">;
  message: string;
}

const plan = (step: AutoBindStep, kept: ApiName[] = []): AutoBindPlan => ({ step, kept });
const NOTHING = plan({ do: "nothing" });

const isSame = (a: readonly ApiName[], b: readonly ApiName[]): boolean =>
  a.length === b.length && a.every((api, index) => api === b[index]);

/** As exports are sorted, so that an API which is exported again has its place still. */
const byName = (a: ApiName, b: ApiName): number => (a < b ? -1 : Number(a > b));

export function autoBindPlan(facts: AutoBindFacts): AutoBindPlan {
  const { connection, binding } = facts;
  if (connection.autoBind && !connection.deleting) return kept(facts);
  if (binding === null || !binding.ours || binding.deleting) return NOTHING;
  // With the Connection goes what was kept for it; what was given back before stays the user's.
  return plan(connection.autoBind ? { do: "delete" } : { do: "letGo" });
}

function kept({ connection, binding, exports, inUse }: AutoBindFacts): AutoBindPlan {
  if (binding !== null && !binding.ours) return plan({ do: "refuse" });
  // Exports that look empty are no reason to unbind everything.
  if (exports === null || exports.apis.length === 0 || binding?.deleting) return NOTHING;
  if (binding === null) return plan({ do: "create", apis: [...exports.apis] });
  const exported = new Set(exports.apis);
  const others = [...new Set(binding.apis)].filter((api) => !exported.has(api));
  const staying = others.filter((api) => !exports.complete || inUse(api));
  const apis = [...exports.apis, ...staying].sort(byName);
  const isAsWanted = binding.connection === connection.name && isSame(apis, binding.apis);
  return plan(isAsWanted ? { do: "nothing" } : { do: "update", apis }, staying);
}
