import { expect, test } from "vitest";

import type { Json } from "../../../crds/json.ts";
import type { KubeObject } from "../../../crds/kube-object.ts";
import { emptied } from "../../../machines/rules/emptied.ts";

// Which maps of a copy are to be empty and are not.

const object = (fields: Record<string, Json>): KubeObject => ({
  apiVersion: "example.org/v1",
  kind: "Widget",
  metadata: { name: "a", uid: "u", resourceVersion: "1" },
  ...fields,
});

const always = () => true;

test("are found at any depth, where the copy has fields or null in their place", () => {
  const wanted = object({ spec: { any: {}, deep: { b: {}, c: { d: 1 } } }, data: {} });
  const copy = object({ spec: { any: { x: 1 }, deep: { b: null, c: { d: 2 } } }, data: { a: "1" } });
  expect(emptied(wanted, copy, always)).toEqual([["spec", "any"], ["spec", "deep", "b"], ["data"]]);
  expect(emptied(wanted, copy, (held) => held === null)).toEqual([["spec", "deep", "b"]]);
});

test("are none that are empty or absent, and none in lists, in metadata or in the status", () => {
  const wanted = object({ spec: { a: {}, b: {}, list: [{}], text: "x" }, status: {} });
  const copy = object({ spec: { a: {}, list: [{ x: 1 }], text: null }, status: { phase: "x" } });
  expect(emptied(wanted, copy, always)).toEqual([]);
});
