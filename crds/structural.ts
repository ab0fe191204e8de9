// From a zod schema to the structural schema Kubernetes asks for in a CRD. zod does the translation to OpenAPI; this file
// narrows it to what an API server accepts, and refuses at generation time what it would refuse later: a node without a
// type, a reference, a keyword it would drop. It also refuses a field without a description, for `kubectl explain`.
// Rules: docs/reference/behaviour.md, "API".

import * as z from "zod";

/** One node of a structural schema; only the keywords our kinds use. */
export interface StructuralSchema {
  type: string;
  description?: string;
  properties?: Record<string, StructuralSchema>;
  required?: string[];
  items?: StructuralSchema;
  additionalProperties?: StructuralSchema;
  [keyword: string]: unknown;
}

type Node = Record<string, unknown>;

/** In the order in which they are written; whatever else zod emits is an error. */
const KEYWORDS = [
  "description",
  "type",
  "format",
  "default",
  "enum",
  "pattern",
  "minLength",
  "maxLength",
  "minimum",
  "maximum",
  "minItems",
  "maxItems",
  "required",
  "properties",
  "items",
  "additionalProperties",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
  "x-kubernetes-validations",
];

const INT32_MAX = 2_147_483_647;

/** zod bounds every integer by what JavaScript or int32 can hold; in Kubernetes the format says that. */
const tidyInteger = (node: Node): Node => {
  const int32 = node["maximum"] === INT32_MAX;
  const { minimum, maximum, ...rest } = node;
  return {
    ...rest,
    format: node["format"] ?? (int32 ? "int32" : "int64"),
    ...(typeof minimum === "number" && minimum > -INT32_MAX - 1 ? { minimum } : {}),
    ...(typeof maximum === "number" && maximum < INT32_MAX ? { maximum } : {}),
  };
};

/** zod adds the pattern of a date to its format; the API server checks the format itself, and more loosely. */
const tidyDate = ({ pattern: _, ...rest }: Node): Node => rest;

const tidy = (node: Node): Node => {
  if (node["type"] === "integer") return tidyInteger(node);
  return node["format"] === "date-time" ? tidyDate(node) : node;
};

/** `kubectl explain` shows no defaults, so the description names them. */
const withDefault = (node: Node): Node => {
  const value = node["default"];
  const worthNaming = typeof value === "boolean" || (typeof value === "string" && value !== "");
  return worthNaming ? { ...node, description: `${String(node["description"])} Default: ${value}.` } : node;
};

const children = (node: Node, path: string): Node => ({
  ...(node["properties"] === undefined ? {} : { properties: structuralFields(node["properties"] as Node, path) }),
  ...(node["items"] === undefined ? {} : { items: structural(node["items"] as Node, `${path}[]`) }),
  ...(typeof node["additionalProperties"] === "object"
    ? { additionalProperties: structural(node["additionalProperties"] as Node, `${path}{}`) }
    : {}),
});

const structuralFields = (fields: Node, path: string): Record<string, StructuralSchema> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, structural(field as Node, path ? `${path}.${name}` : name)]),
  );

const structural = (raw: Node, path: string): StructuralSchema => {
  const node = { ...tidy(raw), ...children(raw, path) };
  const unknown = Object.keys(node).filter((keyword) => !KEYWORDS.includes(keyword));
  if (unknown.length > 0) throw new Error(`${path}: not allowed in a structural schema: ${unknown.join(", ")}`);
  if (typeof node["type"] !== "string") throw new Error(`${path}: a structural schema needs a type`);
  if (path !== "" && typeof node["description"] !== "string") throw new Error(`${path}: needs a description`);
  const named = withDefault(node);
  const ordered = KEYWORDS.filter((keyword) => named[keyword] !== undefined).map((keyword) => [
    keyword,
    named[keyword],
  ]);
  return Object.fromEntries(ordered) as StructuralSchema;
};

/**
 * The structural schema of what a client may send (defaults are not required). Throws where a field has no description
 * or zod's translation has something that an API server would refuse, naming the field.
 */
export const structuralSchema = (schema: z.ZodType): StructuralSchema => {
  const { $schema: _, ...node } = z.toJSONSchema(schema, { target: "openapi-3.0", io: "input" }) as Node;
  return structural(node, "");
};
