// Both sides of the related objects on one route, reduced to facts: what the watches of sources and copies show, and what
// answers to our own writes said. Keys are the consumer's. Promises: the newest state of a side wins; a source is there as
// long as any selection shows it; a body is kept exactly as long as its object is not settled; copies are found by the
// binding that stands on them without a scan. Rules: docs/reference/behaviour.md, "Related objects".

import { isOlderVersion, type KubeObject } from "../crds/kube-object.ts";
import type { RelatedContext, RelatedCopyFact, SourceFact } from "../machines/related-facts.ts";
import { isLabelled, ownedContent, relatedMarkersOf, wholeHash } from "../machines/rules/related-projection.ts";
import type { Part } from "./table.ts";

export type RelatedMemory = Pick<RelatedContext, "found" | "accepted" | "refused" | "said" | "contest" | "attempts"> & {
  /** Where it rests: "conflicted.resting". */
  rest: string;
};

/** Whose it is depends on the bindings there are, and is told with each pass. */
export type CopyState = Omit<RelatedCopyFact, "whose">;

export interface RelatedEntry {
  source: SourceFact | null;
  labels: Readonly<Record<string, string>>;
  sourceBody: KubeObject | null;
  /** Selections that show the source. */
  shownBy: Set<string>;
  copy: CopyState | null;
  /** resourceVersion at which a copy was seen to go: what an answer to an earlier write shows is no more. */
  copyWentAt: string | null;
  memory: RelatedMemory | null;
}

const emptyEntry = (): RelatedEntry => ({
  source: null,
  labels: {},
  sourceBody: null,
  shownBy: new Set(),
  copy: null,
  copyWentAt: null,
  memory: null,
});

/** Keys as each side has them; they throw what the Mapper throws. */
export interface Sides {
  /** Of an object on the side of the sources, or of the copies, to the consumer's. */
  ofSource: (object: KubeObject) => string;
  ofCopy: (object: KubeObject) => string;
  /** From the consumer's. */
  sourceKey: (key: string) => string;
  copyKey: (key: string) => string;
  clusterUid: string;
}

/** Of a Secret; "" otherwise. */
const typeOf = (object: KubeObject): string => (typeof object["type"] === "string" ? object["type"] : "");

export const sourceFact = (object: KubeObject): SourceFact => ({
  uid: object.metadata.uid,
  resourceVersion: object.metadata.resourceVersion,
  content: wholeHash(object),
  type: typeOf(object),
});

export const copyState = (object: KubeObject, clusterUid: string): CopyState => ({
  ...relatedMarkersOf(object),
  uid: object.metadata.uid,
  resourceVersion: object.metadata.resourceVersion,
  deleting: object.metadata.deletionTimestamp !== undefined,
  labelled: isLabelled(object, clusterUid),
  owned: ownedContent(object),
  whole: object["immutable"] === true ? wholeHash(object) : "",
  type: typeOf(object),
  immutable: object["immutable"] === true,
});

/** Copies of no source of ours that are remembered: a provider must not fill our memory. */
export const MOST_STRAY_COPIES = 20_000;

const namespaceOf = (key: string): string => key.slice(0, key.indexOf("/"));

