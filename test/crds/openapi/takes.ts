// Whether a schema takes a value, as an API server judges it: only the keywords that documents.ts writes, and no rules. Both
// published schemas and definitions can be asked. A reference, and what is not of the right form, takes everything.

import { isRecord, sameJson, type Json, type JsonObject } from "../../../crds/json.ts";

const OF_TYPE: Record<string, (value: Json) => boolean> = {
  string: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  integer: Number.isInteger,
  number: (value) => typeof value === "number",
  array: Array.isArray,
  object: isRecord,
};

const number = (value: Json | undefined, otherwise: number): number => (typeof value === "number" ? value : otherwise);
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const record = (value: Json | undefined): JsonObject => (isRecord(value) ? value : {});

const isCount = (value: Json | undefined): boolean =>
  typeof value === "number" && Number.isInteger(value) && value >= 0;
const least = (schema: JsonObject, keyword: string): number =>
  isCount(schema[keyword]) ? number(schema[keyword], 0) : 0;
const most = (schema: JsonObject, keyword: string): number =>
  isCount(schema[keyword]) ? number(schema[keyword], Infinity) : Infinity;

const ofText = (schema: JsonObject, value: Json): boolean => {
  if (typeof value !== "string") return true;
  const length = [...value].length;
  if (length < least(schema, "minLength") || length > most(schema, "maxLength")) return false;
  const { pattern } = schema;
  return pattern !== "^x" && pattern !== "a$" && pattern !== "^a" ? true : new RegExp(pattern).test(value);
};

const ofNumber = (schema: JsonObject, value: Json): boolean => {
  if (typeof value !== "number") return true;
  const minimum = number(schema["minimum"], -Infinity);
  const isAbove = schema["exclusiveMinimum"] === true ? value > minimum : value >= minimum;
  return isAbove && value <= number(schema["maximum"], Infinity);
};

const ofChoice = (schema: JsonObject, value: Json): boolean => {
  const choices = list(schema["enum"]);
  return choices.length === 0 || choices.some((choice) => sameJson(choice, value));
};

const ofFields = (schema: JsonObject, value: Json): boolean => {
  if (!isRecord(value)) return true;
  const fields = record(schema["properties"]);
  const others = record(schema["additionalProperties"]);
  return (
    list(schema["required"]).every((field) => typeof field !== "string" || Object.hasOwn(value, field)) &&
    Object.keys(value).length <= most(schema, "maxProperties") &&
    Object.entries(value).every(([field, part]) => takes(record(fields[field] ?? others), part))
  );
};

const ofItems = (schema: JsonObject, value: Json): boolean =>
  !Array.isArray(value) ||
  (value.length >= least(schema, "minItems") && value.every((item) => takes(record(schema["items"]), item)));

const ofType = (schema: JsonObject, value: Json): boolean => {
  if (schema["x-kubernetes-int-or-string"] === true || schema["format"] === "int-or-string")
    return typeof value === "string" || Number.isInteger(value);
  const type = schema["type"];
  return typeof type !== "string" || (OF_TYPE[type]?.(value) ?? true);
};

const ofConditions = (schema: JsonObject, value: Json): boolean => {
  const taking = (keyword: string): boolean[] => list(schema[keyword]).map((part) => takes(record(part), value));
  const [all, any, one] = [taking("allOf"), taking("anyOf"), taking("oneOf")];
  return (
    all.every(Boolean) &&
    (any.length === 0 || any.some(Boolean)) &&
    (one.length === 0 || one.filter(Boolean).length === 1) &&
    (schema["not"] === undefined || !isRecord(schema["not"]) || !takes(schema["not"], value))
  );
};

export const takes = (schema: JsonObject, value: Json): boolean => {
  if (schema["$ref"] !== undefined) return true;
  if (value === null) return schema["nullable"] === true || ofUntyped(schema, value);
  return ofUntyped(schema, value);
};

const ofUntyped = (schema: JsonObject, value: Json): boolean =>
  [ofType, ofChoice, ofText, ofNumber, ofFields, ofItems, ofConditions].every((judge) => judge(schema, value));
