// Reads an OpenAPI v3 document as API servers publish it, one for each group and version: which schema describes a
// resource, what a reference leads to, what the resource's list is called.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { isRecord } from "../json.ts";
import type { DiscoveredResource } from "./discovered.ts";

const PREFIX = "#/components/schemas/";
const GVK = "x-kubernetes-group-version-kind";

const NOTHING: JsonObject = {};

/** A field of what may not even be a record; only its own, since names such as "constructor" are data here. */
export const fieldOf = (value: unknown, field: string): Json | undefined =>
  isRecord(value) && Object.hasOwn(value, field) ? value[field] : undefined;

/** A field that is a record; empty where it is not. */
export const recordOf = (value: unknown, field: string): JsonObject => {
  const found = fieldOf(value, field);
  return isRecord(found) ? found : NOTHING;
};

/** A field that is a list; empty where it is not. */
export const listOf = (value: unknown, field: string): readonly Json[] => {
  const found = fieldOf(value, field);
  return Array.isArray(found) ? found : [];
};

/** The schemas of a document by name. */
export const schemasOf = (document: unknown): JsonObject => recordOf(recordOf(document, "components"), "schemas");

/** A JSON pointer in a fragment: the fragment's own escapes come off first. */
const unescaped = (pointer: string): string => {
  try {
    return decodeURIComponent(pointer).replaceAll("~1", "/").replaceAll("~0", "~");
  } catch {
    return pointer;
  }
};

/** The name of the schema that a node refers to; undefined if it refers to none of this document. */
export const refOf = (node: unknown): string | undefined => {
  const ref = fieldOf(node, "$ref");
  return typeof ref === "string" && ref.startsWith(PREFIX) ? unescaped(ref.slice(PREFIX.length)) : undefined;
};

const describes =
  ({ group, version, kind }: DiscoveredResource) =>
  (gvk: Json): boolean =>
    fieldOf(gvk, "group") === group && fieldOf(gvk, "version") === version && fieldOf(gvk, "kind") === kind;

/** The name of the schema of a resource's objects; undefined if the document describes none. */
export const schemaNameOf = (resource: DiscoveredResource, schemas: JsonObject): string | undefined =>
  Object.keys(schemas).find((name) => listOf(schemas[name], GVK).some(describes(resource)));

const collectionOf = ({ group, version, resource, namespaced }: DiscoveredResource, document: unknown): JsonObject => {
  const root = `/apis/${group}/${version}`;
  return recordOf(
    recordOf(document, "paths"),
    namespaced ? `${root}/namespaces/{namespace}/${resource}` : `${root}/${resource}`,
  );
};

/** The kind of the resource's list, where the document tells. */
export const listKindOf = (resource: DiscoveredResource, document: unknown): string | undefined => {
  const answer = recordOf(recordOf(recordOf(collectionOf(resource, document), "get"), "responses"), "200");
  const name = refOf(recordOf(recordOf(recordOf(answer, "content"), "application/json"), "schema"));
  const [gvk] = name === undefined ? [] : listOf(fieldOf(schemasOf(document), name), GVK);
  const kind = fieldOf(gvk, "kind");
  return typeof kind === "string" ? kind : undefined;
};

/** Whether the document calls the version deprecated. */
export const isDeprecated = (resource: DiscoveredResource, document: unknown): boolean =>
  fieldOf(recordOf(collectionOf(resource, document), "get"), "deprecated") === true;
