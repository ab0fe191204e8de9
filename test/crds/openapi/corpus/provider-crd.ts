// The definition that a sample's provider has, and the one that can be expected of what is published of it: all but what
// an OpenAPI document does not carry.

import type { CrdSpec, CrdVersion } from "../../../../crds/definition-object.ts";
import { isRecord, type Json, type JsonObject } from "../../../../crds/json.ts";
import type { Body, Sample } from "./sample.ts";

export const GROUP = "corpus.example.org";

export const kindOf = ({ plural, names }: Sample): string =>
  typeof names?.["kind"] === "string" ? names["kind"] : plural.charAt(0).toUpperCase() + plural.slice(1, -1);

/** The provider's definition, with columns, labels and more that nobody else will see. */
export const providerCrd = (sample: Sample): Body => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${sample.plural}.${GROUP}`, labels: { "core.kube-bind.io/exported": "true" } },
  spec: {
    group: GROUP,
    names: { plural: sample.plural, kind: kindOf(sample), ...sample.names },
    scope: sample.scope ?? "Namespaced",
    versions: [
      ...(sample.versions ?? []).map((version) => ({
        storage: false,
        ...version,
        schema: { openAPIV3Schema: version["schema"] },
      })),
      {
        name: "v1",
        served: true,
        storage: true,
        additionalPrinterColumns: [{ name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" }],
        schema: { openAPIV3Schema: sample.schema },
        ...sample.version,
      },
    ],
  },
});

const EITHER: Json = [{ type: "integer" }, { type: "string" }];

/** An API server writes out what "an integer or a string" means where the definition does not. */
const withEither = (node: JsonObject): JsonObject => {
  if (node["x-kubernetes-int-or-string"] !== true) return node;
  const written = JSON.stringify([node["anyOf"], (node["allOf"] as JsonObject[] | undefined)?.[0]?.["anyOf"]]);
  if (written.includes(JSON.stringify(EITHER))) return node;
  if (node["anyOf"] === undefined) return { ...node, anyOf: EITHER };
  return { ...node, allOf: [{ anyOf: EITHER }, ...((node["allOf"] as Json[] | undefined) ?? [])] };
};

/** It also describes the header of an embedded object, and demands it. */
const withHeader = (node: JsonObject): JsonObject => {
  if (node["x-kubernetes-embedded-resource"] !== true) return node;
  const header = { apiVersion: { type: "string" }, kind: { type: "string" }, metadata: { type: "object" } };
  const properties = { ...(node["properties"] as JsonObject | undefined), ...header };
  return { ...node, properties, required: [...((node["required"] as Json[] | undefined) ?? []), "kind", "apiVersion"] };
};

const published = (schema: Json): Json => {
  if (!isRecord(schema)) return schema;
  const fields = (value: Json): Json =>
    Object.fromEntries(Object.entries(value as JsonObject).map(([field, node]) => [field, published(node)]));
  const node = Object.fromEntries(
    Object.entries(schema).map(([keyword, value]): [string, Json] => {
      if (keyword === "properties") return [keyword, fields(value)];
      return keyword === "items" || keyword === "additionalProperties" ? [keyword, published(value)] : [keyword, value];
    }),
  );
  return withHeader(withEither(node));
};

const HEADER = ["apiVersion", "kind", "metadata"];

/** Of the header's fields nothing is known but that they are there. */
const withoutHeader = (root: JsonObject): JsonObject => {
  const properties = Object.entries((root["properties"] as JsonObject | undefined) ?? {});
  const described = properties.filter(([field]) => !HEADER.includes(field));
  return { ...root, ...(properties.length === 0 ? {} : { properties: Object.fromEntries(described) }) };
};

/** That there is a scale is known, and not of which fields. */
const withoutOddScale = (subresources: JsonObject): JsonObject => {
  const { scale, ...others } = subresources;
  return isRecord(scale) && scale["specReplicasPath"] !== ".spec.replicas" ? others : subresources;
};

/** What is expected to be installed for a provider's definition, as its own server returned it. */
export const expectedSpec = (spec: CrdSpec): CrdSpec => {
  const [version] = spec.versions.filter(({ storage }) => storage) as [CrdVersion];
  const { additionalPrinterColumns: _, ...kept } = version;
  const { openAPIV3Schema } = version["schema"] as { openAPIV3Schema: JsonObject };
  const { subresources } = version;
  return {
    group: spec.group,
    names: spec.names,
    scope: spec.scope,
    versions: [
      {
        ...kept,
        schema: { openAPIV3Schema: published(withoutHeader(openAPIV3Schema)) },
        ...(isRecord(subresources) ? { subresources: withoutOddScale(subresources) } : {}),
      },
    ],
    conversion: { strategy: "None" },
  };
};
