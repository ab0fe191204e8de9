// Both sides of every object of one API, and their counts: the promises of actors/table.ts.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Shape } from "../../actors/facts.ts";
import { contextFrom, createTable, MOST_STRAYS, type Memory, type Table, type Tally } from "../../actors/table.ts";
import type { KubeObject } from "../../crds/kube-object.ts";
import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { initialObjectContext } from "../../machines/object-facts.ts";
import { copyOfWidget, idOf, prefixingMapper, shapeOf, widget } from "./widget-objects.ts";

const KEY = "default/a";

const memory = (cause?: NonNullable<Memory["refused"]>["cause"]): Memory => ({
  found: null,
  accepted: { wanted: "w", owned: "o" },
  acceptedStatus: null,
  refused: cause === undefined ? null : { cause, message: "no", wanted: "w", isNews: true },
  said: "",
  contest: null,
  attempts: 1,
  rest: "refused",
});

const copy = (shape: Shape, change: Parameters<typeof widget>[0] = {}): KubeObject =>
  copyOfWidget(shape, widget(), change);

describe("copies of nothing that is here", () => {
  it("are remembered up to a bound, and let go of; those of what is here always", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    const stray = (index: number): KubeObject => copy(shape, { name: `stray-${index}`, uid: `uid-${index}` });
    for (let index = 0; index < MOST_STRAYS + 500; index++) table.copySeen(stray(index));
    expect(table.size).toBe(MOST_STRAYS);
    expect(table.strays).toBe(MOST_STRAYS);
    table.consumerSeen(widget());
    expect(table.copySeen(copy(shape))).toBe(KEY);
    table.copyGone(stray(1));
    expect(table.strays).toBe(MOST_STRAYS - 1);
    expect(table.copySeen(stray(MOST_STRAYS + 1))).toBe(`default/stray-${MOST_STRAYS + 1}`);
    table.consumerGone(widget());
    expect(table.strays).toBe(MOST_STRAYS + 1);
    table.forgetCopies();
    expect([table.strays, table.size]).toEqual([0, 0]);
  });
});

describe("a list that begins anew", () => {
  const listed = (table: Table, ...objects: KubeObject[]) => {
    table.consumersListing("", true);
    const seen = objects.map((object) => table.consumerSeen(object, ""));
    table.consumersListed(new Set(objects.map(idOf)));
    return seen;
  };

  it("wins also with lower versions, since a server restored from a backup counts from there", () => {
    const table = createTable(shapeOf());
    table.consumerSeen(widget({ resourceVersion: "90", finalizers: [FINALIZER.syncer], uid: "later" }));
    expect(listed(table, widget({ resourceVersion: "40" }))).toEqual([KEY]);
    expect(table.get(KEY)?.consumer).toMatchObject({ uid: "uid-a", resourceVersion: "40", claimed: false });
    expect(table.consumerSeen(widget({ resourceVersion: "41", generation: 2 }))).toBe(KEY);
    expect(table.consumerSeen(widget({ resourceVersion: "40" }))).toBeUndefined();
  });

  it("is no news where it shows what is known", () => {
    const table = createTable(shapeOf());
    table.consumerSeen(widget());
    expect(listed(table, widget())).toEqual([undefined]);
  });

  it("does not win over an answer that came while it was under way", () => {
    const table = createTable(shapeOf());
    table.consumerSeen(widget({ resourceVersion: "90" }));
    table.consumersListing("", true);
    table.consumerSeen(widget({ resourceVersion: "92", finalizers: [FINALIZER.syncer] }));
    expect(table.consumerSeen(widget({ resourceVersion: "91" }), "")).toBeUndefined();
    expect(table.get(KEY)?.consumer?.claimed).toBe(true);
  });

  it("lets go of what it does not show, and shows copies that had been seen to go", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    table.consumerSeen(widget({ resourceVersion: "90" }));
    expect(listed(table)).toEqual([]);
    expect(table.get(KEY)).toBeUndefined();
    table.consumerSeen(widget());
    table.copySeen(copy(shape, { resourceVersion: "90" }));
    table.copyGone(copy(shape, { resourceVersion: "95" }));
    table.copiesListing("", true);
    expect(table.copySeen(copy(shape, { resourceVersion: "30" }), "")).toBe(KEY);
    table.copiesListed(new Set([KEY]));
    expect(table.get(KEY)?.copy?.resourceVersion).toBe("30");
  });
});

