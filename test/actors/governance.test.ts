// Which Connection acts for an object: the promises of actors/governance.ts. The engine is a fake with what a ruling reads:
// Connections, bindings, syncers and phases. Which binding governs is proven in test/machines/rules/governing.test.ts.

import { beforeEach, describe, expect, it } from "vitest";
import type { Engine } from "../../actors/engine.ts";
import { isPeer, isWantedElsewhere, rulingFor } from "../../actors/governance.ts";
import { createSyncer, type Syncer } from "../../actors/syncer.ts";
import type { Crd } from "../../crds/definition-object.ts";
import { ANNOTATION, FINALIZER, LABEL } from "../../crds/labels.ts";

const API = "widgets.example.org";

interface Bound {
  kind: "ClusterBinding" | "Binding";
  metadata: { name: string; uid: string; namespace?: string; finalizers: string[]; deletionTimestamp?: string };
  spec: { connectionRef: { name: string }; apis: { name: string }[]; conflictPolicy: string };
  status: { boundAPIs: { name: string }[] };
}

/** Connections by name, each with the UID of the provider it leads to, "" where that is not known yet. */
let providers: Record<string, string>;
let bindings: Bound[];
let states: Record<string, "ready" | "deleting" | "away">;
let eager: string[];
let syncers: Map<string, Syncer>;
let engine: Engine;

beforeEach(() => {
  providers = { acme: "one", twin: "one", other: "two", fresh: "" };
  bindings = [];
  states = {};
  eager = [];
  syncers = new Map();
  const connection = (name: string) =>
    name in providers
      ? {
          metadata: { name },
          spec: { schema: { source: "CRD", pullPolicy: eager.includes(name) ? "All" : "Bound" } },
          status: { remoteClusterUID: providers[name], exportedAPIs: [{ name: API }] },
        }
      : undefined;
  engine = {
    syncers,
    engagements: new Map(),
    unwritable: new Set(),
    overdue: new Set(),
    phases: { get: (name: string) => ({ state: states[name] ?? "ready", lost: false, reason: "" }) },
    directory: {
      connection,
      connections: { values: () => Object.keys(providers).map(connection) },
      allBindings: () => bindings,
      bindingsOf: (name: string) => bindings.filter(({ spec }) => spec.connectionRef.name === name),
    },
  } as unknown as Engine;
});

interface Making {
  /** "" for a ClusterBinding. */
  namespace?: string;
  deleting?: boolean;
  claimed?: boolean;
  /** What its status names. */
  recorded?: string[];
}

