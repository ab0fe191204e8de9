// Both sides of related objects as watches tell them: what is kept of overlapping selections, late news and lists.

import { beforeEach, describe, expect, test } from "vitest";

import { createRelatedTable, type RelatedTable } from "../../actors/related-table.ts";
import type { KubeObject } from "../../crds/kube-object.ts";
import { keyOf, keyText } from "../../crds/kube-object.ts";
import { ANNOTATION } from "../../crds/labels.ts";

const here = (object: KubeObject): string => keyText(keyOf(object));
const same = (key: string): string => key;

const secret = (name: string, version: number, fields: object = {}, metadata: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { namespace: "blue", name, uid: name, resourceVersion: String(version), ...metadata },
  data: { key: "one" },
  type: "Opaque",
  ...fields,
});

const copyFor = (binding: string, name: string, version: number): KubeObject =>
  secret(name, version, {}, { annotations: { [ANNOTATION.relatedBinding]: binding } });

let table: RelatedTable;
beforeEach(() => {
  table = createRelatedTable({ clusterUid: "us", ofSource: here, ofCopy: here, sourceKey: same, copyKey: same });
});

const version = (key = "blue/a") => table.get(key)?.source?.resourceVersion;

describe("a source", () => {
  test("is there as long as any selection shows it, whichever of them is told first that it left the other", () => {
    table.sourceSeen("one", secret("a", 5));
    table.sourceSeen("two", secret("a", 6));
    table.sourceGone("one", secret("a", 6));
    expect(version()).toBe("6");
    table.sourceGone("two", secret("a", 7));
    expect(table.get("blue/a")).toBeUndefined();
    table.sourceSeen("one", secret("a", 8));
    table.sourceGone("two", secret("a", 8));
    expect(version()).toBe("8");
  });

  test("is never put back by late news", () => {
    table.sourceSeen("one", secret("a", 6));
    expect(table.sourceSeen("one", secret("a", 5))).toBeUndefined();
    expect(version()).toBe("6");
  });

  test("is what a new list says, also where a restored server counts from earlier", () => {
    table.sourceSeen("one", secret("a", 60));
    table.sourcesListing("one", "", true);
    table.sourceSeen("one", secret("a", 7, { data: { key: "restored" } }), "");
    expect(version()).toBe("7");
    expect(table.sourcesListed("one", new Set(["blue/a"]))).toEqual([]);
  });

  test("that a complete list does not show is gone from that selection and no other, and only where it lists", () => {
    for (const name of ["a", "b"]) table.sourceSeen("one", secret(name, 5));
    table.sourceSeen("two", secret("b", 5));
    table.sourceSeen("one", secret("c", 5, {}, { namespace: "red" }));
    expect(table.sourcesListed("one", new Set(), { namespace: "blue" }).sort()).toEqual(["blue/a", "blue/b"]);
    expect([...table.keys()].sort()).toEqual(["blue/b", "red/c"]);
  });

  test("forgets what is remembered of another object of its name", () => {
    table.sourceSeen("one", secret("a", 5));
    const memory = {
      found: null,
      accepted: null,
      refused: null,
      said: "x",
      contest: null,
      attempts: 1,
      rest: "refused",
    };
    table.remember("blue/a", memory);
    table.sourceSeen("one", secret("a", 6));
    expect(table.get("blue/a")?.memory?.said).toBe("x");
    table.sourceSeen("one", secret("a", 7, {}, { uid: "other" }));
    expect(table.get("blue/a")?.memory).toBeNull();
  });
});

describe("copies", () => {
  test("are found by the binding that stands on them, as it is now", () => {
    table.copySeen(copyFor("first", "a", 5));
    table.copySeen(copyFor("first", "b", 5));
    table.copySeen(copyFor("next", "a", 6));
    expect([[...table.copiesOf("first")], [...table.copiesOf("next")]]).toEqual([["blue/b"], ["blue/a"]]);
    table.copyGone(copyFor("next", "a", 7));
    expect(table.copiesOf("next").size).toBe(0);
  });

  test("that have gone are not brought back by the answer to an earlier write", () => {
    table.sourceSeen("one", secret("a", 1));
    table.copySeen(copyFor("first", "a", 5));
    table.copyGone(copyFor("first", "a", 6));
    expect(table.copySeen(copyFor("first", "a", 5))).toBeUndefined();
    expect(table.copySeen(copyFor("first", "a", 7))).toBe("blue/a");
  });

  test("that a complete list does not show are gone, where it lists", () => {
    table.copySeen(copyFor("first", "a", 5));
    table.copySeen(secret("b", 5, {}, { namespace: "red" }));
    expect(table.copiesListed(new Set(), { namespace: "red" })).toEqual(["red/b"]);
    expect([...table.copiesOf("first")]).toEqual(["blue/a"]);
  });
});
