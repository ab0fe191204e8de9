// Follows references and takes off wrappers, so that a node says of itself what it is. Servers built on Go types publish a
// field of another type as `allOf` with one reference, its description and default beside it.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { isRecord } from "../json.ts";
import { affordsNodes, pay, payForNode, type Budget } from "./budget.ts";
import { fieldOf, listOf, recordOf, refOf } from "./document.ts";
import { INT_OR_STRING, PRESERVE, isValueKeyword } from "./keywords.ts";
import { isNode, widthOf } from "./width.ts";
import { ANYTHING, OPEN_OBJECT, wellKnown } from "./well-known.ts";

/** One translation of one schema. */
export interface Translation {
  schemas: JsonObject;
  budget: Budget;
  /** How deep it may go, each step counted, into a field as through a reference. */
  maxDepth: number;
  descriptions: boolean;
}

/** Where in it we are. */
export interface Place {
  depth: number;
  /** The names of the schemas that contain this place: a reference to one of them would never end. */
  inside: readonly string[];
  /** The whole object, not a part of it. */
  isRoot?: boolean;
}

export interface Flat {
  node: JsonObject;
  place: Place;
}

export const deeper = ({ depth, inside }: Place): Place => ({ depth: depth + 1, inside });

const isStructured = (node: JsonObject): boolean =>
  ["type", "properties", "additionalProperties", "items", INT_OR_STRING, PRESERVE].some(
    (field) => fieldOf(node, field) !== undefined,
  );

/** What stands for a schema that is not followed any further. */
export const openFor = (node: Json | undefined): JsonObject => {
  const type = fieldOf(node, "type");
  const isObject = type === "object" || (type === undefined && fieldOf(node, "properties") !== undefined);
  const open = isObject ? OPEN_OBJECT : ANYTHING;
  return fieldOf(node, "nullable") === true ? { ...open, nullable: true } : open;
};

const SAYS_NOTHING = new Set(["type", "description", "title", "x-kubernetes-group-version-kind"]);

/** A type of its own that is published as an object without fields writes itself in a way that nobody describes. */
const isBareObject = (node: JsonObject): boolean =>
  fieldOf(node, "type") === "object" &&
  Object.entries(node).every(
    ([field, value]) => SAYS_NOTHING.has(field) || (field === "properties" && widthOf(value) === 0),
  );

/** Replaces a reference by what it leads to; what stands beside it goes before. */
export const dereferenced = (raw: JsonObject, place: Place, translation: Translation): Flat => {
  const name = refOf(raw);
  if (name === undefined) return { node: raw, place };
  const { $ref: _, ...beside } = raw;
  const target = fieldOf(translation.schemas, name);
  const known = wellKnown(name);
  if (known !== undefined) return { node: { ...known, ...beside }, place };
  const isEnd = place.inside.includes(name) || place.depth >= translation.maxDepth;
  if (isEnd || !isNode(target) || !payForNode(translation.budget))
    return { node: { ...openFor(target), ...beside }, place };
  const behind: Place = { ...place, depth: place.depth + 1, inside: [...place.inside, name] };
  const inner = dereferenced(target, behind, translation);
  const found = isBareObject(inner.node) ? { ...inner.node, [PRESERVE]: true } : inner.node;
  return { node: { ...found, ...beside }, place: inner.place };
};

const both = (a: Json, b: Json): Json => ({ allOf: [a, b] });

const mergedFields = (a: JsonObject, b: JsonObject): JsonObject => {
  if (widthOf(a) === 0 || widthOf(b) === 0) return widthOf(a) === 0 ? b : a;
  const common = Object.keys(b).filter((field) => Object.hasOwn(a, field));
  return {
    ...b,
    ...a,
    ...Object.fromEntries(common.map((field) => [field, both(a[field] ?? null, b[field] ?? null)])),
  };
};

const JUNCTORS = new Set(["anyOf", "oneOf", "not"]);

const isCondition = (field: string): boolean => field !== "required" && (JUNCTORS.has(field) || isValueKeyword(field));

/** Both at once: `a` and `b` are true of a value. Where they cannot become one, what `b` says is a condition of its own. */
const merged = (a: JsonObject, b: JsonObject): JsonObject => {
  const disagreeing = Object.entries(b).filter(
    ([field, value]) => isCondition(field) && Object.hasOwn(a, field) && a[field] !== value,
  );
  const more = disagreeing.length === 0 ? [] : [Object.fromEntries(disagreeing)];
  const required = [...listOf(a, "required"), ...listOf(b, "required")];
  const properties = mergedFields(recordOf(a, "properties"), recordOf(b, "properties"));
  return {
    ...b,
    ...a,
    ...(widthOf(properties) === 0 ? {} : { properties }),
    ...(required.length === 0 ? {} : { required }),
    allOf: [...listOf(a, "allOf"), ...listOf(b, "allOf"), ...more],
  };
};

/** What it costs to put two nodes together, or to do it again with a third. */
const weightOf = ({ node, place }: Flat): number =>
  widthOf(fieldOf(node, "properties")) +
  listOf(node, "required").length +
  listOf(node, "allOf").length +
  place.inside.length;

const together = (a: Flat, b: Flat): Flat => ({
  node: merged(a.node, b.node),
  place: {
    ...a.place,
    depth: Math.max(a.place.depth, b.place.depth),
    inside: [...new Set([...a.place.inside, ...b.place.inside])],
  },
});

/**
 * The node itself, without reference and wrappers. A node that has a structure of its own keeps its other `allOf` entries:
 * there they are conditions.
 */
export const flattened = (raw: Json, place: Place, translation: Translation): Flat => {
  if (!isNode(raw)) return { node: ANYTHING, place };
  if (!payForNode(translation.budget)) return { node: openFor(raw), place };
  const { node, place: here } = dereferenced(raw, place, translation);
  const entries = listOf(node, "allOf");
  if (!affordsNodes(translation.budget, entries.length)) return { node: openFor(node), place: here };
  const hasStructure = isStructured(node);
  const isPart = (entry: Json): entry is JsonObject => isRecord(entry) && (!hasStructure || refOf(entry) !== undefined);
  const parts = entries.filter(isPart);
  if (parts.length === 0) return { node, place: here };
  let flat: Flat = { node: { ...node, allOf: entries.filter((entry) => !isPart(entry)) }, place: here };
  if (here.depth >= translation.maxDepth) return { ...flat, node: { ...openFor(node), ...flat.node } };
  for (const part of parts) {
    const inner = flattened(part, deeper(here), translation);
    if (!pay(translation.budget, weightOf(flat) + weightOf(inner))) break;
    flat = together(flat, inner);
  }
  return flat;
};
