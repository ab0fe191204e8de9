// Which rights the konnector needs on either side, computed from what is asked of it: the only list of them. What would
// only be convenient (namespaces for copies where they all exist, Leases) is no need, and is told when it is met.
// Pure. Rule: docs/reference/behaviour.md, "Permissions".

import type { ApiName } from "../../crds/kube-object.ts";
import { GROUP } from "../../crds/labels.ts";
import { CRDS, LOGICAL_CLUSTERS } from "../../crds/resources.ts";
import type { Right } from "./permissions.ts";

/** One API that bindings want. */
export interface WantedApi {
  name: ApiName;
  namespaced: boolean;
  /** Where its objects are synced, and where their copies are: in these namespaces of either side, or all of them. */
  namespaces: readonly string[] | "all";
  homes: readonly string[] | "all";
  /** Its status is a subresource on the consumer; undefined while that is not known. */
  hasStatus?: boolean;
  /** Some binding is to go on with it; otherwise its copies are only to be removed. */
  live: boolean;
}

/** One right that is needed, or instead of it another that does as well. */
export interface Need {
  right: Right;
  or?: Right;
}

const onCluster = (verbs: string, group: string, resource: string): Need[] =>
  verbs.split(" ").map((verb) => ({ right: { verb, group, resource, namespace: "", namespaced: false } }));

const onNamespaced = (verbs: string, group: string, resource: string, namespace = ""): Need[] =>
  verbs.split(" ").map((verb) => ({ right: { verb, group, resource, namespace, namespaced: true } }));

const onPath = (path: string): Need => ({
  right: { verb: "get", group: "", resource: "", namespace: "", namespaced: false, path },
});

/** A namespace is read as something within itself, so that a Role there is enough. */
const IDENTITY: Need = {
  right: {
    verb: "get",
    group: "",
    resource: "namespaces",
    namespace: "kube-system",
    name: "kube-system",
    namespaced: false,
  },
  or: {
    verb: "get",
    group: LOGICAL_CLUSTERS.group,
    resource: LOGICAL_CLUSTERS.resource,
    namespace: "",
    name: "cluster",
    namespaced: false,
  },
};

const split = (api: ApiName): { resource: string; group: string } => {
  const dot = api.indexOf(".");
  return dot < 0 ? { resource: api, group: "" } : { resource: api.slice(0, dot), group: api.slice(dot + 1) };
};

/** One watch for each namespace is enough; one of the whole cluster, where many are bound, is only convenient. */
function inEach(
  verbs: string,
  { name, namespaced }: WantedApi,
  places: WantedApi["namespaces"],
  subresource = "",
): Need[] {
  const { resource, group } = split(name);
  const what = `${resource}${subresource}`;
  if (places !== "all") return places.flatMap((place) => onNamespaced(verbs, group, what, place));
  return (namespaced ? onNamespaced : onCluster)(verbs, group, what);
}

const onProvider = (api: WantedApi): Need[] =>
  inEach(api.live ? "list watch get create patch delete" : "list watch get delete", api, api.homes);

/** What the rules of bindings for related objects ask of one side. */
export interface WantedRelated {
  resource: string;
  /** Copies are written there; otherwise they are made of what is there. */
  written: boolean;
  namespaces: readonly string[] | "all";
  /** Only objects of these names are read. */
  names: readonly string[] | null;
}

export const relatedNeeds = ({ resource, written, namespaces, names }: WantedRelated): Need[] => {
  const places = namespaces === "all" ? [""] : namespaces;
  const verbs = written ? "list watch get create patch delete" : "list watch get";
  const needs = places.flatMap((place) => onNamespaced(verbs, "", resource, place));
  if (written || names === null) return needs;
  return names.flatMap((name) => needs.map(({ right }) => ({ right: { ...right, name } })));
};

/** Needed where an object's namespace is missing, so only once that has been met. */
export const NAMESPACES_FOR_COPIES: Need = {
  right: { verb: "create", group: "", resource: "namespaces", namespace: "", namespaced: false },
};

interface OnProvider {
  crds: boolean;
  apis: readonly WantedApi[];
  related: readonly WantedRelated[];
}

/** What the credential of a Connection needs on the provider. `crds`: exports are read from its CRDs. */
export const providerNeeds = ({ crds, apis, related }: OnProvider): Need[] => [
  IDENTITY,
  onPath("/apis"),
  ...(crds ? onCluster("get list watch", CRDS.group, CRDS.resource) : [onPath("/openapi/v3")]),
  ...apis.flatMap(onProvider),
  ...related.flatMap(relatedNeeds),
];

/** What the konnector needs on its own cluster to sync these APIs. */
export const instanceNeeds = (api: WantedApi): Need[] => [
  ...inEach("get list watch patch", api, api.namespaces),
  ...(api.hasStatus === true ? inEach("patch", api, api.namespaces, "/status") : []),
];

/** What it needs there whatever it syncs. `namespace`: that of the Secrets; `autoBind`: some Connection asks for that. */
export const ownNeeds = (namespace: string, autoBind: boolean): Need[] => [
  ...(autoBind ? onCluster("create delete", GROUP, "clusterbindings") : []),
  ...["connections", "clusterbindings"].flatMap((resource) => onCluster("get list watch patch", GROUP, resource)),
  ...onNamespaced("get list watch patch", GROUP, "bindings"),
  ...["connections/status", "clusterbindings/status"].flatMap((resource) => onCluster("patch", GROUP, resource)),
  ...onNamespaced("patch", GROUP, "bindings/status"),
  ...onCluster("get list watch create update delete", CRDS.group, CRDS.resource),
  IDENTITY,
  ...onNamespaced("get list watch patch", "", "secrets", namespace),
  ...onNamespaced("create", "", "events"),
];
