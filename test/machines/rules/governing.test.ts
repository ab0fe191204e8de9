import { describe, expect, it } from "vitest";
import { type BindingView, demandFor, governing, rule } from "../../../machines/rules/governing.ts";

const API = "widgets.example.org";

const view = (change: Partial<BindingView> = {}): BindingView => ({
  kind: "ClusterBinding",
  connection: "acme",
  namespace: "",
  name: "a",
  created: "2026-01-01T00:00:00Z",
  claimed: true,
  deleting: false,
  letGo: false,
  paused: "",
  adopt: false,
  apis: [API],
  recorded: [API],
  leaving: [],
  ...change,
});
const namespaced = (namespace: string, change: Partial<BindingView> = {}): BindingView =>
  view({ kind: "Binding", namespace, ...change });

describe("the binding that governs", () => {
  it("is a ClusterBinding before a Binding, the oldest first, then by name", () => {
    const older = view({ name: "z", created: "2025-01-01T00:00:00Z" });
    expect(governing([namespaced("x", { created: "2020-01-01T00:00:00Z" }), view(), older], API, "x")).toBe(older);
    expect(governing([view({ name: "b" }), view({ name: "a" })], API, "x")?.name).toBe("a");
  });

  it("is live, claimed, lists the API, names it in its status and covers the namespace", () => {
    const others = [
      view({ deleting: true }),
      view({ claimed: false }),
      view({ recorded: [] }),
      view({ apis: ["gadgets.example.org"] }),
      namespaced("y"),
    ];
    expect(governing(others, API, "x")).toBeUndefined();
    expect(governing([namespaced("x")], API, "")).toBeUndefined();
  });
});

describe("an object without a governing binding", () => {
  it("is drained when a binding that covered it goes, or has let go of the API", () => {
    expect(rule([view({ deleting: true })], API, "x").mode).toBe("drain");
    expect(rule([view({ apis: [], leaving: [API] })], API, "x").mode).toBe("drain");
    expect(rule([namespaced("y", { deleting: true })], API, "x").mode).toBe("held");
  });

  it("is held when no binding ever covered it", () => {
    expect(rule([], API, "x")).toEqual({ mode: "held", adopt: false, paused: "" });
  });

  // A binding is renamed by creating one and deleting the other: between the two, nothing may be lost.
  it.each([{ claimed: false }, { recorded: [] }])(
    "is held and not drained while a binding that lists the API is still to be written to: %o",
    (change) => {
      const bindings = [view({ deleting: true }), view({ name: "b", ...change })];
      expect(rule(bindings, API, "x").mode).toBe("held");
      expect(demandFor(bindings, API, false)).toEqual({
        live: 0,
        coming: 1,
        draining: 1,
        takesCrd: false,
        paused: false,
      });
    },
  );
});

describe("a binding that is paused", () => {
  const paused = "ClusterBinding a";

  it("governs as before, and no other one takes over", () => {
    const bindings = [view({ paused }), namespaced("x", { connection: "twin" })];
    expect(rule(bindings, API, "x")).toEqual({ mode: "sync", adopt: false, paused, through: "acme" });
  });

  it("keeps what it leaves behind from being drained, though another one goes as well", () => {
    const bindings = [view({ deleting: true }), namespaced("x", { deleting: true, paused: "Binding b" })];
    expect(rule(bindings, API, "x")).toMatchObject({ mode: "drain", paused: "Binding b" });
    expect(rule(bindings, API, "y")).toMatchObject({ mode: "drain", paused: "" });
  });

  it("holds nothing up for the objects that another one governs", () => {
    const bindings = [view({ deleting: true, paused }), namespaced("x")];
    expect(rule(bindings, API, "x")).toMatchObject({ mode: "sync", paused: "" });
  });
});

describe("without the provider's word", () => {
  const going = (change: Partial<BindingView> = {}) => view({ deleting: true, letGo: true, ...change });
  const letGo = (...bindings: BindingView[]) => rule(bindings, API, "x").letGo === true;

  it("are let go the objects of a binding that is deleted, if that is what is said of it", () => {
    expect(letGo(going())).toBe(true);
    expect(letGo(going({ letGo: false }))).toBe(false);
    expect(letGo(going({ apis: [], leaving: [API] }))).toBe(true);
  });

  it("are let go none that another binding governs, or will, or still waits for", () => {
    expect(letGo(going(), view({ name: "b" }))).toBe(false);
    expect(letGo(going(), view({ name: "b", claimed: false }))).toBe(false);
    expect(letGo(going(), namespaced("x", { deleting: true }))).toBe(false);
    expect(letGo(going(), namespaced("y", { deleting: true }))).toBe(true);
    expect(letGo(going(), namespaced("x", { deleting: true, letGo: true }))).toBe(true);
  });

  it("a binding that stays and has let go of the API is not asked, and lets nothing go by itself", () => {
    const leaving = namespaced("x", { apis: [], leaving: [API] });
    expect(letGo(leaving)).toBe(false);
    expect(letGo(leaving, going())).toBe(true);
  });
});

describe("what bindings ask for an API", () => {
  it("takes the CRD away only with the last ClusterBinding that is deleted", () => {
    expect(demandFor([view({ deleting: true })], API, false).takesCrd).toBe(true);
    expect(demandFor([namespaced("x", { deleting: true })], API, false).takesCrd).toBe(false);
    expect(demandFor([view({ deleting: true }), namespaced("x")], API, false).takesCrd).toBe(false);
    expect(demandFor([view({ apis: [], leaving: [API] })], API, false).takesCrd).toBe(false);
  });

  it("is paused when all that govern are, and its CRD is not taken away while one that goes is paused", () => {
    const paused = view({ paused: "ClusterBinding a" });
    const younger = view({ created: "2027-01-01T00:00:00Z", name: "b" });
    expect(demandFor([paused, younger, namespaced("x")], API, false).paused).toBe(true);
    expect(demandFor([view(), { ...younger, paused: "ClusterBinding b" }], API, false).paused).toBe(false);
    const one = namespaced("x", { paused: "Binding a" });
    expect(demandFor([one, namespaced("y", { paused: "Binding a" })], API, false).paused).toBe(true);
    expect(demandFor([one, namespaced("y")], API, false).paused).toBe(false);
    expect(demandFor([{ ...paused, deleting: true }, view({ deleting: true })], API, false).takesCrd).toBe(false);
  });

  it("counts no Binding for an API whose objects have no namespace", () => {
    expect(demandFor([namespaced("x")], API, true).live).toBe(0);
  });
});
