// The manifests that end-to-end tests apply: an exported API, the bundle (Secret, Connection, binding) and instances.
// Names carry the word of the test that made them, so that what the API servers' logs say can be told apart.

import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { apiVersionOf, BINDINGS, CLUSTER_BINDINGS, CONNECTIONS } from "../../crds/resources.ts";
import type { Body } from "./objects.ts";

export const GROUP = "example.org";
export const SECRET_NAMESPACE = "kube-bind";
/** On the provider. */
export const LEASE_NAMESPACE = "kube-bind";

export interface ApiOptions {
  /** Cluster-scoped. */
  cluster?: boolean;
  /** Without the status subresource. */
  plainStatus?: boolean;
  /** Default true. */
  exported?: boolean;
  /** Top-level fields beside (or instead of) spec and status, with their schemas. */
  fields?: Record<string, Body>;
}

/** The type with that singular: "widget" is widgets.example.org, kind Widget. */
export const typeOf = (singular: string, { cluster = false }: ApiOptions = {}): Resource => ({
  group: GROUP,
  version: "v1",
  resource: `${singular}s`,
  kind: singular.charAt(0).toUpperCase() + singular.slice(1),
  namespaced: !cluster,
});

export const WIDGETS = typeOf("widget");

/** `<plural>.<group>` */
export const apiName = ({ resource, group }: Resource): string => `${resource}.${group}`;

const string = { type: "string" };
const integer = { type: "integer", format: "int64" };
const condition = {
  type: "object",
  required: ["type", "status", "reason", "message", "lastTransitionTime"],
  properties: {
    type: string,
    status: string,
    reason: string,
    message: string,
    observedGeneration: integer,
    lastTransitionTime: { type: "string", format: "date-time" },
  },
};

const schema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        size: string,
        count: integer,
        color: string,
        parts: { type: "array", items: { type: "object", properties: { name: string, weight: { type: "number" } } } },
        any: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
    status: {
      type: "object",
      properties: {
        phase: string,
        observedGeneration: integer,
        conditions: { type: "array", items: condition },
      },
    },
  },
};

export const apiDefinition = (
  type: Resource,
  { plainStatus = false, exported = true, fields = {} }: ApiOptions = {},
): Body => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: apiName(type), ...(exported ? { labels: { [LABEL.exported]: "true" } } : {}) },
  spec: {
    group: type.group,
    scope: type.namespaced ? "Namespaced" : "Cluster",
    names: {
      plural: type.resource,
      singular: type.kind.toLowerCase(),
      kind: type.kind,
      listKind: `${type.kind}List`,
    },
    versions: [
      {
        name: type.version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { ...schema, properties: { ...schema.properties, ...fields } } },
        ...(plainStatus ? {} : { subresources: { status: {} } }),
      },
    ],
  },
});

export interface SecretOptions {
  namespace?: string;
  /** Default "kubeconfig". */
  key?: string;
}

export const secret = (name: string, kubeconfig: string, options: SecretOptions = {}): Body => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: options.namespace ?? SECRET_NAMESPACE },
  data: { [options.key ?? "kubeconfig"]: Buffer.from(kubeconfig).toString("base64") },
});

/** A Connection that refers to the Secret of its own name. */
export const connection = (name: string, { namespace = SECRET_NAMESPACE, schema: wanted = {} } = {}): Body => ({
  apiVersion: apiVersionOf(CONNECTIONS),
  kind: CONNECTIONS.kind,
  metadata: { name },
  spec: { kubeconfigSecretRef: { namespace, name }, schema: { source: "CRD", ...wanted } },
});

export interface BindingOptions {
  /** Default: the Connection of the binding's own name. */
  connection?: string;
  conflictPolicy?: "Fail" | "Adopt";
  relatedResources?: Body[];
}

/** A rule for related objects, as users write it. */
export const related = (resource: "secrets" | "configmaps", direction: Body, selector?: Body): Body => ({
  resource,
  direction,
  ...(selector === undefined ? {} : { selector }),
});

const bindingSpec = (name: string, types: Resource[], options: BindingOptions) => ({
  connectionRef: { name: options.connection ?? name },
  apis: types.map((type) => ({ name: apiName(type) })),
  ...(options.conflictPolicy ? { conflictPolicy: options.conflictPolicy } : {}),
  ...(options.relatedResources ? { relatedResources: options.relatedResources } : {}),
});

export const clusterBinding = (name: string, types: Resource[], options: BindingOptions = {}): Body => ({
  apiVersion: apiVersionOf(CLUSTER_BINDINGS),
  kind: CLUSTER_BINDINGS.kind,
  metadata: { name },
  spec: bindingSpec(name, types, options),
});

export const binding = (name: string, namespace: string, types: Resource[], options: BindingOptions = {}): Body => ({
  apiVersion: apiVersionOf(BINDINGS),
  kind: BINDINGS.kind,
  metadata: { name, namespace },
  spec: bindingSpec(name, types, options),
});

/** An instance; `namespace` "" for a cluster-scoped type. */
export const instance = (type: Resource, name: string, namespace: string, spec: Body = { size: "small" }): Body => ({
  apiVersion: apiVersionOf(type),
  kind: type.kind,
  metadata: { name, ...(namespace === "" ? {} : { namespace }) },
  spec,
});

/** The name of a copy that a test marks as another konnector's: it is none of our leftovers. */
export const FOREIGN = "somebody-elses";

export const orphan = { [ANNOTATION.deletionPolicy]: "Orphan" };

/** Several documents for one `kubectl apply -f -` or `delete -f -`. */
export const documents = (...bodies: Body[]): string => bodies.map((body) => JSON.stringify(body)).join("\n---\n");
