// Samples of objects, maps and lists.

import { integer, spec, specs, text, type Body, type Sample } from "./sample.ts";

const object = (properties: Body, more: Body = {}): Body => ({ type: "object", properties, ...more });
const array = (items: Body, more: Body = {}): Body => ({ type: "array", items, ...more });
const map = (additionalProperties: unknown, more: Body = {}): Body => ({
  type: "object",
  additionalProperties,
  ...more,
});

/** A object in an object, and so on. */
const nested = (depth: number): Body =>
  depth === 0
    ? { ...integer, maximum: 7 }
    : object({ [`in${depth}`]: nested(depth - 1) }, { description: `At ${depth}.` });
const filled = (depth: number, value: unknown): unknown =>
  depth === 0 ? value : { [`in${depth}`]: filled(depth - 1, value) };
const DEEP = 14;

const listType = (type: string) => ({ "x-kubernetes-list-type": type });
const keyed = (...keys: string[]) => ({ ...listType("map"), "x-kubernetes-list-map-keys": keys });

export const STRUCTURES: Sample[] = [
  {
    covers: "required fields, at several depths",
    plural: "duties",
    schema: {
      ...spec({ a: object({ b: text, c: integer }, { required: ["b"] }) }, { required: ["a"] }),
      required: ["spec"],
    },
    accepted: specs({ a: { b: "x" } }),
    refused: [{}, ...specs({}, { a: {} }, { a: { c: 1 } })],
  },
  {
    covers: "defaults in defaults",
    plural: "fillings",
    schema: spec(
      {
        level: { ...integer, default: 1 },
        rate: { type: "number", default: 1.1 },
        on: { type: "boolean", default: false },
        empty: { ...text, default: "" },
        part: object({ a: { ...text, default: "a" }, b: { ...text, default: "b" } }, { default: { a: "A" } }),
        list: array(object({ c: { ...text, default: "c" } }), { default: [{ c: "first" }, {}] }),
        named: map(object({ d: { ...integer, default: 4 } }), { default: { one: {} } }),
      },
      { default: {} },
    ),
    accepted: [{}, ...specs({}, { part: {} }, { list: [{}] }, { named: { x: {}, y: { d: 1 } } }, { on: true })],
    refused: specs({ part: "x" }),
  },
  {
    covers: "fields at a depth",
    plural: "depths",
    schema: spec({ deep: nested(DEEP) }),
    accepted: specs({ deep: filled(DEEP, 7) }),
    refused: specs({ deep: filled(DEEP, 8) }),
  },
  {
    covers: "maps of texts, with bounds",
    plural: "labelings",
    schema: spec({ labels: map({ ...text, maxLength: 3 }, { minProperties: 1, maxProperties: 2 }) }),
    accepted: specs({ labels: { a: "b" } }),
    refused: specs(
      { labels: {} },
      { labels: { a: "long" } },
      { labels: { a: "1", b: "2", c: "3" } },
      { labels: { a: 1 } },
    ),
  },
  {
    covers: "maps of maps of lists of maps",
    plural: "mazes",
    schema: spec({ maze: map(map(array(map(object({ x: { ...integer, default: 1 } }))))) }),
    accepted: specs({ maze: { a: { b: [{ c: {} }, { d: { x: 2, lost: true } }] } } }),
    refused: specs({ maze: { a: { b: { c: 1 } } } }),
  },
  {
    covers: "maps that merge as one, and field by field",
    plural: "mergings",
    schema: spec({
      atomic: map(text, { "x-kubernetes-map-type": "atomic" }),
      granular: map(text, { "x-kubernetes-map-type": "granular" }),
      struct: object({ a: text }, { "x-kubernetes-map-type": "atomic" }),
    }),
    accepted: specs({ atomic: { a: "b" }, granular: { c: "d" }, struct: { a: "b", lost: 1 } }),
  },
  {
    covers: "lists: bounds, lists of lists, and lists that merge as one",
    plural: "lists",
    schema: spec({
      plain: array(text, { minItems: 1, maxItems: 2 }),
      nested: array(array(integer, { maxItems: 1 })),
      atomic: array(object({ a: text }), listType("atomic")),
    }),
    accepted: specs({ plain: ["a"], nested: [[1], []], atomic: [{ a: "b" }, { a: "b", lost: 1 }] }),
    refused: specs({ plain: [] }, { plain: ["a", "b", "c"] }, { nested: [[1, 2]] }, { plain: "a" }),
  },
  {
    covers: "sets, of texts, of objects and of lists",
    plural: "collections",
    schema: spec({
      texts: array(text, listType("set")),
      objects: array(object({ a: text }, { "x-kubernetes-map-type": "atomic" }), listType("set")),
      lists: array(array(text, listType("atomic")), listType("set")),
      ports: array({ "x-kubernetes-int-or-string": true, anyOf: [integer, text] }, listType("set")),
    }),
    accepted: specs({ texts: ["a", "b"], objects: [{ a: "a" }], lists: [["a"], ["b"]], ports: [1, "1"] }),
    refused: specs({ texts: ["a", "a"] }, { objects: [{ a: "a" }, { a: "a" }] }, { ports: [1, 1] }),
  },
  {
    covers: "lists with keys, required or filled in",
    plural: "listeners",
    schema: spec({
      users: array(object({ name: text, age: integer }, { required: ["name"] }), keyed("name")),
      ports: array(
        object({ port: integer, protocol: { ...text, default: "TCP" } }, { required: ["port"] }),
        keyed("port", "protocol"),
      ),
    }),
    accepted: specs({ users: [{ name: "a" }, { name: "b" }] }, { ports: [{ port: 1 }, { port: 1, protocol: "UDP" }] }),
    refused: specs(
      { users: [{ name: "a" }, { name: "a" }] },
      { users: [{ age: 1 }] },
      { ports: [{ port: 1 }, { port: 1, protocol: "TCP" }] },
    ),
  },
  {
    covers: "objects that keep what they do not describe",
    plural: "bags",
    schema: spec({
      open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      any: { "x-kubernetes-preserve-unknown-fields": true, description: "Any value." },
      known: object(
        { a: integer, closed: object({ b: text }) },
        { "x-kubernetes-preserve-unknown-fields": true, required: ["a"] },
      ),
      anys: array({ "x-kubernetes-preserve-unknown-fields": true }),
      values: map({ "x-kubernetes-preserve-unknown-fields": true }),
    }),
    accepted: specs(
      { open: { a: { b: [1, null] } }, any: [1, "a", { b: {} }], anys: [1, {}, "a"], values: { a: 1, b: [] } },
      { known: { a: 1, more: { x: 1 }, closed: { b: "c", lost: 1 } }, any: 5, lost: true },
    ),
    refused: specs({ open: [] }, { known: {} }, { known: { a: "x" } }),
  },
  {
    covers: "objects within objects, as they are and with fields of their own",
    plural: "templates",
    schema: spec({
      any: { type: "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true },
      known: object(
        { spec: object({ a: integer }) },
        { "x-kubernetes-embedded-resource": true, default: { apiVersion: "v1", kind: "A", spec: { a: 1 } } },
      ),
      list: array({
        type: "object",
        "x-kubernetes-embedded-resource": true,
        "x-kubernetes-preserve-unknown-fields": true,
      }),
    }),
    accepted: specs(
      { any: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", labels: { b: "c" } }, data: { d: "e" } } },
      { known: { apiVersion: "v1", kind: "A", metadata: { name: "a", lost: 1 }, spec: { a: 1, lost: 1 }, lost: 1 } },
      { list: [{ apiVersion: "v1", kind: "A" }] },
    ),
    refused: specs(
      { any: { kind: "A" } },
      { any: { apiVersion: "v1", kind: "A", metadata: { labels: { "a b": "c" } } } },
      { known: { apiVersion: "v1", kind: "A", spec: { a: "x" } } },
    ),
  },
  {
    covers: "an object that keeps everything",
    plural: "anythings",
    schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true, description: "Anything." },
    accepted: [{ spec: 1, data: { a: [1] } }, {}],
  },
  {
    covers: "an object that has nothing",
    plural: "nothings",
    schema: { type: "object", description: "Only a name." },
    accepted: [{ spec: 1 }, {}],
  },
  {
    covers: "fields beside spec and status",
    plural: "configs",
    schema: {
      type: "object",
      required: ["data"],
      properties: { data: map(text), immutable: { type: "boolean", default: false }, size: integer },
    },
    accepted: [{ data: { a: "b" } }, { data: {}, immutable: true, size: 1, lost: 1 }],
    refused: [{}, { data: { a: 1 } }, { data: {}, immutable: "yes" }],
  },
];
