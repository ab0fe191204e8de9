// What holds of every document, however wrong. That API servers take the results: accepted.test.ts.

import { describe, expect, test as vitestTest } from "vitest";

import { isRecord, type Json, type JsonObject } from "../../../crds/json.ts";
import { exportableApis } from "../../../crds/openapi/exportable.ts";
import { openedCrd, synthesizeCrd } from "../../../crds/openapi/synthesis.ts";
import { fc, test } from "../properties.ts";
import { group } from "./discovery.ts";
import { documents, node } from "./documents.ts";
import { GVK, zooDocument } from "./go-document.ts";
import { brokenRules } from "./structural-rules.ts";
import { rootOf, synthesized } from "./synthesized.ts";
import { takes } from "./takes.ts";

describe("whatever a document says,", () => {
  test("the schema made of it is structural, and so is the opened one", documents, (document) => {
    const crd = synthesized(document);
    expect(brokenRules(rootOf(crd))).toEqual([]);
    expect(brokenRules(rootOf(openedCrd(crd)))).toEqual([]);
  });

  test("the same comes of it again, and it is left as it was", documents, (document) => {
    const before = JSON.stringify(document);
    expect(synthesized(document)).toEqual(synthesized(document));
    expect(JSON.stringify(document)).toBe(before);
  });

  test("there is a definition, or none", fc.jsonValue(), (json) => {
    const [api] = exportableApis([group(GVK.group, { resource: "zoos", kind: GVK.kind })], () => false);
    if (api === undefined) throw new Error("nothing exportable");
    expect(synthesizeCrd(api, json)).toBeUndefined();
    const schema = {
      "x-kubernetes-group-version-kind": [GVK],
      ...(isRecord(json) ? (json as JsonObject) : { properties: json }),
    };
    const crd = synthesizeCrd(api, { components: { schemas: { Zoo: schema } } });
    expect(crd === undefined ? [] : brokenRules(rootOf(crd))).toEqual([]);
  });
});

const specOf = (published: JsonObject): JsonObject => {
  const root = rootOf(synthesized(zooDocument({ field: published }, {}))) as never as {
    properties: { spec: { properties: { field: JsonObject } } };
  };
  return root.properties.spec.properties.field;
};

const inner: Json[] = ["x", "a", 1, {}, [], { a: "x" }];
const values = fc.oneof(
  fc.constantFrom<Json[]>("", "x", "xa", "aaaa", 0, 1, -1, true, null, [], {}),
  fc.dictionary(fc.constantFrom("a", "b", "c", "kind"), fc.constantFrom(...inner), { maxKeys: 3 }),
  fc.array(fc.constantFrom(...inner), { maxLength: 2 }),
);

const PARTS = ["properties", "items", "additionalProperties"];

const partsOf = (schema: JsonObject): Json[] => {
  const { properties, items, additionalProperties } = schema;
  return [...Object.values(isRecord(properties) ? properties : {}), items ?? null, additionalProperties ?? null];
};

/** Formally, fields without a type are said of objects only; a definition takes it that nothing else is meant. */
const isTyped = (schema: Json): boolean => {
  if (!isRecord(schema)) return true;
  const wrapped = Array.isArray(schema["allOf"]) ? schema["allOf"] : [];
  const saysType = typeof schema["type"] === "string" || PARTS.every((part) => schema[part] === undefined);
  return saysType && [...wrapped, ...partsOf(schema)].every(isTyped);
};

describe("whatever a field is like,", () => {
  const cases = fc.tuple(node, values).filter(([published, value]) => isTyped(published) && takes(published, value));
  test("its definition takes each value that what is published of it does", cases, ([published, value]) => {
    expect(takes(specOf(published), value)).toBe(true);
  });
});

vitestTest("the judge of values tells what a schema takes", () => {
  const schema = { type: "object", properties: { a: { type: "string", not: { pattern: "^x" } } }, required: ["a"] };
  const objects: Json[] = [{ a: "a" }, { a: "x" }, {}, "a"];
  expect(objects.map((value) => takes(schema, value))).toEqual([true, false, false, false]);
});
