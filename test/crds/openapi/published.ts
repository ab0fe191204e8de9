// What a real API server publishes of the APIs of one group, and nothing else of it: its classic discovery, read here in
// the simplest way, and its OpenAPI documents.

import type { DiscoveredGroup, DiscoveredResource } from "../../../crds/openapi/discovered.ts";
import { parseJson } from "../../../crds/json.ts";
import type { ControlPlane } from "../../harness/control-plane.ts";
import { eventually } from "../../harness/wait.ts";

interface Entry {
  name: string;
  singularName: string;
  kind: string;
  namespaced: boolean;
  verbs: string[];
  group?: string;
  version?: string;
  shortNames?: string[];
  categories?: string[];
}

const resourcesOf = (group: string, version: string, entries: Entry[]): DiscoveredResource[] =>
  entries
    .filter(({ name }) => !name.includes("/"))
    .map((entry) => ({
      group,
      version,
      resource: entry.name,
      singular: entry.singularName,
      kind: entry.kind,
      namespaced: entry.namespaced,
      verbs: entry.verbs,
      shortNames: entry.shortNames ?? [],
      categories: entry.categories ?? [],
      subresources: entries
        .filter(({ name }) => name.startsWith(`${entry.name}/`))
        .map((sub) => ({
          name: sub.name.slice(entry.name.length + 1),
          group: sub.group ?? group,
          version: sub.version ?? version,
          kind: sub.kind,
        })),
    }));

/** The group as discovery tells of it; "" is the core group. */
export async function discoveredGroup(plane: ControlPlane, name: string): Promise<DiscoveredGroup> {
  const base = name === "" ? "/api" : `/apis/${name}`;
  const { body } = await plane.admin.request("GET", base);
  const group = name === "" ? { versions: [{ version: "v1" }] } : body;
  const served: string[] = (group.versions ?? []).map(({ version }: { version: string }) => version);
  const preferred: string | undefined = group.preferredVersion?.version;
  const versions = [...new Set([...(preferred === undefined ? [] : [preferred]), ...served])];
  const resources = await Promise.all(
    versions.map(async (version) => {
      const { body } = await plane.admin.request("GET", `${base}/${version}`);
      return resourcesOf(name, version, body.resources);
    }),
  );
  return { name, versions, resources: resources.flat(), failed: [] };
}

/** The OpenAPI document of a group and version, once it describes all of these kinds. */
export const publishedDocument = (plane: ControlPlane, group: string, version: string, kinds: string[]) =>
  eventually(
    `the document of ${group}/${version}`,
    async () => {
      const answer = await plane.admin.request("GET", `/openapi/v3/apis/${group}/${version}`);
      const document = parseJson(answer.text);
      const schemas: object[] = Object.values(answer.body.components?.schemas ?? {});
      const described = new Set(
        schemas.flatMap((schema) => {
          const gvks = (schema as Record<string, { kind: string }[]>)["x-kubernetes-group-version-kind"] ?? [];
          return gvks.map(({ kind }) => kind);
        }),
      );
      return answer.status === 200 && kinds.every((kind) => described.has(kind)) && document;
    },
    30_000,
  );
