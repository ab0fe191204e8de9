// The watches of one bound API on both sides, and what their events mean: facts for the table, and a place on the queue for
// each object that owes something. When there are any is decided by machines/syncer.ts and enforced by syncer-actor.ts; how
// many of each side, and which, by watch-scope.ts and feeds.ts.

import { keyOf, keyText, type KubeObject, parseKey } from "../crds/kube-object.ts";
import { LABEL } from "../crds/labels.ts";
import type { Engagement } from "./engagement.ts";
import type { Engine } from "./engine.ts";
import type { Shape } from "./facts.ts";
import { createFeeds, type FeedSink } from "./feeds.ts";
import { objectKey } from "./keys.ts";
import { noteLeaving } from "./leaving.ts";
import { lookForAll } from "./missing.ts";
import { noteOrphans } from "./orphans.ts";
import { recount } from "./recount.ts";
import { PRIORITY, type Priority, type WatchOptions } from "./ports.ts";
import { isRightMissing, isStatus } from "./refusals.ts";
import { isRoomForBodies, isSettled, keepsBodies } from "./settled.ts";
import type { Syncer, Watching } from "./syncer.ts";
import { createTable, MOST_STRAYS } from "./table.ts";

/** Puts an object on the queue unless its sides agree and nothing is owed. */
function weigh(engine: Engine, syncer: Syncer, key: string, priority: Priority): void {
  const { watching } = syncer;
  const entry = watching?.table.get(key);
  if (!watching || entry === undefined) return;
  const { namespace } = parseKey(key);
  if (!watching.consumer.isListed(namespace)) {
    if (!isRoomForBodies(syncer)) watching.table.dropBodies(key);
    return;
  }
  if (isSettled(syncer, key, entry)) {
    if (!keepsBodies(syncer, key, entry)) watching.table.dropBodies(key);
    return;
  }
  noteLeaving(engine, syncer, key);
  engine.wake(objectKey(syncer.connection, syncer.api, parseKey(key)), priority);
}

/** Objects that are weighed before anybody else has a turn: some milliseconds. */
const AT_ONCE = 1_000;

/** All of one namespace, or all; of many, what is told meanwhile of those that are still to come is weighed with them. */
export function weighAll(engine: Engine, syncer: Syncer, namespace?: string): void {
  const { watching } = syncer;
  const keys = watching?.table.keys(namespace);
  const weighSome = (): void => {
    if (keys === undefined || watching !== syncer.watching) return;
    for (let count = 0; count < AT_ONCE; count++) {
      const next = keys.next();
      if (next.done === true) return;
      weigh(engine, syncer, next.value, PRIORITY.backlog);
    }
    engine.clock.after(0, weighSome);
  };
  weighSome();
}

/** The same for the namespaces whose copies are in that one of the provider; "" for all of them. */
function weighAt(engine: Engine, syncer: Syncer, home: string): void {
  if (home === "") return weighAll(engine, syncer);
  for (const namespace of syncer.watching?.table.namespaces(home) ?? []) weighAll(engine, syncer, namespace);
}

/** Somebody waits for this object to let go: the syncer recounts. */
const isEnding = (syncer: Syncer, object: KubeObject): boolean =>
  object.metadata.deletionTimestamp !== undefined || syncer.ruleFor(object.metadata.namespace ?? "").mode === "drain";

/** Runs a sink call so that one object that cannot be read (a Mapper's exception) costs only itself. */
const guarded =
  (engine: Engine, syncer: Syncer, take: (object: KubeObject, list?: string) => string | undefined) =>
  (object: KubeObject, list?: string) => {
    try {
      const key = take(object, list);
      if (key === undefined) return;
      noteOrphans(engine, syncer);
      weigh(engine, syncer, key, PRIORITY.live);
      if (isEnding(syncer, object)) recount(engine, syncer);
    } catch (error) {
      const where = keyText({ namespace: object.metadata.namespace ?? "", name: object.metadata.name });
      engine.log.error({ connection: syncer.connection, crd: syncer.api, key: where, error: String(error) }, "dropped");
    }
  };

