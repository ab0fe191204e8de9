// The objects of one type as a watch shows them, for the few types that are kept whole (our own kinds, Secrets, CRDs).
// Promises: the newest known state wins, whether it came from the watch or from an answer to a write of ours; a change is
// reported once. `complete` only after a whole list has been seen. What is missing from a later one is looked for before it
// counts as gone, where that was asked for.

import { isDeepStrictEqual } from "node:util";
import { isOlder, isOlderVersion, type Key, keyOf, keyText, type KubeObject, parseKey } from "../crds/kube-object.ts";
import type { WatchSink } from "./ports.ts";

export interface Cache<T extends KubeObject> {
  readonly sink: WatchSink;
  readonly complete: boolean;
  readonly size: number;
  get(key: string): T | undefined;
  values(): IterableIterator<T>;
  /**
   * Takes in the answer to a write, so that the next pass does not act on an older state. An object that has gone meanwhile
   * is not brought back: no event would ever take it away again.
   */
  note(object: T): void;
}

/** What changed: `before` or `after` is undefined when the object appeared or went. */
export type Changed<T> = (before: T | undefined, after: T | undefined) => void;

export interface CacheEvents<T> {
  changed: Changed<T>;
  /** The object as it is now, undefined where there is none. Without it a list is believed. Never rejects. */
  lookUp?: ((key: Key) => Promise<T | undefined>) | undefined;
  /** A complete list has been seen, the first one or a later one. */
  listed?(): void;
  failed?(error: Error): void;
  /** The watch stands again after it failed. */
  recovered?(): void;
}

export function createCache<T extends KubeObject>(events: CacheEvents<T>): Cache<T> {
  const objects = new Map<string, T>();
  /** Seen for the first time in a list that is not complete yet; null: none is under way. */
  let fresh: Set<string> | null = null;
  /** Known since before the list that is under way. */
  let past = new Set<string>();
  /** Missing from the last list, and not yet looked for: whatever is told of them next is so. */
  const doubted = new Set<string>();
  let complete = false;
  /** resourceVersion of the last end that was seen. */
  let lastEnd = "0";

  const put = (object: T) => {
    const key = keyText(keyOf(object));
    const before = objects.get(key);
    const isPast = doubted.delete(key) || past.has(key);
    if (before && !isOlder(before, object) && !isPast) return;
    // What a list shows wins over what was known before it began: a restored server counts its versions from its backup.
    past.delete(key);
    if (isPast && isDeepStrictEqual(before, object)) return;
    objects.set(key, object);
    events.changed(before, object);
  };

  const remove = (key: string) => {
    const before = objects.get(key);
    doubted.delete(key);
    if (before === undefined) return;
    objects.delete(key);
    events.changed(before, undefined);
  };

  /** A list in which it is missing is not enough to forget what so much depends on. */
  const doubt = async (key: string, lookUp: NonNullable<CacheEvents<T>["lookUp"]>): Promise<void> => {
    doubted.add(key);
    const found = await lookUp(parseKey(key));
    if (!doubted.has(key)) return;
    if (found === undefined) remove(key);
    else put(found);
  };

  return {
    get complete() {
      return complete;
    },
    get size() {
      return objects.size;
    },
    get: (key) => objects.get(key),
    values: () => objects.values(),
    note(object) {
      // Events come in the order of versions: what is older than an end that was seen, and not known, has ended itself.
      const isKnown = objects.has(keyText(keyOf(object)));
      if (isKnown || isOlderVersion(lastEnd, object.metadata.resourceVersion)) put(object);
    },
    sink: {
      listing() {
        for (const key of fresh ?? []) remove(key);
        fresh = new Set();
        past = new Set(objects.keys());
        doubted.clear();
        lastEnd = "0";
      },
      seen(object) {
        const key = keyText(keyOf(object));
        if (!objects.has(key)) fresh?.add(key);
        put(object as T);
      },
      gone(object) {
        const key = keyText(keyOf(object));
        const { resourceVersion } = object.metadata;
        if (isOlderVersion(lastEnd, resourceVersion)) lastEnd = resourceVersion;
        const known = objects.get(key);
        if (known && (known.metadata.uid === object.metadata.uid || isOlder(known, object))) remove(key);
      },
      listed(keys) {
        for (const key of [...objects.keys()].filter((one) => !keys.has(one))) {
          if (events.lookUp === undefined) remove(key);
          else void doubt(key, events.lookUp);
        }
        fresh = null;
        past.clear();
        complete = true;
        events.listed?.();
      },
      failed: (error) => events.failed?.(error),
      recovered: () => events.recovered?.(),
    },
  };
}
