// Which of the resource types that a provider's discovery lists can be exported without a definition to read: one entry
// for each resource, whatever the number of its versions, and the one version that is served on the consumer.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { ExportedApi } from "../connection.ts";
import type { DiscoveredGroup, DiscoveredResource } from "./discovered.ts";

export interface ExportableApi {
  /** Its versions are all served ones, in the provider's order. */
  exported: ExportedApi;
  /** The resource in the version that is served on the consumer. */
  resource: DiscoveredResource;
}

/** What syncing takes. Reviews can only be created, metrics only be read. */
const NEEDED = ["get", "list", "watch", "create", "delete"];

const isSyncable = ({ verbs }: DiscoveredResource): boolean =>
  NEEDED.every((verb) => verbs.includes(verb)) && (verbs.includes("patch") || verbs.includes("update"));

const inOrder = (group: DiscoveredGroup, plural: string): DiscoveredResource[] =>
  group.versions.flatMap(
    (version) => group.resources.find((resource) => resource.version === version && resource.resource === plural) ?? [],
  );

const exportableApi = (group: DiscoveredGroup, plural: string): ExportableApi[] => {
  const versions = inOrder(group, plural);
  const resource = versions.find(isSyncable);
  if (resource === undefined) return [];
  return [
    {
      resource,
      exported: {
        name: `${plural}.${group.name}`,
        group: group.name,
        resource: plural,
        scope: resource.namespaced ? "Namespaced" : "Cluster",
        versions: versions.map(({ version }) => version),
      },
    },
  ];
};

const byName = (a: ExportableApi, b: ExportableApi): number =>
  a.exported.name < b.exported.name ? -1 : Number(a.exported.name > b.exported.name);

/**
 * The APIs that a provider can export by discovery alone, sorted by name, one for each resource of a group. Served on the
 * consumer is the group's preferred version, or the next one in which the resource can be synced. Of a group with failed
 * versions this knows only a part: whether to trust that is left to the caller.
 */
export const exportableApis = (
  groups: readonly DiscoveredGroup[],
  isExcluded: (group: string) => boolean,
): ExportableApi[] =>
  groups
    .filter((group) => !isExcluded(group.name))
    .flatMap((group) =>
      [...new Set(group.resources.map(({ resource }) => resource))].flatMap((plural) => exportableApi(group, plural)),
    )
    .sort(byName);
