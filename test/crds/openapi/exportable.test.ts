import { describe, expect, test } from "vitest";

import { exportableApis } from "../../../crds/openapi/exportable.ts";
import { group } from "./discovery.ts";

const none = () => false;

describe("what can be exported by discovery alone", () => {
  test("is one entry for each resource, sorted by name, with all its versions in the provider's order", () => {
    const groups = [
      group("z.example.org", { version: "v2" }, { version: "v1" }, { version: "v1beta1" }),
      group("a.example.org", { resource: "things", namespaced: false }, { resource: "gadgets" }),
    ];
    expect(exportableApis(groups, none).map(({ exported }) => exported)).toEqual([
      {
        name: "gadgets.a.example.org",
        group: "a.example.org",
        resource: "gadgets",
        scope: "Namespaced",
        versions: ["v1"],
      },
      { name: "things.a.example.org", group: "a.example.org", resource: "things", scope: "Cluster", versions: ["v1"] },
      {
        name: "widgets.z.example.org",
        group: "z.example.org",
        resource: "widgets",
        scope: "Namespaced",
        versions: ["v2", "v1", "v1beta1"],
      },
    ]);
  });

  test("is served here in the preferred version, or the next one that has it", () => {
    const groups = [
      group("example.org", { resource: "gadgets", version: "v2" }, { version: "v1" }, { version: "v1beta1" }),
    ];
    expect(exportableApis(groups, none).map(({ resource }) => `${resource.resource}/${resource.version}`)).toEqual([
      "gadgets/v2",
      "widgets/v1",
    ]);
  });

  test("does not include what cannot be synced", () => {
    const verbs = (...names: string[]) => ({ resource: names.join("") || "none", verbs: names });
    const groups = [
      group(
        "example.org",
        verbs(),
        verbs("create"),
        verbs("get", "list", "watch"),
        verbs("get", "list", "watch", "create", "delete"),
        verbs("get", "list", "create", "delete", "patch"),
        verbs("get", "list", "watch", "create", "delete", "update"),
      ),
    ];
    expect(exportableApis(groups, none).map(({ exported }) => exported.resource)).toEqual([
      "getlistwatchcreatedeleteupdate",
    ]);
  });

  test("is served in a version that can be synced, even if the preferred one is read-only", () => {
    const [api] = exportableApis([group("example.org", { version: "v2", verbs: ["get"] }, { version: "v1" })], none);
    expect([api?.resource.version, api?.exported.versions]).toEqual(["v1", ["v2", "v1"]]);
  });

  test("leaves out excluded groups", () => {
    const groups = [group("apps", {}), group("example.org", {})];
    expect(exportableApis(groups, (name) => name === "apps").map(({ exported }) => exported.group)).toEqual([
      "example.org",
    ]);
  });
});
