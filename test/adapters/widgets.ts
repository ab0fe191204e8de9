// The type that the adapters' tests create objects of: a few declared fields and one that takes anything.

import type { Cluster } from "../../actors/ports.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { eventually } from "../harness/wait.ts";

export const WIDGETS: Resource = {
  group: "example.org",
  version: "v1",
  resource: "widgets",
  kind: "Widget",
  namespaced: true,
};

export const CRDS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** The CRD of a type like WIDGETS under another plural. */
export const definition = (resource: Resource): Record<string, unknown> => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${resource.resource}.${resource.group}` },
  spec: {
    group: resource.group,
    scope: resource.namespaced ? "Namespaced" : "Cluster",
    names: {
      plural: resource.resource,
      singular: resource.kind.toLowerCase(),
      kind: resource.kind,
      listKind: `${resource.kind}List`,
    },
    versions: [
      {
        name: resource.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", properties: { size: { type: "integer" }, any: anything } },
              status: anything,
            },
          },
        },
      },
    ],
  },
});

export const installWidgets = async (cluster: Cluster, resource: Resource = WIDGETS): Promise<void> => {
  await cluster.create(CRDS, "", definition(resource));
  await eventually(`${resource.resource} to be served`, async () => (await cluster.list(resource)) !== undefined);
};
