import { expect, test } from "vitest";

import { exportsOf, isDefinition, thatFit } from "../../crds/exports.ts";
import type { Json } from "../../crds/json.ts";
import { fc, test as prop } from "./properties.ts";
import { version, widgetCrd, type CrdParts } from "./widget-crd.ts";

const named = (name: string, parts: CrdParts = {}) => widgetCrd({ ...parts, metadata: { name, ...parts.metadata } });

test("an export says where its API is, with the served versions in the provider's order", () => {
  const versions = [version("v1beta1"), version("v2", { served: false }), version("v1", { storage: true })];
  expect(exportsOf([widgetCrd({ spec: { versions, scope: "Cluster" } })])).toEqual([
    {
      name: "widgets.example.org",
      group: "example.org",
      resource: "widgets",
      scope: "Cluster",
      versions: ["v1beta1", "v1"],
    },
  ]);
});

test.each(["True", "yes", "", "1"])('a label with the value "%s" exports nothing', (value) => {
  expect(exportsOf([widgetCrd({ metadata: { labels: { "core.kube-bind.io/exported": value } } })])).toEqual([]);
});

test("what has no label, is being deleted or serves no version is not exported", () => {
  expect(
    exportsOf([
      widgetCrd({ metadata: { labels: undefined } }),
      widgetCrd({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }),
      widgetCrd({ spec: { versions: [version("v1", { served: false, storage: true })] } }),
    ]),
  ).toEqual([]);
});

prop(
  "exports are sorted by name, whatever the order of the list",
  fc.uniqueArray(fc.stringMatching(/^[a-z]{1,5}$/)),
  (names) => {
    const sorted = names.toSorted();
    expect(exportsOf(names.map((name) => named(name))).map(({ name }) => name)).toEqual(sorted);
  },
);

test("a definition as API servers let them be is one, whatever else it carries", () => {
  expect(isDefinition(widgetCrd())).toBe(true);
  const versions = [version("v1", { storage: true, selectableFields: [], anything: { at: ["all"] } })];
  expect(isDefinition(widgetCrd({ spec: { versions, conversion: { strategy: "Webhook" } } }))).toBe(true);
});

const LONG = "x".repeat(1_000_000);
test.each<[string, unknown]>([
  ["no spec", undefined],
  ["a spec that is none", [1]],
  ["no names", { names: null }],
  ["a name of its own", { names: { plural: "gadgets", kind: "Widget" } }],
  ["an endless name", { names: { plural: LONG, kind: "Widget" } }],
  ["a kind that is none", { names: { plural: "widgets", kind: "<b>Widget</b>" } }],
  ["a group that is none", { group: "example.org/../../v1" }],
  ["another scope", { scope: "Everywhere" }],
  ["no versions", { versions: "v1" }],
  ["versions without names", { versions: [{}] }],
  ["an endless version", { versions: [version(LONG)] }],
  ["versions without end", { versions: Array.from({ length: 101 }, (_, index) => version(`v${index + 1}`)) }],
])("what has %s is no definition", (_what, spec) => {
  const crd = widgetCrd();
  const broken = spec !== null && typeof spec === "object" && !Array.isArray(spec) ? { ...crd.spec, ...spec } : spec;
  expect(isDefinition({ ...crd, spec: broken as Json })).toBe(false);
});

test("a status has room for as many exports as an API server takes of an object", () => {
  const api = (index: number) => ({
    name: `n${index}.example.org`,
    group: "example.org",
    resource: `n${index}`,
    scope: "Cluster" as const,
    versions: ["v1"],
  });
  const few = Array.from({ length: 1_000 }, (_, index) => api(index));
  expect(thatFit(few)).toEqual(few);
  const many = Array.from({ length: 20_000 }, (_, index) => api(index));
  const shown = thatFit(many);
  expect(shown).toEqual(many.slice(0, shown.length));
  expect(shown.length).toBeGreaterThan(3_000);
  expect(JSON.stringify(shown).length).toBeLessThan(600_000);
});
