// What a version has beside its schema: subresources and fields to select by.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import type { DiscoveredResource } from "./discovered.ts";
import { fieldOf, listOf, recordOf } from "./document.ts";

/** The field at a path, in a translated schema. */
const at = (schema: JsonObject, path: readonly string[]): JsonObject =>
  path.reduce((node, field) => recordOf(recordOf(node, "properties"), field), schema);

const isInteger = (schema: JsonObject, ...path: string[]): boolean => at(schema, path)["type"] === "integer";

/** Where controllers keep the selector that goes with a scale; nobody publishes which it is. */
const SELECTORS = ["selector", "labelSelector"];

/** The fields behind a scale are not published. Those that nearly everybody uses must be there, or it is left out. */
const scaleOf = (schema: JsonObject): JsonObject => {
  if (!isInteger(schema, "spec", "replicas") || !isInteger(schema, "status", "replicas")) return {};
  const selector = SELECTORS.find((field) => at(schema, ["status", field])["type"] === "string");
  return {
    scale: {
      specReplicasPath: ".spec.replicas",
      statusReplicasPath: ".status.replicas",
      ...(selector === undefined ? {} : { labelSelectorPath: `.status.${selector}` }),
    },
  };
};

export const hasStatus = ({ subresources }: DiscoveredResource): boolean =>
  subresources.some(({ name }) => name === "status");

export const subresourcesOf = (resource: DiscoveredResource, schema: JsonObject): JsonObject => ({
  ...(hasStatus(resource) ? { status: {} } : {}),
  ...(resource.subresources.some(({ name, kind }) => name === "scale" && kind === "Scale") ? scaleOf(schema) : {}),
});

const MAX_SELECTABLE = 8;
const SELECTABLE = new Set<unknown>(["string", "boolean", "integer"]);

const isSelectable = (path: string, schema: JsonObject): boolean => {
  const steps = path.split(".");
  return steps[0] !== "metadata" && SELECTABLE.has(at(schema, steps)["type"]);
};

/** The fields that a published schema says objects can be selected by. */
export const selectableFields = (published: Json | undefined, schema: JsonObject): JsonObject => {
  const paths = listOf(published, "x-kubernetes-selectable-fields")
    .map((entry) => fieldOf(entry, "fieldPath"))
    .filter((path) => typeof path === "string")
    .filter((path) => isSelectable(path, schema));
  const fields = [...new Set(paths)].slice(0, MAX_SELECTABLE).map((path) => ({ jsonPath: `.${path}` }));
  return fields.length === 0 ? {} : { selectableFields: fields };
};
