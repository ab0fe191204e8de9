// A document as a server built on Go types publishes it: every type a schema of its own, fields of such types wrapped in
// `allOf` with one reference, the zero value of what is always written as its default. Each field of the kind Zoo is a
// construct; beside it, what it must come to in a definition.

import type { JsonObject } from "../../../crds/json.ts";

export const PREFIX = "#/components/schemas/";
export const ref = (name: string) => ({ $ref: `${PREFIX}${name}` });
const meta = (name: string) => `io.k8s.apimachinery.pkg.apis.meta.v1.${name}`;
const zoo = (name: string) => `org.example.zoo.pkg.apis.v1.${name}`;
const wrapped = (name: string, beside: object = {}) => ({ allOf: [ref(name)], ...beside });

const EITHER = { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] };
const OPEN = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const ANY = { "x-kubernetes-preserve-unknown-fields": true };
const text = { type: "string" };
const zero = { ...text, default: "" };

/** The types. */
const TYPES: JsonObject = {
  [zoo("Cage")]: {
    type: "object",
    description: "A Cage.",
    required: ["name"],
    properties: { name: { ...zero, description: "Its name." }, bars: { type: "integer", format: "int32", default: 0 } },
  },
  [zoo("Extra")]: { type: "object", required: ["extra"], properties: { extra: text, name: { ...text, maxLength: 9 } } },
  [zoo("Family")]: {
    type: "object",
    properties: { name: text, children: { type: "array", items: wrapped(zoo("Family"), { default: {} }) } },
  },
  [zoo("Hen")]: { type: "object", properties: { lays: wrapped(zoo("Egg")) } },
  [zoo("Egg")]: { type: "object", properties: { hatches: { ...ref(zoo("Hen")), description: "What comes of it." } } },
  [zoo("Nothing")]: { type: "object", description: "Says nothing." },
  [zoo("Either")]: { oneOf: [{ type: "integer" }, { type: "string" }] },
  [zoo("Text/Form")]: { ...text, minLength: 1 },
  [meta("Time")]: { ...text, format: "date-time", description: "Time is a wrapper." },
  [meta("MicroTime")]: { ...text, format: "date-time" },
  [meta("Duration")]: text,
  [meta("FieldsV1")]: { type: "object", description: "FieldsV1 stores a set of fields." },
  [meta("ObjectMeta")]: { type: "object", properties: { name: text, labels: { type: "object" } } },
  [meta("Condition")]: {
    type: "object",
    required: ["type", "status", "lastTransitionTime"],
    properties: { type: zero, status: zero, lastTransitionTime: wrapped(meta("Time"), {}) },
  },
  "io.k8s.apimachinery.pkg.runtime.RawExtension": { type: "object", description: "RawExtension holds anything." },
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": { ...text, format: "int-or-string" },
  "io.k8s.apimachinery.pkg.api.resource.Quantity": { oneOf: [text, { type: "number" }], description: "Quantity." },
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": { description: "JSON is any value." },
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": { description: "Or a boolean." },
};

const CAGE = {
  type: "object",
  description: "A Cage.",
  required: ["name"],
  properties: { name: { ...zero, description: "Its name." }, bars: { type: "integer", format: "int32", default: 0 } },
};

const QUANTITY = { ...EITHER, description: "Quantity." };
const LEAF = {
  type: "object",
  properties: { name: text, children: { type: "array", items: { ...OPEN, default: {} } } },
};

