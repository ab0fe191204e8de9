// Both sides of every object of one bound API, reduced to facts: what the watches of the consumer and of the provider show,
// and what answers to our own writes said. Promises: the newest state of a side wins; a body is kept exactly as long as
// its object is not settled; the counts per namespace are kept as objects change, never by a scan; a complete list says
// something of what it covers and of nothing else.

import { isDeepStrictEqual } from "node:util";
import { isOlderVersion, keyOf, keyText, type KubeObject, parseKey } from "../crds/kube-object.ts";
import {
  type ConsumerFact,
  type CopyFact,
  initialObjectContext,
  type ObjectContext,
} from "../machines/object-facts.ts";
import { isContested } from "../machines/rules/contest.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import { consumerFact, copyFact, type Shape } from "./facts.ts";

/** What a machine remembers of an object between passes; absent for a settled one. */
export type Memory = Pick<
  ObjectContext,
  "found" | "accepted" | "acceptedStatus" | "refused" | "said" | "contest" | "attempts"
> & {
  /** Where it rests: "conflicted.resting". */
  rest: string;
};

export interface Entry {
  consumer: ConsumerFact | null;
  copy: CopyFact | null;
  consumerBody: KubeObject | null;
  copyBody: KubeObject | null;
  /** resourceVersion at which a copy was seen to go: what an answer to an earlier write shows is no more. */
  copyWentAt: string | null;
  memory: Memory | null;
}

const emptyEntry = (): Entry => ({
  consumer: null,
  copy: null,
  consumerBody: null,
  copyBody: null,
  copyWentAt: null,
  memory: null,
});

/** Counts of one namespace. */
export interface Tally {
  /** Objects that carry our finalizer. */
  claimed: number;
  /** Objects marked ForeignObjectExists, and OwnedByAnother. */
  foreign: number;
  another: number;
  /** Objects whose last write was refused, or is changed back by somebody on the provider. */
  failing: number;
  /** Objects that are paused by an annotation of their own. */
  paused: number;
}

/** A write that merely lost a race is not worth telling anybody. */
const isFailing = (memory: Memory | null): boolean =>
  memory !== null && ((memory.refused !== null && memory.refused.cause !== "outdated") || isContested(memory.contest));

/** Copies of no object of ours that are remembered: a provider must not fill our memory with what nobody here made. */
export const MOST_STRAYS = 20_000;

const NOTHING: Tally = { claimed: 0, foreign: 0, another: 0, failing: 0, paused: 0 };

const tallyOf = ({ consumer, memory }: Entry): Tally =>
  consumer === null
    ? NOTHING
    : {
        claimed: Number(consumer.claimed),
        foreign: Number(consumer.mark === "ForeignObjectExists"),
        another: Number(consumer.mark === "OwnedByAnother"),
        failing: Number(isFailing(memory)),
        paused: Number(consumer.paused),
      };

/** What a complete list covers. */
export interface Part {
  /** One namespace of the side it is of; absent: the whole cluster. */
  namespace?: string;
  /** Has a state of that version, in that namespace of the side, been told by somebody who knows more than this list? */
  isNewer?: (namespace: string, resourceVersion: string) => boolean;
  /** Takes the keys of objects that are missing although they carry our finalizer: they stay until more is told of them. */
  doubt?: (keys: readonly string[]) => void;
}

