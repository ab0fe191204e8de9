// CustomResourceDefinitions to pull, as a provider's API server would return them.

import type { Crd, CrdSpec, CrdVersion } from "../../crds/definition-object.ts";

export const version = (name: string, { served = true, storage = false, ...more }: Partial<CrdVersion> = {}) =>
  ({
    name,
    served,
    storage,
    schema: {
      openAPIV3Schema: {
        type: "object",
        properties: {
          spec: { type: "object", properties: { size: { type: "string", description: `size in ${name}` } } },
        },
      },
    },
    subresources: { status: {} },
    ...more,
  }) as CrdVersion;

export interface CrdParts {
  metadata?: Partial<Crd["metadata"]>;
  spec?: Partial<CrdSpec>;
  status?: Crd["status"];
}

/** widgets.example.org, exported, with one version v1 unless told otherwise. */
export const widgetCrd = ({ metadata, spec, status }: CrdParts = {}): Crd => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: "widgets.example.org",
    uid: "crd-uid",
    resourceVersion: "7",
    labels: { "core.kube-bind.io/exported": "true" },
    ...metadata,
  },
  spec: {
    group: "example.org",
    names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
    scope: "Namespaced",
    versions: [version("v1", { storage: true })],
    conversion: { strategy: "None" },
    ...spec,
  },
  ...(status === undefined ? {} : { status }),
});

export const ESTABLISHED = [
  { type: "NamesAccepted", status: "True" },
  { type: "Established", status: "True" },
];
