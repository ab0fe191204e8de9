// What a provider's discovery tells of its API groups, in the one form that the rest works with, whichever of the
// server's discovery formats it was read from. Reading it is left to the adapters.
// Rules: docs/reference/behaviour.md, "OpenAPI".

/** A subresource of a resource: "status", "scale", and the kind its requests take. */
export interface DiscoveredSubresource {
  name: string;
  group: string;
  version: string;
  kind: string;
}

/** One resource type in one version. */
export interface DiscoveredResource {
  group: string;
  version: string;
  /** The plural, as in the URL. */
  resource: string;
  /** Empty where the server does not tell. */
  singular: string;
  kind: string;
  namespaced: boolean;
  verbs: readonly string[];
  shortNames: readonly string[];
  categories: readonly string[];
  subresources: readonly DiscoveredSubresource[];
}

export interface DiscoveredGroup {
  name: string;
  /** The preferred one first, then in the server's order. */
  versions: readonly string[];
  /** Of all versions. */
  resources: readonly DiscoveredResource[];
  /** Versions whose resources could not be learned, as those of an aggregated server that is down. */
  failed: readonly string[];
}
