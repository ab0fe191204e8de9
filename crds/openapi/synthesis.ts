// Makes a CustomResourceDefinition of what a provider publishes of an API: its discovery entry and the OpenAPI document of
// its version. The result has the shape of a definition read from a provider, so that everything after it is the same.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Crd, CrdVersion } from "../definition-object.ts";
import type { JsonObject } from "../json.ts";
import { isRecord } from "../json.ts";
import { CRDS, apiVersionOf } from "../resources.ts";
import type { DiscoveredResource } from "./discovered.ts";
import type { ExportableApi } from "./exportable.ts";

const PRESERVE_UNKNOWN = "x-kubernetes-preserve-unknown-fields";
const OPEN: JsonObject = { type: "object", [PRESERVE_UNKNOWN]: true };

/** Fields that every object has; a definition says nothing of them. */
const HEADER = new Set(["apiVersion", "kind", "metadata"]);

const isOf = (resource: DiscoveredResource) => (component: unknown) =>
  isRecord(component) &&
  Array.isArray(component["x-kubernetes-group-version-kind"]) &&
  component["x-kubernetes-group-version-kind"].some(
    (gvk) =>
      isRecord(gvk) &&
      gvk["group"] === resource.group &&
      gvk["version"] === resource.version &&
      gvk["kind"] === resource.kind,
  );

const componentOf = (resource: DiscoveredResource, document: unknown): JsonObject | undefined => {
  const components = isRecord(document) ? document["components"] : undefined;
  const schemas = isRecord(components) ? components["schemas"] : undefined;
  return isRecord(schemas) ? (Object.values(schemas).find(isOf(resource)) as JsonObject | undefined) : undefined;
};

const openFields = (properties: unknown): JsonObject =>
  Object.fromEntries(
    Object.keys(isRecord(properties) ? properties : {})
      .filter((field) => !HEADER.has(field))
      .map((field) => [field, OPEN]),
  );

/**
 * The definition of an API as its provider might have written it, with the one version to serve here; undefined if the
 * document does not describe it. `document`: the parsed OpenAPI v3 document of its group and version.
 */
export const synthesizeCrd = ({ exported, resource }: ExportableApi, document: unknown): Crd | undefined => {
  const component = componentOf(resource, document);
  if (component === undefined) return undefined;
  const properties = openFields(component["properties"]);
  const openAPIV3Schema: JsonObject = Object.keys(properties).length === 0 ? OPEN : { type: "object", properties };
  const version: CrdVersion = {
    name: resource.version,
    served: true,
    storage: true,
    schema: { openAPIV3Schema },
    subresources: resource.subresources.some(({ name }) => name === "status") ? { status: {} } : {},
  };
  return {
    apiVersion: apiVersionOf(CRDS),
    kind: CRDS.kind,
    metadata: { name: exported.name, uid: "", resourceVersion: "" },
    spec: {
      group: exported.group,
      names: {
        plural: exported.resource,
        singular: resource.singular || resource.kind.toLowerCase(),
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        ...(resource.shortNames.length === 0 ? {} : { shortNames: [...resource.shortNames] }),
        ...(resource.categories.length === 0 ? {} : { categories: [...resource.categories] }),
      },
      scope: exported.scope as Crd["spec"]["scope"],
      versions: [version],
    },
  };
};

const opened = (version: CrdVersion): CrdVersion => {
  const schema = isRecord(version["schema"]) ? version["schema"] : {};
  const root = isRecord(schema["openAPIV3Schema"]) ? schema["openAPIV3Schema"] : {};
  const properties = openFields(root["properties"]);
  const { description } = root;
  return {
    ...version,
    schema: {
      openAPIV3Schema: {
        ...(description === undefined ? {} : { description }),
        ...(Object.keys(properties).length === 0 ? OPEN : { type: "object", properties }),
      },
    },
  };
};

/** The same with every field open: what is left to install where an API server refuses the schema. */
export const openedCrd = (crd: Crd): Crd => ({
  ...crd,
  spec: { ...crd.spec, versions: crd.spec.versions.map(opened) },
});
