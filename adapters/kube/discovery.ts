// What a server serves: discovery in one request where it offers the aggregated form, else group by group; and its
// OpenAPI v3 documents with their index. Promises bounded sizes, that an answer which has not changed is neither sent nor
// read again where the server knows ETags, and that one group that cannot be told hides no other.
// Rule: docs/reference/behaviour.md, "Schema sources".

import { isDeepStrictEqual } from "node:util";
import { ApiError, type Cluster } from "../../actors/ports.ts";
import type { DiscoveredGroup, DiscoveredResource } from "../../crds/openapi/discovered.ts";
import { aggregatedGroups, classicGroups, classicResources, indexedDocuments } from "./discovery-answers.ts";
import type { ErrorMapper } from "./errors.ts";

interface Answered {
  status: number;
  body: unknown;
  bytes: number;
  etag: string;
}

export interface DiscoveryRequests {
  /** The server URL's own path. */
  base: string;
  errors: ErrorMapper;
  /** GET. With `etag` the answer may be 304. `resource`: what the request is counted as. */
  ask: (
    resource: string,
    path: string,
    options: { accept?: string; etag?: string; bytes: number; milliseconds?: number },
  ) => Promise<Answered>;
}

const MEBIBYTE = 1024 * 1024;
const BYTES = { discovery: 16 * MEBIBYTE, index: 8 * MEBIBYTE, document: 16 * MEBIBYTE };

const AGGREGATED = ["v2", "v2beta1"]
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .concat("application/json")
  .join(",");

/** Group-versions asked for at a time where they have to be asked one by one. */
const AT_A_TIME = 8;

/** Milliseconds for one group-version: the servers behind some of them hang, and the others wait for them. */
const ONE_VERSION = 10_000;

/** The credential is not accepted: that is nothing of one group's. */
const isOurs = (error: unknown): boolean => error instanceof ApiError && error.status === 401;

async function inTurns<In, Out>(items: readonly In[], run: (item: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = [];
  for (let from = 0; from < items.length; from += AT_A_TIME) {
    results.push(...(await Promise.all(items.slice(from, from + AT_A_TIME).map(run))));
  }
  return results;
}

interface Told {
  group: string;
  version: string;
  /** Null: it could not be told, because of `failure`. */
  resources: DiscoveredResource[] | null;
  failure?: unknown;
}

export function createDiscovery({
  base,
  errors,
  ask,
}: DiscoveryRequests): Pick<Cluster, "discover" | "coreResources" | "documents" | "document"> {
  let groups: { etag: string; found: readonly DiscoveredGroup[] } | undefined;
  let index: { etag: string; found: ReadonlyMap<string, string> } | undefined;

  /** What reads an answer may find that it is none. */
  const reading = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw errors.fromFailure(error);
    }
  };

  const tell = async (group: string, version: string): Promise<Told> => {
    const path = `${base}/apis/${encodeURIComponent(group)}/${encodeURIComponent(version)}`;
    try {
      const { body } = await ask("apis", path, { bytes: BYTES.discovery, milliseconds: ONE_VERSION });
      return { group, version, resources: reading(() => classicResources(body, { group, version })) };
    } catch (failure) {
      if (isOurs(failure)) throw failure;
      return { group, version, resources: null, failure };
    }
  };

  const oneByOne = async (body: unknown): Promise<DiscoveredGroup[]> => {
    const named = reading(() => classicGroups(body));
    const wanted = named.flatMap(({ name, versions }) => versions.map((version) => ({ name, version })));
    const told = await inTurns(wanted, ({ name, version }) => tell(name, version));
    const [first] = told;
    if (first !== undefined && told.every(({ resources }) => resources === null))
      throw errors.fromFailure(first.failure);
    return named.map(({ name, versions }) => {
      const own = told.filter(({ group }) => group === name);
      return {
        name,
        versions,
        resources: own.flatMap(({ resources }) => resources ?? []),
        failed: own.filter(({ resources }) => resources === null).map(({ version }) => version),
      };
    });
  };

  return {
    async discover() {
      const etag = groups?.etag ?? "";
      const answer = await ask("apis", `${base}/apis`, { accept: AGGREGATED, etag, bytes: BYTES.discovery });
      if (answer.status === 304 && groups !== undefined) return groups.found;
      const aggregated = aggregatedGroups(answer.body);
      const found = aggregated ?? (await oneByOne(answer.body));
      // An APIGroupList that is unchanged says nothing of the resources.
      const tag = aggregated === undefined ? "" : answer.etag;
      groups = { etag: tag, found: isDeepStrictEqual(groups?.found, found) && groups ? groups.found : found };
      return groups.found;
    },

    async coreResources() {
      const { body } = await ask("api", `${base}/api/v1`, { bytes: BYTES.discovery });
      return reading(() => classicResources(body, { group: "", version: "v1" }));
    },

    async documents() {
      const etag = index?.etag ?? "";
      const answer = await ask("openapi", `${base}/openapi/v3`, { etag, bytes: BYTES.index });
      if (answer.status === 304 && index !== undefined) return index.found;
      const found = reading(() => indexedDocuments(answer.body));
      index = { etag: answer.etag, found: isDeepStrictEqual(index?.found, found) && index ? index.found : found };
      return index.found;
    },

    async document(groupVersion, version) {
      const path = groupVersion.split("/").map(encodeURIComponent).join("/");
      const address = `${base}/openapi/v3/apis/${path}${version === "" ? "" : `?${version}`}`;
      const { body, bytes } = await ask("openapi", address, { bytes: BYTES.document });
      return { content: body, bytes };
    },
  };
}
