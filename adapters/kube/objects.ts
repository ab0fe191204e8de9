// Reads objects and lists out of answers: checks what the rest of the program relies on, and fills in what lists of
// built-in types leave out (apiVersion and kind of their items). Everything else passes as it came.

import { isRecord, type Json, type JsonObject } from "../../crds/json.ts";
import type { KubeObject, Resource } from "../../crds/kube-object.ts";
import { apiVersionOf } from "../../crds/resources.ts";

/** What came is JSON but not what the Kubernetes API answers. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
  readonly code = "ERR_NOT_KUBERNETES";
}

export interface Page {
  items: KubeObject[];
  resourceVersion: string;
  /** The token of the next page; "" on the last one. */
  next: string;
}

const metadataOf = (value: unknown): JsonObject | undefined => {
  const metadata = isRecord(value) ? value["metadata"] : undefined;
  return isRecord(metadata) ? metadata : undefined;
};

const textOf = (record: JsonObject | undefined, field: string): string => {
  const value = record?.[field];
  return typeof value === "string" ? value : "";
};

export const resourceVersionOf = (value: unknown): string => textOf(metadataOf(value), "resourceVersion");

export const isStatus = (value: unknown): boolean =>
  isRecord(value) && value["kind"] === "Status" && value["apiVersion"] === "v1";

/** Throws ShapeError unless the value has a name, a uid and a resourceVersion. */
export const toObject = (value: unknown, resource: Resource): KubeObject => {
  const metadata = metadataOf(value);
  for (const field of ["name", "uid", "resourceVersion"])
    if (textOf(metadata, field) === "") throw new ShapeError(`an object has no metadata.${field}`);
  const object = value as JsonObject;
  if (textOf(object, "apiVersion") === "") object["apiVersion"] = apiVersionOf(resource);
  if (textOf(object, "kind") === "") object["kind"] = resource.kind;
  return object as unknown as KubeObject;
};

export const toPage = (value: unknown, resource: Resource): Page => {
  // Go writes an empty slice that was never made as null.
  const items: Json | undefined = isRecord(value) ? (value["items"] ?? []) : undefined;
  if (!Array.isArray(items)) throw new ShapeError("a list has no items");
  const resourceVersion = resourceVersionOf(value);
  if (resourceVersion === "") throw new ShapeError("a list has no metadata.resourceVersion");
  return {
    items: items.map((item) => toObject(item, resource)),
    resourceVersion,
    next: textOf(metadataOf(value), "continue"),
  };
};

/** The names in `groups[].name` of an APIGroupList. */
export const groupNames = (value: unknown): string[] => {
  const groups = isRecord(value) ? value["groups"] : undefined;
  if (!Array.isArray(groups)) throw new ShapeError("discovery has no groups");
  return groups.map((group) => (isRecord(group) ? textOf(group, "name") : "")).filter((name) => name !== "");
};