describe("copies that carry our marks and have no object", () => {
  it("are known by name, and are none any more when the object is back or the copy goes", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    table.copySeen(copy(shape));
    expect([...table.orphans]).toEqual([KEY]);
    table.consumerSeen(widget());
    expect([...table.orphans]).toEqual([]);
    table.consumerGone(widget());
    expect([...table.orphans]).toEqual([KEY]);
    table.copySeen(copy(shape, { resourceVersion: "60", deletionTimestamp: "2026-01-02T03:04:05Z" }));
    expect([...table.orphans]).toEqual([]);
  });
});

describe("the newest state of a side", () => {
  it("wins; older states and repeated ones are old news, told by an undefined key", () => {
    const table = createTable(shapeOf());
    expect(table.consumerSeen(widget({ resourceVersion: "9" }))).toBe(KEY);
    expect(table.consumerSeen(widget({ resourceVersion: "9" }))).toBeUndefined();
    expect(table.consumerSeen(widget({ resourceVersion: "8" }))).toBeUndefined();
    expect(table.consumerSeen(widget({ resourceVersion: "10" }))).toBe(KEY);
    expect(table.get(KEY)?.consumer?.resourceVersion).toBe("10");
  });

  it("is not ended by the end of an older incarnation", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    table.consumerSeen(widget({ resourceVersion: "9", uid: "second" }));
    table.copySeen(copy(shape, { resourceVersion: "90", uid: "second" }));
    expect(table.consumerGone(widget({ resourceVersion: "8", uid: "first" }))).toBeUndefined();
    expect(table.copyGone(copy(shape, { resourceVersion: "80", uid: "first" }))).toBeUndefined();
    table.forgetCopy(KEY, "first");
    expect(table.get(KEY)).toMatchObject({ consumer: { uid: "second" }, copy: { uid: "second" } });
  });

  it("is not brought back by the answer to a write that comes after the copy's end", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    table.consumerSeen(widget());
    table.copySeen(copy(shape, { resourceVersion: "50" }));
    expect(table.copyGone(copy(shape, { resourceVersion: "60" }))).toBe(KEY);
    expect(table.copySeen(copy(shape, { resourceVersion: "55" }))).toBeUndefined();
    expect(table.copySeen(copy(shape, { resourceVersion: "70", uid: "made-anew" }))).toBe(KEY);
    table.forgetCopies();
    expect(table.copySeen(copy(shape, { resourceVersion: "3", uid: "on-another-provider" }))).toBe(KEY);
  });

  it("is kept with its body until the body is dropped, the facts stay", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    table.consumerSeen(widget());
    table.copySeen(copy(shape));
    expect(table.get(KEY)).toMatchObject({ consumerBody: { spec: { size: 1 } }, copyBody: { spec: { size: 1 } } });
    table.dropBodies(KEY);
    table.dropBodies("default/unknown");
    expect(table.get(KEY)).toMatchObject({ consumerBody: null, copyBody: null, consumer: { uid: "uid-a" } });
    expect(table.get(KEY)?.consumer?.wanted).toBe(table.get(KEY)?.copy?.owned);
  });
});

describe("an object whose sides are both gone", () => {
  it("leaves no entry", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    table.consumerSeen(widget());
    table.copySeen(copy(shape));
    table.copyGone(copy(shape));
    expect(table.size).toBe(1);
    table.consumerGone(widget());
    expect([table.size, [...table.keys()], table.get(KEY)]).toEqual([0, [], undefined]);
  });
});

describe("a complete list", () => {
  it("ends what it does not hold, of its own side only", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    for (const name of ["a", "b"]) {
      table.consumerSeen(widget({ name, uid: name }));
      table.copySeen(copyOfWidget(shape, widget({ name, uid: name })));
    }
    expect(table.copiesListed(new Set(["default/b"]))).toEqual(["default/a"]);
    expect(table.consumersListed(new Set(["default/a"]))).toEqual(["default/b"]);
    expect(table.get("default/a")).toMatchObject({ consumer: { uid: "a" }, copy: null });
    expect(table.get("default/b")).toMatchObject({ consumer: null, copy: { uid: "copy-of-b" } });
  });
});

