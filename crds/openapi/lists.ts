// List and map types: what they mean to merging, and what an API server demands of a list's items before it takes them.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { fieldOf, listOf, recordOf } from "./document.ts";
import { LIST_MAP_KEYS, LIST_TYPE, MAP_TYPE } from "./keywords.ts";

const ATOMIC: JsonObject = { [LIST_TYPE]: "atomic" };

const isKey = (items: JsonObject, key: Json): boolean => {
  if (typeof key !== "string") return false;
  const field = fieldOf(recordOf(items, "properties"), key);
  const type = fieldOf(field, "type");
  if (field === undefined || type === "array" || type === "object" || fieldOf(field, "nullable") === true) return false;
  return listOf(items, "required").includes(key) || fieldOf(field, "default") !== undefined;
};

/** More keys than this are no list that anybody merges. */
const MAX_KEYS = 32;

const isMap = (items: JsonObject, keys: readonly Json[]): boolean =>
  items["type"] === "object" &&
  items["nullable"] !== true &&
  keys.length > 0 &&
  keys.length <= MAX_KEYS &&
  new Set(keys).size === keys.length &&
  keys.every((key) => isKey(items, key));

const isSet = (items: JsonObject): boolean => {
  if (items["nullable"] === true) return false;
  if (items["type"] === "object") return items[MAP_TYPE] === "atomic";
  return items["type"] !== "array" || (items[LIST_TYPE] ?? "atomic") === "atomic";
};

/** The list type of an array whose translated items are given; one whose conditions do not hold becomes atomic. */
export const listType = (node: JsonObject, items: JsonObject): JsonObject => {
  const keys = listOf(node, LIST_MAP_KEYS);
  switch (fieldOf(node, LIST_TYPE)) {
    case "atomic":
      return ATOMIC;
    case "set":
      return isSet(items) ? { [LIST_TYPE]: "set" } : ATOMIC;
    case "map":
      return isMap(items, keys) ? { [LIST_TYPE]: "map", [LIST_MAP_KEYS]: [...keys] } : ATOMIC;
    default:
      return {};
  }
};

/** The map type of an object. */
export const mapType = (node: JsonObject): JsonObject => {
  const type = fieldOf(node, MAP_TYPE);
  return type === "atomic" || type === "granular" ? { [MAP_TYPE]: type } : {};
};
