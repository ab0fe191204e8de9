// The watches of one side of a bound API: one of the whole cluster, or one for each namespace that matters. Promises: a watch
// that comes or goes disturbs no other; one that takes over from others has its list before those end, brings nothing
// back that they saw go, and takes nothing for gone that they have seen since. What an event means is for api-watches.ts, which
// namespaces matter for watch-scope.ts. Rule: docs/reference/behaviour.md, "Watch scope".

import { isOlderVersion, type KubeObject } from "../crds/kube-object.ts";
import type { Scope } from "../machines/rules/watch-scope.ts";
import type { Refusal } from "../machines/syncer.ts";
import type { Watch, WatchSink } from "./ports.ts";
import { isRightMissing } from "./refusals.ts";
import type { Part } from "./table.ts";

type Failure = Parameters<WatchSink["failed"]>[0];

/** What feeds are given to work with. Namespaces are those of the side; "" stands for the whole cluster. */
export interface FeedSink {
  open(namespace: string, sink: WatchSink): Watch;
  /** `list`: by the list of that namespace that is under way, and not by an event. */
  seen(object: KubeObject, list?: string): void;
  gone(object: KubeObject): void;
  /** A list of it begins, `again` by a watch that had one before; or nobody waits for its end any more. */
  listing(namespace: string, again: boolean): void;
  listed(keys: ReadonlySet<string>, part: Part): void;
  /** Is the object among what is known, in whatever state? */
  isKnown(object: KubeObject): boolean;
  refusal(error: Failure, namespace: string): Refusal;
  /** No list will ever come: the type is served no more, and that is as it should be. */
  isUnserved(error: Failure): boolean;
  unserved(namespace: string): void;
  /** Nobody looks at what is outside of these any more. */
  left(isWatched: (namespace: string) => boolean): void;
  /** Something of what can be asked of the feeds has changed. */
  changed(): void;
}

export interface Feeds {
  /** Brings the watches in line. `allowed`: whether the credentials allow the whole cluster; undefined: nobody knows. */
  follow(scope: Scope, allowed: boolean | undefined): void;
  /** Is all there is in the namespace known? */
  isListed(namespace: string): boolean;
  isUnserved(namespace: string): boolean;
  /** What is wrong with the watch that shows the namespace, "" for the one of the whole cluster. */
  troubleOf(namespace: string): Refusal | null;
  /** Whatever is wrong, if anything is. */
  readonly trouble: Refusal | null;
  /** Something is listed. */
  readonly some: boolean;
  /** Everything that was asked for is listed. */
  readonly whole: boolean;
  /** …or has been refused or fails at the moment: there is nothing that has merely not been told yet. */
  readonly settled: boolean;
  /** The whole cluster is watched, or about to be. */
  readonly isWide: boolean;
  /** Rights have come: what was refused is asked for at once. */
  retry(): void;
  stop(): void;
}

interface Feed {
  watch: Watch;
  listed: boolean;
  unserved: boolean;
  trouble: Refusal | null;
  /** A list is under way. */
  listing: boolean;
  /** Since its last list another one has shown the same objects. */
  doubled: boolean;
  /** Up to this version it has told everything of its namespace; "" before its first list. */
  knownTo: string;
}

const WHOLE = "";
const noWatch: Watch = { stop: () => {}, position: () => undefined };

