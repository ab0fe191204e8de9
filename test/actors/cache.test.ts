// What is kept whole of a watched type: the promises of actors/cache.ts.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCache } from "../../actors/cache.ts";
import type { KubeObject } from "../../crds/kube-object.ts";

const object = (resourceVersion: number | string, { name = "a", uid = "first" } = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name, namespace: "kube-bind", uid, resourceVersion: String(resourceVersion) },
});

/** A cache and what it told: `before>after` as resource versions. */
const watched = () => {
  const told: string[] = [];
  const version = (one: KubeObject | undefined) => one?.metadata.resourceVersion ?? "";
  const cache = createCache({
    changed: (before, after) => told.push(`${version(before)}>${version(after)}`),
    listed: () => told.push("listed"),
    failed: (error) => told.push(error.message),
    recovered: () => told.push("recovered"),
  });
  const shown = () => version(cache.get("kube-bind/a"));
  return { cache, told, shown, sink: cache.sink };
};

describe("the newest state", () => {
  it("wins, in whatever order the states come, and each change is told once", () => {
    const versions = fc.array(fc.integer({ min: 1, max: 2_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(versions, (order) => {
        const { sink, told, shown } = watched();
        for (const version of order) sink.seen(object(version));
        expect(shown()).toBe(String(Math.max(...order)));
        const records = order.filter((version, index) => order.slice(0, index).every((earlier) => earlier < version));
        expect(told).toEqual(records.map((version, index) => `${records[index - 1] ?? ""}>${version}`));
      }),
    );
  });

  it("is found by number, not by spelling", () => {
    const { sink, shown } = watched();
    sink.seen(object("999"));
    sink.seen(object("1000"));
    expect(shown()).toBe("1000");
  });

  it("is the later arrival where versions are no numbers", () => {
    const { sink, shown } = watched();
    sink.seen(object("b"));
    sink.seen(object("a"));
    expect(shown()).toBe("a");
  });

  it("may come from the answer to a write: its event is old news then, and so is every earlier one", () => {
    const { cache, sink, told, shown } = watched();
    sink.seen(object(5));
    cache.note(object(9));
    sink.seen(object(7));
    sink.seen(object(9));
    expect(shown()).toBe("9");
    expect(told).toEqual([">5", "5>9"]);
  });

  it("is not brought back by the answer to a write once the object has gone", () => {
    const { cache, sink, told, shown } = watched();
    sink.seen(object(5));
    sink.gone(object(8));
    cache.note(object(7));
    expect(shown()).toBe("");
    expect(told).toEqual([">5", "5>"]);
  });
});

describe("the answer to the write that made an object", () => {
  it("is known before its event, also after others have gone", () => {
    const { cache, sink, told, shown } = watched();
    sink.seen(object(5, { name: "b" }));
    sink.gone(object(8, { name: "b" }));
    cache.note(object(9));
    sink.seen(object(9));
    expect(shown()).toBe("9");
    expect(told).toEqual([">5", "5>", ">9"]);
  });

  it("is old news where the whole life of the object has been told already", () => {
    const { cache, sink, shown } = watched();
    sink.seen(object(9));
    sink.gone(object(12));
    sink.seen(object(11, { name: "b" }));
    cache.note(object(9));
    expect(shown()).toBe("");
  });
});

describe("an object that goes", () => {
  it("is told with its last state", () => {
    const { sink, told } = watched();
    sink.seen(object(5));
    sink.gone(object(8));
    sink.gone(object(8));
    expect(told).toEqual([">5", "5>"]);
  });

  it("takes nothing with it when it is an older incarnation", () => {
    const { sink, told, shown } = watched();
    sink.seen(object(10, { uid: "second" }));
    sink.gone(object(8, { uid: "first" }));
    expect(shown()).toBe("10");
    expect(told).toEqual([">10"]);
  });

  it("counts also when its last state is newer than what is known under another uid", () => {
    const { sink, shown } = watched();
    sink.seen(object(5, { uid: "first" }));
    sink.gone(object(12, { uid: "second" }));
    expect(shown()).toBe("");
  });

  it("is replaced by the next of its name, in one change", () => {
    const { sink, told } = watched();
    sink.seen(object(5));
    sink.seen(object(9, { uid: "second" }));
    expect(told).toEqual([">5", "5>9"]);
  });
});

describe("a complete list", () => {
  it("removes what it does not hold, then says that it is there", () => {
    const { cache, sink, told } = watched();
    sink.seen(object(5));
    sink.seen(object(6, { name: "b" }));
    expect(cache.complete).toBe(false);
    sink.listed(new Set(["kube-bind/b"]));
    expect(cache.complete).toBe(true);
    expect([...cache.values()].map(({ metadata }) => metadata.name)).toEqual(["b"]);
    expect(told).toEqual([">5", ">6", "5>", "listed"]);
  });

  it("that comes to nothing leaves nothing behind when the next one begins, and takes nothing away", () => {
    const { cache, sink } = watched();
    const names = () => [...cache.values()].map(({ metadata }) => metadata.name).toSorted();
    sink.listing?.();
    sink.seen(object(5, { name: "known" }));
    sink.listed(new Set(["kube-bind/known"]));
    sink.seen(object(6, { name: "live" }));
    for (let attempt = 0; attempt < 3; attempt++) {
      sink.listing?.();
      sink.seen(object(7, { name: "known" }));
      sink.seen(object(8, { name: `made-up-${attempt}` }));
      expect(names()).toEqual(["known", "live", `made-up-${attempt}`]);
      sink.failed(new Error("broken off") as never);
    }
    sink.listing?.();
    expect(names()).toEqual(["known", "live"]);
    sink.seen(object(9, { name: "real" }));
    sink.listed(new Set(["kube-bind/known", "kube-bind/real"]));
    expect(names()).toEqual(["known", "real"]);
    expect(cache.size).toBe(2);
  });

  it("stays complete through a failure of the watch, which is passed on", () => {
    const { cache, sink, told } = watched();
    sink.listed(new Set());
    sink.failed(new Error("lost") as never);
    sink.recovered?.();
    expect(cache.complete).toBe(true);
    expect(told).toEqual(["listed", "lost", "recovered"]);
  });
});
