// Source OpenAPI: everything that can be synced among what discovery shows, its definitions made from the documents that
// the provider publishes. Each turn looks at the index of the documents, and asks discovery again only when that has
// changed, when something was missing, or now and then, since names alone change no document.
// Promises that a group that cannot be told at the moment keeps the APIs it was known to have.
// Rule: docs/reference/behaviour.md, "Schema sources".

import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

import type { Crd } from "../crds/definition-object.ts";
import type { DiscoveredGroup } from "../crds/openapi/discovered.ts";
import { keptApis, type KnownApi, type KnownApis } from "../crds/openapi/kept-apis.ts";
import { synthesizeCrd } from "../crds/openapi/synthesis.ts";
import type { Discovery } from "../machines/connection-facts.ts";
import { faultDelay } from "../machines/rules/backoff.ts";
import type { Documents } from "./documents.ts";
import { ApiError } from "./ports.ts";
import { type Failure, failureOf, laterBy, type Source, type SourceEvents, type SourceTools } from "./source.ts";

export interface OpenApiTools extends SourceTools {
  connection: string;
  documents: Documents;
  /** Groups that are not taken over. */
  isExcluded: (group: string) => boolean;
  /** Told of each discovery. */
  discovered: (groups: readonly DiscoveredGroup[]) => void;
}

/** Discovery is asked at least once in so many turns. */
const TURNS_PER_DISCOVERY = 5;

/** A turn is so many resync intervals long, and one while something is missing or awaited. */
const RESYNCS_PER_TURN = 2;

/** How often a document that is not published yet is looked for at short intervals. */
const SOON = 6;

/** Milliseconds until the index is looked at again because what it named could not be read. */
const FRESH_LOOK = 500;

type Published = ReadonlyMap<string, string>;

interface Known extends KnownApis {
  groups: readonly DiscoveredGroup[];
  published: Published;
}

/** Changes with the document and with the entry in discovery. */
const versionOf = ({ resource }: KnownApi, published: Published | undefined): string => {
  const document = resource === null ? undefined : published?.get(`${resource.group}/${resource.version}`);
  const entry = createHash("sha256").update(JSON.stringify(resource)).digest("hex").slice(0, 16);
  return `openapi/${entry}/${document ?? ""}`;
};

/** What is not known any closer is not missed either. */
const isDocumented = ({ resource }: KnownApi, published: Published | undefined): boolean =>
  resource === null || published?.has(`${resource.group}/${resource.version}`) === true;

const offersOf = (known: Known | undefined): Map<string, string> =>
  new Map(known?.apis.map((api) => [api.exported.name, versionOf(api, known.published)]));

/** The names whose offers differ. */
const changedBetween = (before: Map<string, string>, after: Map<string, string>): string[] =>
  [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));

export function openApiSource(tools: OpenApiTools, events: SourceEvents): Source & { readonly kind: "OpenAPI" } {
  const { cluster, clock, resync, isExcluded, documents, connection } = tools;
  let known: Known | undefined;
  let failure: Failure | null = null;
  let attempts = 0;
  let turns = 0;
  /** An API that is not exported was asked for: it may be on its way. */
  let awaited = false;
  /** Looks in a row that found an API without its document, which a server publishes a moment later. */
  let undocumented = 0;
  /** The index that named a document which could not be read: it may have changed since. */
  let doubted: Published | undefined;
  let closed = false;
  let cancel: (() => void) | undefined;

  const isDiscoveryDue = (published: Published): boolean =>
    known === undefined ||
    known.published !== published ||
    known.missing.length > 0 ||
    turns % TURNS_PER_DISCOVERY === 0;

  const before = tools.before?.map((exported): KnownApi => ({ exported, resource: null })) ?? null;

  const find = async (): Promise<Known | undefined> => {
    const published = await cluster.documents();
    if (!isDiscoveryDue(published)) return known;
    const groups = await cluster.discover();
    if (known?.groups === groups && known.published === published) return known;
    return { ...keptApis(known?.apis ?? before ?? [], groups, isExcluded), groups, published };
  };

  const learn = (found: Known | undefined): void => {
    const isNews = failure !== null || known === undefined || !isDeepStrictEqual(known, found);
    const changed = known === found ? [] : changedBetween(offersOf(known), offersOf(found));
    known = found;
    failure = null;
    attempts = 0;
    for (const name of changed) events.offer(name);
    if (isNews) events.discovery();
  };

  const again = (ms: number): void => {
    cancel?.();
    cancel = laterBy(clock, ms, () => void turn());
  };

  const fail = (error: unknown): void => {
    attempts += 1;
    failure = failureOf("read discovery and the index of OpenAPI documents on the provider", error);
    const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
    again(Math.max(faultDelay(attempts), asked));
    events.discovery();
  };

  const pause = (): number => {
    const usual = resync * (known?.missing.length === 0 && !awaited ? RESYNCS_PER_TURN : 1);
    undocumented = known?.apis.some((api) => !isDocumented(api, known?.published)) ? undocumented + 1 : 0;
    return undocumented === 0 || undocumented > SOON ? usual : Math.min(usual, faultDelay(undocumented));
  };

  const turn = async (): Promise<void> => {
    turns += 1;
    awaited = false;
    const told = known?.groups;
    try {
      const found = await find();
      if (closed) return;
      learn(found);
    } catch (error) {
      if (!closed) fail(error);
      return;
    }
    if (known !== undefined && known.groups !== told) tools.discovered(known.groups);
    again(pause());
  };
  void turn();

  /** While the first look fails, what was exported before. */
  const apis = (): readonly KnownApi[] | null => known?.apis ?? (failure === null ? null : before);
  const exports = () => apis()?.map(({ exported }) => exported) ?? null;
  const apiOf = (name: string): KnownApi | undefined => apis()?.find(({ exported }) => exported.name === name);

  const discovery = (): Discovery => {
    if (failure !== null) return { state: "failed", source: "OpenAPI", ...failure, exports: exports() };
    if (known === undefined) return { state: "unknown" };
    return { state: "complete", source: "OpenAPI", exports: exports() ?? [], missing: known.missing, note: "" };
  };

  const definition = async (name: string): Promise<Crd> => {
    const api = apiOf(name);
    if (api === undefined) throw new ApiError(`${name} is not exported`, { status: 404 });
    if (known === undefined || api.resource === null) {
      throw new Error(`the provider does not tell at the moment what ${name} is`);
    }
    const { exported, resource } = api;
    const groupVersion = `${resource.group}/${resource.version}`;
    const version = known.published.get(groupVersion);
    if (version === undefined) throw new Error(`the provider publishes no OpenAPI document of ${groupVersion}`);
    const document = await documents.read(connection, cluster, groupVersion, version).catch((error: unknown) => {
      if (!closed && doubted !== known?.published) again(FRESH_LOOK);
      doubted = known?.published;
      throw error;
    });
    const crd = synthesizeCrd({ exported, resource }, document);
    if (crd === undefined)
      throw new Error(`the OpenAPI document of ${groupVersion} does not describe ${resource.kind}`);
    return crd;
  };

  return {
    kind: "OpenAPI",
    discovery,
    offer(name) {
      const api = apiOf(name);
      if (api === undefined) {
        if (!awaited && known !== undefined && failure === null) again(resync);
        awaited = true;
        return undefined;
      }
      return { api: api.exported, version: versionOf(api, known?.published), webhookConversion: false };
    },
    definition,
    close() {
      closed = true;
      cancel?.();
    },
  };
}