export function createFeeds(side: FeedSink): Feeds {
  const feeds = new Map<string, Feed>();
  /** What the watches knew that the one of the whole cluster has taken over from, by namespace. */
  const inherited = new Map<string, string>();
  let scope: Scope = { wide: "no", namespaces: new Set() };
  let allowed: boolean | undefined;
  /** It has been told what to watch: before that nothing is known, not even that there is nothing. */
  let followed = false;
  /** The whole cluster has been refused for want of a right. */
  let refused = false;

  const wide = (): Feed | undefined => feeds.get(WHOLE);
  const apart = (namespace: string): Feed | undefined => (namespace === WHOLE ? undefined : feeds.get(namespace));
  const isWatched = (namespace: string): boolean => feeds.has(WHOLE) || feeds.has(namespace);

  /** Is that state, told by the watch of the whole cluster, older than what is known of its namespace, and so of what has ended? */
  const isPast = (object: KubeObject): boolean => {
    const namespace = object.metadata.namespace ?? "";
    const knownTo = apart(namespace)?.knownTo || (inherited.get(namespace) ?? "");
    return knownTo !== "" && !isOlderVersion(knownTo, object.metadata.resourceVersion) && !side.isKnown(object);
  };

  const advance = (feed: Feed, version: string): void => {
    if (feed.listed && !feed.listing && isOlderVersion(feed.knownTo, version)) feed.knownTo = version;
  };

  /** What was shown by two at the same time may be newer than the list of the one. */
  const partOf = (namespace: string, { knownTo, doubled }: Feed): Part => {
    const isNewer = (where: string, than: string) =>
      (namespace === WHOLE ? apart(where)?.listed === true : doubled) && isOlderVersion(knownTo, than);
    return namespace === WHOLE ? { isNewer } : { namespace, isNewer };
  };

  function fail(namespace: string, feed: Feed, error: Failure): void {
    feed.trouble = side.refusal(error, namespace);
    if (namespace === WHOLE && isRightMissing(error)) refused = true;
    const unserved = side.isUnserved(error);
    if (feed.unserved !== unserved) {
      feed.unserved = unserved;
      side.unserved(namespace);
    }
    side.changed();
  }

  const sinkOf = (namespace: string, feed: Feed): WatchSink => ({
    seen(object) {
      if (namespace !== WHOLE || !isPast(object)) side.seen(object, feed.listing ? namespace : undefined);
      advance(feed, object.metadata.resourceVersion);
    },
    listing() {
      feed.listing = true;
      if (namespace === WHOLE) inherited.clear();
      // Of a first list nothing can be said to be older: what is known is known by another watch, which may be ahead of it.
      side.listing(namespace, feed.listed);
    },
    gone(object) {
      side.gone(object);
      advance(feed, object.metadata.resourceVersion);
    },
    listed(keys) {
      Object.assign(feed, { listed: true, listing: false, unserved: false, trouble: null });
      feed.knownTo = feed.watch.position() ?? "";
      side.listed(keys, partOf(namespace, feed));
      if (namespace === WHOLE) {
        refused = false;
        arrange();
      }
      feed.doubled = feeds.has(WHOLE);
      side.changed();
    },
    failed: (error) => fail(namespace, feed, error),
    recovered() {
      feed.trouble = null;
      if (namespace === WHOLE) refused = false;
      side.changed();
    },
  });

  function open(namespace: string): void {
    if (feeds.has(namespace)) return;
    const feed: Feed = {
      watch: noWatch,
      listed: false,
      unserved: false,
      trouble: null,
      listing: false,
      doubled: feeds.has(WHOLE),
      knownTo: "",
    };
    if (namespace === WHOLE) for (const other of feeds.values()) other.doubled = true;
    feeds.set(namespace, feed);
    feed.watch = side.open(namespace, sinkOf(namespace, feed));
  }

  function close(namespace: string): boolean {
    const feed = feeds.get(namespace);
    feed?.watch.stop();
    side.listing(namespace, false);
    if (feed?.listed && namespace !== WHOLE && wide()) inherited.set(namespace, feed.knownTo);
    return feeds.delete(namespace);
  }

  /** One that stands is kept until it is refused: what it shows costs nothing any more. */
  const wantsWide = (): boolean =>
    scope.wide === "needed" ||
    (!refused && (wide()?.listed === true || (scope.wide === "wanted" && allowed !== false)));

  /** While the whole cluster is about to be listed, those that know their namespace go on, and no other begins. */
  function wantedApart(): ReadonlySet<string> {
    if (wide()?.listed === true && !refused) return new Set();
    if (!wantsWide() || refused) return scope.namespaces;
    return new Set([...feeds].filter(([namespace, { listed }]) => namespace !== WHOLE && listed).map(([one]) => one));
  }

  function arrange(): void {
    const isWide = wantsWide();
    const wanted = wantedApart();
    if (isWide) open(WHOLE);
    for (const namespace of wanted) open(namespace);
    const closed = [...feeds.keys()]
      .filter((namespace) => (namespace === WHOLE ? !isWide : !wanted.has(namespace)))
      .filter(close);
    if (closed.length > 0) side.left(isWatched);
  }

  const all = (holds: (feed: Feed) => boolean): boolean =>
    [...scope.namespaces].every((namespace) => {
      const feed = feeds.get(namespace);
      return feed !== undefined && holds(feed);
    });
  const isWhole = (): boolean => followed && (wide()?.listed === true || (!wantsWide() && all(({ listed }) => listed)));

  return {
    follow(next, may) {
      if (may === true && allowed !== true) refused = false;
      followed = true;
      scope = next;
      allowed = may;
      arrange();
    },
    isListed: (namespace) => wide()?.listed === true || apart(namespace)?.listed === true,
    isUnserved: (namespace) => wide()?.unserved === true || apart(namespace)?.unserved === true,
    troubleOf: (namespace) => (apart(namespace) ?? wide())?.trouble ?? null,
    get trouble() {
      return [...feeds.values()].find(({ trouble }) => trouble !== null)?.trouble ?? null;
    },
    get some() {
      return [...feeds.values()].some(({ listed }) => listed);
    },
    get whole() {
      return isWhole();
    },
    get settled() {
      const isDone = ({ listed, trouble }: Feed) => listed || trouble !== null;
      const isFailing = (wide()?.trouble ?? null) !== null;
      return isWhole() || (followed && (wantsWide() && !refused ? isFailing : all(isDone)));
    },
    get isWide() {
      return feeds.has(WHOLE) && !refused;
    },
    retry() {
      const failed = [...feeds].filter(([, { listed, trouble }]) => !listed && trouble !== null);
      for (const [namespace] of failed) {
        feeds.get(namespace)?.watch.stop();
        feeds.delete(namespace);
        open(namespace);
      }
    },
    stop() {
      for (const { watch } of feeds.values()) watch.stop();
      feeds.clear();
    },
  };
}
