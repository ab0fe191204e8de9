// The watches of the related objects on one route: one for each distinct selection of sources, and one of the copies, each of
// the whole cluster or of the namespaces that matter. Promises that no more is asked of either side than the rules mean: labels
// and names are part of the request wherever they can be. What an event means is a fact for the table and a place on the
// queue for what owes something. Rules: docs/reference/behaviour.md, "Related objects" and "Watch scope".

import { keyOf, keyText, type KubeObject, parseKey } from "../crds/kube-object.ts";
import { LABEL } from "../crds/labels.ts";
import { isSameRoute, resourceOf, type Route } from "../crds/related.ts";
import { relatedOwesNothing } from "../machines/related-facts.ts";
import type { Mapper } from "../machines/rules/mapper.ts";
import { isNoSource, isOffLimits, type RelatedRule } from "../machines/rules/related-rules.ts";
import { scopeFor } from "../machines/rules/watch-scope.ts";
import { mayWatchAll } from "./access-reviews.ts";
import type { Engine } from "./engine.ts";
import { createFeeds, type FeedSink, type Feeds } from "./feeds.ts";
import { OURSELVES, relatedKey } from "./keys.ts";
import { type Cluster, PRIORITY, type Priority, type WatchOptions } from "./ports.ts";
import { isRightMissing } from "./refusals.ts";
import { ownersOf, relatedGate, whoseCopy } from "./related-ruling.ts";
import { feedsOf, type RelatedSyncer, type RelatedWatching } from "./related-syncer.ts";
import { type Ask, asksOf, placesThere } from "./related-selections.ts";
import { createRelatedTable, MOST_STRAY_COPIES, type Sides } from "./related-table.ts";
import type { Part } from "./table.ts";

/** Puts an object on the queue unless nothing is owed. */
function weighRelated(engine: Engine, syncer: RelatedSyncer, key: string, priority: Priority): void {
  const { table } = syncer.watching ?? {};
  const entry = table?.get(key);
  if (table === undefined || entry === undefined) return;
  const copy = entry.copy && { ...entry.copy, whose: whoseCopy(engine, syncer, entry.copy) };
  const isSettled =
    entry.memory === null && relatedOwesNothing(entry.source, copy, relatedGate(engine, syncer, key), null);
  if (isSettled) table.dropBody(key);
  else engine.wake(relatedKey(syncer.connection, syncer.route, parseKey(key)), priority);
}

/** All of them, or those that are concerned. */
export function weighAllRelated(engine: Engine, syncer: RelatedSyncer, isConcerned = (_key: string) => true): void {
  const keys = [...(syncer.watching?.table.keys() ?? [])].filter(isConcerned);
  for (const key of keys) weighRelated(engine, syncer, key, PRIORITY.backlog);
}

/** Is the object in what a list covers, on the side whose keys those are? */
const isCovered =
  ({ namespace }: Part, there: (key: string) => string) =>
  (key: string): boolean =>
    namespace === undefined || parseKey(there(key)).namespace === namespace;

/** Keys of either side. Throws what the Mapper throws. */
function sidesOf(mapper: Mapper, route: Route, clusterUid: string): Sides {
  const resource = resourceOf(route);
  const here = (object: KubeObject): string => keyText(keyOf(object));
  const back = (object: KubeObject): string => keyText(mapper.toConsumer(resource, keyOf(object)));
  const there = (key: string): string => keyText(mapper.toProvider(resource, parseKey(key)));
  const same = (key: string): string => key;
  return route.direction === "FromConsumer"
    ? { clusterUid, ofSource: here, sourceKey: same, ofCopy: back, copyKey: there }
    : { clusterUid, ofSource: back, sourceKey: there, ofCopy: here, copyKey: same };
}

/** What stands on which side of a route. */
interface Ends {
  source: Cluster | undefined;
  target: Cluster | undefined;
  epoch: number;
  clusterUid: string;
}

function endsOf({ engagements, directory, consumer }: Engine, { connection, route }: RelatedSyncer): Ends {
  const { epoch, clusterUid, cluster } = engagements.get(connection) ?? {
    epoch: 0,
    clusterUid: "",
    cluster: undefined,
  };
  // What is on this cluster can be let go of without the provider.
  const known = clusterUid || (directory.connection(connection)?.status?.localClusterUID ?? "");
  const ends = { epoch, clusterUid: known };
  return route.direction === "FromConsumer"
    ? { ...ends, source: consumer, target: cluster }
    : { ...ends, source: cluster, target: consumer };
}

