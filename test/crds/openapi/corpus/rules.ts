// Samples of conditions that concern several fields: CEL rules, and anyOf, allOf, oneOf and not.

import { integer, spec, specs, text, type Body, type Sample } from "./sample.ts";

const rules = (...list: Body[]) => ({ "x-kubernetes-validations": list });
const has = (...required: string[]) => ({ required });

export const RULES: Sample[] = [
  {
    covers: "CEL rules: with messages, reasons and paths, on fields and on the whole",
    plural: "rulings",
    schema: {
      ...spec(
        {
          min: integer,
          max: { ...integer, ...rules({ rule: "self != 13", reason: "FieldValueForbidden", message: "unlucky" }) },
        },
        rules(
          {
            rule: "!has(self.min) || !has(self.max) || self.min <= self.max",
            message: "min over max",
            fieldPath: ".min",
          },
          {
            rule: "!has(self.max) || self.max < 100",
            messageExpression: "self.max > 1000 ? 'far too much' : 'too much'",
          },
        ),
      ),
      ...rules({ rule: "self.metadata.name != 'forbidden' && self.kind == 'Ruling'", message: "that name" }),
    },
    accepted: specs({ min: 1, max: 2 }, {}),
    refused: specs({ min: 3, max: 2 }, { max: 13 }, { max: 100 }),
  },
  {
    covers: "CEL rules about a change",
    plural: "constants",
    schema: spec({
      fixed: { ...text, ...rules({ rule: "self == oldSelf", message: "never changes" }) },
      once: {
        ...text,
        ...rules({ rule: "oldSelf.hasValue() || self == 'new'", optionalOldSelf: true, message: "new first" }),
      },
      parts: {
        type: "array",
        maxItems: 10,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        items: {
          type: "object",
          required: ["name"],
          properties: {
            name: text,
            size: { ...integer, ...rules({ rule: "self >= oldSelf", message: "only grows" }) },
          },
        },
      },
    }),
    accepted: specs({ fixed: "a", once: "new" }),
    refused: specs({ once: "old" }),
    refusedChanges: [
      [{ spec: { fixed: "a" } }, { spec: { fixed: "b" } }],
      [{ spec: { parts: [{ name: "a", size: 2 }] } }, { spec: { parts: [{ name: "a", size: 1 }] } }],
    ],
  },
  {
    covers: "CEL rules over lists and maps",
    plural: "tallies",
    schema: spec({
      list: {
        type: "array",
        maxItems: 5,
        items: { ...integer, ...rules({ rule: "self > 0", message: "positive" }) },
        ...rules({ rule: "self.all(x, self.exists_one(y, x == y))", message: "all different" }),
      },
      map: {
        type: "object",
        maxProperties: 5,
        additionalProperties: { ...text, maxLength: 5 },
        ...rules({ rule: "self.all(k, k.startsWith('a'))", message: "keys with a" }),
      },
      either: {
        "x-kubernetes-int-or-string": true,
        anyOf: [integer, text],
        ...rules({ rule: "type(self) == int ? self > 0 : self.endsWith('%')", message: "more than nothing" }),
      },
    }),
    accepted: specs({ list: [1, 2], map: { ab: "c" }, either: 1 }, { either: "5%" }),
    refused: specs({ list: [1, 1] }, { list: [0] }, { map: { b: "c" } }, { either: 0 }, { either: "5" }),
  },
  {
    covers: "exactly one of several fields",
    plural: "alternatives",
    schema: spec(
      { a: text, b: text, c: text },
      { oneOf: [has("a"), has("b"), { ...has("c"), properties: { c: { minLength: 2 } } }] },
    ),
    accepted: specs({ a: "x" }, { c: "xx" }),
    refused: specs({}, { a: "x", b: "y" }, { c: "x" }),
  },
  {
    covers: "at least one of several",
    plural: "options",
    schema: spec({
      choice: { ...text, anyOf: [{ maxLength: 2 }, { pattern: "^long" }, { enum: ["other"] }] },
      part: {
        type: "object",
        properties: { a: integer, b: integer },
        anyOf: [has("a"), { properties: { b: { minimum: 5 } }, ...has("b") }],
      },
    }),
    accepted: specs({ choice: "ab" }, { choice: "longer" }, { choice: "other" }, { part: { b: 5 } }),
    refused: specs({ choice: "another" }, { part: {} }, { part: { b: 1 } }),
  },
  {
    covers: "all of several, and none",
    plural: "restrictions",
    schema: spec({
      name: {
        ...text,
        allOf: [{ minLength: 2 }, { not: { pattern: "^x" } }, { anyOf: [{ maxLength: 4 }, { enum: ["longer"] }] }],
      },
      no: { ...text, not: { enum: ["never", "ever"] } },
      not: { type: "object", properties: { a: integer, b: integer }, not: has("a", "b") },
    }),
    accepted: specs({ name: "abcd" }, { name: "longer" }, { no: "now" }, { not: { a: 1 } }),
    refused: specs({ name: "a" }, { name: "xa" }, { name: "abcde" }, { no: "ever" }, { not: { a: 1, b: 2 } }),
  },
  {
    covers: "conditions on fields and items far inside",
    plural: "policies",
    schema: spec(
      {
        rules: {
          type: "array",
          items: { type: "object", properties: { path: text, weight: integer } },
        },
        target: { type: "object", properties: { kind: text, name: text } },
      },
      {
        allOf: [
          {
            properties: {
              rules: { minItems: 1, items: { ...has("path"), properties: { weight: { minimum: 0, maximum: 9 } } } },
              target: {
                oneOf: [
                  { properties: { kind: { enum: ["A"] } } },
                  { ...has("name"), properties: { kind: { enum: ["B"] } } },
                ],
              },
            },
          },
        ],
      },
    ),
    accepted: specs({ rules: [{ path: "/", weight: 5 }], target: { kind: "A" } }, { target: { kind: "B", name: "b" } }),
    refused: specs({ rules: [] }, { rules: [{}] }, { rules: [{ path: "/", weight: 10 }] }, { target: { kind: "B" } }),
  },
  {
    covers: "conditions on the whole object, where there is no status",
    plural: "wholes",
    schema: {
      type: "object",
      properties: { a: text, b: text },
      anyOf: [has("a"), has("b")],
      not: has("a", "b"),
      maxProperties: 4,
    },
    accepted: [{ a: "x" }],
    refused: [{}, { a: "x", b: "y" }],
  },
];