describe("the Mapper", () => {
  it("is asked both ways: a copy is filed under its consumer key, a list of copies holds provider keys", () => {
    const shape = shapeOf({ mapper: prefixingMapper });
    const table = createTable(shape);
    table.consumerSeen(widget());
    expect(copy(shape).metadata.namespace).toBe("tenant-default");
    expect(table.copySeen(copy(shape))).toBe(KEY);
    expect(table.copiesListed(new Set(["tenant-default/a"]))).toEqual([]);
    expect(table.get(KEY)?.copy?.uid).toBe("copy-of-uid-a");
    expect(table.copiesListed(new Set(["default/a"]))).toEqual([KEY]);
  });

  it("drops the event of a copy that it cannot place", () => {
    const table = createTable(shapeOf({ mapper: prefixingMapper }));
    const stray = copy(shapeOf(), { namespace: "elsewhere" });
    expect([table.copySeen(stray), table.copyGone(stray), table.size]).toEqual([undefined, undefined, 0]);
  });

  it("leaves what is known as it is when it throws for a consumer object", () => {
    const moody = { ...prefixingMapper, toProvider: () => { throw new Error("not now"); } }; // prettier-ignore
    const shape = { ...shapeOf({ mapper: prefixingMapper }) };
    const table = createTable(shape);
    table.consumerSeen(widget());
    table.remember(KEY, memory("rejected"));
    shape.mapper = moody;
    expect(() => table.consumerSeen(widget({ resourceVersion: "9", uid: "second" }))).toThrow("not now");
    expect(table.get(KEY)?.memory).not.toBeNull();
    table.consumerGone(widget());
    expect([table.tally("default").failing, table.failing.size]).toEqual([0, 0]);
  });
});

describe("what is remembered of an object", () => {
  it("goes with the object, and does not pass to the next one of its name", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    table.consumerSeen(widget());
    table.copySeen(copy(shape));
    table.remember(KEY, memory("rejected"));
    table.consumerSeen(widget({ resourceVersion: "9", uid: "second" }));
    expect(table.get(KEY)?.memory).toBeNull();
    table.remember(KEY, memory());
    table.consumerGone(widget({ resourceVersion: "10", uid: "second" }));
    expect(table.get(KEY)?.memory).toBeNull();
  });

  it("is not taken in for an object that went while its pass was under way", () => {
    const shape = shapeOf();
    const table = createTable(shape);
    table.consumerSeen(widget());
    table.copySeen(copy(shape));
    table.consumerGone(widget());
    table.remember(KEY, memory("rejected"));
    table.consumerSeen(widget({ resourceVersion: "9", uid: "second" }));
    expect(table.get(KEY)?.memory).toBeNull();
    table.remember("default/unknown", memory());
    expect(table.size).toBe(1);
  });

  it("hydrates a context, without the place where it rested", () => {
    expect(contextFrom(null)).toEqual(initialObjectContext);
    const { rest: _rest, ...remembered } = memory("fault");
    expect(contextFrom(memory("fault"))).toEqual({ ...initialObjectContext, ...remembered });
  });
});

describe("an object whose last write was refused", () => {
  it("is among the failing until that is forgotten; one that lost a race is not", () => {
    const table = createTable(shapeOf());
    table.consumerSeen(widget());
    for (const cause of ["forbidden", "terminating", "rejected", "fault"] as const) {
      table.remember(KEY, memory(cause));
      expect([[...table.failing], table.tally("default").failing], cause).toEqual([[KEY], 1]);
    }
    table.remember(KEY, memory("outdated"));
    expect([table.failing.size, table.tally("default").failing]).toEqual([0, 0]);
    table.remember(KEY, memory("fault"));
    table.remember(KEY, null);
    expect([table.failing.size, table.tally("default").failing]).toEqual([0, 0]);
  });
});

// --- Counts, by random histories ---

const NAMESPACES = ["x", "y"];
const NAMES = ["a", "b"];
const NONE: Tally = { claimed: 0, foreign: 0, another: 0, failing: 0, paused: 0 };

const place = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  name: fc.constantFrom(...NAMES),
  uid: fc.constantFrom("one", "two"),
  resourceVersion: fc.integer({ min: 1, max: 1_200 }).map(String),
});
const parts = fc.record({
  claimed: fc.boolean(),
  mark: fc.constantFrom("", "ForeignObjectExists", "OwnedByAnother"),
});
const causes = fc.constantFrom(undefined, "outdated", "forbidden", "terminating", "rejected", "fault");
const keys = fc.subarray(NAMESPACES.flatMap((namespace) => NAMES.map((name) => `${namespace}/${name}`)));

