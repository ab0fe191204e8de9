// The keywords that an API server takes in the schema of a definition, and the form their values must have. A value of
// another form would make it refuse the whole definition, so such a keyword is left out, as is every other one.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { isRawNumber } from "../json.ts";
import { pay, type Budget } from "./budget.ts";
import { fieldOf, listOf } from "./document.ts";

export const PRESERVE = "x-kubernetes-preserve-unknown-fields";
export const EMBEDDED = "x-kubernetes-embedded-resource";
export const INT_OR_STRING = "x-kubernetes-int-or-string";
export const LIST_TYPE = "x-kubernetes-list-type";
export const LIST_MAP_KEYS = "x-kubernetes-list-map-keys";
export const MAP_TYPE = "x-kubernetes-map-type";

export const TYPES: ReadonlySet<unknown> = new Set(["array", "boolean", "integer", "number", "object", "string"]);

/** Values deeper than this are no defaults or enums that anybody wrote. */
const MAX_VALUE_DEPTH = 32;

/** Pays for a value, part by part; false if it is too deep, or more than is left. */
const payForValue = (value: Json, budget: Budget, depth = MAX_VALUE_DEPTH): boolean => {
  if (typeof value === "string") return pay(budget, value.length);
  if (typeof value !== "object" || value === null || isRawNumber(value)) return pay(budget, 4);
  if (depth === 0) return false;
  return Object.entries(value).every(([key, part]) => pay(budget, key.length) && payForValue(part, budget, depth - 1));
};

export const isText = (value: Json): boolean => typeof value === "string" && value !== "";
const isTrue = (value: Json): boolean => value === true;

/** What API servers read as a number; `Number` of a raw one loses digits, not its size. */
export const numberOf = (value: Json | undefined): number | undefined => {
  const number = isRawNumber(value) ? Number(value.rawJSON) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
};

const isNumber = (value: Json): boolean => numberOf(value) !== undefined;
const isPositive = (value: Json): boolean => (numberOf(value) ?? 0) > 0;
const isCount = (value: Json): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/** What Go's regular expressions lack, where it stands: looking around, atomic groups, referring back. */
const NOT_GO = /\(\?(<?[=!]|[>(|])|\\[1-9]/y;

/** Linear in the length of the pattern, whatever stands in it. */
const isGoPattern = (pattern: string): boolean => {
  let inClass = false;
  for (let at = 0; at < pattern.length; at++) {
    NOT_GO.lastIndex = at;
    if (!inClass && NOT_GO.test(pattern)) return false;
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "[") inClass = true;
    else if (pattern[at] === "]") inClass = false;
  }
  return true;
};

const isPattern = (value: Json): boolean => typeof value === "string" && value !== "" && isGoPattern(value);

const isList = (value: Json): boolean => Array.isArray(value) && value.length > 0;

/** What a value must be like; allowed at every node and inside anyOf, allOf, oneOf and not. */
const VALUE_KEYWORDS: Record<string, (value: Json) => boolean> = {
  format: isText,
  pattern: isPattern,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  minProperties: isCount,
  maxProperties: isCount,
  minimum: isNumber,
  maximum: isNumber,
  exclusiveMinimum: isTrue,
  exclusiveMaximum: isTrue,
  multipleOf: isPositive,
  enum: isList,
};

/** What else a node may say of itself. */
const NODE_KEYWORDS: Record<string, (value: Json) => boolean> = {
  description: isText,
  title: isText,
  nullable: isTrue,
};

export const isValueKeyword = (keyword: string): boolean =>
  keyword === "required" || Object.hasOwn(VALUE_KEYWORDS, keyword);

/** Of a record the keywords that are of the right form, paid for. */
export const taken = (
  node: JsonObject,
  keywords: Record<string, (value: Json) => boolean>,
  budget: Budget,
): JsonObject => {
  const result: JsonObject = {};
  for (const [keyword, isValid] of Object.entries(keywords)) {
    const value = fieldOf(node, keyword);
    if (value !== undefined && isValid(value) && payForValue(value, budget)) result[keyword] = value;
  }
  return result;
};

const requiredOf = (node: JsonObject, budget: Budget): JsonObject => {
  const written = listOf(node, "required");
  if (!pay(budget, written.length)) return {};
  const names = [...new Set(written)].filter((name) => typeof name === "string");
  return names.length > 0 && payForValue(names, budget) ? { required: names } : {};
};

/** A node's conditions on its value. */
export const valueKeywords = (node: JsonObject, budget: Budget): JsonObject => ({
  ...taken(node, VALUE_KEYWORDS, budget),
  ...requiredOf(node, budget),
});

export const nodeKeywords = (node: JsonObject, budget: Budget): JsonObject => taken(node, NODE_KEYWORDS, budget);

/** A node's default as written; whether it fits is another question (defaults.ts). */
export const writtenDefault = (node: JsonObject, budget: Budget): Json | undefined => {
  const value = fieldOf(node, "default");
  return value !== undefined && value !== null && payForValue(value, budget) ? value : undefined;
};
