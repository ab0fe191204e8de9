// The watches of one side: which there are, what is known of each namespace, and that one which takes over from others
// neither loses nor brings back anything. The server is a log of versions whose watches are told one thing at a time, in any
// order among each other: a real one cannot be made to lag behind itself.

import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";

import { createFeeds, type Feeds } from "../../actors/feeds.ts";
import { ApiError, type WatchSink } from "../../actors/ports.ts";
import { createTable, type Table } from "../../actors/table.ts";
import { keyOf, keyText, type KubeObject } from "../../crds/kube-object.ts";
import { scopeFor } from "../../machines/rules/watch-scope.ts";
import { idOf, shapeOf, widget } from "./widget-objects.ts";

const NAMESPACES = ["blue", "green"];

interface Change {
  object: KubeObject;
  ended: boolean;
}

interface Stream {
  namespace: string;
  sink: WatchSink;
  stopped: boolean;
  /** What is left to be told of the list; undefined before it begins, null after it ended. */
  listing: KubeObject[] | null | undefined;
  keys: Set<string>;
  /** Up to which change it has told everything. */
  at: number;
}

/** A server: versions are the numbers of the changes. */
function server() {
  const log: Change[] = [];
  const streams: Stream[] = [];
  const isIn = (namespace: string) => (object: KubeObject) =>
    namespace === "" || object.metadata.namespace === namespace;
  const aliveAt = (version: number): Map<string, KubeObject> => {
    const alive = new Map<string, KubeObject>();
    for (const { object, ended } of log.slice(0, version)) {
      if (ended) alive.delete(idOf(object));
      else alive.set(idOf(object), object);
    }
    return alive;
  };
  return {
    streams,
    alive: () => aliveAt(log.length),
    running: () =>
      streams
        .filter(({ stopped }) => !stopped)
        .map(({ namespace }) => namespace)
        .sort(),
    /** Creates the object, or edits it, or ends it. */
    change(namespace: string, name: string, ended = false) {
      const known = aliveAt(log.length).get(`${namespace}/${name}`);
      if (ended && known === undefined) return;
      const resourceVersion = String(log.length + 1);
      const uid = known?.metadata.uid ?? `uid-${resourceVersion}`;
      log.push({ object: widget({ namespace, name, uid, resourceVersion }), ended });
    },
    open(namespace: string, sink: WatchSink) {
      const stream: Stream = { namespace, sink, stopped: false, listing: undefined, keys: new Set(), at: 0 };
      streams.push(stream);
      const stop = () => void (stream.stopped = true);
      return { stop, position: () => (stream.listing === null ? String(stream.at) : undefined) };
    },
    /** Tells one stream the next thing; false when there is none. */
    tell(stream: Stream): boolean {
      const { sink, namespace } = stream;
      if (stream.stopped) return false;
      if (stream.listing === undefined) {
        sink.listing?.();
        stream.at = log.length;
        stream.listing = [...aliveAt(stream.at).values()].filter(isIn(namespace));
        return true;
      }
      const next = stream.listing?.shift();
      if (next !== undefined) {
        stream.keys.add(keyText(keyOf(next)));
        sink.seen(next);
        return true;
      }
      if (stream.listing !== null) {
        stream.listing = null;
        sink.listed(stream.keys);
        return true;
      }
      const change = log[stream.at];
      if (change === undefined) return false;
      stream.at++;
      if (!isIn(namespace)(change.object)) return true;
      if (change.ended) sink.gone({ ...change.object });
      else sink.seen(change.object);
      return true;
    },
  };
}

let there: ReturnType<typeof server>;
let table: Table;
let feeds: Feeds;
let left: string[];

beforeEach(setUp);

function setUp(): void {
  there = server();
  table = createTable(shapeOf());
  left = [];
  feeds = createFeeds({
    open: (namespace, sink) => there.open(namespace, sink),
    seen: (object, list) => void table.consumerSeen(object, list),
    gone: (object) => void table.consumerGone(object),
    listing: (namespace, again) => table.consumersListing(namespace, again),
    listed: (keys, part) => void table.consumersListed(keys, part),
    isKnown: (object) => !!table.get(idOf(object))?.consumer,
    refusal: (error) => ({ reason: "Forbidden", message: error.message }),
    isUnserved: ({ message }) => message === "unserved",
    unserved: () => {},
    left(isWatched) {
      left = table.namespaces().filter((namespace) => !isWatched(namespace));
      table.forgetConsumers((namespace) => !isWatched(namespace));
    },
    changed: () => {},
  });
}

const bound = (...namespaces: string[]) => scopeFor({ everywhere: false, searching: false, namespaces });
const everywhere = scopeFor({ everywhere: true, searching: false, namespaces: [] });
/** As with more than ten. */
const wanted = (...namespaces: string[]) => scopeFor({ everywhere: false, searching: true, namespaces });

