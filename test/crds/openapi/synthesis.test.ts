// What a definition made of a document says beside the schema, and what becomes of it when it is opened.

import { describe, expect, test } from "vitest";

import type { DiscoveredResource } from "../../../crds/openapi/discovered.ts";
import { exportableApis } from "../../../crds/openapi/exportable.ts";
import { openedCrd, synthesizeCrd } from "../../../crds/openapi/synthesis.ts";
import { group } from "./discovery.ts";
import { rootOf } from "./synthesized.ts";

const GVK = { group: "example.org", version: "v1", kind: "Widget" };

const document = (schema: object, more: object = {}) => ({
  components: {
    schemas: {
      "org.example.v1.Widget": { ...schema, "x-kubernetes-group-version-kind": [GVK] },
      "org.example.v1.Gaggle": { "x-kubernetes-group-version-kind": [{ ...GVK, kind: "Gaggle" }] },
    },
  },
  ...more,
});

const made = (resource: Partial<DiscoveredResource> = {}, from: unknown = document({ type: "object" })) => {
  const [api] = exportableApis([group(resource.group ?? "example.org", resource)], () => false);
  return api === undefined ? undefined : synthesizeCrd(api, from);
};

const version = (resource: Partial<DiscoveredResource>, from?: unknown) => made(resource, from)?.spec.versions[0];

const text = { type: "string" };
const integer = { type: "integer" };
const object = (properties: object) => ({ type: "object", properties });
const sub = (name: string, kind = "Scale") => ({ name, group: "autoscaling", version: "v1", kind });

describe("a definition", () => {
  test("has the names, the scope and the subresources that discovery tells of", () => {
    const crd = made({ shortNames: ["wd"], categories: ["all"] });
    expect(crd?.metadata.name).toBe("widgets.example.org");
    expect(crd?.spec).toMatchObject({
      group: "example.org",
      scope: "Namespaced",
      names: {
        plural: "widgets",
        singular: "widget",
        kind: "Widget",
        listKind: "WidgetList",
        shortNames: ["wd"],
        categories: ["all"],
      },
      versions: [{ name: "v1", served: true, storage: true, subresources: { status: {} } }],
    });
  });

  test("has only names that an API server takes, each once", () => {
    const shortNames = ["wd", "wd", "Wd", "", "1w", "w_d", "x".repeat(64)];
    expect(made({ shortNames, categories: ["ALL"], singular: "" })?.spec.names).toEqual({
      plural: "widgets",
      singular: "widget",
      kind: "Widget",
      listKind: "WidgetList",
      shortNames: ["wd"],
    });
  });

  test("is not made where an API server would take none", () => {
    expect(made({ group: "apps" })).toBeUndefined();
    expect(made({ version: "v1.0" })).toBeUndefined();
    expect(made({ resource: "Widgets" })).toBeUndefined();
    expect(made({ kind: "Wid get" })).toBeUndefined();
  });

  test("is not made of what a document does not describe", () => {
    expect(made()).toBeDefined();
    for (const nothing of [null, 1, "", [], {}, { components: null }, { components: { schemas: [] } }])
      expect(made({}, nothing)).toBeUndefined();
    expect(made({ kind: "Gadget" })).toBeUndefined();
  });

  test("has the list kind that its list has, and is deprecated if that is", () => {
    const list = { $ref: "#/components/schemas/org.example.v1.Gaggle" };
    const content = { "application/json": { schema: list } };
    const get = { deprecated: true, responses: { "200": { content } } };
    const paths = { "/apis/example.org/v1/namespaces/{namespace}/widgets": { get } };
    const crd = made({}, document({ type: "object" }, { paths }));
    expect(crd?.spec.names["listKind"]).toBe("Gaggle");
    expect(crd?.spec.versions[0]).toMatchObject({ deprecated: true });
  });

  const scaled = (spec: object, status: object) =>
    version({ subresources: [sub("scale")] }, document(object({ spec: object(spec), status: object(status) })));

  test("can be scaled by the fields that nearly everybody uses, and not by others", () => {
    expect(scaled({ replicas: integer }, { replicas: integer, selector: text })).toMatchObject({
      subresources: {
        scale: {
          specReplicasPath: ".spec.replicas",
          statusReplicasPath: ".status.replicas",
          labelSelectorPath: ".status.selector",
        },
      },
    });
    expect(scaled({ replicas: integer }, { replicas: integer })?.["subresources"]).not.toHaveProperty(
      "scale.labelSelectorPath",
    );
    expect(scaled({ size: integer }, { replicas: integer })).not.toHaveProperty("subresources");
    expect(scaled({ replicas: text }, { replicas: integer })).not.toHaveProperty("subresources");
    const odd = { subresources: [sub("scale", "Size")] };
    const schema = object({ spec: object({ replicas: integer }), status: object({ replicas: integer }) });
    expect(version(odd, document(schema))).not.toHaveProperty("subresources");
  });

  test("has the published fields to select by, if they are there and of the right type", () => {
    const published = ["spec.a", "spec.a", "spec.none", "spec", "metadata.name", 1].map((fieldPath) => ({ fieldPath }));
    const schema = {
      ...object({ spec: object({ a: text }) }),
      "x-kubernetes-selectable-fields": [...published, "spec.a", null],
    };
    expect(version({}, document(schema))).toMatchObject({ selectableFields: [{ jsonPath: ".spec.a" }] });
  });
});

describe("an opened definition", () => {
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

  test("accepts anything in its fields, of whatever type they are, and cannot be selected by them", () => {
    const schema = {
      ...object({
        spec: { ...object({ a: text }), description: "Wanted." },
        status: object({}),
        data: text,
        kind: text,
      }),
      required: ["spec"],
      "x-kubernetes-validations": [{ rule: "self.spec.a != 'x'" }],
      "x-kubernetes-selectable-fields": [{ fieldPath: "spec.a" }],
    };
    const crd = made({}, document(schema));
    if (crd === undefined) throw new Error("no definition");
    const opened = openedCrd(crd);
    expect(rootOf(opened)).toEqual({
      type: "object",
      properties: {
        spec: { ...open, description: "Wanted." },
        status: open,
        data: { "x-kubernetes-preserve-unknown-fields": true },
      },
    });
    expect(opened.spec.versions[0]).not.toHaveProperty("selectableFields");
    expect({ ...opened.spec, versions: [] }).toEqual({ ...crd.spec, versions: [] });
  });

  test("has nothing but an open object where it had no fields", () => {
    const crd = made();
    if (crd === undefined) throw new Error("no definition");
    expect(rootOf(openedCrd(crd))).toEqual(open);
  });
});
