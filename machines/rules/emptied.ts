// Maps that become empty. An API server that is told by an apply to own a map and nothing in it, where it owned something before,
// stores null in its place, or refuses that where the schema does. Such maps are emptied by themselves first. Pure.
// Rule: docs/reference/behaviour.md, "What travels".

import { isRecord, type Json } from "../../crds/json.ts";
import type { KubeObject } from "../../crds/kube-object.ts";

type Path = readonly string[];

const isEmpty = (value: Json): boolean => isRecord(value) && Object.keys(value).length === 0;

type Wrong = (held: Json) => boolean;

function below(wanted: Json | undefined, held: Json | undefined, isWrong: Wrong, path: Path): Path[] {
  if (!isRecord(wanted) || held === undefined) return [];
  if (isEmpty(wanted)) return !isEmpty(held) && isWrong(held) ? [path] : [];
  if (!isRecord(held)) return [];
  return Object.entries(wanted).flatMap(([field, value]) => below(value, held[field], isWrong, [...path, field]));
}

const STAYS = new Set(["apiVersion", "kind", "metadata", "status"]);

/** Where `wanted` has an empty map and the copy has something else, if that is wrong: others may have added to the map. */
export const emptied = (wanted: KubeObject, copy: KubeObject, isWrong: Wrong): Path[] =>
  Object.keys(wanted)
    .filter((field) => !STAYS.has(field))
    .flatMap((field) => below(wanted[field] as Json, copy[field] as Json | undefined, isWrong, [field]));
