// The rules that an API server has for the schema of a definition, written down a second time, so that what the
// translation makes can be checked without a server. Each broken rule is named with its place.

import { isRecord, type Json, type JsonObject } from "../../../crds/json.ts";

const VALUES = [
  ["format", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minimum"],
  [
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "enum",
    "required",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
  ],
].flat();
const STRUCTURE = ["properties", "items"];
const NODE = [
  ["type", "description", "title", "nullable", "default", "additionalProperties", "x-kubernetes-validations"],
  ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"],
  ["x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"],
].flat();
const IN_CONDITION = new Set([...VALUES, ...STRUCTURE]);
const IN_NODE = new Set([...VALUES, ...STRUCTURE, ...NODE]);
const TYPES = ["array", "boolean", "integer", "number", "object", "string"];
const EITHER = JSON.stringify([{ type: "integer" }, { type: "string" }]);

const record = (value: Json | undefined): JsonObject => (isRecord(value) ? value : {});
const list = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const unknown = (node: JsonObject, known: ReadonlySet<string>, at: string): string[] =>
  Object.keys(node).flatMap((keyword) => (known.has(keyword) ? [] : [`${at}: ${keyword} is not allowed here`]));

const parts = (node: JsonObject): Json[] => [
  ...["allOf", "anyOf", "oneOf"].flatMap((keyword) => list(node[keyword])),
  ...(node["not"] === undefined ? [] : [node["not"]]),
];

/** Conditions inside of a condition, or of a node: all of them are about what stands outside. */
const inConditions = (node: JsonObject, outside: JsonObject, at: string): string[] =>
  parts(node).flatMap((part, index) => inCondition(record(part), outside, `${at}/${index}`));

const inCondition = (node: JsonObject, outside: JsonObject, at: string): string[] => {
  const fields = Object.entries(record(node["properties"]));
  const known = record(outside["properties"]);
  return [
    ...unknown(node, IN_CONDITION, at),
    ...inConditions(node, outside, at),
    ...fields.flatMap(([field, condition]) =>
      field === "metadata" || !Object.hasOwn(known, field)
        ? [`${at}.${field}: no such field outside`]
        : inCondition(record(condition), record(known[field]), `${at}.${field}`),
    ),
    ...(node["items"] === undefined || outside["items"] !== undefined ? [] : [`${at}: no items outside`]),
    ...inCondition0(node["items"], outside["items"], `${at}[]`),
  ];
};

const inCondition0 = (node: Json | undefined, outside: Json | undefined, at: string): string[] =>
  node === undefined || outside === undefined ? [] : inCondition(record(node), record(outside), at);

const says = (wrong: boolean, at: string, what: string): string[] => (wrong ? [`${at}: ${what}`] : []);

const ofType = (node: JsonObject, at: string): string[] => {
  const type = node["type"];
  const isEither = node["x-kubernetes-int-or-string"] === true;
  const isOpen = node["x-kubernetes-preserve-unknown-fields"] === true;
  return [
    ...says(type === undefined && !isEither && !isOpen, at, "no type"),
    ...says(type !== undefined && !TYPES.includes(type as string), at, `the type ${JSON.stringify(type)}`),
    ...says(isEither && (type !== undefined || isOpen), at, "an integer or a string with another type"),
  ];
};

const OF_ONE_TYPE = {
  "x-kubernetes-list-type": "array",
  "x-kubernetes-map-type": "object",
  "x-kubernetes-embedded-resource": "object",
};

const ofParts = (node: JsonObject, at: string): string[] => [
  ...says(node["type"] === "array" && !isRecord(node["items"]), at, "an array without items"),
  ...says(node["properties"] !== undefined && node["additionalProperties"] !== undefined, at, "fields and others"),
  ...Object.entries(OF_ONE_TYPE).flatMap(([keyword, type]) =>
    says(node[keyword] !== undefined && node["type"] !== type, at, `${keyword} of what is no ${type}`),
  ),
];

/** The two types may stand in one of two places where they otherwise may not. */
const withoutEither = (node: JsonObject): JsonObject => {
  if (node["x-kubernetes-int-or-string"] !== true) return node;
  const { anyOf, ...rest } = node;
  if (JSON.stringify(anyOf) === EITHER) return rest;
  const [first, ...others] = list(node["allOf"]);
  const { anyOf: inFirst, ...firstRest } = record(first);
  return JSON.stringify(inFirst) === EITHER ? { ...node, allOf: [firstRest, ...others] } : node;
};

const inNode = (node: JsonObject, at: string): string[] => [
  ...unknown(node, IN_NODE, at),
  ...ofType(node, at),
  ...ofParts(node, at),
  ...inConditions(withoutEither(node), node, at),
  ...Object.entries(record(node["properties"])).flatMap(([field, inner]) => inNode(record(inner), `${at}.${field}`)),
  ...(node["items"] === undefined ? [] : inNode(record(node["items"]), `${at}[]`)),
  ...(node["additionalProperties"] === undefined ? [] : inNode(record(node["additionalProperties"]), `${at}{}`)),
];

const NOT_AT_ROOT = ["nullable", "default", "additionalProperties", "x-kubernetes-int-or-string"];

/** What an API server would say against the schema of a definition's objects. */
export const brokenRules = (root: JsonObject): string[] => [
  ...(root["type"] === "object" ? [] : ["the root is no object"]),
  ...NOT_AT_ROOT.filter((keyword) => root[keyword] !== undefined).map((keyword) => `${keyword} at the root`),
  ...["apiVersion", "kind", "metadata"]
    .filter((field) => Object.hasOwn(record(root["properties"]), field))
    .map((field) => `${field} is described`),
  ...inNode(root, ""),
];