const allOf = ({ resource: { resource, group } }: Shape, namespace: string): string =>
  `list and watch ${resource}.${group}${namespace === "" ? "" : ` in namespace ${namespace}`}`;

const scopeOf = (namespace: string): WatchOptions => (namespace === "" ? {} : { namespace });

/** Begins with the consumer's side; what is watched of it is for `follow`. */
export function startWatching(engine: Engine, syncer: Syncer, shape: Shape, definition: string): Watching {
  const table = createTable(shape);
  const doubt = (keys: readonly string[]): void =>
    void lookForAll(engine, { table, shape }, keys, side, () => syncer.watching?.table !== table);
  const side: FeedSink = {
    open: (namespace, sink) => engine.consumer.watch(shape.resource, scopeOf(namespace), sink),
    seen: guarded(engine, syncer, (object, list) => table.consumerSeen(object, list)),
    gone(object) {
      guarded(engine, syncer, (gone) => table.consumerGone(gone))(object);
      recount(engine, syncer);
    },
    listing: (namespace, again) => table.consumersListing(namespace, again),
    listed(keys, part) {
      table.consumersListed(keys, { ...part, doubt });
      noteOrphans(engine, syncer);
      weighAll(engine, syncer, part.namespace);
    },
    isKnown: (object) => !!table.get(keyText(keyOf(object)))?.consumer,
    refusal: (error, namespace) => {
      return { reason: "Pending", message: `${allOf(shape, namespace)} on this cluster: ${error.message}` };
    },
    isUnserved: () => false,
    unserved: () => {},
    left: (isWatched) => table.forgetConsumers((namespace) => !isWatched(namespace)),
    changed: () => engine.wake(syncer.key),
  };
  return {
    shape,
    definition,
    table,
    consumer: createFeeds(side),
    provider: null,
    search: { state: "due", found: new Set(), cancel: () => {} },
    bound: new Set(),
  };
}

/** …and with the provider's: only copies that this cluster's konnectors made. */
export function startProvider(engine: Engine, syncer: Syncer, watching: Watching, engagement: Engagement): void {
  const { table, shape } = watching;
  table.forgetCopies();
  const labelSelector = `${LABEL.managed}=true,${LABEL.consumerClusterUid}=${shape.clusterUid}`;
  // The copies of what is here, and some that are left from what was.
  const mostObjects = () => 2 * (table.size - table.strays) + MOST_STRAYS;
  const side: FeedSink = {
    open: (home, sink) =>
      engagement.cluster.watch(shape.resource, { ...scopeOf(home), labelSelector, mostObjects }, sink),
    seen: guarded(engine, syncer, (copy, list) => table.copySeen(copy, list)),
    gone: guarded(engine, syncer, (copy) => table.copyGone(copy)),
    listing: (home, again) => table.copiesListing(home, again),
    listed(keys, part) {
      table.copiesListed(keys, part);
      noteOrphans(engine, syncer);
      weighAt(engine, syncer, part.namespace ?? "");
    },
    // What a stale state of a copy leads to is refused by its fences.
    isKnown: () => true,
    // A 403 names the right that is missing; anything else is expected to pass.
    refusal: (error, home) => ({
      reason: isRightMissing(error) ? "Forbidden" : "Pending",
      message: `${allOf(shape, home)} on the provider: ${error.message}`,
    }),
    isUnserved: (error) => isStatus(error, 404) && engagement.offer(syncer.api) === undefined,
    unserved: (home) => weighAt(engine, syncer, home),
    left: (isWatched) => table.forgetCopies((home) => !isWatched(home)),
    changed: () => engine.wake(syncer.key),
  };
  watching.provider = { engagement, feeds: createFeeds(side) };
}

export function stopProvider(watching: Watching): void {
  watching.provider?.feeds.stop();
  watching.provider = null;
  watching.table.forgetCopies();
}

export function stopWatching(syncer: Syncer): void {
  if (syncer.watching === null) return;
  stopProvider(syncer.watching);
  syncer.watching.consumer.stop();
  syncer.watching.search.cancel();
  syncer.leaving.clear();
  syncer.watching = null;
}