const tellAll = (...namespaces: string[]): void => {
  for (const stream of there.streams) {
    if (namespaces.length === 0 || namespaces.includes(stream.namespace)) while (there.tell(stream));
  }
};
const refuse = (namespace: string): void =>
  there.streams
    .filter((stream) => stream.namespace === namespace && !stream.stopped)
    .forEach(({ sink }) =>
      sink.failed(new ApiError('User "x" cannot watch resource "widgets" in API group "example.org" at the cluster scope', { status: 403 })),
    ); // prettier-ignore

describe("the watches of a side", () => {
  it("are one for each namespace, and those that come and go disturb no other", () => {
    feeds.follow(bound("blue"), undefined);
    const [blue] = there.streams;
    feeds.follow(bound("blue", "green"), undefined);
    expect(there.running()).toEqual(["blue", "green"]);
    there.change("green", "a");
    tellAll();
    feeds.follow(bound("blue"), undefined);
    expect(there.running()).toEqual(["blue"]);
    expect(there.streams[0]).toBe(blue);
    expect(left).toEqual(["green"]);
    expect(table.size).toBe(0);
  });

  it("say what is known of each namespace, and of one nothing that another has shown", () => {
    there.change("blue", "a");
    there.change("green", "a");
    feeds.follow(bound("blue", "green"), undefined);
    tellAll("blue");
    expect([feeds.isListed("blue"), feeds.isListed("green"), feeds.some, feeds.whole]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(table.get("blue/a")).toBeDefined();
    tellAll();
    expect([feeds.isListed("green"), feeds.whole]).toEqual([true, true]);
    expect(table.size).toBe(2);
  });

  it("are one where the whole cluster is needed, whatever rights are known of", () => {
    feeds.follow(everywhere, false);
    expect(there.running()).toEqual([""]);
    tellAll();
    expect([feeds.isListed("anywhere"), feeds.whole]).toEqual([true, true]);
  });

  it("are one where that is better and allowed, and stay so when fewer namespaces are left", () => {
    feeds.follow(wanted(...NAMESPACES), undefined);
    expect(there.running()).toEqual([""]);
    tellAll();
    feeds.follow(bound("blue"), undefined);
    expect(there.running()).toEqual([""]);
  });

  it("are several where one is not allowed, without asking for it", () => {
    feeds.follow(wanted(...NAMESPACES), false);
    expect(there.running()).toEqual(NAMESPACES);
  });

  it("become several when the one is refused, and one again when the right has come", () => {
    feeds.follow(wanted(...NAMESPACES), undefined);
    refuse("");
    feeds.follow(wanted(...NAMESPACES), undefined);
    expect(there.running()).toEqual(NAMESPACES);
    tellAll();
    feeds.follow(wanted(...NAMESPACES), false);
    expect(there.running()).toEqual(NAMESPACES);
    feeds.follow(wanted(...NAMESPACES), true);
    expect(there.running()).toEqual(["", ...NAMESPACES]);
    expect(feeds.isListed("blue")).toBe(true);
    tellAll("");
    expect(there.running()).toEqual([""]);
  });

  it("know nothing before they are told what matters, and all there is when nothing does", () => {
    expect([feeds.whole, feeds.settled, feeds.some]).toEqual([false, false, false]);
    feeds.follow(bound(), undefined);
    expect([feeds.whole, feeds.settled, feeds.some]).toEqual([true, true, false]);
  });

  it("have nothing left to tell, for now, when the one fails", () => {
    feeds.follow(everywhere, undefined);
    expect(feeds.settled).toBe(false);
    there.streams[0]?.sink.failed(new ApiError("away", { status: 503 }));
    expect([feeds.settled, feeds.whole, feeds.isWide]).toEqual([true, false, true]);
    tellAll();
    expect([feeds.settled, feeds.whole]).toEqual([true, true]);
  });

  it("do not ask again and again for the one that a review grants and the server refuses", () => {
    feeds.follow(wanted("blue"), true);
    refuse("");
    feeds.follow(wanted("blue"), true);
    feeds.follow(wanted("blue"), true);
    expect(there.running()).toEqual(["blue"]);
    expect(there.streams).toHaveLength(2);
  });

  it("of Bindings go on beside a needed one that is refused", () => {
    feeds.follow(bound("blue"), undefined);
    tellAll();
    feeds.follow({ ...everywhere, namespaces: new Set(["blue"]) }, undefined);
    refuse("");
    feeds.follow({ ...everywhere, namespaces: new Set(["blue"]) }, undefined);
    expect(there.running()).toEqual(["", "blue"]);
    expect([feeds.isListed("blue"), feeds.isListed("green"), feeds.whole, feeds.settled]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(feeds.troubleOf("blue")).toBeNull();
    expect(feeds.troubleOf("")).toMatchObject({ reason: "Forbidden" });
  });

  it("begin none apart while the whole is about to be listed, and keep those that stand until it is", () => {
    feeds.follow(bound("blue", "green"), undefined);
    tellAll();
    feeds.follow(wanted(...NAMESPACES), undefined);
    expect(there.running()).toEqual(["", "blue", "green"]);
    expect([feeds.isListed("green"), feeds.settled]).toEqual([true, false]);
    tellAll("");
    expect(there.running()).toEqual([""]);
    expect(left).toEqual([]);
  });

  it("of the whole bring nothing back that those before saw go, in their list or after it", () => {
    there.change("blue", "a");
    there.change("blue", "b");
    feeds.follow(bound("blue"), undefined);
    tellAll();
    feeds.follow(wanted("blue"), undefined);
    const [blue, whole] = there.streams;
    if (blue === undefined || whole === undefined) throw new Error("two streams were to be opened");
    there.tell(whole);
    there.change("blue", "b");
    there.change("blue", "b", true);
    there.change("blue", "a", true);
    while (there.tell(blue));
    expect(table.size).toBe(0);
    while (there.tell(whole)) expect(table.size).toBe(0);
    expect(there.running()).toEqual([""]);
    there.change("blue", "a");
    tellAll();
    expect(table.size).toBe(1);
  });

  it("of the whole take nothing for gone that those before have shown since", () => {
    feeds.follow(bound("blue"), undefined);
    tellAll();
    feeds.follow(wanted("blue"), undefined);
    const [blue, whole] = there.streams;
    if (blue === undefined || whole === undefined) throw new Error("two streams were to be opened");
    there.tell(whole);
    there.change("blue", "a");
    while (there.tell(blue));
    expect(table.size).toBe(1);
    while (there.tell(whole)) expect(table.size).toBe(1);
  });

  it("that were refused are asked for at once when rights have come, and no other", () => {
    feeds.follow(bound("blue", "green"), undefined);
    tellAll("blue");
    refuse("green");
    expect(feeds.troubleOf("green")).toMatchObject({ reason: "Forbidden" });
    feeds.retry();
    expect(there.running()).toEqual(["blue", "green"]);
    expect(there.streams).toHaveLength(3);
    expect(feeds.troubleOf("green")).toBeNull();
    tellAll();
    expect(feeds.whole).toBe(true);
  });

  it("know of a type that is served no more, until it is listed again", () => {
    feeds.follow(bound("blue"), undefined);
    there.streams[0]?.sink.failed(new ApiError("unserved", { status: 404 }));
    expect([feeds.isUnserved("blue"), feeds.isUnserved("green")]).toEqual([true, false]);
    tellAll();
    expect(feeds.isUnserved("blue")).toBe(false);
  });
});

/** What a history does next: changes an object, has the scope change, or has one of the streams told one thing. */
type Step = { do: "change"; namespace: string; name: string; ended: boolean } | { do: "scope"; wide: boolean; of: string[] } | { do: "tell" | "relist"; which: number }; // prettier-ignore

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("change" as const), namespace: fc.constantFrom(...NAMESPACES), name: fc.constantFrom("a", "b"), ended: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("scope" as const), wide: fc.boolean(), of: fc.subarray(NAMESPACES, { minLength: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("relist" as const), which: fc.nat(3) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant("tell" as const), which: fc.nat(3) }) },
); // prettier-ignore

