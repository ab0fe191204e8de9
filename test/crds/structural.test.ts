import { describe, expect, test } from "vitest";
import { z } from "zod";

import { DEFINITIONS } from "../../crds/definitions.ts";
import { structuralSchema, type StructuralSchema } from "../../crds/structural.ts";

const only = (field: z.ZodType) => structuralSchema(z.object({ field })).properties?.["field"];

describe("a structural schema", () => {
  test("says int64 of an integer, int32 of a short one, and keeps real bounds only", () => {
    expect(only(z.int().describe("n"))).toEqual({ type: "integer", format: "int64", description: "n" });
    expect(only(z.int32().describe("n"))).toEqual({ type: "integer", format: "int32", description: "n" });
    expect(only(z.int().min(0).max(9).describe("n"))).toMatchObject({ minimum: 0, maximum: 9 });
  });

  test("leaves the form of a date to its format", () => {
    expect(only(z.iso.datetime().describe("t"))).toEqual({ type: "string", format: "date-time", description: "t" });
  });

  test("requires what has neither a default nor is optional", () => {
    const schema = z.object({
      must: z.string().describe("m"),
      may: z.string().optional().describe("o"),
      defaulted: z.boolean().default(false).describe("d"),
    });
    expect(structuralSchema(schema).required).toEqual(["must"]);
  });

  test("names a default in the description, because kubectl explain does not", () => {
    expect(only(z.enum(["A", "B"]).default("B").describe("Which one."))).toMatchObject({
      default: "B",
      description: "Which one. Default: B.",
    });
  });

  test("carries what only Kubernetes knows", () => {
    const list = z.array(z.string().describe("i")).meta({ description: "l", "x-kubernetes-list-type": "set" });
    expect(only(list)).toEqual({
      description: "l",
      type: "array",
      items: { description: "i", type: "string" },
      "x-kubernetes-list-type": "set",
    });
  });

  test.each([
    ["a field without a description", z.string(), /field: needs a description/],
    ["a list item without a description", z.array(z.string()).describe("l"), /field\[\]: needs a description/],
    ["a choice of types", z.union([z.string(), z.int()]).describe("u"), /field: not allowed .*anyOf/],
    ["something of any type", z.any().describe("a"), /field: .*needs a type/],
  ])("refuses %s, naming the field", (_, field, message) => {
    expect(() => only(field)).toThrow(message);
  });
});

describe.each(DEFINITIONS.map((definition) => [definition.spec.names.kind, definition] as const))(
  "%s",
  (_, { spec }) => {
    const root = spec.versions[0]?.schema.openAPIV3Schema as StructuralSchema;

    const undescribed = (schema: StructuralSchema, path: string): string[] => {
      const children = [
        ...Object.entries(schema.properties ?? {}).map(([name, child]) => [`${path}.${name}`, child] as const),
        ...(schema.items ? [[`${path}[]`, schema.items] as const] : []),
      ];
      const own = schema.description !== undefined || path === ".metadata" ? [] : [path];
      return [...own, ...children.flatMap(([at, child]) => undescribed(child, at))];
    };

    test("describes every field in sentences", () => {
      expect(undescribed(root, "")).toEqual([]);
      expect(root.description).toMatch(/^An? .*\.$/);
    });

    test("requires its spec, and has a status subresource and the category", () => {
      expect(root.required).toEqual(["spec"]);
      expect(spec.versions[0]?.subresources).toEqual({ status: {} });
      expect(spec.names.categories).toEqual(["kube-bind"]);
    });
  },
);

test("the two binding kinds differ in nothing but name and scope", () => {
  const [, cluster, namespaced] = DEFINITIONS;
  const fields = (definition: typeof cluster) => {
    const { spec, status } = definition?.spec.versions[0]?.schema.openAPIV3Schema.properties ?? {};
    return { spec, status, columns: definition?.spec.versions[0]?.additionalPrinterColumns };
  };
  expect(fields(cluster)).toEqual(fields(namespaced));
  expect([cluster?.spec.scope, namespaced?.spec.scope]).toEqual(["Cluster", "Namespaced"]);
});
