// Samples of what a definition demands of single values.

import { integer, spec, specs, text, type Body, type Sample } from "./sample.ts";

const of = (...types: string[]): Body => Object.fromEntries(types.map((format) => [format, { ...text, format }]));

export const VALUES: Sample[] = [
  {
    covers: "bounds, patterns and lengths of texts",
    plural: "texts",
    schema: spec({
      name: { ...text, minLength: 2, maxLength: 5, pattern: "^[a-z]+(\\.[a-z]+)*$" },
      tricky: { ...text, pattern: "^[(?=a]*\\\\[1-9]?$", title: "A pattern with (?= where it means nothing" },
    }),
    accepted: specs({ name: "abc" }, { tricky: "((=\\" }, { name: "a.b" }),
    refused: specs({ name: "a" }, { name: "abcdef" }, { name: "ABC" }, { name: 1 }, { tricky: "b" }),
  },
  {
    covers: "bounds of numbers",
    plural: "amounts",
    schema: spec({
      whole: { ...integer, format: "int32", minimum: 1, maximum: 10 },
      open: { type: "number", minimum: 0, exclusiveMinimum: true, maximum: 1.5, exclusiveMaximum: true },
      step: { ...integer, format: "int64", multipleOf: 5, minimum: -9007199254740991 },
    }),
    accepted: specs({ whole: 1 }, { open: 0.25 }, { step: -10 }, { whole: 10, open: 1.25, step: 0 }),
    refused: specs({ whole: 0 }, { whole: 11 }, { whole: 1.5 }, { open: 0 }, { open: 1.5 }, { step: 3 }),
  },
  {
    covers: "enums, of texts and of numbers",
    plural: "choices",
    schema: spec({
      size: { ...text, enum: ["small", "large", ""], default: "small" },
      level: { ...integer, enum: [1, 2, 3] },
    }),
    accepted: specs({}, { size: "large" }, { size: "", level: 3 }),
    refused: specs({ size: "medium" }, { level: 4 }),
  },
  {
    covers: "formats",
    plural: "formats",
    schema: spec({
      ...of("date-time", "date", "duration", "uuid", "ipv4", "ipv6", "cidr", "byte", "email", "hostname", "uri"),
      unknown: { ...text, format: "my-own" },
      double: { type: "number", format: "double" },
    }),
    accepted: specs(
      { "date-time": "2026-01-01T00:00:00Z", date: "2026-01-01", duration: "5m", unknown: "x", double: 0.1 },
      { uuid: "123e4567-e89b-12d3-a456-426614174000", ipv4: "1.2.3.4", ipv6: "::1", cidr: "10.0.0.0/8", byte: "YQ==" },
    ),
    refused: specs({ "date-time": "yesterday" }, { ipv4: "1.2.3" }, { byte: "*" }, { uuid: "x" }, { date: "1.1." }),
  },
  {
    covers: "null beside a default, and null in objects and lists",
    plural: "nullables",
    schema: spec({
      label: { ...text, nullable: true, default: "none" },
      plain: { ...text, default: "filled" },
      part: { type: "object", nullable: true, properties: { a: text } },
      list: { type: "array", nullable: true, items: { ...text, nullable: true } },
    }),
    accepted: specs({}, { label: null }, { plain: null }, { part: null }, { list: null }, { list: [null, "a"] }),
    refused: specs({ label: 1 }, { part: [] }),
  },
  {
    covers: "fields that take integers and strings",
    plural: "ports",
    schema: spec({
      bare: { "x-kubernetes-int-or-string": true },
      usual: { "x-kubernetes-int-or-string": true, anyOf: [integer, text], description: "A port." },
      quantity: {
        "x-kubernetes-int-or-string": true,
        anyOf: [integer, text],
        pattern: "^(\\+|-)?[0-9]+(m|Ki|Mi)?$",
        default: "10Mi",
      },
      all: { "x-kubernetes-int-or-string": true, allOf: [{ anyOf: [integer, text] }, { maxLength: 3 }] },
      both: {
        "x-kubernetes-int-or-string": true,
        anyOf: [{ enum: [7, 8] }, { pattern: "%$", minimum: 100 }],
        default: 7,
      },
    }),
    accepted: specs({ bare: 1, usual: "http", quantity: 5 }, { bare: "x", both: "5%" }, { quantity: "3Ki", all: 1 }),
    refused: specs({ usual: true }, { usual: 1.5 }, { quantity: "x" }, { all: "long" }, { both: "5" }),
  },
  {
    covers: "maps of ports and of quantities",
    plural: "limits",
    schema: spec({
      limits: {
        type: "object",
        maxProperties: 2,
        additionalProperties: { "x-kubernetes-int-or-string": true, anyOf: [integer, text] },
      },
    }),
    accepted: specs({ limits: { cpu: 1, memory: "1Gi" } }),
    refused: specs({ limits: { cpu: true } }, { limits: { a: 1, b: 2, c: 3 } }),
  },
  {
    covers: "names of fields that mean something elsewhere",
    plural: "oddities",
    schema: spec(
      {
        properties: text,
        items: { type: "array", items: text },
        type: { ...text, default: "x" },
        default: { ...integer, default: 3 },
        $ref: text,
        not: text,
        allOf: { type: "object", properties: { required: text } },
        "a.b/c~d": text,
        ["__proto__"]: text,
        constructor: { ...text, maxLength: 3 },
        metadata: { type: "object", properties: { name: integer } },
        kind: { ...text, enum: ["A"] },
      },
      { required: ["properties"] },
    ),
    accepted: specs({ properties: "a", $ref: "b", "a.b/c~d": "c", constructor: "d", kind: "A", metadata: { name: 1 } }),
    refused: specs({}, { properties: "a", constructor: "long" }, { properties: "a", metadata: { name: "x" } }),
  },
];
