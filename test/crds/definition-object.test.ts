import { describe, expect, test } from "vitest";

import {
  compareVersions,
  hasWebhookConversion,
  isEstablished,
  namesAccepted,
  resourceOf,
  syncedVersion,
} from "../../crds/definition-object.ts";
import { fc, test as prop } from "./properties.ts";
import { ESTABLISHED, version, widgetCrd } from "./widget-crd.ts";

const names = fc.oneof(
  fc.constantFrom("v1", "v2", "v11", "v1beta1", "v1beta2", "v11alpha2", "v3alpha1", "foo1", "foo10", "v0", "v1beta"),
  fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/),
);

describe("versions", () => {
  test("are ordered as Kubernetes documents it", () => {
    const documented = [
      "v10",
      "v2",
      "v1",
      "v11beta2",
      "v10beta3",
      "v3beta1",
      "v12alpha1",
      "v11alpha2",
      "foo1",
      "foo10",
    ];
    expect(documented.toReversed().sort(compareVersions)).toEqual(documented);
  });

  prop("have one order, whatever the order in which they come", fc.uniqueArray(names), (list) => {
    expect(list.toReversed().sort(compareVersions)).toEqual(list.toSorted(compareVersions));
  });
});

describe("the version that is synced", () => {
  const of = (...versions: ReturnType<typeof version>[]) => syncedVersion(widgetCrd({ spec: { versions } }))?.name;

  test("is the storage version where that is served", () => {
    expect(of(version("v2"), version("v1beta1", { storage: true }))).toBe("v1beta1");
  });

  test("is the served one that counts most where the storage version is not served", () => {
    expect(of(version("v1alpha1"), version("v1beta1"), version("v2", { served: false, storage: true }))).toBe(
      "v1beta1",
    );
  });

  test("does not exist where none is served", () => {
    expect(of(version("v1", { served: false, storage: true }))).toBeUndefined();
  });
});

test("requests go to the plural at the synced version", () => {
  expect(resourceOf(widgetCrd())).toEqual({
    group: "example.org",
    version: "v1",
    resource: "widgets",
    kind: "Widget",
    namespaced: true,
  });
  expect(resourceOf(widgetCrd({ spec: { scope: "Cluster" } }))?.namespaced).toBe(false);
  expect(resourceOf(widgetCrd({ spec: { versions: [] } }))).toBeUndefined();
});

test("a conversion webhook is seen", () => {
  expect(hasWebhookConversion(widgetCrd({ spec: { conversion: { strategy: "Webhook" } } }))).toBe(true);
  expect(hasWebhookConversion(widgetCrd({ spec: { conversion: undefined } }))).toBe(false);
});

test("a definition counts as served, and its names as accepted, only when the server says so", () => {
  expect([isEstablished(widgetCrd()), namesAccepted(widgetCrd())]).toEqual([false, false]);
  const served = widgetCrd({ status: { conditions: ESTABLISHED } });
  expect([isEstablished(served), namesAccepted(served)]).toEqual([true, true]);
});