/** What the field is about; as it is published; as it comes out. */
export const FIELDS: readonly (readonly [about: string, published: JsonObject, expected: JsonObject])[] = [
  [
    "a wrapper gives its description, and a default that does not fit goes",
    wrapped(zoo("Cage"), { description: "The main cage.", default: {} }),
    { ...CAGE, description: "The main cage." },
  ],
  [
    "a wrapper gives nullable and a default",
    wrapped(zoo("Family"), { nullable: true, default: {} }),
    { ...LEAF, nullable: true, default: {} },
  ],
  ["a reference without a wrapper", ref(zoo("Cage")), CAGE],
  [
    "a reference with a description beside it",
    { ...ref(zoo("Cage")), description: "That one." },
    { ...CAGE, description: "That one." },
  ],
  [
    "references in items",
    { type: "array", items: wrapped(zoo("Cage"), { default: {} }) },
    { type: "array", items: CAGE },
  ],
  [
    "references in maps",
    { type: "object", additionalProperties: wrapped(zoo("Cage")) },
    { type: "object", additionalProperties: CAGE },
  ],
  [
    "bare references in maps",
    { type: "object", additionalProperties: ref(zoo("Cage")) },
    { type: "object", additionalProperties: CAGE },
  ],
  ["a type within itself is open there", ref(zoo("Family")), LEAF],
  [
    "types within each other are open there",
    ref(zoo("Hen")),
    {
      type: "object",
      properties: { lays: { type: "object", properties: { hatches: { ...OPEN, description: "What comes of it." } } } },
    },
  ],
  [
    "an integer or a text, by name",
    wrapped("io.k8s.apimachinery.pkg.util.intstr.IntOrString", { default: 0 }),
    { ...EITHER, default: 0 },
  ],
  ["an integer or a text, by form", ref(zoo("Either")), EITHER],
  [
    "an integer or a text, by format",
    { ...text, format: "int-or-string", description: "A port." },
    { ...EITHER, description: "A port." },
  ],
  ["a quantity", wrapped("io.k8s.apimachinery.pkg.api.resource.Quantity", { description: "Quantity." }), QUANTITY],
  [
    "a map of quantities",
    { type: "object", additionalProperties: ref("io.k8s.apimachinery.pkg.api.resource.Quantity") },
    { type: "object", additionalProperties: EITHER },
  ],
  [
    "a time, whose default is no time",
    wrapped(meta("Time"), { default: {}, description: "When." }),
    { ...text, format: "date-time", description: "When." },
  ],
  ["a time to the microsecond", ref(meta("MicroTime")), { ...text, format: "date-time" }],
  ["a duration", ref(meta("Duration")), text],
  ["a raw extension", wrapped("io.k8s.apimachinery.pkg.runtime.RawExtension"), OPEN],
  ["a set of fields", ref(meta("FieldsV1")), OPEN],
  ["metadata of an object within", wrapped(meta("ObjectMeta"), { default: {} }), { ...OPEN, default: {} }],
  ["any JSON", ref("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"), ANY],
  [
    "a type that says nothing of what it is",
    ref("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool"),
    { ...ANY, description: "Or a boolean." },
  ],
  ["a type without fields", ref(zoo("Nothing")), { ...OPEN, description: "Says nothing." }],
  [
    "two types at once",
    { allOf: [ref(zoo("Cage")), ref(zoo("Extra"))], description: "Both." },
    {
      type: "object",
      description: "Both.",
      required: ["name", "extra"],
      properties: { ...CAGE.properties, name: { ...CAGE.properties.name, maxLength: 9 }, extra: text },
    },
  ],
  [
    "two conditions that say different things",
    {
      allOf: [
        { ...text, minLength: 2 },
        { minLength: 1, maxLength: 3 },
      ],
    },
    { ...text, minLength: 2, maxLength: 3, allOf: [{ minLength: 1 }] },
  ],
  ["a reference to nothing", ref("org.example.Missing"), ANY],
  [
    "a reference to another document",
    { $ref: "other.json#/components/schemas/X", description: "Away." },
    { ...ANY, description: "Away." },
  ],
  [
    "a reference to a name with signs in it",
    { $ref: `${PREFIX}org.example.zoo.pkg.apis.v1.Text~1Form` },
    { ...text, minLength: 1 },
  ],
  [
    "the same, escaped otherwise",
    { $ref: `${PREFIX}org.example.zoo.pkg.apis.v1.Text%7E1Form` },
    { ...text, minLength: 1 },
  ],
  [
    "a list whose keys are there",
    {
      type: "array",
      items: ref(meta("Condition")),
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
    },
    {
      type: "array",
      items: {
        type: "object",
        required: ["type", "status", "lastTransitionTime"],
        properties: {
          type: zero,
          status: zero,
          lastTransitionTime: { ...text, format: "date-time", description: "Time is a wrapper." },
        },
      },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
    },
  ],
  [
    "a list whose key may be missing merges as one",
    {
      type: "array",
      items: ref(zoo("Extra")),
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    },
    {
      type: "array",
      items: { type: "object", required: ["extra"], properties: { extra: text, name: { ...text, maxLength: 9 } } },
      "x-kubernetes-list-type": "atomic",
    },
  ],
  [
    "a set of objects merges as one",
    { type: "array", items: ref(zoo("Cage")), "x-kubernetes-list-type": "set" },
    { type: "array", items: CAGE, "x-kubernetes-list-type": "atomic" },
  ],
  [
    "fields and other fields",
    { type: "object", properties: { a: text }, additionalProperties: text },
    { type: "object", properties: { a: text }, "x-kubernetes-preserve-unknown-fields": true },
  ],
  [
    "fields and no others",
    { type: "object", properties: { a: text }, additionalProperties: false },
    { type: "object", properties: { a: text } },
  ],
  ["a map of anything", { type: "object", additionalProperties: true }, { type: "object", additionalProperties: ANY }],
  [
    "a map of what is not described",
    { type: "object", additionalProperties: {} },
    { type: "object", additionalProperties: ANY },
  ],
  ["a list of what is not described", { type: "array" }, { type: "array", items: ANY }],
  ["a type that there is not", { type: "null", description: "?" }, { ...ANY, description: "?" }],
  ["several types", { type: ["string", "null"] }, ANY],
  [
    "what a definition may not say",
    {
      type: "array",
      items: text,
      uniqueItems: true,
      readOnly: true,
      example: ["a"],
      externalDocs: { url: "https://example.org" },
      discriminator: { propertyName: "x" },
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-patch-strategy": "merge",
      "x-kubernetes-unions": [{ fields: [] }],
      "x-kubernetes-list-type": "sorted",
      "x-my-own": 1,
    },
    { type: "array", items: text },
  ],
  [
    "values of the wrong form",
    { ...text, maxLength: "3", minLength: -1, pattern: "(?!x)", enum: [], title: "T" },
    { ...text, title: "T" },
  ],
  ["a default that is none of the choices", { ...text, enum: ["A", "B"], default: "" }, { ...text, enum: ["A", "B"] }],
  ["a default of another type", { type: "boolean", default: "" }, { type: "boolean" }],
  [
    "conditions with types and texts in them",
    {
      ...text,
      anyOf: [
        { type: "string", maxLength: 2, description: "Short." },
        { pattern: "^long", default: "x", nullable: true },
      ],
    },
    { ...text, anyOf: [{ maxLength: 2 }, { pattern: "^long" }] },
  ],
  [
    "conditions that are types",
    { oneOf: [{ type: "string" }, { type: "array", items: text }], description: "One or several." },
    { ...ANY, description: "One or several." },
  ],
  [
    "exactly one of conditions, of which one is lost in part",
    { ...text, oneOf: [{ maxLength: 2 }, { pattern: "^x", additionalProperties: text }] },
    { ...text, allOf: [{ anyOf: [{ maxLength: 2 }, { pattern: "^x" }] }] },
  ],
  ["none of what is lost in part", { ...text, not: { pattern: "^x", type: "integer" } }, text],
  [
    "conditions on fields that are not there",
    { type: "object", properties: { a: text }, anyOf: [{ required: ["a"] }, { properties: { b: { minLength: 1 } } }] },
    { type: "object", properties: { a: text } },
  ],
  [
    "conditions behind references",
    { type: "object", properties: { extra: text, name: text }, allOf: [ref(zoo("Extra"))] },
    { type: "object", properties: { extra: text, name: { ...text, maxLength: 9 } }, required: ["extra"] },
  ],
  [
    "rules in CEL",
    {
      ...text,
      "x-kubernetes-validations": [{ rule: "self != 'x'", message: "no x", unknown: 1 }, { message: "no rule" }],
    },
    { ...text, "x-kubernetes-validations": [{ rule: "self != 'x'", message: "no x" }] },
  ],
];

export const GVK = { group: "zoo.example.org", version: "v1", kind: "Zoo" };

/** A document with the kind Zoo, which has the given fields in its spec. */
export const zooDocument = (properties: JsonObject, types: JsonObject = TYPES): JsonObject => ({
  components: {
    schemas: {
      ...types,
      [zoo("ZooSpec")]: { type: "object", properties },
      [zoo("ZooStatus")]: { type: "object", properties: { ready: { type: "boolean", default: false } } },
      [zoo("Zoo")]: {
        type: "object",
        description: "A Zoo.",
        required: ["spec"],
        properties: {
          apiVersion: text,
          kind: text,
          metadata: wrapped(meta("ObjectMeta"), { default: {} }),
          spec: wrapped(zoo("ZooSpec"), { default: {}, description: "What is wanted." }),
          status: wrapped(zoo("ZooStatus"), { default: {} }),
        },
        "x-kubernetes-group-version-kind": [GVK],
      },
    },
  },
});
