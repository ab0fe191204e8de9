// The Connection kind: one provider cluster, how to reach it and what to take from it.
// The schema is the single source: the manifest is generated from it and the types are inferred from it.
// Rules: docs/reference/behaviour.md, "API".

import * as z from "zod";

import type { KubeObject } from "./kube-object.ts";
import { conditions } from "./meta.ts";

/** The key read from the Secret where the Connection names none (or an empty one). */
const DEFAULT_SECRET_KEY = "kubeconfig";

const kubeconfigSecretRef = z
  .object({
    namespace: z
      .string()
      .min(1)
      .describe(
        "Namespace of the Secret. It must be the namespace the konnector reads kubeconfigs from (kube-bind by default); any other gives SecretValid=False with reason NamespaceNotAllowed.",
      ),
    name: z.string().min(1).describe("Name of the Secret."),
    key: z
      .string()
      .default(DEFAULT_SECRET_KEY)
      .describe("Key in the Secret's data that holds the kubeconfig. An empty string means kubeconfig."),
  })
  .meta({
    description:
      "The Secret that holds the kubeconfig of the provider cluster. Immutable: to use another Secret, create another Connection. The content of the Secret may change at any time, for instance to rotate a credential.",
    "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "kubeconfigSecretRef is immutable" }],
  });

const schemaPolicy = z
  .object({
    source: z
      .enum(["Auto", "CRD", "OpenAPI"])
      .default("Auto")
      .describe(
        "Where the exported APIs and their schemas are read from. CRD: the provider's CustomResourceDefinitions that carry the label core.kube-bind.io/exported=true. OpenAPI: every API the credential can see in the provider's OpenAPI document. Auto: CRD if the provider has a labelled CRD, else OpenAPI; status.activeSchemaSource says which was chosen.",
      ),
    pullPolicy: z
      .enum(["Bound", "All", "None"])
      .default("Bound")
      .describe(
        "Which CustomResourceDefinitions are installed on this cluster. Bound: those of APIs that a binding lists. All: those of every exported API. None: none; whoever runs this cluster installs them.",
      ),
    updatePolicy: z
      .enum(["Always", "Once"])
      .default("Always")
      .describe(
        "What happens to an installed CustomResourceDefinition later. Always: it follows the provider's schema, and edits made here are undone. Once: it is installed and then left alone.",
      ),
  })
  .prefault({})
  .describe("Which API definitions to take from the provider, from where, and whether to keep them up to date.");

const connectionSpec = z
  .object({
    kubeconfigSecretRef,
    schema: schemaPolicy,
    autoBind: z
      .boolean()
      .default(false)
      .describe(
        "If true, a ClusterBinding with the Connection's name is kept that lists every exported API, so that all of them are synced without writing a binding.",
      ),
  })
  .describe("What the user wants: which provider, and how its APIs are taken over.");

const exportedApi = z
  .object({
    name: z.string().describe("Name of the API, <plural>.<group>; this is what a binding lists."),
    group: z.string().describe("API group, for example example.org."),
    resource: z.string().describe("Plural name of the resource, for example widgets."),
    scope: z.string().describe("Namespaced or Cluster."),
    versions: z.array(z.string().describe("One version, for example v1.")).meta({
      description: "The versions the provider serves, in the provider's order.",
      "x-kubernetes-list-type": "set",
    }),
  })
  .describe("One API that the provider offers.");

const pinned = (field: string, description: string) =>
  z
    .string()
    .optional()
    .meta({
      description,
      "x-kubernetes-validations": [
        { rule: "oldSelf == '' || self == oldSelf", message: `${field} is immutable once set` },
      ],
    });

const connectionStatus = z
  .object({
    remoteClusterUID: pinned(
      "remoteClusterUID",
      "Identity of the provider cluster, pinned when it was first reached. If the kubeconfig later leads to another cluster, nothing is written there and Connected becomes False with reason ClusterIdentityChanged.",
    ),
    localClusterUID: pinned(
      "localClusterUID",
      "Identity of this cluster, pinned when the provider was first reached. It marks our objects on the provider.",
    ),
    activeSchemaSource: z
      .string()
      .optional()
      .describe("The schema source in use, CRD or OpenAPI; with spec.schema.source Auto, the one that was chosen."),
    exportedAPIs: z.array(exportedApi).optional().meta({
      description: "The APIs the provider offers, sorted by name. Only these can be bound.",
      "x-kubernetes-list-type": "atomic",
    }),
    conditions: conditions(
      "Current state: SecretValid, Connected, PermissionDenied, SchemaInSync, and Ready as their summary.",
    ),
  })
  .optional()
  .describe("What the konnector found and did; written by the konnector only.");

export const connection = z.object({ spec: connectionSpec, status: connectionStatus });

export type ConnectionSpec = z.infer<typeof connectionSpec>;
export type ConnectionStatus = NonNullable<z.infer<typeof connectionStatus>>;
export type ExportedApi = z.infer<typeof exportedApi>;
export type PullPolicy = ConnectionSpec["schema"]["pullPolicy"];
export type UpdatePolicy = ConnectionSpec["schema"]["updatePolicy"];

/** A Connection as the API server returns it: defaults filled in. */
export interface Connection extends KubeObject {
  kind: "Connection";
  spec: ConnectionSpec;
  status?: ConnectionStatus;
}

/** The key of the Secret's data to read: an empty one means the default (behaviour.md, "API"). */
export const secretKey = (spec: ConnectionSpec): string => spec.kubeconfigSecretRef.key || DEFAULT_SECRET_KEY;
