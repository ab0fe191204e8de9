// What Connections and bindings say of missing rights: those of the provider's credential in PermissionDenied, those of
// the konnector on its own cluster in LocalPermissionDenied, never one in the place of the other. Joins what was found out
// by asking with what refusals named. Pure. Rule: docs/reference/behaviour.md, "Permissions".

import type { ConditionUpdate } from "../crds/conditions.ts";
import { describeRights, type Right, rightIn } from "./rules/permissions.ts";

/** Missing rights, as far as they concern one subject; null: not known yet. */
export interface RightsView {
  provider: readonly Right[] | null;
  here: readonly Right[] | null;
}

export const NOTHING_MISSING: RightsView = { provider: [], here: [] };

type Verdict = Omit<ConditionUpdate, "type">;

const BOUND = 5;

/** One text of what is missing, "" for nothing. `met`: messages of refusals; what names no right stands as it came. */
function missingText(missing: readonly Right[], met: readonly string[]): string {
  const named = met.flatMap((message) => rightIn(message) ?? []);
  const rights = describeRights([...missing, ...named]);
  const others = [...new Set(met.filter((message) => rightIn(message) === undefined))].slice(0, BOUND);
  return [rights, ...others].filter((text) => text !== "").join("; ");
}

const denied = (message: string): Verdict => ({ status: "True", reason: "Forbidden", message });

const unknown = (message: string): Verdict => ({ status: "Unknown", reason: "Pending", message });

/** `connected`: the provider is at hand, so that its silence means something. */
export function permissionDenied({ provider }: RightsView, met: readonly string[], connected: boolean): Verdict {
  const text = missingText(provider ?? [], met);
  if (text !== "") return denied(`missing on the provider: ${text}`);
  if (!connected) return unknown("not connected");
  if (provider === null) return unknown("the provider is being asked what it allows");
  return { status: "False", reason: "AsExpected", message: "the provider refuses nothing that is needed" };
}

export function localPermissionDenied({ here }: RightsView, met: readonly string[] = []): ConditionUpdate {
  const type = "LocalPermissionDenied";
  const text = missingText(here ?? [], met);
  if (text !== "") return { type, ...denied(`missing for the konnector on this cluster: ${text}`) };
  if (here === null) return { type, ...unknown("this cluster is being asked what it allows") };
  return { type, status: "False", reason: "AsExpected", message: "this cluster refuses nothing that is needed" };
}
