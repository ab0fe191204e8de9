// The shape of a Kubernetes object as the konnector carries it: raw JSON whose numbers keep their digits (crds/json.ts),
// with only the metadata typed that the konnector reads. No library type and no Date objects: what came in goes out.

import type { Json } from "./json.ts";

/** One entry of `metadata.managedFields`; `fieldsV1` is the server's own set notation (`f:`, `k:`, `v:`, `.`). */
export interface ManagedFieldsEntry {
  manager?: string;
  operation?: "Apply" | "Update";
  apiVersion?: string;
  subresource?: string;
  fieldsType?: string;
  /** When it last changed. */
  time?: string;
  fieldsV1?: Record<string, Json>;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFieldsEntry[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: Json;
  status?: Json;
  [field: string]: unknown;
}

/** One resource type at one version, as a request needs it. `group` is "" for core. */
export interface Resource {
  group: string;
  version: string;
  /** The plural, as in the URL. */
  resource: string;
  kind: string;
  namespaced: boolean;
}

/** Where an object lives in its cluster; `namespace` is "" for cluster-scoped types. */
export interface Key {
  namespace: string;
  name: string;
}

/** `<plural>.<group>`: the name of a CRD and of an exported API. */
export type ApiName = string;

export const keyOf = (object: KubeObject): Key => ({
  namespace: object.metadata.namespace ?? "",
  name: object.metadata.name,
});

/** `namespace/name`, or `/name` for cluster-scoped objects: unique within one type. */
export const keyText = (key: Key): string => `${key.namespace}/${key.name}`;

export const parseKey = (text: string): Key => {
  const slash = text.indexOf("/");
  return { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
};

export const isDeleting = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;

export const hasFinalizer = (object: KubeObject, finalizer: string): boolean =>
  object.metadata.finalizers?.includes(finalizer) ?? false;

/**
 * Is `known` older than `other`? Resource versions of one server grow, compared as the numbers they are written as;
 * where one is no number there is no telling, and the later arrival counts as newer.
 */
export function isOlder(known: KubeObject, other: KubeObject): boolean {
  return isOlderVersion(known.metadata.resourceVersion, other.metadata.resourceVersion);
}

const DIGITS = /^\d+$/;

export function isOlderVersion(known: string, other: string): boolean {
  if (!DIGITS.test(known) || !DIGITS.test(other)) return known !== other;
  return known.length === other.length ? known < other : known.length < other.length;
}
