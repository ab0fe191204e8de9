// What documents of servers built on Go types come to, construct by construct. That a server takes it: accepted.test.ts.

import { describe, expect, test } from "vitest";

import type { JsonObject } from "../../../crds/json.ts";
import { FIELDS, zooDocument } from "./go-document.ts";
import { rootOf, synthesized } from "./synthesized.ts";

const fieldOf = (published: JsonObject): unknown => {
  const { properties } = rootOf(synthesized(zooDocument({ field: published }))) as never as {
    properties: { spec: { properties: { field: unknown } } };
  };
  return properties.spec.properties.field;
};

describe("of a field published from a Go type,", () => {
  test.each(FIELDS)("%s", (_about, published, expected) => {
    expect(fieldOf(published)).toEqual(expected);
  });
});

test("the whole has its description, its fields without the header, and no status before there is one", () => {
  expect(rootOf(synthesized(zooDocument({})))).toEqual({
    type: "object",
    description: "A Zoo.",
    required: ["spec"],
    properties: {
      spec: {
        type: "object",
        "x-kubernetes-preserve-unknown-fields": true,
        description: "What is wanted.",
        default: {},
      },
      status: { type: "object", properties: { ready: { type: "boolean", default: false } } },
    },
  });
});
