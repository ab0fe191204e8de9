// What travels from a consumer object to its copy, and what of a copy is ours. The two sides are compared by hashes:
// that of the projection, and that of the fields which our own managedFields entry says we own.
// Rules: docs/reference/behaviour.md, "What travels" and "In sync".

import { contentHash } from "../../crds/canonical.ts";
import { isNamed } from "../../crds/domain-patterns.ts";
import type { Json } from "../../crds/json.ts";
import type { Key, KubeObject } from "../../crds/kube-object.ts";
import { ANNOTATION, GROUP, LABEL } from "../../crds/labels.ts";
import { appliedEntry } from "./field-entries.ts";
import type { Markers } from "./ownership.ts";

type Fields = Record<string, Json>;

/** Which of a user's labels and annotations are carried. */
export interface TravelPolicy {
  label(key: string): boolean;
  annotation(key: string): boolean;
}

/** Marks by which Argo CD, Flux, Helm, kapp and Fleet know what they have deployed here: a copy is none of it. */
const TRACKING_PREFIXES = [
  "kustomize.toolkit.fluxcd.io",
  "helm.toolkit.fluxcd.io",
  "argocd.argoproj.io",
  "helm.sh",
].concat(["meta.helm.sh", "kapp.k14s.io", "fleet.cattle.io", "objectset.rio.cattle.io"]);

const prefixOf = (key: string): string => {
  const slash = key.indexOf("/");
  return slash < 0 ? "" : key.slice(0, slash);
};

const isKubernetesPrefix = (prefix: string): boolean =>
  ["kubernetes.io", "k8s.io"].some((domain) => prefix === domain || prefix.endsWith(`.${domain}`));

const NOTHING: ReadonlySet<string> = new Set();

/**
 * Labels by a deny-list (ours, Kubernetes' own, those of GitOps tools); annotations by an allow-list of their prefixes, names
 * or patterns such as "*.example.org". Ours never travel, whatever is allowed.
 */
export const travelPolicy = (annotationPrefixes: ReadonlySet<string> = NOTHING): TravelPolicy => ({
  label: (key) => {
    const prefix = prefixOf(key);
    return prefix !== GROUP && !isKubernetesPrefix(prefix) && !TRACKING_PREFIXES.includes(prefix);
  },
  annotation: (key) => prefixOf(key) !== GROUP && isNamed(prefixOf(key), annotationPrefixes),
});

const pick = (from: Record<string, string> | undefined, wanted: (key: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(from ?? {}).filter(([key]) => wanted(key)));

const STAYS_HOME = new Set(["apiVersion", "kind", "metadata", "status"]);

const payload = (object: KubeObject): Fields => {
  // No prototype: a field called __proto__ is data like any other.
  const fields = Object.create(null) as Fields;
  for (const [name, value] of Object.entries(object)) if (!STAYS_HOME.has(name)) fields[name] = value as Json;
  return fields;
};

/**
 * The apply body for the copy of `object` at `providerKey`: every top-level field but apiVersion, kind, metadata and
 * status as it is; allowed labels and annotations; our markers. Guards (uid, resourceVersion) are added by the write.
 */
export function project(object: KubeObject, providerKey: Key, markers: Markers, policy: TravelPolicy): KubeObject {
  const metadata = {
    name: providerKey.name,
    ...(providerKey.namespace === "" ? {} : { namespace: providerKey.namespace }),
    labels: {
      ...pick(object.metadata.labels, (key) => policy.label(key)),
      [LABEL.managed]: "true",
      [LABEL.consumerClusterUid]: markers.clusterUid,
    },
    annotations: {
      ...pick(object.metadata.annotations, (key) => policy.annotation(key)),
      [ANNOTATION.consumerClusterUid]: markers.clusterUid,
      [ANNOTATION.consumerObjectUid]: markers.objectUid,
    },
  };
  return { apiVersion: object.apiVersion, kind: object.kind, metadata, ...payload(object) } as unknown as KubeObject;
}

const comparable = (labels: Json, annotations: Json, fields: Fields): Json => ({
  metadata: { labels, annotations },
  ...fields,
});

/** Hash of a projection, equal to `ownedHash` of a copy that holds exactly it. */
export const wantedHash = (projected: KubeObject): string =>
  contentHash(comparable(projected.metadata.labels ?? {}, projected.metadata.annotations ?? {}, payload(projected)));

/** Hash of what we own of a copy, or "" if we own nothing of it. Needs the copy's managedFields. */
export function ownedHash(copy: KubeObject): string {
  const owned = appliedEntry(copy)?.fieldsV1;
  if (owned === undefined) return "";
  const { metadata, ...fields } = extract(owned, copy as unknown as Json) as Fields;
  const { labels, annotations } = (metadata ?? {}) as Fields;
  return contentHash(comparable(labels ?? {}, annotations ?? {}, fields));
}

/** The part of `value` that the server's field set `owned` names; a set without members names the whole value. */
export function extract(owned: Json, value: Json): Json {
  const members = Object.keys(owned as Fields).filter((member) => member !== ".");
  if (members.length === 0) return value;
  if (Array.isArray(value)) return extractItems(owned as Fields, members, value);
  if (value === null || typeof value !== "object") return value;
  // No prototype: a field called __proto__ is data like any other.
  const found = Object.create(null) as Fields;
  for (const member of members) {
    const name = member.slice(2);
    if (Object.hasOwn(value, name)) {
      found[name] = extract((owned as Fields)[member] as Json, (value as Fields)[name] as Json);
    }
  }
  return found;
}

function extractItems(owned: Fields, members: string[], items: Json[]): Json[] {
  const matchers = members.map((member) => ({ matches: itemMatcher(member), inner: owned[member] as Json }));
  return items.flatMap((item, index) => {
    const hit = matchers.find(({ matches }) => matches(item, index));
    return hit === undefined ? [] : [extract(hit.inner, item)];
  });
}

/** `k:{"name":"a"}` names an item by its keys, `v:"a"` by its value, `i:0` by its place. */
export function itemMatcher(member: string): (item: Json, index: number) => boolean {
  const text = member.slice(2);
  if (member.startsWith("i:")) return (_item, index) => index === Number(text);
  const named = JSON.parse(text) as Json;
  if (member.startsWith("v:")) return (item) => item === named;
  const keys = Object.entries(named as Fields);
  return (item) => keys.every(([key, value]) => (item as Fields | null)?.[key] === value);
}
