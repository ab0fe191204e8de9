// Who on the provider has taken fields of a copy that this cluster wants, as the copy's managedFields tell: a field that a
// controller set back is in its entry and no longer in ours. Pure.
// Rule: docs/reference/behaviour.md, "Two writers".

import { isRecord, type Json, type JsonObject } from "../../crds/json.ts";
import type { KubeObject, ManagedFieldsEntry } from "../../crds/kube-object.ts";
import { FIELD_MANAGER } from "../../crds/labels.ts";
import { appliedEntry } from "./field-entries.ts";
import { itemMatcher } from "./projection.ts";

export interface Rivalry {
  /** Names of field managers; where no field tells, the one that wrote last. */
  managers: string[];
  /** The fields they hold, as paths: "spec.size". */
  fields: string[];
}

type Path = readonly string[];

/** The leaves of a field set, each as the members that lead to it. */
function leaves(set: JsonObject, above: Path = []): Path[] {
  const members = Object.entries(set).filter(([member]) => member !== ".");
  if (members.length === 0) return above.length === 0 ? [] : [above];
  return members.flatMap(([member, inner]) => leaves(isRecord(inner) ? inner : {}, [...above, member]));
}

/** Is there something at that place? */
function has(value: Json | undefined, [member, ...further]: Path): boolean {
  if (member === undefined) return value !== undefined;
  if (member.startsWith("f:")) return isRecord(value) && has(value[member.slice(2)], further);
  const matches = itemMatcher(member);
  const item = Array.isArray(value) ? value.find((one, index) => matches(one, index)) : undefined;
  return item !== undefined && has(item, further);
}

const shown = (path: Path): string =>
  path.reduce((text, member) => {
    if (!member.startsWith("f:")) return `${text}[${member.slice(2)}]`;
    return text === "" ? member.slice(2) : `${text}.${member.slice(2)}`;
  }, "");

const key = (path: Path): string => JSON.stringify(path);

const isAnothers = ({ manager, subresource = "" }: ManagedFieldsEntry): boolean =>
  manager !== FIELD_MANAGER && subresource === "";

/** `wanted`: the projection that the copy does not hold any more. */
export function rivalry(copy: KubeObject, wanted: KubeObject): Rivalry {
  const kept = new Set(leaves(appliedEntry(copy)?.fieldsV1 ?? {}).map(key));
  const others = (copy.metadata.managedFields ?? []).filter(isAnothers);
  const taken = others.map((entry) => ({
    manager: entry.manager ?? "",
    fields: leaves(entry.fieldsV1 ?? {}).filter((path) => !kept.has(key(path)) && has(wanted as unknown as Json, path)),
  }));
  const rivals = taken.filter(({ fields }) => fields.length > 0);
  if (rivals.length === 0) return { managers: lastOf(others), fields: [] };
  return {
    managers: [...new Set(rivals.map(({ manager }) => manager))],
    fields: [...new Set(rivals.flatMap(({ fields }) => fields.map(shown)))],
  };
}

/** Who has taken fields away leaves no entry for them: then it is most likely the one that wrote last. */
function lastOf(entries: readonly ManagedFieldsEntry[]): string[] {
  const [last] = [...entries].sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1));
  return last?.manager === undefined ? [] : [last.manager];
}
