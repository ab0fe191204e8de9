// Makes a CustomResourceDefinition of what a provider publishes of an API: its discovery entry and the OpenAPI document of
// its version. The result has the shape of a definition read from a provider, so that everything after it is the same.
// Pure; reading either, and installing the result, is left to others.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Crd, CrdVersion } from "../definition-object.ts";
import { CRDS, apiVersionOf } from "../resources.ts";
import { isDeprecated, recordOf, schemaNameOf, schemasOf } from "./document.ts";
import type { ExportableApi } from "./exportable.ts";
import { hasStatus, selectableFields, subresourcesOf } from "./extras.ts";
import { isNameable, namesOf } from "./names.ts";
import { openedSchema } from "./opened.ts";
import { objectSchema } from "./schema.ts";

const COMMUNITY = /(^|\.)(k8s|kubernetes)\.io$/;

/** API servers ask who approved a definition in a group of Kubernetes' own; that is not published. */
const approval = (group: string): Pick<Crd["metadata"], "annotations"> =>
  COMMUNITY.test(group)
    ? { annotations: { "api-approved.kubernetes.io": "unapproved, made of what the provider publishes" } }
    : {};

/**
 * The definition of an API as its provider might have written it, with the one version to serve here; undefined if the
 * document does not describe it, or an API server takes no definition of that name. `document`: the parsed OpenAPI v3
 * document of its group and version. It may be anything: the result is of bounded size, and structural.
 */
export const synthesizeCrd = ({ exported, resource }: ExportableApi, document: unknown): Crd | undefined => {
  const schemas = schemasOf(document);
  const name = isNameable(resource) ? schemaNameOf(resource, schemas) : undefined;
  if (name === undefined) return undefined;
  const schema = objectSchema(schemas, name, hasStatus(resource));
  const subresources = subresourcesOf(resource, schema);
  const version: CrdVersion = {
    name: resource.version,
    served: true,
    storage: true,
    ...(isDeprecated(resource, document) ? { deprecated: true } : {}),
    schema: { openAPIV3Schema: schema },
    ...(Object.keys(subresources).length === 0 ? {} : { subresources }),
    ...selectableFields(schemas[name], schema),
  };
  return {
    apiVersion: apiVersionOf(CRDS),
    kind: CRDS.kind,
    metadata: { name: exported.name, uid: "", resourceVersion: "", ...approval(exported.group) },
    spec: {
      group: exported.group,
      names: namesOf(resource, document),
      scope: resource.namespaced ? "Namespaced" : "Cluster",
      versions: [version],
    },
  };
};

/** Without what refers to fields that are no longer described. */
const opened = ({ selectableFields: _, ...version }: CrdVersion): CrdVersion => ({
  ...version,
  schema: { openAPIV3Schema: openedSchema(recordOf(version["schema"], "openAPIV3Schema")) },
});

/** The same definition, accepting anything in the fields of its objects: for where an API server refuses the full one. */
export const openedCrd = (crd: Crd): Crd => ({
  ...crd,
  spec: { ...crd.spec, versions: crd.spec.versions.map(opened) },
});
