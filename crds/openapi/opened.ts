// A schema with every field of its objects open: what is left to install where an API server refuses the full one.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { fieldOf, recordOf } from "./document.ts";
import { PRESERVE } from "./keywords.ts";
import { openFor } from "./flatten.ts";
import { OPEN_OBJECT } from "./well-known.ts";

/** More fields at the top than this are no API that anybody wrote. */
const MAX_FIELDS = 500;

const described = (node: Json | undefined, open: JsonObject): JsonObject => {
  const description = fieldOf(node, "description");
  return typeof description === "string" ? { description, ...open } : open;
};

/** The schema of the same objects, accepting anything in their fields, above all in spec and status. */
export const openedSchema = (schema: JsonObject): JsonObject => {
  const fields = Object.entries(recordOf(schema, "properties"));
  const isClosed = fields.length > 0 && fields.length <= MAX_FIELDS && fieldOf(schema, PRESERVE) !== true;
  if (!isClosed) return described(schema, OPEN_OBJECT);
  const properties = Object.fromEntries(fields.map(([field, node]) => [field, described(node, openFor(node))]));
  return described(schema, { type: "object", properties });
};