/** Where copies for bindings may be: of those whose rules are followed, and of those that have not let go yet. */
interface Reach {
  everywhere: boolean;
  namespaces: Set<string>;
}

function reachOf(engine: Engine, { connection, route }: RelatedSyncer, rules: readonly RelatedRule[]): Reach | null {
  const owners = ownersOf(engine);
  const isOwner = (uid: string): boolean => {
    const owner = owners.get(uid);
    return owner?.through === connection && owner.routes.some((one) => isSameRoute(one, route));
  };
  const owing = engine.directory
    .allBindings()
    .filter(({ metadata }) => isOwner(metadata.uid))
    .map(keyOf);
  const namespaces = new Set([...rules, ...owing].map(({ namespace }) => namespace));
  return namespaces.size === 0 ? null : { everywhere: namespaces.delete(""), namespaces };
}

const sideName = (syncer: RelatedSyncer, end: "source" | "target"): "provider" | "this cluster" =>
  (syncer.route.direction === "FromProvider") === (end === "source") ? "provider" : "this cluster";

/** Runs a sink call so that one object that cannot be read (a Mapper's exception) costs only itself. */
const guarded =
  (engine: Engine, syncer: RelatedSyncer, take: (object: KubeObject, list?: string) => string | undefined) =>
  (object: KubeObject, list?: string): void => {
    try {
      const key = take(object, list);
      if (key !== undefined) weighRelated(engine, syncer, key, PRIORITY.live);
    } catch (error) {
      const where = keyText({ namespace: object.metadata.namespace ?? "", name: object.metadata.name });
      const fields = { connection: syncer.connection, related: syncer.route.resource, key: where };
      engine.log.error({ ...fields, error: String(error) }, "dropped");
    }
  };

/** What both kinds of feeds have in common. */
const commonSink = (
  engine: Engine,
  syncer: RelatedSyncer,
  end: "source" | "target",
  name: string | undefined,
): Pick<FeedSink, "refusal" | "isUnserved" | "unserved" | "changed"> => {
  const side = sideName(syncer, end);
  return {
    refusal(error, namespace) {
      const what = `${syncer.route.resource}${name === undefined ? "" : ` ${name}`}`;
      const where = namespace === "" ? "in all namespaces" : `in namespace ${namespace}`;
      const on = side === "provider" ? "on the provider" : "on this cluster";
      const isDenied = isRightMissing(error);
      // Of Secrets nothing that a server says is passed on.
      const why = isDenied ? "forbidden" : error.name === "UnreachableError" ? error.message : "refused";
      return { reason: isDenied ? "Forbidden" : "Pending", message: `list and watch ${what} ${where} ${on}: ${why}` };
    },
    isUnserved: () => false,
    unserved: () => {},
    changed: () => engine.wake(syncer.key),
  };
};

const placeOf = (namespace: string): WatchOptions => (namespace === "" ? {} : { namespace });

/** Objects of a selection that are taken of a provider. */
const MOST_SOURCES = 20_000;

function openCopies(engine: Engine, syncer: RelatedSyncer, watching: Omit<RelatedWatching, "copies">): Feeds {
  const { table, target, clusterUid } = watching;
  const labelSelector = `${LABEL.managed}=true,${LABEL.consumerClusterUid}=${clusterUid}`;
  const mostObjects = () => 2 * table.size + MOST_STRAY_COPIES;
  const options = (namespace: string) => ({ ...placeOf(namespace), labelSelector, mostObjects });
  return createFeeds({
    ...commonSink(engine, syncer, "target", undefined),
    open: (namespace, sink) => target.watch(resourceOf(syncer.route), options(namespace), sink),
    seen: guarded(engine, syncer, (copy, list) => table.copySeen(copy, list)),
    gone: guarded(engine, syncer, (copy) => table.copyGone(copy)),
    listing: (namespace, again) => table.copiesListing(namespace, again),
    listed(keys, part) {
      table.copiesListed(keys, part);
      weighAllRelated(engine, syncer, isCovered(part, watching.copyKey));
    },
    isKnown: () => true,
    left: (isWatched) => table.forgetCopies((namespace) => !isWatched(namespace)),
  });
}

