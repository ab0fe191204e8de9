// What a binding has to say of its related objects: rules that are not followed, kinds that cannot be listed, conflicts,
// refusals, and copies that still have to go. Counts come from indexes; nothing is read.
// Rules: docs/reference/behaviour.md, "Related objects" and "Conditions".

import type { AnyBinding } from "../crds/binding.ts";
import { keyOf, parseKey } from "../crds/kube-object.ts";
import { isSameRoute, recordedRoutes, resourceOf, type Route, ROUTES, routesOf } from "../crds/related.ts";
import type { RelatedVerdict } from "../machines/binding.ts";
import type { RuleProblem } from "../machines/rules/related-rules.ts";
import { problemOfRule } from "../machines/rules/related-rules.ts";
import { courseOf } from "./course.ts";
import { type Engine } from "./engine.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import type { Feeds } from "./feeds.ts";
import { ownersOf, relatedGate, type RelatedSyncer, relatedSyncerFor } from "./related-syncer.ts";
import { isContested } from "../machines/rules/contest.ts";

const syncerOf = (engine: Engine, binding: AnyBinding, route: Route): RelatedSyncer =>
  relatedSyncerFor(engine, courseOf(engine.directory, binding).through, route);

const problemsOf = ({ settings }: Engine, binding: AnyBinding): RuleProblem[] =>
  (binding.spec.relatedResources ?? []).flatMap(
    (rule, index) => problemOfRule(binding, rule, index, settings.related) ?? [],
  );

/** What is wrong with the watch of that namespace, in a sentence; "" while nothing is. */
const troubleIn = (feeds: Feeds, home: string) => (home === "" ? feeds.trouble : feeds.troubleOf(home));

/** Everything that bindings say of what this one does, for comparison. */
export function toldOf(engine: Engine, syncer: RelatedSyncer): string {
  const { watching } = syncer;
  if (watching === null) return "";
  const all = [watching.copies, ...[...watching.selections.values()].map(({ feeds }) => feeds)];
  const troubled = [...watching.table.troubled].map((key) => {
    const { memory } = watching.table.get(key) ?? {};
    return [key, memory?.rest, memory?.refused?.message, memory?.said];
  });
  const left = [...ownersOf(engine)].map(([uid]) => watching.table.copiesOf(uid).size);
  return JSON.stringify([all.map(({ trouble, whole }) => [trouble, whole]), troubled, left, syncer.busy === 0]);
}

interface Tally {
  foreign: number;
  another: number;
  failing: string[];
  denied: string[];
  deniedHere: string[];
}

function tallyOf(engine: Engine, syncer: RelatedSyncer, { metadata: { uid } }: AnyBinding): Tally {
  const tally: Tally = { foreign: 0, another: 0, failing: [], denied: [], deniedHere: [] };
  const { table } = syncer.watching ?? {};
  for (const key of table?.troubled ?? []) {
    const { memory, copy } = table?.get(key) ?? {};
    const gate = relatedGate(engine, syncer, key);
    if (!memory || (gate.binding !== uid && copy?.binding !== uid)) continue;
    if (memory.said === "conflict ForeignObjectExists") tally.foreign++;
    else if (memory.said === "conflict OwnedByAnother") tally.another++;
    else if (memory.refused?.cause === "forbidden") tally.denied.push(memory.refused.message);
    else if (memory.refused?.cause === "forbiddenHere") tally.deniedHere.push(memory.refused.message);
    else if ((memory.refused !== null && memory.refused.cause !== "outdated") || isContested(memory.contest)) {
      tally.failing.push(`${syncer.route.resource} ${key}`);
    }
  }
  return tally;
}

/** Namespace of the provider or of the consumer where a binding's sources, or its copies, are; "" for all. */
const placeOf = (engine: Engine, binding: AnyBinding, route: Route, isProvider: boolean): string => {
  const { namespace } = keyOf(binding);
  if (!isProvider || namespace === "") return namespace;
  return homeOf({ mapper: engine.settings.mapper, resource: resourceOf(route) }, namespace) ?? namespace;
};

interface Listing {
  denied: string[];
  deniedHere: string[];
  pending: string[];
}

const isAmong = (routes: readonly Route[], route: Route): boolean => routes.some((one) => isSameRoute(one, route));

