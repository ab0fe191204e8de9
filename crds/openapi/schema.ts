// The schema of a resource's objects: what a definition says at the root is less than elsewhere, and the whole must fit
// into one object of an API server. What is too big is tried with less: without descriptions, then less and less deep.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { JsonObject } from "../json.ts";
import { isRecord } from "../json.ts";
import { isSpent, type Budget } from "./budget.ts";
import { fieldOf, listOf, recordOf } from "./document.ts";
import { flattened, type Place, type Translation } from "./flatten.ts";
import { EMBEDDED, INT_OR_STRING, MAP_TYPE } from "./keywords.ts";
import { structural } from "./structure.ts";
import { OPEN_OBJECT } from "./well-known.ts";

/**
 * An API server stores 1.5 MB in one object, and a definition may have to carry the schema of a version that objects are
 * still stored in beside the one that is served.
 */
const MAX_BYTES = 700_000;

interface Attempt {
  maxDepth: number;
  descriptions: boolean;
}

/** Each step down costs a step of the depth, and so does each reference: a Go type within another one costs three. */
const ATTEMPTS: readonly Attempt[] = [
  { maxDepth: 100, descriptions: true },
  { maxDepth: 100, descriptions: false },
  { maxDepth: 30, descriptions: false },
  { maxDepth: 15, descriptions: false },
  { maxDepth: 8, descriptions: false },
];

/** Never at the root. */
const NOT_AT_ROOT = [EMBEDDED, INT_OR_STRING, "nullable", "default", "additionalProperties"];

/** With a status subresource, nothing at the root that its own schema would have to repeat. */
const NOT_BESIDE_STATUS = ["allOf", "anyOf", "oneOf", "not", "enum", "minProperties", "maxProperties", MAP_TYPE];

const without = (schema: JsonObject, keywords: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(schema).filter(([keyword]) => !keywords.includes(keyword)));

const ROOT: Place = { depth: 0, inside: [], isRoot: true };

/**
 * Servers built on Go types fill in an empty status; one that is awaited is not to be there from the start.
 */
const awaited = (properties: JsonObject, written: JsonObject): JsonObject => {
  const status = fieldOf(properties, "status");
  const isWrapped = listOf(fieldOf(written, "status"), "allOf").length > 0;
  const filled = fieldOf(status, "default");
  const isFilled = isRecord(status) && isRecord(filled) && Object.keys(filled).length === 0;
  return isWrapped && isFilled ? { ...properties, status: without(status, ["default"]) } : properties;
};

const rootSchema = (name: string, hasStatus: boolean, translation: Translation): JsonObject => {
  const raw = fieldOf(translation.schemas, name) ?? null;
  const place: Place = { ...ROOT, inside: [name] };
  const written = fieldOf(flattened(raw, place, translation).node, "properties");
  // An API server that cannot describe a resource publishes an object without fields, not even those of every object.
  if (!isRecord(written)) return OPEN_OBJECT;
  const schema = structural(raw, place, translation);
  const properties = awaited(recordOf(schema, "properties"), written);
  return {
    ...without(schema, hasStatus ? [...NOT_AT_ROOT, ...NOT_BESIDE_STATUS] : NOT_AT_ROOT),
    type: "object",
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  };
};

/** The structural schema of the objects that `schemas[name]` describes, never too big for an API server. */
export const objectSchema = (schemas: JsonObject, name: string, hasStatus: boolean): JsonObject => {
  for (const attempt of ATTEMPTS) {
    const budget: Budget = { left: MAX_BYTES };
    const schema = rootSchema(name, hasStatus, { schemas, budget, ...attempt });
    if (!isSpent(budget) && Buffer.byteLength(JSON.stringify(schema)) <= MAX_BYTES) return schema;
  }
  return OPEN_OBJECT;
};
