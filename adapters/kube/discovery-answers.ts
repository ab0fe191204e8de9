// Reads what discovery and the index of OpenAPI documents answer with: the aggregated form, the classic lists, the index.
// What is not as it should be is left out where the rest can be used, and a ShapeError where it cannot.
// Rule: docs/reference/behaviour.md, "Schema sources".

import { isRecord, type Json, type JsonObject, recordsIn, stringsIn } from "../../crds/json.ts";
import type { DiscoveredGroup, DiscoveredResource } from "../../crds/openapi/discovered.ts";
import { ShapeError } from "./objects.ts";

const text = (record: JsonObject, field: string): string => {
  const value = record[field];
  return typeof value === "string" ? value : "";
};

const kindOf = (value: Json | undefined, group: string, version: string) => {
  const said = isRecord(value) ? value : {};
  const kind = text(said, "kind");
  // Built-in types leave their own group and version out.
  return { group: text(said, "group") || group, version: text(said, "version") || version, kind };
};

type Place = Pick<DiscoveredResource, "group" | "version">;

const aggregatedResource = ({ group, version }: Place, entry: JsonObject): DiscoveredResource => ({
  group,
  version,
  resource: text(entry, "resource"),
  singular: text(entry, "singularResource"),
  kind: kindOf(entry["responseKind"], group, version).kind,
  namespaced: text(entry, "scope") === "Namespaced",
  verbs: stringsIn(entry["verbs"]),
  shortNames: stringsIn(entry["shortNames"]),
  categories: stringsIn(entry["categories"]),
  subresources: recordsIn(entry["subresources"]).map((sub) => ({
    name: text(sub, "subresource"),
    ...kindOf(sub["responseKind"], group, version),
  })),
});

const isNamed = ({ resource, kind }: DiscoveredResource): boolean => resource !== "" && kind !== "";

function aggregatedGroup(item: JsonObject): DiscoveredGroup {
  const { metadata } = item;
  const name = isRecord(metadata) ? text(metadata, "name") : "";
  const versions = recordsIn(item["versions"]).filter((entry) => text(entry, "version") !== "");
  const versionOf = (entry: JsonObject) => text(entry, "version");
  return {
    name,
    versions: versions.map(versionOf),
    resources: versions.flatMap((entry) =>
      recordsIn(entry["resources"])
        .map((one) => aggregatedResource({ group: name, version: versionOf(entry) }, one))
        .filter(isNamed),
    ),
    failed: versions.filter((entry) => text(entry, "freshness") === "Stale").map(versionOf),
  };
}

/** Undefined when the server does not offer the aggregated form. */
export function aggregatedGroups(body: unknown): DiscoveredGroup[] | undefined {
  if (!isRecord(body) || body["kind"] !== "APIGroupDiscoveryList") return undefined;
  return recordsIn(body["items"])
    .map(aggregatedGroup)
    .filter(({ name }) => name !== "");
}

/** The groups of an APIGroupList and their versions, the preferred one first. */
export function classicGroups(body: unknown): Pick<DiscoveredGroup, "name" | "versions">[] {
  if (!isRecord(body) || !Array.isArray(body["groups"])) throw new ShapeError("discovery has no groups");
  return recordsIn(body["groups"])
    .map((group) => {
      const { preferredVersion } = group;
      const preferred = isRecord(preferredVersion) ? text(preferredVersion, "version") : "";
      const all = recordsIn(group["versions"]).map((version) => text(version, "version"));
      return { name: text(group, "name"), versions: [...new Set([preferred, ...all])].filter((one) => one !== "") };
    })
    .filter(({ name }) => name !== "");
}

/** The resources of an APIResourceList, each with its subresources. */
export function classicResources(body: unknown, { group, version }: Place): DiscoveredResource[] {
  if (!isRecord(body) || body["kind"] !== "APIResourceList") throw new ShapeError("discovery has no resources");
  const entries = recordsIn(body["resources"]);
  const subresourcesOf = (resource: string) =>
    entries
      .filter((entry) => text(entry, "name").startsWith(`${resource}/`))
      .map((entry) => ({ name: text(entry, "name").slice(resource.length + 1), ...kindOf(entry, group, version) }));
  return entries
    .filter((entry) => !text(entry, "name").includes("/"))
    .map((entry) => ({
      group,
      version,
      resource: text(entry, "name"),
      singular: text(entry, "singularName"),
      kind: text(entry, "kind"),
      namespaced: entry["namespaced"] === true,
      verbs: stringsIn(entry["verbs"]),
      shortNames: stringsIn(entry["shortNames"]),
      categories: stringsIn(entry["categories"]),
      subresources: subresourcesOf(text(entry, "name")),
    }))
    .filter(isNamed);
}

const GROUP_VERSION = /^apis\/([^/]+\/[^/]+)$/;

/**
 * The query of each document's address, by "group/version". Of the address nothing else is used: a server behind a path
 * prefix (kcp) knows nothing of it, and no server is to choose what is asked of it with our credential.
 */
export function indexedDocuments(body: unknown): Map<string, string> {
  const paths = isRecord(body) ? body["paths"] : undefined;
  if (!isRecord(paths)) throw new ShapeError("the index of OpenAPI documents has no paths");
  const documents = new Map<string, string>();
  for (const [path, entry] of Object.entries(paths)) {
    const [, groupVersion] = GROUP_VERSION.exec(path) ?? [];
    if (groupVersion === undefined || !isRecord(entry)) continue;
    const [, query = ""] = text(entry, "serverRelativeURL").split("?", 2);
    // Encoded anew, so that whatever it holds cannot break out of the address.
    documents.set(groupVersion, new URLSearchParams(query).toString());
  }
  return documents;
}
