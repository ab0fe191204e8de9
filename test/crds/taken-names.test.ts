import { describe, expect, it } from "vitest";

import type { DiscoveredResource } from "../../crds/openapi/discovered.ts";
import { freeNames, mayCollide } from "../../crds/taken-names.ts";

const GROUP = "example.org";
const NAMES = { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" };

const served = (resource: string, change: Partial<DiscoveredResource> = {}): DiscoveredResource => ({
  group: "",
  version: "v1",
  resource,
  singular: "",
  kind: "Thing",
  namespaced: true,
  verbs: [],
  shortNames: [],
  categories: [],
  subresources: [],
  ...change,
});

describe("the short names of a definition", () => {
  it("are left out where something else answers to them: by its short name, its plural, its singular or its kind", () => {
    const names = { ...NAMES, shortNames: ["wi", "po", "things", "thing", "deploy"] };
    const others = [
      served("things"),
      served("pods", { shortNames: ["po"] }),
      served("deploys", { singular: "deploy" }),
    ];
    const free = freeNames(GROUP, names, others);
    expect(free.names).toEqual({ ...NAMES, shortNames: ["wi"] });
    expect(free.notes).toHaveLength(4);
    expect(free.notes[0]).toBe("without the short name po, which pods has on this cluster");
  });

  it("say of which group the holder is", () => {
    const free = freeNames(GROUP, { ...NAMES, shortNames: ["x"] }, [
      served("xs", { group: "a.org", shortNames: ["x"] }),
    ]);
    expect(free.notes).toEqual(["without the short name x, which xs.a.org has on this cluster"]);
    expect(free.names).toEqual(NAMES);
  });

  it("do not collide with the definition's own, once that is served", () => {
    const own = served("widgets", { group: GROUP, shortNames: ["wi"] });
    expect(freeNames(GROUP, { ...NAMES, shortNames: ["wi"] }, [own])).toEqual({
      names: { ...NAMES, shortNames: ["wi"] },
      notes: [],
    });
  });
});

describe("the categories of a definition", () => {
  it("are taken over, but for ours: it shows Connections and bindings only", () => {
    expect(freeNames(GROUP, { ...NAMES, categories: ["all", "kube-bind"] }, []).names).toEqual({
      ...NAMES,
      categories: ["all"],
    });
  });
});

it("what the cluster serves need not be asked for a definition without short names", () => {
  expect(mayCollide(NAMES)).toBe(false);
  expect(mayCollide({ ...NAMES, categories: ["all"] })).toBe(false);
  expect(mayCollide({ ...NAMES, categories: ["kube-bind"] })).toBe(true);
  expect(mayCollide({ ...NAMES, shortNames: ["wi"] })).toBe(true);
});