function take(one: Step): void {
  if (one.do === "change") return there.change(one.namespace, one.name, one.ended);
  if (one.do === "scope") return feeds.follow(one.wide ? wanted(...one.of) : bound(...one.of), undefined);
  const running = there.streams.filter(({ stopped }) => !stopped);
  const stream = running[one.which % running.length];
  if (stream === undefined) return;
  if (one.do === "relist" && stream.listing === null) Object.assign(stream, { listing: undefined, keys: new Set() });
  there.tell(stream);
}

const known = (): Map<string, string> =>
  new Map(
    [...table.keys()].flatMap((key) => (table.get(key)?.consumer ? [[key, table.get(key)?.consumer?.uid ?? ""]] : [])),
  );

describe("whatever order they are told in", () => {
  it("nothing comes back that was seen to go, nothing that lives is taken for gone, and the end is the truth", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        setUp();
        feeds.follow(bound("blue"), undefined);
        const dead = new Set<string>();
        for (const one of steps) {
          const before = known();
          left = [];
          take(one);
          const after = known();
          const alive = new Set([...there.alive().values()].map(({ metadata }) => metadata.uid));
          for (const [key, uid] of before) {
            if (after.get(key) === uid || left.includes(key.slice(0, key.indexOf("/")))) continue;
            expect(alive.has(uid), `${key} lives and was taken for gone`).toBe(false);
            dead.add(uid);
          }
          for (const namespace of left)
            for (const [key, uid] of before) if (key.startsWith(`${namespace}/`)) dead.delete(uid);
          for (const [key, uid] of after) expect(dead.has(uid), `${key} was seen to go and came back`).toBe(false);
        }
        tellAll();
        feeds.follow(bound(...NAMESPACES), undefined);
        tellAll();
        const truth = [...there.alive().values()].map((object) => `${idOf(object)} ${object.metadata.resourceVersion}`);
        const found = [...table.keys()].map((key) => `${key} ${table.get(key)?.consumer?.resourceVersion}`);
        expect(found.sort()).toEqual(truth.sort());
      }),
      { numRuns: 3000 },
    );
  });
});
