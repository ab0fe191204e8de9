// What a binding has to say of its related objects: rules that are not followed, kinds that cannot be listed, conflicts,
// refusals, and copies that still have to go. Counts come from indexes; nothing is read.
// Rules: docs/reference/behaviour.md, "Related objects" and "Conditions".

import type { AnyBinding } from "../crds/binding.ts";
import { keyOf, parseKey } from "../crds/kube-object.ts";
import { isSameRoute, recordedRoutes, resourceOf, type Route, routesOf } from "../crds/related.ts";
import type { RelatedVerdict } from "../machines/binding.ts";
import { sortRules } from "../machines/rules/related-rules.ts";
import { courseOf } from "./course.ts";
import { type Engine } from "./engine.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import type { Feeds } from "./feeds.ts";
import { ownersOf, relatedGate, relatedSyncerFor } from "./related-ruling.ts";
import { feedsOf, type RelatedSyncer } from "./related-syncer.ts";
import type { RelatedMemory } from "./related-table.ts";
import { isContested } from "../machines/rules/contest.ts";

const syncerOf = (engine: Engine, binding: AnyBinding, route: Route): RelatedSyncer =>
  relatedSyncerFor(engine, courseOf(engine.directory, binding).through, route);

/** Everything that bindings say of what this one does, for comparison. */
export function toldOf(engine: Engine, syncer: RelatedSyncer): string {
  const { watching } = syncer;
  if (watching === null) return "";
  const troubled = [...watching.table.troubled].map((key) => {
    const { memory } = watching.table.get(key) ?? {};
    return [key, memory?.rest, memory?.refused?.message, memory?.said];
  });
  const left = [...ownersOf(engine)].map(([uid]) => watching.table.copiesOf(uid).size);
  return JSON.stringify([
    feedsOf(watching).map(({ trouble, whole }) => [trouble, whole]),
    troubled,
    left,
    syncer.busy === 0,
  ]);
}

interface Tally {
  foreign: number;
  another: number;
  failing: string[];
  denied: string[];
  deniedHere: string[];
}

/** What one object that is not well adds to the tally. */
function add(tally: Tally, what: string, { said, refused, contest }: RelatedMemory): void {
  if (said === "conflict ForeignObjectExists") tally.foreign++;
  else if (said === "conflict OwnedByAnother") tally.another++;
  else if (refused?.cause === "forbidden") tally.denied.push(refused.message);
  else if (refused?.cause === "forbiddenHere") tally.deniedHere.push(refused.message);
  else if ((refused !== null && refused.cause !== "outdated") || isContested(contest)) tally.failing.push(what);
}

function tallyOf(engine: Engine, syncer: RelatedSyncer, { metadata: { uid } }: AnyBinding): Tally {
  const tally: Tally = { foreign: 0, another: 0, failing: [], denied: [], deniedHere: [] };
  if (syncer.watching === null) return tally;
  const { table } = syncer.watching;
  for (const key of table.troubled) {
    const { memory, copy } = table.get(key) ?? { memory: null, copy: null };
    const isIts = [relatedGate(engine, syncer, key).binding, copy?.binding].includes(uid);
    if (memory !== null && isIts) add(tally, `${syncer.route.resource} ${key}`, memory);
  }
  return tally;
}

/** Namespace of the provider or of the consumer where a binding's sources, or its copies, are; "" for all. */
const placeOf = (engine: Engine, binding: AnyBinding, route: Route, isProvider: boolean): string => {
  const { namespace } = keyOf(binding);
  if (!isProvider || namespace === "") return namespace;
  return homeOf({ mapper: engine.settings.mapper, resource: resourceOf(route) }, namespace) ?? namespace;
};

const isListedAt = (feeds: Feeds, place: string): boolean => (place === "" ? feeds.whole : feeds.isListed(place));

interface Listing {
  denied: string[];
  deniedHere: string[];
  pending: string[];
}

/** What one watch, or what stands for it in the binding's namespace, has to say against being listed. */
function judge(listing: Listing, feeds: Feeds, place: string, isProvider: boolean, resource: string): void {
  const trouble = place === "" ? feeds.trouble : feeds.troubleOf(place);
  if (trouble?.reason === "Forbidden") (isProvider ? listing.denied : listing.deniedHere).push(trouble.message);
  else if (trouble !== null) listing.pending.push(trouble.message);
  else if (!isListedAt(feeds, place)) listing.pending.push(`${resource} are being listed`);
}