export interface RelatedTable {
  get(key: string): RelatedEntry | undefined;
  keys(): IterableIterator<string>;
  readonly size: number;
  /** Each returns the key of what changed, or undefined when it was old news. */
  sourceSeen(selection: string, object: KubeObject, list?: string): string | undefined;
  sourceGone(selection: string, object: KubeObject): string | undefined;
  /** A list of that namespace begins; `again`: whatever it shows is newer than what is known, also where its version is lower. */
  sourcesListing(selection: string, namespace: string, again: boolean): void;
  sourcesListed(selection: string, keys: ReadonlySet<string>, part?: Part): string[];
  /** The selection is no more, or not in these namespaces of its side. */
  sourcesLeft(selection: string, isWatched?: (namespace: string) => boolean): string[];
  copySeen(object: KubeObject, list?: string): string | undefined;
  copyGone(object: KubeObject): string | undefined;
  copiesListing(namespace: string, again: boolean): void;
  copiesListed(keys: ReadonlySet<string>, part?: Part): string[];
  forgetCopy(key: string, uid: string): void;
  forgetCopies(isForgotten?: (namespace: string) => boolean): void;
  remember(key: string, memory: RelatedMemory | null): void;
  dropBody(key: string): void;
  /** Keys of the copies on which the binding with that UID stands. */
  copiesOf(binding: string): ReadonlySet<string>;
  /** Keys of objects of which there is something to tell: in conflict, refused, contested. */
  readonly troubled: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

const isTroubled = ({ memory }: RelatedEntry): boolean =>
  memory !== null &&
  (memory.refused !== null || memory.contest?.message === "told" || memory.rest.startsWith("conflicted"));

export function createRelatedTable(sides: Sides): RelatedTable {
  const entries = new Map<string, RelatedEntry>();
  const byBinding = new Map<string, Set<string>>();
  const troubled = new Set<string>();
  /** What was known before lists that are under way began. */
  const past = new Map<string, Set<string>>();
  let strays = 0;

  const index = (key: string, { copy, ...entry }: RelatedEntry, isThere: boolean): void => {
    if (copy === null) return;
    strays += (isThere ? 1 : -1) * Number(entry.source === null);
    const keys = byBinding.get(copy.binding) ?? new Set();
    if (isThere) byBinding.set(copy.binding, keys.add(key));
    else keys.delete(key);
    if (keys.size === 0) byBinding.delete(copy.binding);
  };

  /** Every change of an entry goes through here, so that indexes and clean-up cannot be forgotten. */
  const change = (key: string, alter: (entry: RelatedEntry) => void): void => {
    const entry = entries.get(key) ?? emptyEntry();
    index(key, entry, false);
    alter(entry);
    index(key, entry, true);
    if (isTroubled(entry)) troubled.add(key);
    else troubled.delete(key);
    if (entry.source === null && entry.copy === null) entries.delete(key);
    else entries.set(key, entry);
  };

  const isNews = (known: { resourceVersion: string } | null, object: KubeObject): boolean =>
    known === null || isOlderVersion(known.resourceVersion, object.metadata.resourceVersion);

  const hide = (key: string, selection: string): void =>
    change(key, (entry) => {
      entry.shownBy.delete(selection);
      if (entry.shownBy.size > 0) return;
      Object.assign(entry, { source: null, sourceBody: null, labels: {} });
    });

  const show = (entry: RelatedEntry, object: KubeObject): void => {
    const source = sourceFact(object);
    if (entry.source?.uid !== source.uid) entry.memory = null;
    Object.assign(entry, { source, sourceBody: object, labels: object.metadata.labels ?? {} });
  };

  const shown = (selection: string, isIn: (key: string, entry: RelatedEntry) => boolean): string[] =>
    [...entries].filter(([key, entry]) => entry.shownBy.has(selection) && isIn(key, entry)).map(([key]) => key);

  /** The lists of copies and those of each selection, namespace by namespace. */
  const listName = (namespace: string, selection = "copies"): string => `${namespace}/${selection}`;
  const begin = (list: string, keys: readonly string[] | null): void => {
    if (keys === null) past.delete(list);
    else past.set(list, new Set(keys));
  };
  const isIn = (namespace: string, there: string): boolean => namespace === "" || namespaceOf(there) === namespace;

  const noCopy = (entry: RelatedEntry): void => {
    entry.copy = null;
  };

  return {
    get: (key) => entries.get(key),
    keys: () => entries.keys(),
    get size() {
      return entries.size;
    },
    troubled,
    copiesOf: (binding) => byBinding.get(binding) ?? NONE,
    sourceSeen(selection, object, list) {
      const key = sides.ofSource(object);
      const { shownBy, source } = entries.get(key) ?? emptyEntry();
      const isPast = list !== undefined && past.get(listName(list, selection))?.delete(key) === true;
      const isNewer = isPast || isNews(source, object);
      if (shownBy.has(selection) && !isNewer) return undefined;
      change(key, (entry) => {
        entry.shownBy.add(selection);
        if (isNewer) show(entry, object);
      });
      return key;
    },
    sourceGone(selection, object) {
      const key = sides.ofSource(object);
      if (entries.get(key)?.shownBy.has(selection) !== true) return undefined;
      hide(key, selection);
      return key;
    },
    sourcesListing(selection, namespace, again) {
      const known = again ? shown(selection, (key) => isIn(namespace, sides.sourceKey(key))) : null;
      begin(listName(namespace, selection), known);
    },
    sourcesListed(selection, keys, { namespace = "", isNewer } = {}) {
      const list = listName(namespace, selection);
      const lost = shown(selection, (key, { source }) => {
        const there = sides.sourceKey(key);
        if (keys.has(there) || !isIn(namespace, there)) return false;
        return past.get(list)?.has(key) === true || !isNewer?.(namespaceOf(there), source?.resourceVersion ?? "0");
      });
      begin(list, null);
      for (const key of lost) hide(key, selection);
      return lost;
    },
    sourcesLeft(selection, isWatched = () => false) {
      const lost = shown(selection, (key) => !isWatched(namespaceOf(sides.sourceKey(key))));
      for (const key of lost) hide(key, selection);
      return lost;
    },
    copySeen(object, list) {
      const key = sides.ofCopy(object);
      const { copy, copyWentAt } = entries.get(key) ?? emptyEntry();
      const last = copy ?? (copyWentAt === null ? null : { resourceVersion: copyWentAt });
      const isPast = list !== undefined && past.get(listName(list))?.delete(key) === true;
      if (!isPast && !isNews(last, object)) return undefined;
      // What is not known here is not taken for absent: the first write of its copy finds it.
      if (strays >= MOST_STRAY_COPIES && !entries.has(key)) return undefined;
      change(key, (entry) => {
        entry.copy = copyState(object, sides.clusterUid);
        entry.copyWentAt = null;
      });
      return key;
    },
    copyGone(object) {
      const key = sides.ofCopy(object);
      const copy = entries.get(key)?.copy ?? null;
      if (copy === null || (copy.uid !== object.metadata.uid && !isNews(copy, object))) return undefined;
      change(key, (entry) => {
        noCopy(entry);
        entry.copyWentAt = object.metadata.resourceVersion;
      });
      return key;
    },
    copiesListing(namespace, again) {
      const isKnown = ([key, { copy, copyWentAt }]: [string, RelatedEntry]) =>
        (copy !== null || copyWentAt !== null) && isIn(namespace, sides.copyKey(key));
      begin(listName(namespace), again ? [...entries].filter(isKnown).map(([key]) => key) : null);
    },
    copiesListed(keys, { namespace = "", isNewer } = {}) {
      const list = listName(namespace);
      const isLost = ([key, { copy }]: [string, RelatedEntry]): boolean => {
        if (copy === null) return false;
        const there = sides.copyKey(key);
        if (keys.has(there) || !isIn(namespace, there)) return false;
        return past.get(list)?.has(key) === true || !isNewer?.(namespaceOf(there), copy.resourceVersion);
      };
      const lost = [...entries].filter(isLost).map(([key]) => key);
      for (const key of lost) change(key, noCopy);
      begin(list, null);
      return lost;
    },
    forgetCopy(key, uid) {
      if (entries.get(key)?.copy?.uid === uid) change(key, noCopy);
    },
    forgetCopies(isForgotten = () => true) {
      for (const key of [...entries.keys()]) {
        if (!isForgotten(namespaceOf(sides.copyKey(key)))) continue;
        change(key, (entry) => {
          noCopy(entry);
          entry.copyWentAt = null;
        });
      }
    },
    remember(key, memory) {
      if (entries.has(key)) change(key, (entry) => (entry.memory = memory));
    },
    dropBody(key) {
      const entry = entries.get(key);
      if (entry) entry.sourceBody = null;
    },
  };
}
