// Documents made to hang or to fill the memory: the answer comes soon, is small enough for an API server, and structural.

import { describe, expect, test } from "vitest";

import type { JsonObject } from "../../../crds/json.ts";
import { PREFIX, ref, zooDocument } from "./go-document.ts";
import { brokenRules } from "./structural-rules.ts";
import { rootOf, synthesized } from "./synthesized.ts";

const MAX_BYTES = 700_000;
/** Far more than it takes, far less than a stuck one would. */
const MAX_MS = 5_000;

const MANY = 60_000;
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));
const named = (count: number, make: (index: number) => unknown): JsonObject =>
  Object.fromEntries(many(count, (index) => [`n${index}`, make(index)])) as JsonObject;
const next = (index: number) => ref(`n${index + 1}`);
const fields =
  (...names: string[]) =>
  (make: (name: string) => unknown) =>
    Object.fromEntries(names.map((name) => [name, make(name)]));
const deep = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
  let node: unknown = { type: "string" };
  for (let level = 0; level < depth; level++) node = wrap(node);
  return node;
};
const object = (properties: unknown) => ({ type: "object", properties });
const text = { type: "string" };

const HOSTILE: [what: string, properties: object, types: object][] = [
  [
    "references that double forty times",
    { bomb: ref("n0") },
    named(40, (at) => object(fields("l", "r")(() => next(at)))),
  ],
  ["wrappers that double forty times", { bomb: ref("n0") }, named(40, (at) => ({ allOf: [next(at), next(at)] }))],
  [
    "conditions that double forty times",
    { bomb: { ...text, anyOf: [ref("n0"), ref("n0")] } },
    named(40, (at) => ({ anyOf: [next(at), next(at)] })),
  ],
  [
    "maps and lists that double",
    { bomb: ref("n0") },
    named(40, (at) => object({ m: { additionalProperties: next(at) }, l: { type: "array", items: next(at) } })),
  ],
  ["a chain of references", { chain: ref("n0") }, named(MANY, next)],
  ["a chain of wrappers", { chain: ref("n0") }, named(MANY, (at) => ({ allOf: [next(at)] }))],
  ["every schema in every other", { web: ref("n0") }, named(400, () => object(named(400, (at) => ref(`n${at}`))))],
  [
    "every schema around every other",
    { web: ref("n0") },
    named(400, () => ({ allOf: many(400, (at) => ref(`n${at}`)) })),
  ],
  [
    "a schema that is itself",
    { self: ref("n0"), other: ref("n1") },
    { n0: ref("n0"), n1: { allOf: [ref("n1"), ref("n0")] } },
  ],
  ["an object in an object, without end", { deep: deep(MANY, (inner) => object({ in: inner })) }, {}],
  ["a list in a list, without end", { deep: deep(MANY, (items) => ({ type: "array", items })) }, {}],
  ["a condition in a condition, without end", { deep: { ...text, not: deep(MANY, (not) => ({ not })) } }, {}],
  ["a wrapper in a wrapper, without end", { deep: deep(MANY, (inner) => ({ allOf: [inner] })) }, {}],
  ["a default without end", { deep: { type: "array", default: deep(MANY, (inner) => [inner]) } }, {}],
  ["an enum without end", { deep: { ...text, enum: [deep(MANY, (inner) => [inner])] } }, {}],
  ["very many fields", named(MANY, () => text), {}],
  ["very many fields, many times over", named(100, () => ref("n0")), { n0: object(named(MANY, () => text)) }],
  ["very many choices, many times over", named(100, () => ref("n0")), { n0: { ...text, enum: many(MANY, String) } }],
  [
    "very many required fields, many times over",
    named(100, () => ref("n0")),
    { n0: { type: "object", required: many(MANY, (at) => at) } },
  ],
  [
    "very many rules, many times over",
    named(100, () => ref("n0")),
    { n0: { ...text, "x-kubernetes-validations": many(MANY, () => ({})) } },
  ],
  ["very many keywords, many times over", named(100, () => ref("n0")), { n0: { ...text, ...named(MANY, () => 1) } }],
  ["very many conditions", { any: { ...text, anyOf: many(MANY, (at) => ({ maxLength: at })) } }, {}],
  ["very many wrappers", { all: { allOf: many(MANY, (at) => ({ maxLength: at })) } }, {}],
  ["a very long description", { long: { ...text, description: "x".repeat(5_000_000) } }, {}],
  ["a very long pattern", { long: { ...text, pattern: "[".repeat(1_000_000) } }, {}],
  ["a very long name", { ["x".repeat(5_000_000)]: text }, {}],
];

describe("the definition made of a document with", () => {
  test.each(HOSTILE)("%s is small, structural and soon there", (_what, properties, types) => {
    const document = zooDocument(properties as JsonObject, types as JsonObject);
    // Its own time: how busy the machine is does not count.
    const before = process.cpuUsage();
    const crd = synthesized(document);
    const took = process.cpuUsage(before).user / 1000;
    expect(brokenRules(rootOf(crd))).toEqual([]);
    expect(Buffer.byteLength(JSON.stringify(crd))).toBeLessThan(MAX_BYTES + 2_000);
    expect(took).toBeLessThan(MAX_MS);
  });
});

test("what is left of one that multiplies is as much as fits", () => {
  const doubling = named(40, (at) => object(fields("l", "r")(() => next(at))));
  const root = JSON.stringify(rootOf(synthesized(zooDocument({ a: ref("n0"), b: text }, doubling))));
  expect(root).toContain('"l":{"type":"object","properties":{"l":');
  expect(root).toContain('"b":{"type":"string"}');
});

test("one with more text than fits keeps its structure and loses descriptions", () => {
  const wordy = named(3_000, () => ({ ...text, maxLength: 5, description: "x".repeat(1_000) }));
  const { properties, description } = rootOf(synthesized(zooDocument(wordy))) as never as {
    properties: { spec: { properties: Record<string, unknown> } };
    description: string;
  };
  expect(description).toBe("A Zoo.");
  expect(properties.spec.properties["n2999"]).toEqual({ ...text, maxLength: 5 });
});

test.each(["constructor", "__proto__", "toString", "hasOwnProperty"])(
  "a field or a schema named %s is one like others",
  (name) => {
    const document = zooDocument({ [name]: ref(name), missing: ref("valueOf") }, { [name]: { ...text, maxLength: 3 } });
    const { spec } = rootOf(synthesized(document))["properties"] as never as { spec: { properties: object } };
    expect(Object.entries(spec.properties)).toEqual([
      [name, { ...text, maxLength: 3 }],
      ["missing", { "x-kubernetes-preserve-unknown-fields": true }],
    ]);
  },
);

test("a reference that is no text, or no good one, leads nowhere", () => {
  const refs = [1, null, {}, [], "", "#", PREFIX, `${PREFIX}%`, `${PREFIX}%E0%A4%A`, "#/definitions/X"];
  const properties = Object.fromEntries(refs.map(($ref, at) => [`r${at}`, { $ref }])) as JsonObject;
  expect(brokenRules(rootOf(synthesized(zooDocument(properties))))).toEqual([]);
});