const bind = (
  connection: string,
  { namespace = "", deleting = false, claimed = true, recorded = [API] }: Making = {},
): string => {
  const name = `${connection}-${bindings.length}`;
  bindings.push({
    kind: namespace === "" ? "ClusterBinding" : "Binding",
    metadata: {
      name,
      uid: name,
      ...(namespace === "" ? {} : { namespace }),
      finalizers: claimed ? [FINALIZER.cleanup] : [],
      ...(deleting ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { connectionRef: { name: connection }, apis: [{ name: API }], conflictPolicy: "Adopt" },
    status: { boundAPIs: recorded.map((api) => ({ name: api })) },
  });
  return name;
};

/** The syncer of a Connection, with the definition that came through `owner`, if there is one. */
function syncerOf(connection: string, owner?: string): Syncer {
  const syncer = createSyncer(connection, API);
  if (owner !== undefined) {
    const metadata = { labels: { [LABEL.managed]: "true" }, annotations: { [ANNOTATION.connection]: owner } };
    syncer.crd = { metadata } as unknown as Crd;
  }
  syncers.set(syncer.key, syncer);
  return syncer;
}

const modeOf = (syncer: Syncer, namespace = "a"): string => rulingFor(engine, syncer, namespace, true).mode;

describe("peers", () => {
  it("are Connections that are known to lead to the same provider, and each Connection its own", () => {
    expect(isPeer(engine, "acme", "twin")).toBe(true);
    expect(isPeer(engine, "acme", "other")).toBe(false);
    expect(isPeer(engine, "fresh", "fresh")).toBe(true);
  });

  it("are not those whose provider is not known yet, nor those that do not exist", () => {
    providers["young"] = "";
    for (const one of ["acme", "young", "nowhere"]) expect(isPeer(engine, "fresh", one)).toBe(false);
    expect(isPeer(engine, "nowhere", "neither")).toBe(false);
  });
});

describe("an object that a binding decides over", () => {
  it("is synced through the Connection that this binding names, and left alone by its peers", () => {
    bind("twin", { namespace: "a" });
    bind("acme");
    expect(rulingFor(engine, syncerOf("acme", "twin"), "a", true)).toEqual({ mode: "sync", adopt: true, paused: "" });
    expect(rulingFor(engine, syncerOf("twin", "twin"), "a", true)).toEqual({
      mode: "elsewhere",
      adopt: false,
      paused: "",
    });
  });

  it.each(["other", "fresh", "nowhere"])(
    "is none of the business of a binding to %s: another provider, one not known, a Connection that does not exist",
    (name) => {
      bind(name);
      bind("acme", { namespace: "a" });
      expect(modeOf(syncerOf("acme", "acme"))).toBe("sync");
    },
  );

  it("is held, and not adopted, while its API cannot be synced", () => {
    bind("acme");
    expect(rulingFor(engine, syncerOf("acme", "acme"), "a", false)).toEqual({ mode: "held", adopt: false, paused: "" });
  });

  // An API that is taken out again while nobody looks is drained only because the status names it.
  it("is held until the status of its binding names the API, unless that status cannot be written", () => {
    const uid = bind("acme", { recorded: [] });
    const syncer = syncerOf("acme", "acme");
    expect(modeOf(syncer)).toBe("held");
    engine.unwritable.add(uid);
    expect(modeOf(syncer)).toBe("sync");
  });

  it("is drained by the Connection of the binding that goes last, and by no other", () => {
    bind("twin", { deleting: true });
    expect(modeOf(syncerOf("twin", "acme"))).toBe("drain");
    expect(modeOf(syncerOf("acme", "acme"))).toBe("elsewhere");
  });

  it("is not touched where the definition came through a Connection to another provider, whatever is bound", () => {
    bind("acme");
    expect(modeOf(syncerOf("acme", "other"))).toBe("elsewhere");
    bindings = [];
    states["acme"] = "deleting";
    expect(modeOf(syncerOf("acme", "other"))).toBe("elsewhere");
  });
});

describe("an object that no binding decides over", () => {
  it("is the business of the Connection that its definition came through", () => {
    expect(modeOf(syncerOf("acme", "acme"))).toBe("held");
    expect(modeOf(syncerOf("twin", "acme"))).toBe("elsewhere");
  });

  it.each([undefined, "nowhere"])("is, with a definition through %s, that of whoever alone knows the API", (owner) => {
    const alone = syncerOf("acme", owner);
    expect(modeOf(alone)).toBe("held");
    syncerOf("twin", owner);
    expect(modeOf(alone)).toBe("elsewhere");
  });

  it("is let go when that Connection goes, and only then", () => {
    const syncer = syncerOf("acme", "acme");
    for (const state of ["ready", "away"] as const) {
      states["acme"] = state;
      expect(modeOf(syncer)).toBe("held");
    }
    states["acme"] = "deleting";
    expect(rulingFor(engine, syncer, "a", true)).toEqual({ mode: "drain", adopt: false, paused: "" });
  });

  it("is not let go while the Connection has any binding left", () => {
    states["acme"] = "deleting";
    bind("acme", { namespace: "b" });
    expect(modeOf(syncerOf("acme", "acme"))).toBe("held");
  });

  it.each(["twin", "fresh"])("is not let go while a binding of %s is about to take it over", (heir) => {
    states["acme"] = "deleting";
    bind(heir, { namespace: "a", claimed: false });
    expect(modeOf(syncerOf("acme", "acme"))).toBe("held");
    expect(modeOf(syncerOf("acme", "acme"), "b")).toBe("drain");
  });

  it("is let go although a binding of another provider lists its API, or one that is going itself", () => {
    states["acme"] = "deleting";
    bind("other", { claimed: false });
    bind("fresh", { deleting: true, claimed: false });
    expect(modeOf(syncerOf("acme", "acme"))).toBe("drain");
  });
});

describe("a definition is wanted elsewhere", () => {
  it("by a binding of another Connection that is not going, also before it carries our finalizer", () => {
    const syncer = syncerOf("acme", "acme");
    bind("acme");
    bind("twin", { deleting: true });
    expect(isWantedElsewhere(engine, syncer)).toBe(false);
    bind("other", { claimed: false });
    expect(isWantedElsewhere(engine, syncer)).toBe(true);
  });

  it("by the policy of another Connection, and not by its own", () => {
    const syncer = syncerOf("acme", "acme");
    eager = ["acme"];
    expect(isWantedElsewhere(engine, syncer)).toBe(false);
    eager = ["twin"];
    expect(isWantedElsewhere(engine, syncer)).toBe(true);
  });
});