function openSelection(
  engine: Engine,
  syncer: RelatedSyncer,
  source: Cluster,
  watching: RelatedWatching,
  ask: Ask,
): Feeds {
  const { table } = watching;
  const resource = resourceOf(syncer.route);
  const bound = sideName(syncer, "source") === "provider" ? { mostObjects: () => MOST_SOURCES } : {};
  const isMeant = (object: KubeObject): boolean => {
    const id = watching.ofSource(object);
    const key = parseKey(id);
    const keys = [key, keyOf(object), parseKey(watching.copyKey(id))];
    const isNamed = ask.names === null || ask.names.has(key.name);
    return isNamed && !isNoSource(object) && !isOffLimits(keys, engine.settings.related);
  };
  return createFeeds({
    ...commonSink(engine, syncer, "source", ask.there?.[0]),
    open: (namespace, sink) => source.watch(resource, { ...placeOf(namespace), ...ask.options, ...bound }, sink),
    seen: guarded(engine, syncer, (object, list) =>
      isMeant(object) ? table.sourceSeen(ask.id, object, list) : table.sourceGone(ask.id, object),
    ),
    gone: guarded(engine, syncer, (object) => table.sourceGone(ask.id, object)),
    listing: (namespace, again) => table.sourcesListing(ask.id, namespace, again),
    listed(keys, part) {
      table.sourcesListed(ask.id, keys, part);
      weighAllRelated(engine, syncer, isCovered(part, watching.sourceKey));
    },
    isKnown: (object) => !!table.get(watching.ofSource(object))?.source,
    left(isWatched) {
      for (const key of table.sourcesLeft(ask.id, isWatched)) weighRelated(engine, syncer, key, PRIORITY.backlog);
    },
  });
}

export function stopRelated(syncer: RelatedSyncer): void {
  const { watching } = syncer;
  if (watching === null) return;
  for (const feeds of feedsOf(watching)) feeds.stop();
  syncer.watching = null;
}

function start(engine: Engine, syncer: RelatedSyncer, target: Cluster, ends: Ends): RelatedWatching {
  const sides = sidesOf(engine.settings.mapper, syncer.route, ends.clusterUid);
  const base = { ...sides, epoch: ends.epoch, target, table: createRelatedTable(sides), selections: new Map() };
  return { ...base, copies: openCopies(engine, syncer, base) };
}

/** The namespaces of a side, for those of the consumer. */
const placesOn = (engine: Engine, { route }: RelatedSyncer, side: string, namespaces: Iterable<string>): string[] =>
  side === "provider" ? placesThere(engine.settings.mapper, route, namespaces) : [...namespaces];

function follow(engine: Engine, syncer: RelatedSyncer, end: "source" | "target", feeds: Feeds, reach: Reach): void {
  const side = sideName(syncer, end);
  const namespaces = placesOn(engine, syncer, side, reach.namespaces);
  const whose = side === "provider" ? syncer.connection : OURSELVES;
  const allowed = mayWatchAll(engine, whose, resourceOf(syncer.route));
  feeds.follow(scopeFor({ everywhere: reach.everywhere, searching: false, namespaces }), allowed);
}

/** Has the watches that are open ask for what `rules` mean, and no more. */
export function keepRelatedWatches(engine: Engine, syncer: RelatedSyncer, rules: readonly RelatedRule[]): void {
  const ends = endsOf(engine, syncer);
  const reach = reachOf(engine, syncer, rules);
  const isOther = ({ epoch, clusterUid }: RelatedWatching) => epoch !== ends.epoch || clusterUid !== ends.clusterUid;
  if (syncer.watching !== null && (reach === null || ends.target === undefined || isOther(syncer.watching))) {
    stopRelated(syncer);
  }
  if (reach === null || ends.target === undefined || ends.clusterUid === "") return;
  const watching = (syncer.watching ??= start(engine, syncer, ends.target, ends));
  keepSelections(
    engine,
    syncer,
    watching,
    ends.source === undefined ? new Map() : asksOf(engine.settings.mapper, syncer.route, rules),
    ends,
  );
  follow(engine, syncer, "target", watching.copies, reach);
}

function keepSelections(
  engine: Engine,
  syncer: RelatedSyncer,
  watching: RelatedWatching,
  asks: ReadonlyMap<string, Ask>,
  { source }: Ends,
): void {
  for (const [id, { feeds }] of watching.selections) {
    if (asks.has(id)) continue;
    feeds.stop();
    watching.selections.delete(id);
    for (const key of watching.table.sourcesLeft(id)) weighRelated(engine, syncer, key, PRIORITY.backlog);
  }
  if (source === undefined) return;
  for (const [id, ask] of asks) {
    const known = watching.selections.get(id);
    const feeds = known?.feeds ?? openSelection(engine, syncer, source, watching, ask);
    const { everywhere, namespaces, names } = ask;
    watching.selections.set(id, { feeds, everywhere, namespaces, names });
    follow(engine, syncer, "source", feeds, ask);
  }
}
