// The CustomResourceDefinitions of our three kinds, complete: names, columns, subresources and the rules that no field's
// own schema can state. `npm run gen` writes them to crds/manifests/.
// Rules: docs/reference/behaviour.md, "API".

import type { z } from "zod";

import { binding } from "./binding.ts";
import { connection } from "./connection.ts";
import type { Resource } from "./kube-object.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, apiVersionOf } from "./resources.ts";
import { structuralSchema } from "./structural.ts";
import type { StructuralSchema } from "./structural.ts";

interface Rule {
  rule: string;
  message: string;
}

interface Column {
  name: string;
  type: "string" | "date";
  jsonPath: string;
  description: string;
  priority?: number;
}

/** A CustomResourceDefinition as we write it. */
export interface Definition {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: {
    group: string;
    names: {
      plural: string;
      singular: string;
      kind: string;
      listKind: string;
      categories: string[];
    };
    scope: "Namespaced" | "Cluster";
    versions: {
      name: string;
      served: true;
      storage: true;
      additionalPrinterColumns: Column[];
      schema: { openAPIV3Schema: StructuralSchema };
      subresources: { status: Record<string, never> };
    }[];
  };
}

const HEADER_FIELDS: Record<string, StructuralSchema> = {
  apiVersion: {
    description: "The version of the API this object is written in, core.kube-bind.io/v1alpha1.",
    type: "string",
  },
  kind: { description: "The kind of this object.", type: "string" },
  metadata: { type: "object" },
};

/**
 * Guards a pinned UID as a whole. The rule of the field itself does not run when the field is removed, so that removing it
 * and setting it again would replace it; at the root there is always an old and a new value. An empty one is no pin.
 */
const pinRule = (field: string): Rule => {
  const at = (object: string): string => `${object}.status.${field}`;
  const pinned = `has(oldSelf.status) && has(${at("oldSelf")}) && ${at("oldSelf")} != ''`;
  const kept = `has(self.status) && has(${at("self")}) && ${at("self")} == ${at("oldSelf")}`;
  return { rule: `!(${pinned}) || (${kept})`, message: `${field} can be neither changed nor removed once set` };
};

const condition = (type: string, field: string): string => `.status.conditions[?(@.type=="${type}")].${field}`;

const READY: Column[] = [
  {
    name: "Ready",
    type: "string",
    jsonPath: condition("Ready", "status"),
    description: "Whether everything asked for works.",
  },
  {
    name: "Reason",
    type: "string",
    jsonPath: condition("Ready", "reason"),
    description: "Why it is ready or not, in one word.",
  },
];

const AGE: Column = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "Time since it was created.",
};

const MESSAGE: Column = {
  name: "Message",
  type: "string",
  jsonPath: condition("Ready", "message"),
  description: "Why it is ready or not, in full.",
  priority: 1,
};

const define = (
  resource: Resource,
  description: string,
  schema: z.ZodType,
  columns: Column[],
  rules: Rule[],
): Definition => {
  const { properties, ...root } = structuralSchema(schema);
  return {
    apiVersion: apiVersionOf(CRDS),
    kind: CRDS.kind,
    metadata: { name: `${resource.resource}.${resource.group}` },
    spec: {
      group: resource.group,
      names: {
        plural: resource.resource,
        singular: resource.kind.toLowerCase(),
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        categories: ["kube-bind"],
      },
      scope: resource.namespaced ? "Namespaced" : "Cluster",
      versions: [
        {
          name: resource.version,
          served: true,
          storage: true,
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              description,
              ...root,
              properties: { ...HEADER_FIELDS, ...properties },
              ...(rules.length === 0 ? {} : { "x-kubernetes-validations": rules }),
            },
          },
          subresources: { status: {} },
        },
      ],
    },
  };
};

const CONNECTION_COLUMN: Column = {
  name: "Connection",
  type: "string",
  jsonPath: ".spec.connectionRef.name",
  description: "The Connection whose provider offers the APIs.",
};

const SECRET_COLUMN: Column = {
  name: "Secret",
  type: "string",
  jsonPath: ".spec.kubeconfigSecretRef.name",
  description: "The Secret that holds the provider's kubeconfig.",
};

/** The three definitions, in the order in which their kinds refer to each other. */
export const DEFINITIONS: readonly Definition[] = [
  define(
    CONNECTIONS,
    "A Connection is one provider cluster: the Secret with its kubeconfig, and what to take over of its APIs.",
    connection,
    [...READY, SECRET_COLUMN, AGE, MESSAGE],
    [pinRule("remoteClusterUID"), pinRule("localClusterUID")],
  ),
  define(
    CLUSTER_BINDINGS,
    "A ClusterBinding syncs APIs of a Connection's provider in all namespaces of this cluster.",
    binding,
    [CONNECTION_COLUMN, ...READY, AGE, MESSAGE],
    [],
  ),
  define(
    BINDINGS,
    "A Binding syncs APIs of a Connection's provider in its own namespace. The name bindings alone means another kind to kubectl: write bindings.core.kube-bind.io.",
    binding,
    [CONNECTION_COLUMN, ...READY, AGE, MESSAGE],
    [],
  ),
];