/** What cannot be listed of one route, and why. */
function listingOf(engine: Engine, binding: AnyBinding, route: Route): Listing {
  const { watching } = syncerOf(engine, binding, route);
  const listing: Listing = { denied: [], deniedHere: [], pending: [] };
  const isHere = route.direction === "FromConsumer";
  if (watching === null) return { ...listing, pending: [`${route.resource} are about to be listed`] };
  const look = (feeds: Feeds, isProvider: boolean): void => {
    const place = placeOf(engine, binding, route, isProvider);
    const trouble = troubleIn(feeds, place);
    const isListed = place === "" ? feeds.whole : feeds.isListed(place);
    if (trouble?.reason === "Forbidden") (isProvider ? listing.denied : listing.deniedHere).push(trouble.message);
    else if (trouble !== null) listing.pending.push(trouble.message);
    else if (!isListed) listing.pending.push(`${route.resource} are being listed`);
  };
  const { namespace } = keyOf(binding);
  for (const { feeds, everywhere, namespaces } of watching.selections.values()) {
    if (everywhere || namespaces.has(namespace)) look(feeds, !isHere);
  }
  look(watching.copies, isHere);
  return listing;
}

export function relatedVerdict(engine: Engine, binding: AnyBinding): RelatedVerdict {
  const problems = problemsOf(engine, binding);
  const rules = binding.spec.relatedResources ?? [];
  const routes = routesOf(binding).filter((route) => rules.some((rule) => isSameRoute(rule, route)));
  const tallies = routes.map((route) => tallyOf(engine, syncerOf(engine, binding, route), binding));
  const listings = routes.map((route) => listingOf(engine, binding, route));
  return {
    problems,
    conflicts: {
      foreign: tallies.reduce((sum, { foreign }) => sum + foreign, 0),
      another: tallies.reduce((sum, { another }) => sum + another, 0),
    },
    failing: tallies.flatMap(({ failing }) => failing),
    unlisted: listings.flatMap(({ denied, deniedHere }) => [...denied, ...deniedHere]),
    pending: [...new Set(listings.flatMap(({ pending }) => pending))],
    denied: [...new Set([...listings, ...tallies].flatMap(({ denied }) => denied))],
    deniedHere: [...new Set([...listings, ...tallies].flatMap(({ deniedHere }) => deniedHere))],
  };
}

/** What still has to go before the binding may: copies, and routes of which that cannot be told. */
export function relatedLeft(engine: Engine, binding: AnyBinding): { copies: number; waiting: string[] } {
  const left = { copies: 0, waiting: [] as string[] };
  for (const route of recordedRoutes(binding)) {
    const syncer = syncerOf(engine, binding, route);
    const { watching } = syncer;
    left.copies += watching?.table.copiesOf(binding.metadata.uid).size ?? 0;
    const place = placeOf(engine, binding, route, route.direction === "FromConsumer");
    const isKnown = watching !== null && (place === "" ? watching.copies.whole : watching.copies.isListed(place));
    if (!isKnown || syncer.busy > 0) left.waiting.push(`related ${route.resource}`);
  }
  return left;
}

/** The routes that are to stand on the binding: those of its rules, and those on which copies of it may be left. */
export function routesToRecord(engine: Engine, binding: AnyBinding): Route[] {
  const isFollowed = (route: Route) =>
    (binding.spec.relatedResources ?? []).some(
      (rule, index) =>
        isSameRoute(rule, route) && problemOfRule(binding, rule, index, engine.settings.related) === null,
    );
  const mayHaveCopies = (route: Route): boolean => {
    const syncer = syncerOf(engine, binding, route);
    const { watching } = syncer;
    const place = placeOf(engine, binding, route, route.direction === "FromConsumer");
    const isKnown = watching !== null && (place === "" ? watching.copies.whole : watching.copies.isListed(place));
    return !isKnown || syncer.busy > 0 || watching.table.copiesOf(binding.metadata.uid).size > 0;
  };
  const recorded = recordedRoutes(binding);
  return ROUTES.filter((route) => isFollowed(route) || (isAmong(recorded, route) && mayHaveCopies(route)));
}

/** Namespaces of the provider with copies for the binding. */
export const relatedHomes = (engine: Engine, binding: AnyBinding): string[] =>
  recordedRoutes(binding)
    .filter(({ direction }) => direction === "FromConsumer")
    .flatMap((route) => {
      const { watching } = syncerOf(engine, binding, route);
      const keys = [...(watching?.table.copiesOf(binding.metadata.uid) ?? [])];
      return keys.map((key) => parseKey(watching?.copyKey(key) ?? key).namespace);
    });
