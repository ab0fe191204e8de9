// The resource types the konnector itself reads or writes, as requests need them. Synced types are not listed: they come
// from the CRDs at run time.

import type { Resource } from "./kube-object.ts";
import { GROUP } from "./labels.ts";

const ours = (resource: string, kind: string, namespaced: boolean): Resource => ({
  group: GROUP,
  version: "v1alpha1",
  resource,
  kind,
  namespaced,
});

const core = (resource: string, kind: string, namespaced: boolean): Resource => ({
  group: "",
  version: "v1",
  resource,
  kind,
  namespaced,
});

export const CONNECTIONS = ours("connections", "Connection", false);
export const CLUSTER_BINDINGS = ours("clusterbindings", "ClusterBinding", false);
export const BINDINGS = ours("bindings", "Binding", true);

export const SECRETS = core("secrets", "Secret", true);
export const CONFIGMAPS = core("configmaps", "ConfigMap", true);
export const NAMESPACES = core("namespaces", "Namespace", false);
export const EVENTS = core("events", "Event", true);

export const LEASES: Resource = {
  group: "coordination.k8s.io",
  version: "v1",
  resource: "leases",
  kind: "Lease",
  namespaced: true,
};

export const CRDS: Resource = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

/** Of either binding kind. */
export const bindingResource = ({ kind }: { kind: string }): Resource =>
  kind === CLUSTER_BINDINGS.kind ? CLUSTER_BINDINGS : BINDINGS;

/** kcp's cluster identity; most clusters do not serve it, so look for the group in discovery before asking. */
export const LOGICAL_CLUSTERS: Resource = {
  group: "core.kcp.io",
  version: "v1alpha1",
  resource: "logicalclusters",
  kind: "LogicalCluster",
  namespaced: false,
};

/** `apiVersion` of a resource's objects: "v1" or "group/version". */
export const apiVersionOf = (resource: Resource): string =>
  resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