const made = ({ namespace, name, uid, resourceVersion }: { [k: string]: string }, claimed = false, mark = "") =>
  widget({
    namespace: namespace as string,
    name: name as string,
    uid: uid as string,
    resourceVersion: resourceVersion as string,
    ...(claimed ? { finalizers: [FINALIZER.syncer] } : {}),
    ...(mark ? { annotations: { [ANNOTATION.conflict]: mark } } : {}),
  });

const shape = shapeOf({ mapper: prefixingMapper });
const copyAt = (at: { [k: string]: string }): KubeObject =>
  copyOfWidget(shape, made(at), { uid: at["uid"] as string, resourceVersion: at["resourceVersion"] as string });
const toProvider = (key: string): string => `tenant-${key}`;

type Step = (table: Table) => unknown;
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(place, parts).map(
    ([at, { claimed, mark }]): Step =>
      (table) =>
        table.consumerSeen(made(at, claimed, mark)),
  ),
  place.map(
    (at): Step =>
      (table) =>
        table.consumerGone(made(at)),
  ),
  keys.map(
    (listed): Step =>
      (table) =>
        table.consumersListed(new Set(listed)),
  ),
  place.map(
    (at): Step =>
      (table) =>
        table.copySeen(copyAt(at)),
  ),
  place.map(
    (at): Step =>
      (table) =>
        table.copyGone(copyAt(at)),
  ),
  keys.map(
    (listed): Step =>
      (table) =>
        table.copiesListed(new Set(listed.map(toProvider))),
  ),
  place.map(
    (at): Step =>
      (table) =>
        table.forgetCopy(idOf(made(at)), at.uid),
  ),
  fc.constant((table: Table) => table.forgetCopies()),
  fc.tuple(place, causes).map(
    ([at, cause]): Step =>
      (table) =>
        table.remember(idOf(made(at)), memory(cause)),
  ),
  place.map(
    (at): Step =>
      (table) =>
        table.remember(idOf(made(at)), null),
  ),
  place.map(
    (at): Step =>
      (table) =>
        table.dropBodies(idOf(made(at))),
  ),
);

/** The counts, found by looking at every entry. */
function recount(table: Table): { tallies: Record<string, Tally>; failing: string[] } {
  const tallies = Object.fromEntries(NAMESPACES.map((namespace) => [namespace, { ...NONE }]));
  const failing: string[] = [];
  for (const key of table.keys()) {
    const { consumer, memory: kept } = table.get(key) ?? {};
    const tally = tallies[key.slice(0, key.indexOf("/"))];
    if (!consumer || !tally) continue;
    tally.claimed += Number(consumer.claimed);
    tally.foreign += Number(consumer.mark === "ForeignObjectExists");
    tally.another += Number(consumer.mark === "OwnedByAnother");
    if (!kept?.refused || kept.refused.cause === "outdated") continue;
    tally.failing++;
    failing.push(key);
  }
  return { tallies, failing: failing.sort() };
}

describe("the counts of a namespace", () => {
  it("equal a recount after every step of any history", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const table = createTable(shape);
        for (const one of steps) {
          one(table);
          const { tallies, failing } = recount(table);
          expect(Object.fromEntries(NAMESPACES.map((name) => [name, table.tally(name)]))).toEqual(tallies);
          expect([...table.failing].sort()).toEqual(failing);
          expect(table.size).toBe([...table.keys()].length);
          for (const key of table.keys()) expect(table.get(key)?.consumer ?? table.get(key)?.copy).not.toBeNull();
        }
      }),
      { numRuns: 300 },
    );
  });

  it("are nothing for a namespace without objects, and never share their zeros", () => {
    const table = createTable(shape);
    expect(table.tally("x")).toEqual(NONE);
    table.consumerSeen(made({ namespace: "x", name: "a", uid: "one", resourceVersion: "1" }, true));
    expect(table.tally("x").claimed).toBe(1);
    expect(table.tally("y")).toEqual(NONE);
    expect([...table.namespaces()]).toEqual(["x"]);
  });
});
