// A CustomResourceDefinition as we read it from either cluster, and the questions asked about one: whether it is served,
// which of its versions counts, whether its versions are converted by a webhook.
// Rules: docs/reference/behaviour.md, "Schema pull".

import type { Json } from "./json.ts";
import type { KubeObject, Resource } from "./kube-object.ts";

// Types and not interfaces: only those are JSON to the compiler.

export type CrdVersion = {
  name: string;
  served: boolean;
  storage: boolean;
  /** Printer columns, subresources, deprecation and whatever else a version carries. */
  [field: string]: Json;
};

export type CrdSpec = {
  group: string;
  names: { plural: string; kind: string; [field: string]: Json };
  scope: "Namespaced" | "Cluster";
  versions: CrdVersion[];
  conversion?: { strategy: string; [field: string]: Json };
  preserveUnknownFields?: boolean;
};

export type CrdCondition = {
  type: string;
  status: string;
  reason?: string;
  message?: string;
};

/** Read as it came from an API server, which has checked it: an object of this kind may be cast to it. */
export interface Crd extends KubeObject {
  spec: CrdSpec;
  status?: { conditions?: CrdCondition[]; storedVersions?: string[] };
}

const STABILITY = { alpha: 0, beta: 1, "": 2 } as const;

/** Sorts after every Kubernetes-style version that counts more: [is one, stability, major, minor]. */
const rank = (version: string): [number, number, number, number] => {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version);
  if (match === null) return [0, 0, 0, 0];
  const stability = STABILITY[(match[2] ?? "") as keyof typeof STABILITY];
  return [1, stability, Number(match[1]), Number(match[3] ?? 0)];
};

/**
 * Orders versions as Kubernetes does: the one that counts most first (GA, then beta, then alpha, higher numbers first;
 * names of another form last, by the alphabet).
 */
export const compareVersions = (a: string, b: string): number => {
  const [left, right] = [rank(a), rank(b)];
  const difference = left.findIndex((part, index) => part !== right[index]);
  if (difference !== -1) return (right[difference] ?? 0) - (left[difference] ?? 0);
  return a < b ? -1 : Number(a > b);
};

/**
 * The one version that is synced: the storage version if it is served, else the served one that counts most; undefined if
 * none is served.
 */
export const syncedVersion = (crd: Crd): CrdVersion | undefined => {
  const served = crd.spec.versions.filter((version) => version.served);
  return served.find((version) => version.storage) ?? served.sort((a, b) => compareVersions(a.name, b.name))[0];
};

/** Where requests for its objects go, at the synced version; undefined if no version is served. */
export const resourceOf = (crd: Crd): Resource | undefined => {
  const version = syncedVersion(crd);
  if (version === undefined) return undefined;
  return {
    group: crd.spec.group,
    version: version.name,
    resource: crd.spec.names.plural,
    kind: crd.spec.names.kind,
    namespaced: crd.spec.scope === "Namespaced",
  };
};

/** Whether objects are converted between versions by a webhook, which cannot be reproduced on another cluster. */
export const hasWebhookConversion = (crd: Crd): boolean => crd.spec.conversion?.strategy === "Webhook";

export const crdCondition = (crd: Crd, type: string): CrdCondition | undefined =>
  crd.status?.conditions?.find((condition) => condition.type === type);

/** The API server serves it. For a moment after this it may still answer 404 or 429. */
export const isEstablished = (crd: Crd): boolean => crdCondition(crd, "Established")?.status === "True";

/** None of its names is taken by another definition of the group. */
export const namesAccepted = (crd: Crd): boolean => crdCondition(crd, "NamesAccepted")?.status === "True";
