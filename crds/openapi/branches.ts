// What a node says with allOf, anyOf, oneOf and not. In a definition these may only state conditions on a structure that
// stands outside of them: no type, no field of their own, nothing of Kubernetes'. Leaving out a part makes a condition
// weaker, never stronger: where a weaker part would make the whole stronger, the whole goes.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { isRecord } from "../json.ts";
import { affordsNodes, isSpent, payForNode } from "./budget.ts";
import { fieldOf, listOf, recordOf } from "./document.ts";
import { deeper, dereferenced, type Place, type Translation } from "./flatten.ts";
import { INT_OR_STRING, valueKeywords } from "./keywords.ts";
import { isEither } from "./well-known.ts";
import { isNode, widthOf } from "./width.ts";

/** A condition as it may stand in a definition; `exact` if it is true of the same values as the one it was made of. */
interface Condition {
  schema: JsonObject;
  exact: boolean;
}

const NO_CONDITION: Condition = { schema: {}, exact: true };
const LOST: Condition = { schema: {}, exact: false };

const isEmpty = (schema: JsonObject): boolean => Object.keys(schema).length === 0;

/** What may be left out of a condition without a change of what it is true of. */
const IDLE = new Set(["description", "title", "default", "nullable", "example", "externalDocs"]);
const HANDLED = new Set(["type", "properties", "items", "allOf", "anyOf", "oneOf", "not", "required"]);

/** Whether the structure outside already says what the condition says of the type. */
const isTypeGiven = (type: Json | undefined, structure: JsonObject): boolean => {
  if (type === undefined) return true;
  if (structure["nullable"] === true) return false;
  return type === structure["type"] || (type === "number" && structure["type"] === "integer");
};

const together = (conditions: readonly Condition[]): Condition => ({
  schema: Object.assign({}, ...conditions.map(({ schema }) => schema)) as JsonObject,
  exact: conditions.every(({ exact }) => exact),
});

/** Conditions on fields; those on fields that the structure does not have are lost, and those on metadata are forbidden. */
const ofFields = (node: JsonObject, structure: JsonObject, place: Place, translation: Translation): Condition => {
  const known = recordOf(structure, "properties");
  const saying: [string, JsonObject][] = [];
  const properties = recordOf(node, "properties");
  if (!affordsNodes(translation.budget, widthOf(properties))) return LOST;
  let exact = true;
  for (const [field, raw] of Object.entries(properties)) {
    if (isSpent(translation.budget)) break;
    const outside = field === "metadata" ? undefined : fieldOf(known, field);
    const inner = isRecord(outside) ? condition(raw, outside, deeper(place), translation) : LOST;
    exact &&= inner.exact;
    if (!isEmpty(inner.schema)) saying.push([field, inner.schema]);
  }
  return { schema: saying.length === 0 ? {} : { properties: Object.fromEntries(saying) }, exact };
};

const ofItems = (node: JsonObject, structure: JsonObject, place: Place, translation: Translation): Condition => {
  const items = fieldOf(node, "items");
  if (items === undefined) return NO_CONDITION;
  const outside = fieldOf(structure, "items");
  if (!isRecord(outside)) return LOST;
  const { schema, exact } = condition(items, outside, deeper(place), translation);
  return { schema: isEmpty(schema) ? {} : { items: schema }, exact };
};

const all = (parts: readonly Condition[]): Condition => {
  const saying = parts.map(({ schema }) => schema).filter((schema) => !isEmpty(schema));
  return { schema: saying.length === 0 ? {} : { allOf: saying }, exact: parts.every(({ exact }) => exact) };
};

/** One of several that is always true makes the whole so. */
const any = (parts: readonly Condition[]): Condition => {
  const trivial = parts.some(({ schema, exact }) => exact && isEmpty(schema));
  if (trivial) return NO_CONDITION;
  if (parts.some(({ schema }) => isEmpty(schema))) return LOST;
  return { schema: { anyOf: parts.map(({ schema }) => schema) }, exact: parts.every(({ exact }) => exact) };
};

/** "Exactly one" is only as strong as meant while each part is; else what is left of it is "at least one". */
const one = (parts: readonly Condition[]): Condition =>
  parts.every(({ exact }) => exact)
    ? { schema: { oneOf: parts.map(({ schema }) => schema) }, exact: true }
    : { ...any(parts), exact: false };

const none = ({ schema, exact }: Condition): Condition =>
  exact && !isEmpty(schema) ? { schema: { not: schema }, exact: true } : LOST;

/** "An integer or a string", of what the structure says is one. */
const isGiven = (keyword: string, parts: readonly Json[], structure: JsonObject): boolean =>
  parts.length === 0 || (keyword === "anyOf" && structure[INT_OR_STRING] === true && isEither(parts));

type Combine = (parts: readonly Condition[]) => Condition;
const COMBINED: readonly (readonly ["allOf" | "anyOf" | "oneOf", Combine])[] = [
  ["allOf", all],
  ["anyOf", any],
  ["oneOf", one],
];

/** What a node's four keywords come to, given the translated structure of the node. */
export const conditions = (
  node: JsonObject,
  structure: JsonObject,
  place: Place,
  translation: Translation,
): Condition => {
  const inside = deeper(place);
  const each = (parts: readonly Json[]): Condition[] =>
    parts.map((part) => condition(part, structure, inside, translation));
  const results = COMBINED.map(([keyword, combine]): Condition => {
    const parts = listOf(node, keyword);
    if (!affordsNodes(translation.budget, parts.length)) return LOST;
    return isGiven(keyword, parts, structure) ? NO_CONDITION : combine(each(parts));
  });
  const not = fieldOf(node, "not");
  // Two of them may have come to an anyOf.
  const [allOf, anyOf, oneOf] = results as [Condition, Condition, Condition];
  const weakened = oneOf.schema["anyOf"];
  const negated = not === undefined ? NO_CONDITION : none(condition(not, structure, inside, translation));
  if (weakened === undefined) return together([allOf, anyOf, oneOf, negated]);
  const extended = { ...allOf, schema: { allOf: [...listOf(allOf.schema, "allOf"), { anyOf: weakened }] } };
  return together([extended, anyOf, { schema: {}, exact: false }, negated]);
};

/** Translates one entry of allOf, anyOf, oneOf, or what stands in not. */
const condition = (raw: Json, structure: JsonObject, place: Place, translation: Translation): Condition => {
  if (!isNode(raw) || place.depth > translation.maxDepth || !payForNode(translation.budget)) return LOST;
  const { node, place: here } = dereferenced(raw, place, translation);
  const values = valueKeywords(node, translation.budget);
  const isUnderstood = Object.keys(node).every(
    (keyword) => Object.hasOwn(values, keyword) || IDLE.has(keyword) || HANDLED.has(keyword),
  );
  const own: Condition = { schema: values, exact: isUnderstood && isTypeGiven(fieldOf(node, "type"), structure) };
  return together([
    own,
    ofFields(node, structure, here, translation),
    ofItems(node, structure, here, translation),
    conditions(node, structure, here, translation),
  ]);
};
