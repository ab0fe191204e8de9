// The source that a Connection asks for, and `Auto`: looks whether the provider has labelled definitions until that is
// decided, and goes on looking while the answer was OpenAPI, because the first label moves it to CRD, once.
// The decision itself is machines/rules/schema-source.ts; it lasts by standing in status.activeSchemaSource.
// Rule: docs/reference/behaviour.md, "Schema sources".

import type { ExportedApi } from "../crds/connection.ts";
import type { DiscoveredGroup } from "../crds/openapi/discovered.ts";
import { CRDS } from "../crds/resources.ts";
import type { Discovery } from "../machines/connection-facts.ts";
import { faultDelay } from "../machines/rules/backoff.ts";
import { chooseSource, type Labelled, type SchemaSource } from "../machines/rules/schema-source.ts";
import type { Documents } from "./documents.ts";
import { ApiError } from "./ports.ts";
import { type CrdSource, crdSource } from "./source-crd.ts";
import { openApiSource } from "./source-openapi.ts";
import { type Failure, failureOf, laterBy, type Source, type SourceEvents, type SourceTools } from "./source.ts";

export interface SourceWish {
  source: SchemaSource | "Auto";
  /** status.activeSchemaSource, or "". */
  decided: string;
  /** status.exportedAPIs, or null while there are none. */
  exported: readonly ExportedApi[] | null;
}

/** What the process gives to every source. */
export interface SourceWorld extends Omit<SourceTools, "cluster" | "before"> {
  documents: Documents;
  isExcluded: (group: string) => boolean;
}

type Tools = SourceWorld & Omit<SourceTools, "before"> & { connection: string };

/** Milliseconds until somebody who may not list definitions is asked again whether there is a labelled one. */
const FORBIDDEN_FOR = 600_000;

export function openSource(tools: Tools, wish: SourceWish, events: SourceEvents): Source {
  if (wish.source === "CRD") return crdSource({ ...tools, before: before(wish, "CRD") }, events);
  if (wish.source === "OpenAPI") return openApi(tools, wish, events);
  return autoSource(tools, wish, events);
}

/** What another source exported is no sign of what there is by this one. */
const before = ({ decided, exported }: SourceWish, source: SchemaSource) => (decided === source ? exported : null);

const openApi = (
  tools: Tools,
  wish: SourceWish,
  events: SourceEvents,
  discovered: (groups: readonly DiscoveredGroup[]) => void = () => undefined,
): Source => openApiSource({ ...tools, before: before(wish, "OpenAPI"), discovered }, events);

/** Does discovery show that definitions are served? Asking for them tells a limited user only that it is forbidden. */
const servesCrds = (groups: readonly DiscoveredGroup[]): boolean =>
  groups.some(
    ({ name, resources, failed }) =>
      name === CRDS.group && (failed.length > 0 || resources.some(({ resource }) => resource === CRDS.resource)),
  );

function autoSource(tools: Tools, wish: SourceWish, events: SourceEvents): Source {
  let closed = false;
  let decided = wish.decided;
  let labelled: CrdSource | undefined;
  let unserved = false;
  let active: Source | undefined;
  /** Why it is not decided, where not the definitions say why. */
  let failure: Failure | null = null;
  let attempts = 0;
  let cancel: (() => void) | undefined;

  const state = (): Labelled => (unserved ? "unserved" : (labelled?.labelled() ?? "unknown"));

  const lookForLabels = (): void => {
    const patience = () => (active?.kind === "OpenAPI" ? FORBIDDEN_FOR : 0);
    const heard = { discovery: decide, offer: (api: string) => active === labelled && events.offer(api) };
    labelled ??= crdSource({ ...tools, before: before(wish, "CRD") }, heard, patience);
  };

  /** A server may begin to serve definitions. */
  const discovered = (groups: readonly DiscoveredGroup[]): void => {
    if (active?.kind !== "OpenAPI" || !servesCrds(groups)) return;
    unserved = false;
    lookForLabels();
  };

  function decide(): void {
    if (closed) return;
    const source = chooseSource("Auto", decided, state());
    if (source !== null && source !== active?.kind) switchTo(source);
    // Of the definitions nobody else hears while another source is active.
    if (active === undefined || active === labelled) events.discovery();
  }

  function switchTo(source: SchemaSource): void {
    decided = source;
    const previous = active;
    if (source === "CRD") lookForLabels();
    active = source === "CRD" ? labelled : openApi(tools, wish, events, discovered);
    previous?.close();
    // Every offer is another one now.
    const before = previous?.discovery();
    for (const { name } of before !== undefined && "exports" in before ? (before.exports ?? []) : [])
      events.offer(name);
  }

  const consult = async (): Promise<void> => {
    try {
      const groups = await tools.cluster.discover();
      if (closed) return;
      failure = null;
      unserved = !servesCrds(groups);
      if (!unserved) lookForLabels();
      decide();
    } catch (error) {
      if (closed) return;
      attempts += 1;
      failure = failureOf("discovery on the provider", error);
      cancel = laterBy(tools.clock, faultDelay(attempts), () => void consult());
      events.discovery();
    }
  };

  if (chooseSource("Auto", decided, "unknown") === null) void consult();
  else decide();

  const undecided = (): Discovery => {
    if (failure !== null) return { state: "failed", source: null, ...failure, exports: null };
    const found = labelled?.discovery();
    return found?.state === "failed" ? { ...found, source: null, exports: null } : { state: "unknown" };
  };

  return {
    get kind() {
      return active?.kind ?? null;
    },
    discovery: () => active?.discovery() ?? undecided(),
    offer: (api) => active?.offer(api),
    async definition(api) {
      if (active === undefined) throw new ApiError(`the source of ${api} is not decided`, { status: 404 });
      return active.definition(api);
    },
    close() {
      closed = true;
      cancel?.();
      active?.close();
      labelled?.close();
    },
  };
}
