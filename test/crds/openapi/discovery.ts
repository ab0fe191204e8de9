// Groups and resources as a provider's discovery tells of them, for tests that need no server.

import type { DiscoveredGroup, DiscoveredResource } from "../../../crds/openapi/discovered.ts";

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** widgets.example.org in v1, with status, unless told otherwise. */
const discovered = (parts: Partial<DiscoveredResource> = {}): DiscoveredResource => ({
  group: "example.org",
  version: "v1",
  resource: "widgets",
  singular: "widget",
  kind: "Widget",
  namespaced: true,
  verbs: VERBS,
  shortNames: [],
  categories: [],
  subresources: [{ name: "status", group: "example.org", version: "v1", kind: "Widget" }],
  ...parts,
});

/** One group; its versions in the order in which its resources name them. */
export const group = (name: string, ...resources: Partial<DiscoveredResource>[]): DiscoveredGroup => {
  const all = resources.map((parts) => discovered({ group: name, ...parts }));
  return { name, versions: [...new Set(all.map(({ version }) => version))], resources: all, failed: [] };
};
