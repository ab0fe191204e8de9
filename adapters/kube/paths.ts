// The URL paths of the Kubernetes API, below whatever path the server's own URL has (`/clusters/root:team`).

import type { Key, Resource } from "../../crds/kube-object.ts";

/** The server URL's own path, without a slash at its end; "" for most. */
export const basePath = (server: URL): string => server.pathname.replace(/\/+$/, "");

/** `/api/v1/namespaces/ns/configmaps`; without a namespace: all namespaces, or a cluster-scoped type. */
export const collectionPath = (base: string, resource: Resource, namespace = ""): string => {
  const root = resource.group === "" ? "/api" : `/apis/${encodeURIComponent(resource.group)}`;
  const scope = resource.namespaced && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${base}${root}/${encodeURIComponent(resource.version)}${scope}/${encodeURIComponent(resource.resource)}`;
};

export const objectPath = (base: string, resource: Resource, key: Key, subresource?: string): string =>
  `${collectionPath(base, resource, key.namespace)}/${encodeURIComponent(key.name)}${
    subresource === undefined ? "" : `/${subresource}`
  }`;

/** `?a=1&b=2`, or "" when nothing is set; undefined values are left out. */
export const query = (parameters: Record<string, string | undefined>): string => {
  const set = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return set.length === 0 ? "" : `?${new URLSearchParams(set).toString()}`;
};