/** What cannot be listed of one route, and why. */
function listingOf(engine: Engine, binding: AnyBinding, route: Route): Listing {
  const { watching } = syncerOf(engine, binding, route);
  const listing: Listing = { denied: [], deniedHere: [], pending: [] };
  if (watching === null) return { ...listing, pending: [`${route.resource} are about to be listed`] };
  const isHere = route.direction === "FromConsumer";
  const { namespace } = keyOf(binding);
  const mine = [...watching.selections.values()].filter((one) => one.everywhere || one.namespaces.has(namespace));
  const look = (feeds: Feeds, isProvider: boolean): void =>
    judge(listing, feeds, placeOf(engine, binding, route, isProvider), isProvider, route.resource);
  for (const { feeds } of mine) look(feeds, !isHere);
  look(watching.copies, isHere);
  return listing;
}

export function relatedVerdict(engine: Engine, binding: AnyBinding): RelatedVerdict {
  const problems = sortRules(binding, engine.settings.related).unfollowed.map(({ problem }) => problem);
  const rules = binding.spec.relatedResources ?? [];
  const routes = routesOf(binding);
  const tallies = routes.map((route) => tallyOf(engine, syncerOf(engine, binding, route), binding));
  const listings = routes.map((route) => listingOf(engine, binding, route));
  // What no rule asks for any more is only to go: that it cannot be listed is said, and does not make the binding unready.
  const wanted = listings.filter((_, index) => rules.some((rule) => isSameRoute(rule, routes[index] as Route)));
  return {
    problems,
    conflicts: {
      foreign: tallies.reduce((sum, { foreign }) => sum + foreign, 0),
      another: tallies.reduce((sum, { another }) => sum + another, 0),
    },
    failing: tallies.flatMap(({ failing }) => failing),
    unlisted: wanted.flatMap(({ denied, deniedHere }) => [...denied, ...deniedHere]),
    pending: [...new Set(wanted.flatMap(({ pending }) => pending))],
    denied: [...new Set([...listings, ...tallies].flatMap(({ denied }) => denied))],
    deniedHere: [...new Set([...listings, ...tallies].flatMap(({ deniedHere }) => deniedHere))],
  };
}

/** Is it known what there is of the binding's copies, and is nothing being done about them? */
function isTold(engine: Engine, binding: AnyBinding, route: Route): boolean {
  const { watching, busy } = syncerOf(engine, binding, route);
  if (watching === null || busy > 0) return false;
  const place = placeOf(engine, binding, route, route.direction === "FromConsumer");
  return isListedAt(watching.copies, place);
}

const copiesOf = (engine: Engine, binding: AnyBinding, route: Route): string[] => {
  const { watching } = syncerOf(engine, binding, route);
  return [...(watching?.table.copiesOf(binding.metadata.uid) ?? [])];
};

/** What still has to go before the binding may: copies, and routes of which that cannot be told. */
export function relatedLeft(engine: Engine, binding: AnyBinding): { copies: number; waiting: string[] } {
  const routes = recordedRoutes(binding);
  return {
    copies: routes.reduce((sum, route) => sum + copiesOf(engine, binding, route).length, 0),
    waiting: routes.filter((route) => !isTold(engine, binding, route)).map(({ resource }) => `related ${resource}`),
  };
}

/** The routes that are to stand on the binding: those of its rules, and those on which copies of it may be left. */
export function routesToRecord(engine: Engine, binding: AnyBinding): Route[] {
  const { followed } = sortRules(binding, engine.settings.related);
  const mayHaveCopies = (route: Route): boolean =>
    !isTold(engine, binding, route) || copiesOf(engine, binding, route).length > 0;
  return [...followed, ...recordedRoutes(binding).filter(mayHaveCopies)];
}

/** Namespaces of the provider with copies for the binding. */
export const relatedHomes = (engine: Engine, binding: AnyBinding): string[] =>
  recordedRoutes(binding)
    .filter(({ direction }) => direction === "FromConsumer")
    .flatMap((route) => {
      const { watching } = syncerOf(engine, binding, route);
      return copiesOf(engine, binding, route).map((key) => parseKey(watching?.copyKey(key) ?? key).namespace);
    });
