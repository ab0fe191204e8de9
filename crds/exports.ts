// What a provider offers, read from its labelled CustomResourceDefinitions.
// Rules: docs/reference/behaviour.md, "Schema sources".

import type { ExportedApi } from "./connection.ts";
import type { Crd } from "./definition-object.ts";
import { isDeleting } from "./kube-object.ts";
import { LABEL } from "./labels.ts";

/** Whether the provider's operator has labelled it for export: the value must be exactly "true". */
const isLabelled = (crd: Crd): boolean => crd.metadata.labels?.[LABEL.exported] === "true";

const exportOf = (crd: Crd): ExportedApi => ({
  name: crd.metadata.name,
  group: crd.spec.group,
  resource: crd.spec.names.plural,
  scope: crd.spec.scope,
  versions: crd.spec.versions.filter((version) => version.served).map((version) => version.name),
});

/**
 * The exported APIs among the provider's CRDs, sorted by name; those being deleted or without a served version are not
 * exported. The versions are the served ones, in the provider's order.
 */
export const exportsOf = (crds: readonly Crd[]): ExportedApi[] =>
  crds
    .filter((crd) => isLabelled(crd) && !isDeleting(crd))
    .map(exportOf)
    .filter((api) => api.versions.length > 0)
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
