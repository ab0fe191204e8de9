// Whether a default fits the schema it stands in: an API server refuses a definition with one that does not. Servers built
// on Go types publish the zero value of every field that is always written, whether the schema allows it or not.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { isRawNumber, isRecord, sameJson } from "../json.ts";
import { pay, type Budget } from "./budget.ts";
import { fieldOf, listOf, recordOf } from "./document.ts";
import { EMBEDDED, INT_OR_STRING, PRESERVE, numberOf } from "./keywords.ts";
import { isEither } from "./well-known.ts";

/** As Go reads it: digits only, in 64 bits. */
const isInteger = (value: Json): boolean => {
  const digits = isRawNumber(value) ? value.rawJSON : typeof value === "number" ? String(value) : "";
  return /^-?\d{1,19}$/.test(digits) && BigInt.asIntN(64, BigInt(digits)) === BigInt(digits);
};

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

/** Most formats, and all patterns, are left to the API server; the empty text is no time. */
const fitsValue = (value: Json, schema: JsonObject, budget: Budget): boolean => {
  const choices = listOf(schema, "enum");
  if (!pay(budget, 1 + choices.length)) return false;
  if (choices.length > 0 && !choices.some((choice) => sameJson(choice, value))) return false;
  return (
    !(value === "" && schema["format"] === "date-time") &&
    within(numberOf(value), schema, "minimum", "maximum") &&
    !isOnEdge(value, schema) &&
    within(countOf(value, "string"), schema, "minLength", "maxLength") &&
    within(countOf(value, "array"), schema, "minItems", "maxItems") &&
    within(countOf(value, "object"), schema, "minProperties", "maxProperties")
  );
};

const hasRequired = (value: Json, schema: JsonObject): boolean =>
  !isRecord(value) ||
  listOf(schema, "required").every((field) => typeof field !== "string" || Object.hasOwn(value, field));

/** Undefined where only the API server can tell. */
type Verdict = boolean | undefined;

const every = (verdicts: readonly Verdict[]): Verdict =>
  verdicts.includes(false) ? false : verdicts.includes(undefined) ? undefined : true;

const negated = (verdict: Verdict): Verdict => (verdict === undefined ? undefined : !verdict);

const some = (verdicts: readonly Verdict[]): Verdict => negated(every(verdicts.map(negated)));

const exactlyOne = (verdicts: readonly Verdict[]): Verdict => {
  const holding = verdicts.filter((verdict) => verdict === true).length;
  if (holding > 1) return false;
  return verdicts.includes(undefined) ? undefined : holding === 1;
};

/** Whether a value meets a translated condition. */
const meets = (value: Json, condition: JsonObject, budget: Budget): Verdict =>
  every([
    typeof value === "string" && condition["pattern"] !== undefined ? undefined : true,
    fitsValue(value, condition, budget) && hasRequired(value, condition),
    meetsParts(value, condition, budget),
    meetsAll(value, condition, budget),
  ]);

const meetsParts = (value: Json, condition: JsonObject, budget: Budget): Verdict => {
  const items = fieldOf(condition, "items");
  if (Array.isArray(value)) return isRecord(items) ? every(value.map((item) => meets(item, items, budget))) : true;
  if (!isRecord(value)) return true;
  const properties = recordOf(condition, "properties");
  const met = Object.entries(value).map(([field, part]) => {
    const inner = fieldOf(properties, field);
    return isRecord(inner) ? meets(part, inner, budget) : true;
  });
  return every(met);
};

/** Whether a value meets what allOf, anyOf, oneOf and not say. */
const meetsAll = (value: Json, schema: JsonObject, budget: Budget): Verdict => {
  const each = (keyword: string): Verdict[] =>
    listOf(schema, keyword).map((part) => (isRecord(part) ? meets(value, part, budget) : true));
  const [any, one] = [each("anyOf"), each("oneOf")];
  const not = fieldOf(schema, "not");
  return every([
    every(each("allOf")),
    any.length === 0 ? true : some(any),
    one.length === 0 ? true : exactlyOne(one),
    isRecord(not) ? negated(meets(value, not, budget)) : true,
  ]);
};

const HEADER = new Set(["apiVersion", "kind", "metadata"]);
const isFilled = (value: Json | undefined): boolean => typeof value === "string" && value !== "";

/** An embedded object must say what it is; what its metadata may be is left to the API server. */
const hasHeader = (value: JsonObject, schema: JsonObject): boolean =>
  schema[EMBEDDED] !== true || (isFilled(fieldOf(value, "apiVersion")) && isFilled(fieldOf(value, "kind")));

const fitsField = (field: string, value: Json, schema: JsonObject, budget: Budget): boolean => {
  if (schema[EMBEDDED] === true && HEADER.has(field)) return true;
  const properties = recordOf(schema, "properties");
  const known = fieldOf(properties, field) ?? fieldOf(schema, "additionalProperties");
  return isRecord(known) ? fits(value, known, budget) : schema[PRESERVE] === true;
};

const fitsParts = (value: Json, schema: JsonObject, budget: Budget): boolean => {
  if (Array.isArray(value)) {
    const items = fieldOf(schema, "items");
    return !isRecord(items) || value.every((item) => fits(item, items, budget));
  }
  if (!isRecord(value)) return true;
  return (
    hasHeader(value, schema) && Object.entries(value).every(([field, part]) => fitsField(field, part, schema, budget))
  );
};

/** Whether an API server will take `value` as a default in the translated `schema`, as far as that can be told here. */
export const fits = (value: Json, schema: JsonObject, budget: Budget): boolean => {
  if (value === null) return schema["nullable"] === true;
  return (
    hasType(value, schema) &&
    fitsValue(value, schema, budget) &&
    hasRequired(value, schema) &&
    fitsParts(value, schema, budget) &&
    meetsAll(value, withoutTypes(schema), budget) !== false
  );
};

/** The two types that may stand in a condition say no more than has been judged. */
const withoutTypes = (schema: JsonObject): JsonObject =>
  schema[INT_OR_STRING] === true
    ? { ...schema, anyOf: isEither(listOf(schema, "anyOf")) ? [] : (schema["anyOf"] ?? []) }
    : schema;
