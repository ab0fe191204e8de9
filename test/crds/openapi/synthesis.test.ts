import { expect, test } from "vitest";

import { exportableApis } from "../../../crds/openapi/exportable.ts";
import { openedCrd, synthesizeCrd } from "../../../crds/openapi/synthesis.ts";
import { group } from "./discovery.ts";

const api = () => {
  const [only] = exportableApis([group("example.org", { shortNames: ["wd"], categories: ["all"] })], () => false);
  if (only === undefined) throw new Error("nothing exportable");
  return only;
};

const document = (schema: object) => ({
  components: {
    schemas: {
      "org.example.v1.Widget": {
        ...schema,
        "x-kubernetes-group-version-kind": [{ group: "example.org", version: "v1", kind: "Widget" }],
      },
    },
  },
});

test("a definition has the names, the scope and the subresources that discovery tells of", () => {
  const crd = synthesizeCrd(api(), document({ type: "object" }));
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

test("what a document does not describe has no definition", () => {
  expect(synthesizeCrd(api(), document({ type: "object" }))).toBeDefined();
  for (const nothing of [undefined, null, 1, "", [], {}, { components: null }, { components: { schemas: [] } }])
    expect(synthesizeCrd(api(), nothing)).toBeUndefined();
});

test("an opened definition accepts anything in its fields", () => {
  const crd = synthesizeCrd(api(), document({ type: "object", properties: { spec: { type: "object" }, kind: {} } }));
  const open = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  expect(openedCrd(crd as never).spec.versions[0]?.["schema"]).toEqual({
    openAPIV3Schema: { type: "object", properties: { spec: open } },
  });
});
