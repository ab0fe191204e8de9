// Both sides of every object of one bound API, reduced to facts: what the consumer's watch and the provider's watch show,
// and what answers to our own writes said. Promises: the newest state of a side wins; a body is kept exactly as long as
// its object is not settled; the counts per namespace are kept as objects change, never by a scan.

import { isOlderVersion, keyOf, keyText, type KubeObject, parseKey } from "../crds/kube-object.ts";
import {
  type ConsumerFact,
  type CopyFact,
  initialObjectContext,
  type ObjectContext,
} from "../machines/object-facts.ts";
import { isContested } from "../machines/rules/contest.ts";
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

export interface Table {
  get(key: string): Entry | undefined;
  keys(): IterableIterator<string>;
  readonly size: number;
  /** Copies of no object of ours: the provider's word alone. */
  readonly strays: number;
  /** Each returns the consumer key of what changed, or undefined when it was old news. */
  consumerSeen(object: KubeObject): string | undefined;
  consumerGone(object: KubeObject): string | undefined;
  consumersListed(keys: ReadonlySet<string>): string[];
  copySeen(copy: KubeObject): string | undefined;
  copyGone(copy: KubeObject): string | undefined;
  /** `keys` are provider keys. */
  copiesListed(keys: ReadonlySet<string>): string[];
  /** The copy with that uid is gone: the server said so in an answer. */
  forgetCopy(key: string, uid: string): void;
  /** Another provider client: nothing is known of the copies any more. */
  forgetCopies(): void;
  remember(key: string, memory: Memory | null): void;
  dropBodies(key: string): void;
  tally(namespace: string): Tally;
  namespaces(): IterableIterator<string>;
  /** Keys of the objects that `Tally` counts as failing. */
  readonly failing: ReadonlySet<string>;
}

/** A context to hydrate the object machine with; the facts follow as events. */
export const contextFrom = (memory: Memory | null): ObjectContext => {
  const { rest: _rest, ...remembered } = memory ?? { rest: "" };
  return { ...initialObjectContext, ...remembered };
};

export function createTable(shape: Shape): Table {
  const entries = new Map<string, Entry>();
  const tallies = new Map<string, Tally>();
  const failing = new Set<string>();
  let strays = 0;
  const isStray = ({ consumer, copy }: Entry): number => Number(consumer === null && copy !== null);

  const count = (key: string, before: Tally, after: Tally) => {
    if (after.failing) failing.add(key);
    else failing.delete(key);
    const { namespace } = parseKey(key);
    const tally = tallies.get(namespace) ?? { ...NOTHING };
    for (const field of Object.keys(NOTHING) as (keyof Tally)[]) tally[field] += after[field] - before[field];
    tallies.set(namespace, tally);
  };

  /** Every change of an entry goes through here, so that counts and clean-up cannot be forgotten. */
  const change = (key: string, alter: (entry: Entry) => void): void => {
    const entry = entries.get(key) ?? emptyEntry();
    const before = tallyOf(entry);
    strays -= isStray(entry);
    alter(entry);
    strays += isStray(entry);
    count(key, before, tallyOf(entry));
    if (entry.consumer === null && entry.copy === null) entries.delete(key);
    else entries.set(key, entry);
  };

  const consumerKey = (copy: KubeObject): string | undefined => {
    try {
      return keyText(shape.mapper.toConsumer(shape.resource, keyOf(copy)));
    } catch {
      return undefined;
    }
  };

  const isNews = (known: { resourceVersion: string } | null | undefined, object: KubeObject) =>
    !known || isOlderVersion(known.resourceVersion, object.metadata.resourceVersion);

  const lastOfCopy = (key: string) => {
    const { copy, copyWentAt } = entries.get(key) ?? emptyEntry();
    return copy ?? (copyWentAt === null ? null : { resourceVersion: copyWentAt });
  };

  const ends = (known: { uid: string; resourceVersion: string } | null | undefined, object: KubeObject) =>
    !!known && (known.uid === object.metadata.uid || isNews(known, object));

  const noConsumer = (entry: Entry) => {
    entry.consumer = null;
    entry.consumerBody = null;
    entry.memory = null;
  };
  const noCopy = (entry: Entry) => {
    entry.copy = null;
    entry.copyBody = null;
  };

  return {
    get: (key) => entries.get(key),
    keys: () => entries.keys(),
    get size() {
      return entries.size;
    },
    get strays() {
      return strays;
    },
    failing,
    consumerSeen(object) {
      const key = keyText(keyOf(object));
      if (!isNews(entries.get(key)?.consumer, object)) return undefined;
      // Before anything is changed: a Mapper may throw.
      const fact = consumerFact(shape, object);
      change(key, (entry) => {
        if (entry.consumer?.uid !== fact.uid) entry.memory = null;
        entry.consumer = fact;
        entry.consumerBody = object;
      });
      return key;
    },
    consumerGone(object) {
      const key = keyText(keyOf(object));
      if (!ends(entries.get(key)?.consumer, object)) return undefined;
      change(key, noConsumer);
      return key;
    },
    consumersListed(keys) {
      const lost = [...entries].filter(([key, entry]) => entry.consumer !== null && !keys.has(key)).map(([key]) => key);
      for (const key of lost) change(key, noConsumer);
      return lost;
    },
    copySeen(copy) {
      const key = consumerKey(copy);
      if (key === undefined || !isNews(lastOfCopy(key), copy)) return undefined;
      // What is not known here is not taken for absent: before anything is done that depends on it, it is looked up.
      if (strays >= MOST_STRAYS && !entries.has(key)) return undefined;
      change(key, (entry) => {
        entry.copy = copyFact(shape, copy);
        entry.copyBody = copy;
      });
      return key;
    },
    copyGone(copy) {
      const key = consumerKey(copy);
      if (key === undefined || !ends(entries.get(key)?.copy, copy)) return undefined;
      change(key, (entry) => {
        noCopy(entry);
        entry.copyWentAt = copy.metadata.resourceVersion;
      });
      return key;
    },
    copiesListed(keys) {
      const providerKey = (key: string) => keyText(shape.mapper.toProvider(shape.resource, parseKey(key)));
      const lost = [...entries].filter(([key, entry]) => entry.copy !== null && !keys.has(providerKey(key)));
      for (const [key] of lost) change(key, noCopy);
      return lost.map(([key]) => key);
    },
    forgetCopy(key, uid) {
      if (entries.get(key)?.copy?.uid === uid) change(key, noCopy);
    },
    forgetCopies() {
      for (const key of [...entries.keys()]) {
        change(key, (entry) => {
          noCopy(entry);
          entry.copyWentAt = null;
        });
      }
    },
    remember(key, memory) {
      if (entries.has(key)) change(key, (entry) => (entry.memory = memory));
    },
    dropBodies(key) {
      const entry = entries.get(key);
      if (entry) entry.consumerBody = entry.copyBody = null;
    },
    tally: (namespace) => tallies.get(namespace) ?? NOTHING,
    namespaces: () => tallies.keys(),
  };
}