export interface Table {
  get(key: string): Entry | undefined;
  /** Of one namespace, or all. */
  keys(namespace?: string): IterableIterator<string>;
  readonly size: number;
  /** Copies of no object of ours: the provider's word alone. */
  readonly strays: number;
  /** Each returns the consumer key of what changed, or undefined when it was old news. `list`: shown by that list. */
  consumerSeen(object: KubeObject, list?: string): string | undefined;
  consumerGone(object: KubeObject): string | undefined;
  /**
   * A list of that namespace begins ("": of the whole cluster), or what was begun has come to nothing. `again`: by a watch that
   * had one before. Whatever it shows is newer than what is known by now, also where its version is lower.
   */
  consumersListing(namespace: string, again: boolean): void;
  consumersListed(keys: ReadonlySet<string>, part?: Part): string[];
  /** It was missing from a list, and nothing has been told of it since. */
  isDoubted(key: string): boolean;
  copySeen(copy: KubeObject, list?: string): string | undefined;
  copyGone(copy: KubeObject): string | undefined;
  /** `home`: of the provider. */
  copiesListing(home: string, again: boolean): void;
  /** `keys` are provider keys. */
  copiesListed(keys: ReadonlySet<string>, part?: Part): string[];
  /** The copy with that uid is gone: the server said so in an answer. */
  forgetCopy(key: string, uid: string): void;
  /** Another provider client, or nobody looks at these namespaces there: nothing is known of the copies any more. */
  forgetCopies(isForgotten?: (home: string) => boolean): void;
  /** Nobody looks at these namespaces any more: nothing is known of their objects. */
  forgetConsumers(isForgotten: (namespace: string) => boolean): void;
  remember(key: string, memory: Memory | null): void;
  dropBodies(key: string): void;
  tally(namespace: string): Tally;
  /** Of which anything is known; with `home`, those whose copies are in that namespace of the provider. */
  namespaces(home?: string): string[];
  /** Keys of copies that carry our marks and have no object here. */
  readonly orphans: ReadonlySet<string>;
  /** Keys of the objects that `Tally` counts as failing. */
  readonly failing: ReadonlySet<string>;
}

/** A context to hydrate the object machine with; the facts follow as events. */
export const contextFrom = (memory: Memory | null): ObjectContext => {
  const { rest: _rest, ...remembered } = memory ?? { rest: "" };
  return { ...initialObjectContext, ...remembered };
};

/** One namespace of the consumer. */
interface Room {
  entries: Map<string, Entry>;
  tally: Tally;
  /** Where its copies are; undefined where the Mapper does not say. */
  home: string | undefined;
}

const namespaceOf = (key: string): string => key.slice(0, key.indexOf("/"));

/** What was known before lists that are under way began, list by list. */
function createPast() {
  const lists = new Map<string, Set<string>>();
  return {
    /** Of one list: what it finds known. */
    begin(list: string, keys: readonly string[]): void {
      if (keys.length === 0) lists.delete(list);
      else lists.set(list, new Set(keys));
    },
    isOf: (list: string | undefined, key: string): boolean => list !== undefined && lists.get(list)?.has(key) === true,
    /** It has been shown since; true when it was among them. */
    delete(key: string): boolean {
      let was = false;
      for (const keys of lists.values()) was = keys.delete(key) || was;
      return was;
    },
  };
}

