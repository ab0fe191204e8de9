import { test as prop, fc } from "./properties.ts";
import { describe, expect, test } from "vitest";

import { canonical, contentHash, schemaHash } from "../../crds/canonical.ts";
import { parseJson, sameJson, type Json } from "../../crds/json.ts";

const json = fc.jsonValue() as fc.Arbitrary<Json>;

/** The same value with its keys in the opposite order. */
const reversed = (value: Json): Json => {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  const copy = Object.create(null) as Record<string, Json>;
  for (const [key, field] of Object.entries(value).reverse()) copy[key] = reversed(field as Json);
  return copy;
};

describe("the canonical text of a value", () => {
  prop("does not depend on the order of keys", json, (value) => {
    expect(canonical(reversed(value))).toBe(canonical(value));
  });

  prop("is JSON of the same value", json, (value) => {
    // -0 is the one value that JSON.stringify does not write back.
    expect(sameJson(parseJson(canonical(value)) as Json, parseJson(JSON.stringify(value)) as Json)).toBe(true);
  });

  prop("differs where the values differ", fc.tuple(json, json), ([a, b]) => {
    const same = sameJson(parseJson(JSON.stringify(a)) as Json, parseJson(JSON.stringify(b)) as Json);
    expect(canonical(a) === canonical(b)).toBe(same);
  });

  test("has its keys sorted, at every depth", () => {
    expect(canonical({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
  });

  test("keeps numbers digit for digit, in values whose keys are in order and in others", () => {
    const text = '{"a":9007199254740993,"b":1.10,"c":1e3,"d":-0}';
    expect(canonical(parseJson(text))).toBe(text);
    expect(canonical(parseJson('{"d":-0,"c":1e3,"b":1.10,"a":9007199254740993}'))).toBe(text);
  });

  test("leaves out undefined fields, as a request body does", () => {
    expect(canonical({ b: undefined, a: 1 })).toBe('{"a":1}');
    expect(canonical(undefined)).toBe("null");
  });

  test("takes a key called __proto__ for data", () => {
    expect(canonical(parseJson('{"b":1,"__proto__":{"x":1}}'))).toBe('{"__proto__":{"x":1},"b":1}');
  });
});

describe("hashes", () => {
  test("of a schema have the form of the annotation", () => {
    // printf '{"a":1,"b":2}' | sha256sum
    expect(schemaHash({ b: 2, a: 1 })).toBe("sha256:43258cff783fe703");
  });

  test("of content are 16 characters", () => {
    expect(contentHash({})).toMatch(/^[A-Za-z0-9+/]{16}$/);
  });

  prop("are equal exactly where the texts are", fc.tuple(json, json), ([a, b]) => {
    expect(contentHash(a) === contentHash(b)).toBe(canonical(a) === canonical(b));
    expect(schemaHash(a) === schemaHash(b)).toBe(canonical(a) === canonical(b));
  });
});
