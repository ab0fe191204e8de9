// What stays exported while a part of a provider's discovery cannot be told.
// Rule: docs/reference/behaviour.md, "Schema sources".

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { DiscoveredGroup, DiscoveredResource } from "../../../crds/openapi/discovered.ts";
import { keptApis, type KnownApi } from "../../../crds/openapi/kept-apis.ts";

const VERBS = ["get", "list", "watch", "create", "patch", "delete"];

const resource = (group: string, version: string, plural: string): DiscoveredResource => ({
  group,
  version,
  resource: plural,
  singular: "",
  kind: plural,
  namespaced: true,
  verbs: VERBS,
  shortNames: [],
  categories: [],
  subresources: [],
});

/** `served`: plurals by version. */
const group = (name: string, served: Record<string, string[]>, failed: string[] = []): DiscoveredGroup => ({
  name,
  versions: Object.keys(served),
  resources: Object.entries(served).flatMap(([version, plurals]) =>
    plurals.map((plural) => resource(name, version, plural)),
  ),
  failed,
});

const anything = () => false;
const names = (apis: readonly KnownApi[]) => apis.map(({ exported }) => exported.name);

const TWO = group("a.example", { v1: ["cups", "pots"], v2: ["cups"] });
const known = () => keptApis([], [TWO], anything).apis;

describe("a group that cannot be told", () => {
  test("keeps what it was known to have, and is named with its version", () => {
    const { apis, missing } = keptApis(known(), [group("a.example", { v1: [], v2: [] }, ["v1", "v2"])], anything);
    expect(apis).toEqual(known());
    expect(missing).toEqual(["a.example/v1", "a.example/v2"]);
  });

  test("in one version keeps what was served in that version with all of its versions", () => {
    const { apis } = keptApis(known(), [group("a.example", { v1: ["cups", "pots"], v2: [] }, ["v2"])], anything);
    expect(apis).toEqual(known());
    expect(apis[0]?.exported.versions).toEqual(["v1", "v2"]);
  });

  test("loses what is gone from the versions that can be told, and gains what is new in them", () => {
    const { apis } = keptApis(known(), [group("a.example", { v1: ["cups", "jugs"], v2: [] }, ["v2"])], anything);
    expect(names(apis)).toEqual(["cups.a.example", "jugs.a.example"]);
  });

  test("keeps what is only known by name, from before a start, without guessing what it is", () => {
    const before = known().map(({ exported }): KnownApi => ({ exported, resource: null }));
    const { apis } = keptApis(before, [group("a.example", { v1: [], v2: [] }, ["v1", "v2"])], anything);
    expect(apis).toEqual(before);
    const { apis: told } = keptApis(before, [group("a.example", { v1: ["cups", "pots"], v2: [] }, ["v2"])], anything);
    expect(told.map((api) => api.resource?.version)).toEqual(["v1", "v1"]);
  });

  test("is not kept when the group itself is no longer there", () => {
    expect(keptApis(known(), [group("b.example", { v1: ["cups"] })], anything)).toMatchObject({ missing: [] });
    expect(names(keptApis(known(), [], anything).apis)).toEqual([]);
  });

  test("is neither kept nor missed when it is excluded", () => {
    const down = group("a.example", { v1: [] }, ["v1"]);
    expect(keptApis(known(), [down], (name) => name === "a.example")).toEqual({ apis: [], missing: [] });
  });
});

test("what no API server would serve is passed over, and hides nothing else", () => {
  const odd = group("a.example", { v1: ["cups", "../secrets", "Cups", "x".repeat(64)] });
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`v${n + 1}`, ["pots"]]));
  const groups = [
    odd,
    group("b/../c", { v1: ["cups"] }),
    group("d.example", many),
    group("e.example", { "v 1": ["cups"] }),
  ];
  expect(names(keptApis([], groups, anything).apis)).toEqual(["cups.a.example"]);
});

test("a failure of some groups never takes an API away from the others, and never adds one", () => {
  const plurals = fc.subarray(["cups", "pots", "jugs"]);
  const groups = fc
    .tuple(plurals, plurals, plurals, plurals)
    .map(([a, b, c, d]) => [
      group("a.example", { v1: a, v2: b }),
      group("b.example", { v1: c }),
      group("c.example", { v1: d }),
    ]);
  fc.assert(
    fc.property(groups, fc.subarray(["a.example", "b.example", "c.example"]), (served, down) => {
      const before = keptApis([], served, anything).apis;
      const now = served.map((one) =>
        down.includes(one.name) ? { ...one, resources: [], failed: one.versions } : one,
      );
      expect(keptApis(before, now, anything).apis).toEqual(before);
    }),
  );
});
