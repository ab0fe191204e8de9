// Which namespaces matter on either side: the promises of actors/watch-scope.ts and what strays.ts adds to them. The engine is a
// fake with what they read: bindings, the phase of the Connection, and what the watches of our side have shown.

import { beforeEach, describe, expect, it } from "vitest";

import type { Engine } from "../../actors/engine.ts";
import type { Feeds } from "../../actors/feeds.ts";
import { noteUnbound } from "../../actors/strays.ts";
import { createSyncer, type Syncer, type Watching } from "../../actors/syncer.ts";
import { createTable } from "../../actors/table.ts";
import { scopeHere, scopeThere } from "../../actors/watch-scope.ts";
import { FINALIZER } from "../../crds/labels.ts";
import type { Mapper } from "../../machines/rules/mapper.ts";
import { prefixingMapper, shapeOf, widget } from "./widget-objects.ts";

const API = "widgets.example.org";

let bindings: object[];
let phase: "ready" | "deleting";
let listed: Set<string>;
let known: "whole" | "failing" | "apart" | "nothing";
let elsewhere: Set<string>;
let engine: Engine;
let syncer: Syncer;
let watching: Watching;

beforeEach(() => setUp());

function setUp(mapper?: Mapper, namespaced = true): void {
  bindings = [];
  phase = "ready";
  listed = new Set();
  known = "whole";
  elsewhere = new Set();
  engine = {
    phases: { get: () => ({ state: phase, lost: false, reason: "" }) },
    unwritable: new Set(),
    overdue: new Set(),
    directory: {
      connection: () => undefined,
      bindingsOf: () => bindings,
      bindings: { values: () => bindings.filter((one) => (one as { kind: string }).kind === "Binding") },
    },
  } as unknown as Engine;
  syncer = createSyncer("acme", API);
  syncer.ruleFor = (namespace) => ({ mode: elsewhere.has(namespace) ? "elsewhere" : "sync", adopt: false, paused: "" });
  const shape = shapeOf(mapper ? { mapper } : {});
  const consumer = {
    isListed: (namespace: string) => listed.has(namespace),
    get whole() {
      return known === "whole";
    },
    get settled() {
      return known !== "nothing";
    },
    get isWide() {
      return known !== "apart";
    },
  } as unknown as Feeds;
  watching = {
    shape: { ...shape, resource: { ...shape.resource, namespaced } },
    definition: "",
    table: createTable(shape),
    consumer,
    provider: null,
    search: { state: "done", found: new Set(), cancel: () => undefined },
    bound: new Set(),
  };
}

const bind = (namespace: string, { deleting = false, claimed = true, api = API } = {}): void => {
  bindings.push({
    kind: namespace === "" ? "ClusterBinding" : "Binding",
    metadata: {
      name: `in-${namespace}`,
      ...(namespace === "" ? {} : { namespace }),
      finalizers: claimed ? [FINALIZER.cleanup] : [],
      ...(deleting ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { connectionRef: { name: "acme" }, apis: [{ name: api }] },
    status: { boundAPIs: [{ name: api }] },
  });
};
const unbind = (namespace: string): void => {
  bindings = bindings.filter((one) => (one as { metadata: { namespace?: string } }).metadata.namespace !== namespace);
};
const holds = (namespace: string, finalizers: string[] = [FINALIZER.syncer]) =>
  watching.table.consumerSeen(widget({ namespace, finalizers }));

const here = () => scopeHere(engine, syncer, watching);
const there = () => scopeThere(engine, syncer, watching);
const only = (...namespaces: string[]) => ({ wide: "no", namespaces: new Set(namespaces) });

describe("what is watched of our own cluster", () => {
  it("is the namespaces of the Bindings that list the API: live ones, new ones, and those that go", () => {
    bind("blue");
    bind("green", { claimed: false });
    bind("red", { deleting: true });
    bind("white", { api: "gadgets.example.org" });
    expect(here()).toEqual(only("blue", "green", "red"));
  });

  it.each([
    ["live", {}],
    ["new", { claimed: false }],
    ["going", { deleting: true }],
  ])("is all of it for a ClusterBinding that is %s", (_what, how) => {
    bind("blue");
    bind("", how);
    expect(here()).toEqual({ wide: "needed", namespaces: new Set(["blue"]) });
  });

  it("is all of it for objects that have no namespace", () => {
    setUp(undefined, false);
    bind("blue");
    expect(here().wide).toBe("needed");
  });

  it("is also where an object carries our finalizer and nobody else acts for it, as long as it does", () => {
    bind("blue");
    holds("green");
    holds("red");
    holds("white", []);
    elsewhere.add("red");
    expect(here()).toEqual(only("blue", "green"));
    watching.table.consumerGone(widget({ namespace: "green", resourceVersion: "9" }));
    expect(here()).toEqual(only("blue"));
  });

  it("is all of it, where allowed, while the definition or the Connection goes, and when no binding is left", () => {
    expect(here().wide).toBe("wanted");
    bind("blue");
    expect(here().wide).toBe("no");
    phase = "deleting";
    expect(here()).toEqual({ wide: "wanted", namespaces: new Set(["blue"]) });
    phase = "ready";
    const metadata = { name: API, uid: "uid", resourceVersion: "1", deletionTimestamp: "2026-01-01T00:00:00Z" };
    syncer.crd = { metadata } as unknown as Syncer["crd"];
    expect(here().wide).toBe("wanted");
  });

  it("is a namespace that lost its Binding until it is known what is in it", () => {
    bind("blue");
    bind("green");
    noteUnbound(engine, syncer, watching);
    unbind("green");
    noteUnbound(engine, syncer, watching);
    expect(here()).toEqual(only("blue", "green"));
    listed.add("green");
    noteUnbound(engine, syncer, watching);
    expect(here()).toEqual(only("blue"));
  });

  it("is no namespace that lost the Binding of a Connection whose objects are others' to look after", () => {
    bind("blue");
    bind("green");
    elsewhere.add("green");
    noteUnbound(engine, syncer, watching);
    unbind("green");
    noteUnbound(engine, syncer, watching);
    expect(here()).toEqual(only("blue"));
  });
});

describe("what is watched of the provider", () => {
  it("is where the copies are, by the Mapper, once it is known what is here", () => {
    setUp(prefixingMapper);
    bind("blue");
    bind("green");
    expect(there()).toEqual(only());
    listed.add("blue");
    expect(there()).toEqual(only("tenant-blue"));
    listed.add("green");
    expect(there()).toEqual(only("tenant-blue", "tenant-green"));
  });

  it("is nothing for a namespace that the Mapper does not know", () => {
    const mapper: Mapper = {
      ...prefixingMapper,
      toProvider(resource, key) {
        if (key.namespace === "green") throw new Error("no such tenant");
        return prefixingMapper.toProvider(resource, key);
      },
    };
    setUp(mapper);
    bind("blue");
    bind("green");
    listed = new Set(["blue", "green"]);
    expect(there()).toEqual(only("tenant-blue"));
  });

  it("stays as it is until our side is known, where one watch may show more than is known to be here", () => {
    bind("");
    for (const yet of ["nothing", "failing"] as const) {
      known = yet;
      expect(there()).toBeUndefined();
    }
    for (const enough of ["whole", "apart"] as const) {
      known = enough;
      expect(there()?.wide).toBe("needed");
    }
  });

  it("is not searched for what nobody knows of: only what is here has copies to look after", () => {
    bind("blue");
    listed.add("blue");
    phase = "deleting";
    expect(there()).toEqual(only("blue"));
  });
});
