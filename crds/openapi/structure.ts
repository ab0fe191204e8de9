// Translates one node of a published schema, with everything below it, to what an API server takes in a definition: every
// node has a type or says why it has none, there is no reference, and fields stand outside of conditions.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { isRecord } from "../json.ts";
import { conditions } from "./branches.ts";
import { affordsNodes, isSpent, pay, payForNode } from "./budget.ts";
import { fits } from "./defaults.ts";
import { fieldOf, listOf, recordOf } from "./document.ts";
import { deeper, flattened, openFor, type Flat, type Place, type Translation } from "./flatten.ts";
import { EMBEDDED, INT_OR_STRING, PRESERVE, TYPES, nodeKeywords, valueKeywords, writtenDefault } from "./keywords.ts";
import { listType, mapType } from "./lists.ts";
import { validations } from "./rules.ts";
import { ANYTHING, INTEGER_OR_STRING, isEither, isIntegerOrString } from "./well-known.ts";
import { widthOf } from "./width.ts";

const isEmpty = (record: JsonObject): boolean => Object.keys(record).length === 0;

/** The type that a node has, or shows by what it describes; undefined where it may be any. */
const typeOf = (node: JsonObject): string | undefined => {
  const type = fieldOf(node, "type");
  if (typeof type === "string" && TYPES.has(type)) return type;
  if (type !== undefined || fieldOf(node, PRESERVE) === true) return undefined;
  if (isRecord(fieldOf(node, "properties")) || fieldOf(node, "additionalProperties") !== undefined) return "object";
  return isRecord(fieldOf(node, "items")) ? "array" : undefined;
};

/** Fields that every object has, an embedded one too; what an API server publishes of them is its own. */
const HEADER: JsonObject = { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" } };

const fieldsOf = ({ node, place }: Flat, translation: Translation): JsonObject => {
  const result: [string, JsonObject][] = [];
  const isEmbedded = fieldOf(node, EMBEDDED) === true;
  const properties = recordOf(node, "properties");
  if (!affordsNodes(translation.budget, widthOf(properties))) return {};
  for (const [field, raw] of Object.entries(properties)) {
    if (isSpent(translation.budget) || !pay(translation.budget, field.length)) break;
    if (place.isRoot && Object.hasOwn(HEADER, field)) continue;
    const header = isEmbedded ? fieldOf(HEADER, field) : undefined;
    result.push([field, isRecord(header) ? header : structural(raw, deeper(place), translation)]);
  }
  return Object.fromEntries(result);
};

const preserved = (isPreserved: boolean): JsonObject => (isPreserved ? { [PRESERVE]: true } : {});

/** Fields by name, or values by any name: a definition may not have both, and what it does not describe it must keep. */
const objectParts = (flat: Flat, translation: Translation): JsonObject => {
  const properties = fieldsOf(flat, translation);
  const others = fieldOf(flat.node, "additionalProperties");
  const isEmbedded = fieldOf(flat.node, EMBEDDED) === true;
  const isPreserved = fieldOf(flat.node, PRESERVE) === true;
  if (!isEmpty(properties)) return { properties, ...preserved(isPreserved || isRecord(others) || others === true) };
  if (isEmbedded || others === undefined || others === false) return preserved(isPreserved || isEmbedded);
  const values = isRecord(others) ? structural(others, deeper(flat.place), translation) : ANYTHING;
  return { additionalProperties: values, ...preserved(isPreserved) };
};

const arrayParts = (flat: Flat, translation: Translation): JsonObject => {
  const raw = fieldOf(flat.node, "items");
  const items = isRecord(raw) ? structural(raw, deeper(flat.place), translation) : ANYTHING;
  return { items, ...listType(flat.node, items) };
};

const embedded = ({ node }: Flat): JsonObject => (fieldOf(node, EMBEDDED) === true ? { [EMBEDDED]: true } : {});

/** The node's structure, without conditions, texts and default. */
const structureOf = (flat: Flat, translation: Translation): JsonObject => {
  if (isIntegerOrString(flat.node)) return { [INT_OR_STRING]: true };
  const type = typeOf(flat.node);
  switch (type) {
    case undefined:
      return { ...objectParts(flat, translation), [PRESERVE]: true };
    case "object":
      return { type, ...objectParts(flat, translation), ...embedded(flat), ...mapType(flat.node) };
    case "array":
      return { type, ...arrayParts(flat, translation), ...preserved(fieldOf(flat.node, PRESERVE) === true) };
    default:
      return { type };
  }
};

/** An API server takes the two types in one of two places only. */
const withEither = (schema: JsonObject, node: JsonObject): JsonObject => {
  const either = { anyOf: INTEGER_OR_STRING["anyOf"] ?? [] };
  const isFirst = isEither(listOf(listOf(node, "allOf")[0], "anyOf"));
  if (!isFirst && schema["anyOf"] === undefined) return { ...schema, ...either };
  return { ...schema, allOf: [either, ...listOf(schema, "allOf")] };
};

const conditionsOf = (flat: Flat, structure: JsonObject, translation: Translation): JsonObject => {
  const isEitherType = structure[INT_OR_STRING] === true;
  // In the form "one of them" it says no more than the type does.
  const { oneOf, ...rest } = flat.node;
  const node = isEitherType && Array.isArray(oneOf) && isEither(oneOf) ? rest : flat.node;
  const { schema } = conditions(node, structure, flat.place, translation);
  return isEitherType ? withEither(schema, node) : schema;
};

const textsOf = (node: JsonObject, place: Place, { budget, descriptions }: Translation): JsonObject => {
  if (descriptions || place.isRoot) return nodeKeywords(node, budget);
  const { description: _, ...others } = node;
  return nodeKeywords(others, budget);
};

/** API servers take the format of what has no type for its type, and refuse every value. */
const hasNoFormat = (structure: JsonObject, { format }: JsonObject): boolean =>
  structure[INT_OR_STRING] === true ? format === "int-or-string" : structure["type"] === undefined;

/** The structural schema of a node, every reference inlined. */
export const structural = (raw: Json, place: Place, translation: Translation): JsonObject => {
  if (place.depth > translation.maxDepth || !payForNode(translation.budget)) return openFor(raw);
  const flat = flattened(raw, place, translation);
  const { node } = flat;
  const structure = structureOf(flat, translation);
  const values = valueKeywords(node, translation.budget);
  if (hasNoFormat(structure, values)) delete values["format"];
  const schema: JsonObject = {
    ...textsOf(node, place, translation),
    ...structure,
    ...values,
    ...conditionsOf(flat, structure, translation),
    ...validations(node, structure, translation.budget),
  };
  const value = writtenDefault(node, translation.budget);
  return value !== undefined && fits(value, schema, translation.budget) ? { ...schema, default: value } : schema;
};
