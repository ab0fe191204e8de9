// Whether a default fits the schema it stands in: an API server refuses a definition with one that does not. Servers built
// on Go types publish the zero value of every field that is always written, whether the schema allows it or not.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { isRawNumber, isRecord, sameJson } from "../json.ts";
import { fieldOf, listOf, recordOf } from "./document.ts";
import { EMBEDDED, INT_OR_STRING, PRESERVE, numberOf } from "./keywords.ts";

const isInteger = (value: Json): boolean =>
  isRawNumber(value) ? /^-?\d+$/.test(value.rawJSON) : typeof value === "number" && Number.isInteger(value);

const OF_TYPE: Record<string, (value: Json) => boolean> = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  integer: isInteger,
  number: (value) => numberOf(value) !== undefined,
  array: Array.isArray,
  object: isRecord,
};

const hasType = (value: Json, schema: JsonObject): boolean => {
  if (schema[INT_OR_STRING] === true) return typeof value === "string" || isInteger(value);
  const type = schema["type"];
  return typeof type !== "string" || (OF_TYPE[type]?.(value) ?? false);
};

const within = (measure: number | undefined, schema: JsonObject, least: string, most: string): boolean =>
  measure === undefined ||
  (measure >= (numberOf(fieldOf(schema, least)) ?? -Infinity) &&
    measure <= (numberOf(fieldOf(schema, most)) ?? Infinity));

const isOnEdge = (value: Json, schema: JsonObject): boolean => {
  const number = numberOf(value);
  if (number === undefined) return false;
  const excludes = (flag: string, bound: string) => schema[flag] === true && numberOf(schema[bound]) === number;
  return excludes("exclusiveMinimum", "minimum") || excludes("exclusiveMaximum", "maximum");
};

const countOf = (value: Json, type: "string" | "array" | "object"): number | undefined => {
  if (typeof value === "string") return type === "string" ? [...value].length : undefined;
  if (Array.isArray(value)) return type === "array" ? value.length : undefined;
  return type === "object" && isRecord(value) ? Object.keys(value).length : undefined;
};

/** Formats and patterns are left to the API server, but the empty text has no format. */
const fitsValue = (value: Json, schema: JsonObject): boolean => {
  const choices = listOf(schema, "enum");
  if (choices.length > 0 && !choices.some((choice) => sameJson(choice, value))) return false;
  if (value === "" && (schema["format"] !== undefined || schema["pattern"] !== undefined)) return false;
  return (
    within(numberOf(value), schema, "minimum", "maximum") &&
    !isOnEdge(value, schema) &&
    within(countOf(value, "string"), schema, "minLength", "maxLength") &&
    within(countOf(value, "array"), schema, "minItems", "maxItems") &&
    within(countOf(value, "object"), schema, "minProperties", "maxProperties")
  );
};

const fitsField = (field: string, value: Json, schema: JsonObject): boolean => {
  const properties = recordOf(schema, "properties");
  const known = fieldOf(properties, field) ?? fieldOf(schema, "additionalProperties");
  return isRecord(known) ? fits(value, known) : schema[PRESERVE] === true;
};

const fitsFields = (value: JsonObject, schema: JsonObject): boolean =>
  listOf(schema, "required").every((field) => typeof field !== "string" || Object.hasOwn(value, field)) &&
  Object.entries(value).every(([field, part]) => fitsField(field, part, schema));

const fitsParts = (value: Json, schema: JsonObject): boolean => {
  if (Array.isArray(value)) {
    const items = fieldOf(schema, "items");
    return !isRecord(items) || value.every((item) => fits(item, items));
  }
  // The header of an embedded object has rules of its own: such a default is not worth the risk.
  return !isRecord(value) || (schema[EMBEDDED] !== true && fitsFields(value, schema));
};

/** Whether an API server will take `value` as a default in the translated `schema`, as far as that can be told here. */
export const fits = (value: Json, schema: JsonObject): boolean => {
  if (value === null) return schema["nullable"] === true;
  return hasType(value, schema) && fitsValue(value, schema) && fitsParts(value, schema);
};
