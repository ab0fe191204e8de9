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

/** What a page of a list says beside its items. */
export interface Page {
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

/**
 * What the rest of the program relies on, and the most characters an API server allows it (for uid and resourceVersion,
 * which have no limit: far beyond any that exists). Names go into keys, messages and logs.
 */
const IDENTIFIERS: readonly [field: string, most: number][] = [
  ["name", 253],
  ["uid", 253],
  ["resourceVersion", 253],
];
const LONGEST_NAMESPACE = 253;

/** A version that is a number is one of 63 bits: no write on the condition of a greater one could ever succeed. */
const GREATEST_VERSION = "9223372036854775807";
const isTooGreat = (version: string): boolean =>
  /^\d{19,}$/.test(version) && (version.length > GREATEST_VERSION.length || version > GREATEST_VERSION);

/** Throws ShapeError unless the value has a name, a uid and a resourceVersion. */
export const toObject = (value: unknown, resource: Resource): KubeObject => {
  const metadata = metadataOf(value);
  for (const [field, most] of IDENTIFIERS) {
    const { length } = textOf(metadata, field);
    if (length === 0 || length > most) throw new ShapeError(`an object has no proper metadata.${field}`);
  }
  if (isTooGreat(textOf(metadata, "resourceVersion")))
    throw new ShapeError("an object has no proper metadata.resourceVersion");
  if (textOf(metadata, "namespace").length > LONGEST_NAMESPACE)
    throw new ShapeError("an object has no proper metadata.namespace");
  const object = value as JsonObject;
  if (textOf(object, "apiVersion") === "") object["apiVersion"] = apiVersionOf(resource);
  if (textOf(object, "kind") === "") object["kind"] = resource.kind;
  return object as unknown as KubeObject;
};

/** `value`: a list without its items. */
export const toPage = (value: unknown): Page => {
  // Go writes an empty slice that was never made as null.
  const items: Json | undefined = isRecord(value) ? (value["items"] ?? []) : undefined;
  if (!Array.isArray(items) || items.length > 0) throw new ShapeError("a list has no items");
  const resourceVersion = resourceVersionOf(value);
  if (resourceVersion === "") throw new ShapeError("a list has no metadata.resourceVersion");
  return { resourceVersion, next: textOf(metadataOf(value), "continue") };
};

/** The names in `groups[].name` of an APIGroupList. */
export const groupNames = (value: unknown): string[] => {
  const groups = isRecord(value) ? value["groups"] : undefined;
  if (!Array.isArray(groups)) throw new ShapeError("discovery has no groups");
  return groups.map((group) => (isRecord(group) ? textOf(group, "name") : "")).filter((name) => name !== "");
};
