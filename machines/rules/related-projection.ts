// What travels of a related Secret or ConfigMap, and what of a copy is ours: data, type and immutability, compared by hashes
// as with synced objects; our markers stand beside. Pure. Rules: docs/reference/behaviour.md, "Related objects".

import { contentHash } from "../../crds/canonical.ts";
import type { Json } from "../../crds/json.ts";
import type { Key, KubeObject } from "../../crds/kube-object.ts";
import { ANNOTATION, LABEL, RELATED_FIELD_MANAGER } from "../../crds/labels.ts";
import { appliedEntry } from "./field-entries.ts";
import { extract } from "./projection.ts";

type Fields = Record<string, Json>;

const TRAVELS = ["data", "binaryData", "immutable", "type"] as const;

/** What is empty or false is as good as not there: API servers keep it so. */
const isNothing = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === false || JSON.stringify(value) === "{}";

const content = (object: Readonly<Record<string, unknown>>): Fields => {
  const fields = Object.create(null) as Fields;
  for (const name of TRAVELS) {
    const value = object[name] as Json | undefined;
    if (!isNothing(value)) fields[name] = value as Json;
  }
  return fields;
};

/** Hash of all that could travel of an object. */
export const wholeHash = (object: KubeObject): string => contentHash(content(object));

/** Hash of what our applies own of a copy, equal to `wholeHash` of a source that it holds exactly; "" for nothing of it. */
export function ownedContent(copy: KubeObject): string {
  const owned = appliedEntry(copy, RELATED_FIELD_MANAGER)?.fieldsV1;
  return owned === undefined ? "" : contentHash(content(extract(owned, copy as unknown as Json) as Fields));
}

/** Whose a copy is said to be. */
export interface RelatedMarkers {
  /** UID of the consumer cluster; "" when the annotation is absent. */
  clusterUid: string;
  /** UID of the binding; "" when the annotation is absent. */
  binding: string;
}

export const relatedMarkersOf = ({ metadata: { annotations } }: KubeObject): RelatedMarkers => ({
  clusterUid: annotations?.[ANNOTATION.consumerClusterUid] ?? "",
  binding: annotations?.[ANNOTATION.relatedBinding] ?? "",
});

/** Does it carry the labels by which our watches find it? */
export const isLabelled = ({ metadata: { labels } }: KubeObject, clusterUid: string): boolean =>
  labels?.[LABEL.managed] === "true" && labels[LABEL.consumerClusterUid] === clusterUid;

/** The body of the apply that makes the copy at `key` what the source says. Guards are added by the write. */
export const projectRelated = (source: KubeObject, key: Key, { clusterUid, binding }: RelatedMarkers): KubeObject =>
  ({
    apiVersion: source.apiVersion,
    kind: source.kind,
    metadata: {
      name: key.name,
      namespace: key.namespace,
      labels: { [LABEL.managed]: "true", [LABEL.consumerClusterUid]: clusterUid },
      annotations: { [ANNOTATION.consumerClusterUid]: clusterUid, [ANNOTATION.relatedBinding]: binding },
    },
    ...content(source),
  }) as unknown as KubeObject;