export function createTable(shape: Shape): Table {
  const rooms = new Map<string, Room>();
  const failing = new Set<string>();
  const orphans = new Set<string>();
  let size = 0;
  let strays = 0;

  const find = (key: string): Entry | undefined => rooms.get(namespaceOf(key))?.entries.get(key);

  const roomFor = (namespace: string): Room => {
    const known = rooms.get(namespace);
    if (known) return known;
    const room: Room = { entries: new Map(), tally: { ...NOTHING }, home: homeOf(shape, namespace) };
    rooms.set(namespace, room);
    return room;
  };
  const isOrphan = ({ consumer, copy }: Entry): boolean =>
    consumer === null && copy !== null && !copy.deleting && copy.clusterUid === shape.clusterUid;
  const isStray = ({ consumer, copy }: Entry): number => Number(consumer === null && copy !== null);

  const count = (key: string, { tally }: Room, before: Tally, after: Tally) => {
    if (after.failing) failing.add(key);
    else failing.delete(key);
    for (const field of Object.keys(NOTHING) as (keyof Tally)[]) tally[field] += after[field] - before[field];
  };

  /** Every change of an entry goes through here, so that counts and clean-up cannot be forgotten. */
  const change = (key: string, alter: (entry: Entry) => void): void => {
    const room = roomFor(namespaceOf(key));
    const { entries } = room;
    const entry = entries.get(key) ?? emptyEntry();
    const before = tallyOf(entry);
    strays -= isStray(entry);
    size -= entries.size;
    alter(entry);
    strays += isStray(entry);
    if (isOrphan(entry)) orphans.add(key);
    else orphans.delete(key);
    count(key, room, before, tallyOf(entry));
    if (entry.consumer === null) doubted.delete(key);
    if (entry.consumer === null && entry.copy === null) entries.delete(key);
    else entries.set(key, entry);
    size += entries.size;
    if (entries.size === 0) rooms.delete(namespaceOf(key));
  };

  const consumerKey = (copy: KubeObject): string | undefined => {
    try {
      return keyText(shape.mapper.toConsumer(shape.resource, keyOf(copy)));
    } catch {
      return undefined;
    }
  };

  /** Known since before the list that is under way: a server restored from a backup counts its versions from there. */
  const past = { consumers: createPast(), copies: createPast() };
  const doubted = new Set<string>();

  const isNews = (known: { resourceVersion: string } | null | undefined, object: KubeObject) =>
    !known || isOlderVersion(known.resourceVersion, object.metadata.resourceVersion);

  const lastOfCopy = (key: string) => {
    const { copy, copyWentAt } = find(key) ?? emptyEntry();
    return copy ?? (copyWentAt === null ? null : { resourceVersion: copyWentAt });
  };

  const ends = (known: { uid: string; resourceVersion: string } | null | undefined, object: KubeObject) =>
    !!known && (known.uid === object.metadata.uid || isNews(known, object));

  /** Parts with what is to be looked for before it counts as gone. */
  const setAside = (lost: string[], doubt: NonNullable<Part["doubt"]>): string[] => {
    const claimed = lost.filter((key) => find(key)?.consumer?.claimed);
    for (const key of claimed) doubted.add(key);
    if (claimed.length > 0) doubt(claimed);
    return lost.filter((key) => !doubted.has(key));
  };

  const noConsumer = (entry: Entry) => {
    entry.consumer = null;
    entry.consumerBody = null;
    entry.memory = null;
  };
  const noCopy = (entry: Entry) => {
    entry.copy = null;
    entry.copyBody = null;
  };

  /** Every key in those namespaces whose entry is like this; not one by one, because what is done with them changes them. */
  const keysWhere = (isIn: (namespace: string, room: Room) => boolean, holds: (entry: Entry, key: string) => boolean) =>
    [...rooms]
      .filter(([namespace, room]) => isIn(namespace, room))
      .flatMap(([, { entries }]) => [...entries].filter(([key, entry]) => holds(entry, key)).map(([key]) => key));

  return {
    get: find,
    *keys(namespace) {
      for (const room of namespace === undefined ? rooms.values() : [rooms.get(namespace)]) {
        yield* room?.entries.keys() ?? [];
      }
    },
    get size() {
      return size;
    },
    get strays() {
      return strays;
    },
    failing,
    orphans,
    consumerSeen(object, list) {
      const key = keyText(keyOf(object));
      const known = find(key)?.consumer;
      const isPast = doubted.has(key) || past.consumers.isOf(list, key);
      if (!isPast && !isNews(known, object)) return undefined;
      // Before anything is changed: a Mapper may throw.
      const fact = consumerFact(shape, object, known);
      past.consumers.delete(key);
      doubted.delete(key);
      if (isPast && isDeepStrictEqual(fact, known)) return undefined;
      change(key, (entry) => {
        if (entry.consumer?.uid !== fact.uid) entry.memory = null;
        entry.consumer = fact;
        entry.consumerBody = object;
      });
      return key;
    },
    consumerGone(object) {
      const key = keyText(keyOf(object));
      if (!ends(find(key)?.consumer, object)) return undefined;
      change(key, noConsumer);
      return key;
    },
    consumersListing(namespace, again) {
      const isIn = (room: string) => namespace === "" || room === namespace;
      past.consumers.begin(namespace, again ? keysWhere(isIn, ({ consumer }) => consumer !== null) : []);
    },
    consumersListed(keys, { namespace, isNewer, doubt } = {}) {
      const missing = keysWhere(
        (room) => namespace === undefined || room === namespace,
        ({ consumer }, key) =>
          consumer !== null &&
          !keys.has(key) &&
          (past.consumers.isOf(namespace ?? "", key) || isNewer?.(namespaceOf(key), consumer.resourceVersion) !== true),
      );
      past.consumers.begin(namespace ?? "", []);
      const lost = doubt === undefined ? missing : setAside(missing, doubt);
      for (const key of lost) change(key, noConsumer);
      return lost;
    },
    isDoubted: (key) => doubted.has(key),
    copySeen(copy, list) {
      const key = consumerKey(copy);
      if (key === undefined || !(past.copies.isOf(list, key) || isNews(lastOfCopy(key), copy))) return undefined;
      // What is not known here is not taken for absent: before anything is done that depends on it, it is looked up.
      if (strays >= MOST_STRAYS && find(key) === undefined) return undefined;
      const fact = copyFact(shape, copy, find(key)?.consumer);
      if (past.copies.delete(key) && isDeepStrictEqual(fact, find(key)?.copy)) return undefined;
      change(key, (entry) => {
        entry.copy = fact;
        entry.copyBody = copy;
        entry.copyWentAt = null;
      });
      return key;
    },
    copyGone(copy) {
      const key = consumerKey(copy);
      if (key === undefined || !ends(find(key)?.copy, copy)) return undefined;
      change(key, (entry) => {
        noCopy(entry);
        entry.copyWentAt = copy.metadata.resourceVersion;
      });
      return key;
    },
    copiesListing(home, again) {
      const isThere = (_: string, room: Room) => home === "" || room.home === home;
      const isKnown = ({ copy, copyWentAt }: Entry) => copy !== null || copyWentAt !== null;
      past.copies.begin(home, again ? keysWhere(isThere, isKnown) : []);
    },
    copiesListed(keys, { namespace, isNewer } = {}) {
      const providerKey = (key: string) => keyText(shape.mapper.toProvider(shape.resource, parseKey(key)));
      const lost = keysWhere(
        (_, { home }) => namespace === undefined || home === namespace,
        ({ copy }, key) => {
          if (copy === null) return false;
          const there = providerKey(key);
          if (keys.has(there)) return false;
          return past.copies.isOf(namespace ?? "", key) || isNewer?.(namespaceOf(there), copy.resourceVersion) !== true;
        },
      );
      for (const key of lost) change(key, noCopy);
      past.copies.begin(namespace ?? "", []);
      return lost;
    },
    forgetCopy(key, uid) {
      if (find(key)?.copy?.uid === uid) change(key, noCopy);
    },
    forgetCopies(isForgotten = () => true) {
      const forgotten = keysWhere(
        (_, { home = "" }) => isForgotten(home),
        () => true,
      );
      for (const key of forgotten) {
        change(key, (entry) => {
          noCopy(entry);
          entry.copyWentAt = null;
        });
      }
    },
    forgetConsumers(isForgotten) {
      for (const key of keysWhere(isForgotten, ({ consumer }) => consumer !== null)) change(key, noConsumer);
    },
    remember(key, memory) {
      if (find(key) !== undefined) change(key, (entry) => (entry.memory = memory));
    },
    dropBodies(key) {
      const entry = find(key);
      if (entry) entry.consumerBody = entry.copyBody = null;
    },
    tally: (namespace) => rooms.get(namespace)?.tally ?? NOTHING,
    namespaces: (home) =>
      [...rooms].filter(([, room]) => home === undefined || room.home === home).map(([namespace]) => namespace),
  };
}
