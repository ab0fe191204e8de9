import { expect, test } from "vitest";

import { exportsOf } from "../../crds/exports.ts";
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
