// How many fields a record has: asked again and again of the same ones, and slow to tell of those that are made to be slow.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { JsonObject } from "../json.ts";
import { isRecord } from "../json.ts";

const known = new WeakMap<JsonObject, number>();

/** 0 of what is no record. */
export const widthOf = (value: unknown): number => {
  if (!isRecord(value)) return 0;
  const width = known.get(value) ?? Object.keys(value).length;
  known.set(value, width);
  return width;
};

/** There are some fifty keywords; a node with more than this is nobody's. */
const MAX_KEYWORDS = 200;

/** Whether this can be a node of a schema. */
export const isNode = (value: unknown): value is JsonObject => isRecord(value) && widthOf(value) <= MAX_KEYWORDS;
