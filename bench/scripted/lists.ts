// Lists and watches of the scripted API server, the same for every collection: pages, streaming lists, bookmarks, resuming from a
// version. Promises that nothing is in memory twice: a reader that is slow is told of what has changed when it can take
// it, as it is by then. Fakes: a list shows each object as it is when its turn comes (the watch that goes on from its version tells
// what changed meanwhile); every version can be resumed from, so there is no 410.

import type { ServerResponse } from "node:http";
import { type Collection, type Ledger, type Scope } from "./collection.ts";

/** Characters that are written at a time. */
const PORTION = 128 * 1024;
const BOOKMARKS = 60_000;
const END = { "k8s.io/initial-events-end": "true" };

const isThere = (collection: Collection, slot: number): boolean =>
  collection.versionOf(slot) > 0 && !collection.isGone(slot);

/** One page; `next`: the slot that it begins with. */
export function pageText(collection: Collection, scope: Scope, version: number, limit: number, next: number): string {
  const items: string[] = [];
  let slot = next;
  for (; slot < collection.slots() && items.length < limit; slot++) {
    if (isThere(collection, slot) && collection.isIn(slot, scope)) items.push(collection.text(slot));
  }
  const more = slot < collection.slots() ? { continue: `${version}:${slot}` } : {};
  const metadata = JSON.stringify({ resourceVersion: String(version), ...more });
  return `{"kind":"${collection.kind}List","apiVersion":"${collection.apiVersion}","metadata":${metadata},"items":[${items.join(",")}]}`;
}

export interface WatchRequest {
  scope: Scope;
  /** Undefined: a streaming list first. */
  version: number | undefined;
  seconds: number;
}

export interface Stream {
  told: (slot: number) => void;
  end: () => void;
}

/** Slots that changed after that version, in the order in which they did. */
function since(collection: Collection, scope: Scope, version: number): number[] {
  const found: number[] = [];
  for (let slot = 0; slot < collection.slots(); slot++) {
    if (collection.versionOf(slot) > version && collection.isIn(slot, scope)) found.push(slot);
  }
  return found.sort((one, other) => collection.versionOf(one) - collection.versionOf(other));
}

function eventText(collection: Collection, slot: number): string {
  const change = collection.isNew(slot) ? "ADDED" : "MODIFIED";
  return `{"type":"${collection.isGone(slot) ? "DELETED" : change}","object":${collection.text(slot)}}\n`;
}

function bookmarkText({ kind, apiVersion }: Collection, version: number, annotations?: typeof END): string {
  const metadata = { resourceVersion: String(version), ...(annotations === undefined ? {} : { annotations }) };
  return `${JSON.stringify({ type: "BOOKMARK", object: { kind, apiVersion, metadata } })}\n`;
}

/** What the list of a streaming list is made of, and the bookmark that ends it. */
function* initial(collection: Collection, scope: Scope, version: number): Generator<string, void> {
  for (let slot = 0; slot < collection.slots(); slot++) {
    if (isThere(collection, slot) && collection.isIn(slot, scope))
      yield `{"type":"ADDED","object":${collection.text(slot)}}\n`;
  }
  yield bookmarkText(collection, version, END);
}

/** `ended`: nobody has to be told any more. */
export function openStream(
  collection: Collection,
  ledger: Ledger,
  { scope, version, seconds }: WatchRequest,
  response: ServerResponse,
  ended: (stream: Stream) => void,
): Stream {
  const list = version === undefined ? initial(collection, scope, ledger.version) : undefined;
  const changed = new Set(version === undefined ? [] : since(collection, scope, version));
  let scheduled = false;
  let blocked = false;

  /** Not by a loop over the list: to leave one would end it. */
  const nextLine = (): string | undefined => {
    const listed = list?.next();
    if (listed !== undefined && listed.done !== true) return listed.value;
    const [slot] = changed;
    if (slot === undefined) return undefined;
    changed.delete(slot);
    return eventText(collection, slot);
  };
  /** One portion; false when there was nothing. */
  const write = (): boolean => {
    let text = "";
    for (let line = nextLine(); line !== undefined; line = nextLine()) {
      text += line;
      if (text.length >= PORTION) break;
    }
    if (text !== "") blocked = !response.write(text);
    return text !== "";
  };
  const flush = (): void => {
    scheduled = false;
    if (!blocked && write()) schedule();
  };
  const schedule = (): void => {
    if (scheduled || blocked) return;
    scheduled = true;
    setImmediate(flush);
  };
  const stream: Stream = {
    told: (slot) => {
      if (!collection.isIn(slot, scope)) return;
      // In the order of versions, each object once.
      changed.delete(slot);
      changed.add(slot);
      schedule();
    },
    end: () => response.end(),
  };

  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  response.on("drain", () => {
    blocked = false;
    schedule();
  });
  const bookmarks = setInterval(() => {
    if (changed.size === 0 && !blocked) response.write(bookmarkText(collection, ledger.version));
  }, BOOKMARKS);
  const limit = setTimeout(stream.end, seconds * 1_000);
  response.on("close", () => {
    clearInterval(bookmarks);
    clearTimeout(limit);
    ended(stream);
  });
  schedule();
  return stream;
}
