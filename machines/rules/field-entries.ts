// Our entries in a copy's managedFields. What our manager owns under the operation Update (a copy that was made by POST or
// PUT) no apply ever releases, so a field that is removed on the consumer would stay on the provider: such entries are
// told here, and merged into the one of operation Apply. Pure.
// Rule: docs/reference/behaviour.md, "In sync".

import type { Json } from "../../crds/json.ts";
import type { KubeObject, ManagedFieldsEntry } from "../../crds/kube-object.ts";
import { FIELD_MANAGER } from "../../crds/labels.ts";

type FieldSet = Record<string, Json>;

const isOurs = (entry: ManagedFieldsEntry, operation: "Apply" | "Update", manager: string = FIELD_MANAGER): boolean =>
  entry.manager === manager && entry.operation === operation && (entry.subresource ?? "") === "";

/** What our applies own of a copy. */
export const appliedEntry = ({ metadata }: KubeObject, manager?: string): ManagedFieldsEntry | undefined =>
  metadata.managedFields?.find((entry) => isOurs(entry, "Apply", manager));

/** Do we own fields of this copy that an apply would not release? */
export const isHeldByUpdate = ({ metadata }: KubeObject): boolean =>
  metadata.managedFields?.some((entry) => isOurs(entry, "Update")) ?? false;

/** The same entries with all of ours as one of operation Apply, at the place of the first. */
export function reowned(entries: readonly ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const applied = entries.find((entry) => isOurs(entry, "Apply"));
  const updated = entries.filter((entry) => isOurs(entry, "Update"));
  const first = applied ?? updated[0];
  if (first === undefined) return [...entries];
  const fieldsV1 = updated.reduce((all, entry) => union(all, carried(entry)), applied?.fieldsV1 ?? {});
  const one: ManagedFieldsEntry = { ...first, operation: "Apply", fieldsV1 };
  return entries.flatMap((entry) => (entry === first ? [one] : updated.includes(entry) ? [] : [entry]));
}

/** The status is the provider's: to own it would take it away with the next apply, which has none. */
function carried({ fieldsV1 = {} }: ManagedFieldsEntry): FieldSet {
  const { "f:status": _theirs, ...fields } = fieldsV1;
  return fields;
}

/** A set names its own node by ".", or by having no members at all. */
const namesItself = (set: FieldSet): boolean => Object.keys(set).length === 0 || "." in set;

function union(one: FieldSet, other: FieldSet): FieldSet {
  const all = { ...one };
  for (const [member, inner] of Object.entries(other)) {
    const known = all[member] as FieldSet | undefined;
    all[member] = known === undefined ? inner : node(known, inner as FieldSet);
  }
  return all;
}

function node(one: FieldSet, other: FieldSet): FieldSet {
  const members = union(one, other);
  const isLeaf = Object.keys(members).length === 0;
  return isLeaf || !(namesItself(one) || namesItself(other)) ? members : { ".": {}, ...members };
}
