// What a provider exports by discovery, over time: a group that cannot be told for a while keeps the APIs it was known to
// have, so that a server behind it that is down un-exports nothing.
// Rule: docs/reference/behaviour.md, "Schema sources".

import type { ExportedApi } from "../connection.ts";
import { isSoundApi } from "../exports.ts";
import type { DiscoveredGroup, DiscoveredResource } from "./discovered.ts";
import { exportableApis } from "./exportable.ts";

export interface KnownApi {
  exported: ExportedApi;
  /** In the version that is served on the consumer; null while only its name is known, from before a start. */
  resource: DiscoveredResource | null;
}

export interface KnownApis {
  /** Sorted by name. */
  apis: KnownApi[];
  /** The versions of groups that could not be told, "group/version". */
  missing: string[];
}

const isTouched = ({ exported }: KnownApi, { name, failed }: DiscoveredGroup): boolean =>
  exported.group === name && exported.versions.some((version) => failed.includes(version));

/** `before`: what was known until now. What is excluded is neither kept nor missed. */
export function keptApis(
  before: readonly KnownApi[],
  groups: readonly DiscoveredGroup[],
  isExcluded: (group: string) => boolean,
): KnownApis {
  const shown = exportableApis(groups, isExcluded).filter(({ exported, resource }) =>
    isSoundApi(exported, resource.kind),
  );
  const fresh = new Map(shown.map((api): [string, KnownApi] => [api.exported.name, api]));
  const faulty = groups.filter(({ name, failed }) => failed.length > 0 && !isExcluded(name));
  const kept = before
    .filter((api) => faulty.some((group) => isTouched(api, group)))
    .map((api) => ({ ...api, resource: api.resource ?? fresh.get(api.exported.name)?.resource ?? null }));
  for (const api of kept) fresh.set(api.exported.name, api);
  return {
    apis: [...fresh.values()].sort((a, b) => (a.exported.name < b.exported.name ? -1 : 1)),
    missing: faulty.flatMap(({ name, failed }) => failed.map((version) => `${name}/${version}`)),
  };
}
