// Documents of every kind that anybody could publish, right and wrong: for properties of what is made of them.

import { fc } from "../properties.ts";
import type { JsonObject } from "../../../crds/json.ts";
import { ref, zooDocument } from "./go-document.ts";

const NAMES = ["A", "B", "C", "D"];
const FIELDS = ["a", "b", "c", "metadata", "kind", "spec"];

const named = fc.constantFrom(...NAMES);
const field = fc.constantFrom(...FIELDS);
const text = fc.constantFrom("", "x", "a description", "int-or-string", "date-time");
const value = fc.oneof(
  { withCrossShrink: true },
  fc.constantFrom<unknown>(null, true, 0, 1, -1, 1.5, "", "x", [], {}, ["x"], { a: "x" }, { a: {} }, [{}]),
  fc.jsonValue({ maxDepth: 2, depthSize: "small" }),
);
const TYPES = ["string", "integer", "number", "boolean", "array", "object", "null", "any", ""];

/** What stands where it should not, or is of a form that it should not have. */
const wrong = fc.record(
  {
    type: fc.oneof(fc.constantFrom(...TYPES), fc.constant(["string", "null"])),
    format: value,
    minLength: value,
    pattern: fc.constantFrom("(?!x)", "\\1", "^a", "[(?=]"),
    enum: fc.oneof(value, fc.array(value, { maxLength: 3 })),
    required: fc.oneof(value, fc.array(fc.oneof(field, value), { maxLength: 3 })),
    uniqueItems: fc.boolean(),
    additionalProperties: fc.boolean(),
    description: value,
    nullable: value,
    $schema: text,
    definitions: value,
    "x-kubernetes-preserve-unknown-fields": value,
    "x-kubernetes-embedded-resource": value,
    "x-kubernetes-int-or-string": value,
    "x-kubernetes-list-type": fc.oneof(value, fc.constantFrom("map", "set", "atomic")),
    "x-kubernetes-list-map-keys": fc.oneof(value, fc.array(field, { maxLength: 2 })),
    "x-kubernetes-map-type": fc.oneof(value, fc.constantFrom("atomic", "granular")),
    "x-kubernetes-validations": fc.oneof(value, fc.constant([{ rule: "true" }])),
    "x-kubernetes-group-version-kind": value,
    "x-anything": value,
  },
  { requiredKeys: [] },
);

const bounds = fc.record(
  {
    minLength: fc.nat(3),
    maxLength: fc.nat(3),
    minimum: fc.integer({ min: -2, max: 2 }),
    maximum: fc.integer({ min: -2, max: 2 }),
    exclusiveMinimum: fc.boolean(),
    pattern: fc.constantFrom("^x", "a$"),
    minItems: fc.nat(2),
    maxProperties: fc.nat(2),
    enum: fc.array(fc.constantFrom<unknown>("x", "a", 1, 0, true, null), { minLength: 1, maxLength: 3 }),
    required: fc.uniqueArray(field, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

const texts = fc.record(
  { description: text, title: text, default: value, nullable: fc.boolean() },
  { requiredKeys: [] },
);

const flags = fc.record(
  {
    "x-kubernetes-preserve-unknown-fields": fc.constant(true),
    "x-kubernetes-embedded-resource": fc.constant(true),
    "x-kubernetes-int-or-string": fc.constant(true),
    "x-kubernetes-list-type": fc.constantFrom("map", "set", "atomic"),
    "x-kubernetes-list-map-keys": fc.constantFrom(["a"], ["a", "b"]),
    "x-kubernetes-map-type": fc.constantFrom("atomic", "granular"),
    "x-kubernetes-validations": fc.constant([{ rule: "true", message: "no" }]),
  },
  { requiredKeys: [] },
);

const some = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 2 });
const maybe = (one: fc.Arbitrary<object>) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: one });
const merged = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<JsonObject> =>
  fc.tuple(...parts).map((all) => Object.assign({}, ...all) as JsonObject);

/** Any node of a schema. */
export const node = fc.letrec<{ node: JsonObject; condition: JsonObject }>((tie) => {
  const properties = fc.dictionary(field, tie("node"), { maxKeys: 3 });
  const structured = fc.oneof(
    fc.record({ type: fc.constantFrom("string", "integer", "number", "boolean") }),
    fc.record({ type: fc.constant("object"), properties }),
    fc.record({ type: fc.constant("object"), additionalProperties: fc.oneof(tie("node"), fc.boolean()) }),
    fc.record({ type: fc.constant("object"), properties, additionalProperties: tie("node") }),
    fc.record({ type: fc.constant("array"), items: tie("node") }),
    fc.record({ properties }),
    fc.constant({}),
  );
  const conditions = fc.oneof(
    fc.record({ anyOf: some(tie("condition")) }),
    fc.record({ oneOf: some(tie("condition")) }),
    fc.record({ allOf: some(tie("condition")) }),
    fc.record({ not: tie("condition") }),
    fc.constantFrom(
      { oneOf: [{ type: "string" }, { type: "integer" }] },
      { anyOf: [{ type: "integer" }, { type: "string" }] },
    ),
  );
  const reference = named.map(ref);
  return {
    node: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      merged(structured, texts),
      merged(reference, maybe(texts)),
      merged(
        some(reference).map((allOf) => ({ allOf })),
        maybe(texts),
        maybe(structured),
      ),
      merged(structured, maybe(bounds), maybe(conditions), maybe(flags), texts, maybe(wrong)),
    ),
    condition: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      bounds as fc.Arbitrary<object>,
      merged(bounds, maybe(structured)),
      merged(bounds, maybe(conditions), maybe(texts)),
      reference as fc.Arbitrary<object>,
    ) as fc.Arbitrary<JsonObject>,
  };
}).node;

const types = fc.record(Object.fromEntries(NAMES.map((name) => [name, node])));

/** A document with the kind Zoo, whose spec and types may be anything. */
export const documents = fc
  .tuple(fc.dictionary(field, node, { maxKeys: 4 }), types)
  .map(([properties, all]) => zooDocument(properties, all as JsonObject));
