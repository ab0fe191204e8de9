// What is missing from a list although it was known: kept, looked for by its name, and gone only if that says so.

import { describe, expect, it } from "vitest";

import { createCache } from "../../actors/cache.ts";
import { lookForAll, lookUp } from "../../actors/missing.ts";
import { ApiError } from "../../actors/ports.ts";
import { createTable } from "../../actors/table.ts";
import { keyText, type Key, type KubeObject } from "../../crds/kube-object.ts";
import { FINALIZER } from "../../crds/labels.ts";
import { WIDGETS } from "../adapters/widgets.ts";
import { manualClock } from "./manual-clock.ts";
import { shapeOf, widget } from "./widget-objects.ts";

const status = (code: number, message = "no") => new ApiError(message, { status: code, reason: "NotFound" });
const settled = () => new Promise((resolve) => setImmediate(resolve));
const claimed = (name: string, resourceVersion: string, uid = `uid-${name}`): KubeObject =>
  widget({ name, uid, resourceVersion, finalizers: [FINALIZER.syncer] });

/** A cluster that answers each look for a name with what stands there next. */
function cluster(answers: Record<string, (KubeObject | Error)[]>) {
  const asked: string[] = [];
  const get = async (_: unknown, { name }: Key): Promise<KubeObject> => {
    asked.push(name);
    const answer = answers[name]?.shift() ?? status(404);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return { consumer: { get }, clock: manualClock(), asked };
}

describe("an object of our own kinds that a list no longer shows", () => {
  const known = (object: KubeObject, found: Promise<KubeObject | undefined>) => {
    const told: string[] = [];
    const cache = createCache({
      changed: (before, after) =>
        told.push(`${before?.metadata.resourceVersion ?? ""}>${after?.metadata.resourceVersion ?? ""}`),
      lookUp: () => found,
    });
    cache.sink.seen(object);
    cache.sink.listed(new Set(["default/a"]));
    cache.sink.listing?.();
    cache.sink.listed(new Set());
    return { cache, told };
  };

  it("stays while it is looked for, and without a word where it is there", async () => {
    const { cache, told } = known(claimed("a", "9"), Promise.resolve(claimed("a", "9")));
    expect(cache.get("default/a")).toBeDefined();
    await settled();
    expect(cache.get("default/a")).toBeDefined();
    expect(told).toEqual([">9"]);
  });

  it("is gone where it is not, also under another one of its name that has come and gone meanwhile", async () => {
    const { cache, told } = known(claimed("a", "9"), Promise.resolve(undefined));
    await settled();
    expect([cache.size, told]).toEqual([0, [">9", "9>"]]);
  });

  it("is what is told of it next, also with a lower version, as of a server that was restored from a backup", async () => {
    const { cache, told } = known(claimed("a", "9"), Promise.resolve(undefined));
    cache.sink.seen(claimed("a", "4", "earlier"));
    await settled();
    expect(cache.get("default/a")?.metadata.uid).toBe("earlier");
    expect(told).toEqual([">9", "9>4"]);
  });
});

describe("looking for an object", () => {
  it("goes on until there is an answer, with a pause in between", async () => {
    const world = cluster({
      a: [status(503), status(404, "could not find the requested resource"), claimed("a", "9")],
    });
    const found = lookUp(world, WIDGETS, { namespace: "default", name: "a" }, () => false);
    for (let time = 1; time <= 3; time++) {
      await settled();
      expect(world.asked).toHaveLength(time);
      world.clock.advance(2_000);
    }
    expect((await found)?.metadata.name).toBe("a");
  });

  it.each([status(404), status(403, 'User "k" cannot get resource "widgets"')])("ends with %s", async (error) => {
    const found = lookUp(cluster({ a: [error] }), WIDGETS, { namespace: "default", name: "a" }, () => false);
    expect(await found).toBeUndefined();
  });
});

describe("objects that a list no longer shows", () => {
  function scene(answers: Record<string, (KubeObject | Error)[]>) {
    const shape = shapeOf();
    const table = createTable(shape);
    for (const name of ["a", "b"]) table.consumerSeen(claimed(name, "9"));
    table.consumerSeen(widget({ name: "free", uid: "free" }));
    const world = cluster(answers);
    const told: string[] = [];
    const sink = {
      seen: (object: KubeObject) => told.push(`seen ${table.consumerSeen(object) ?? "nothing new"}`),
      gone: (object: KubeObject) => told.push(`gone ${table.consumerGone(object) ?? "nothing"}`),
    };
    let looking = Promise.resolve();
    const doubt = (keys: readonly string[]) => {
      looking = lookForAll(world, { table, shape }, keys, sink, () => false);
    };
    table.consumersListing("", true);
    const lost = table.consumersListed(new Set(), { doubt });
    return { table, told, lost, done: () => looking, asked: world.asked };
  }

  it("are gone at once, but for those that carry our finalizer, which are looked for one by one", async () => {
    const { table, told, lost, done, asked } = scene({ a: [claimed("a", "9")] });
    expect(lost).toEqual(["default/free"]);
    expect([...table.keys()]).toEqual(["default/a", "default/b"]);
    expect(table.tally("default").claimed).toBe(2);
    await done();
    expect(asked).toEqual(["a", "b"]);
    expect(told).toEqual(["seen nothing new", "gone default/b"]);
    expect([...table.keys()]).toEqual(["default/a"]);
    expect(["default/a", "default/b"].map((key) => table.isDoubted(key))).toEqual([false, false]);
  });

  it("are what is told of them next, and not looked for then", async () => {
    const { table, told, done, asked } = scene({ a: [claimed("a", "9")] });
    table.consumerSeen(claimed("b", "4", "earlier"));
    expect(table.get(keyText({ namespace: "default", name: "b" }))?.consumer?.uid).toBe("earlier");
    await done();
    expect([asked, told]).toEqual([["a"], ["seen nothing new"]]);
    expect(table.get("default/b")?.consumer?.uid).toBe("earlier");
  });
});
