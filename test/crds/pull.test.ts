import { describe, expect, test } from "vitest";

import type { Crd } from "../../crds/definition-object.ts";
import { consumerCrd } from "../../crds/pull.ts";
import { version, widgetCrd, type CrdParts } from "./widget-crd.ts";

const pull = (parts: CrdParts = {}, existing?: Crd) => {
  const pulled = consumerCrd(widgetCrd(parts), "acme", existing);
  if (pulled === undefined) throw new Error("nothing pulled");
  return pulled;
};

const versionsOf = (parts: CrdParts, existing?: Crd) =>
  pull(parts, existing).manifest.spec.versions.map(({ name, served, storage }) => ({ name, served, storage }));

describe("the definition to install", () => {
  test("has the one synced version, served and stored, and no conversion", () => {
    const { manifest, version: kept } = pull({
      spec: {
        versions: [version("v1beta1"), version("v1", { storage: true, deprecated: true })],
        conversion: { strategy: "Webhook", webhook: {} },
      },
    });
    expect(kept).toBe("v1");
    expect(manifest.spec.versions).toEqual([version("v1", { storage: true, deprecated: true })]);
    expect(manifest.spec.conversion).toEqual({ strategy: "None" });
  });

  test("serves nothing that the provider does not serve", () => {
    const versions = [version("v1beta1"), version("v1", { served: false, storage: true })];
    expect(versionsOf({ spec: { versions } })).toEqual([{ name: "v1beta1", served: true, storage: true }]);
    expect(consumerCrd(widgetCrd({ spec: { versions: [version("v1", { served: false })] } }), "acme")).toBeUndefined();
  });

  test("keeps the provider's names and scope", () => {
    const names = { plural: "widgets", kind: "Widget", shortNames: ["wd"], categories: ["all"] };
    expect(pull({ spec: { names, scope: "Cluster" } }).manifest.spec).toMatchObject({ names, scope: "Cluster" });
  });

  test("carries our marks, and of the provider's only the approval that API servers ask for", () => {
    const { manifest, hash } = pull({
      metadata: {
        labels: { "core.kube-bind.io/exported": "true", "app.kubernetes.io/managed-by": "Helm" },
        annotations: {
          "api-approved.kubernetes.io": "https://example.org/pull/1",
          "kubectl.kubernetes.io/last-applied-configuration": "{}",
          "meta.helm.sh/release-name": "x",
        },
        finalizers: ["theirs"],
        ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "o", uid: "u" }],
        managedFields: [{ manager: "helm" }],
      },
      status: { storedVersions: ["v1"] },
    });
    expect(manifest.metadata).toEqual({
      name: "widgets.example.org",
      labels: { "core.kube-bind.io/managed": "true" },
      annotations: {
        "core.kube-bind.io/connection": "acme",
        "core.kube-bind.io/schema-hash": hash,
        "api-approved.kubernetes.io": "https://example.org/pull/1",
      },
    });
    expect(Object.keys(manifest)).toEqual(["apiVersion", "kind", "metadata", "spec"]);
  });

  test("replaces the legacy flag for unknown fields by the schema's own", () => {
    const { spec } = pull({ spec: { preserveUnknownFields: true } }).manifest;
    expect(spec).not.toHaveProperty("preserveUnknownFields");
    expect(spec.versions[0]?.["schema"]).toMatchObject({
      openAPIV3Schema: { "x-kubernetes-preserve-unknown-fields": true, properties: { spec: { type: "object" } } },
    });
    const bare = { name: "v1", served: true, storage: true };
    expect(pull({ spec: { preserveUnknownFields: true, versions: [bare] } }).manifest.spec.versions[0]).toEqual({
      ...bare,
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    });
  });
});

describe("versions that objects are still stored in", () => {
  const stored = (name: string) => ({ name, served: false, storage: false, schema: version(name)["schema"] });
  const existing = widgetCrd({
    spec: { versions: [version("v1", { storage: true, additionalPrinterColumns: [] })] },
    status: { storedVersions: ["v1"] },
  });

  test("stay, neither served nor stored in, with nothing but the provider's schema where it has one", () => {
    const versions = [version("v1"), version("v2", { storage: true })];
    expect(pull({ spec: { versions } }, existing).manifest.spec.versions).toEqual([
      version("v2", { storage: true }),
      stored("v1"),
    ]);
  });

  test("stay as they are where the provider has dropped them", () => {
    const versions = [version("v2", { storage: true })];
    expect(pull({ spec: { versions } }, existing).manifest.spec.versions[1]).toEqual(stored("v1"));
  });

  test("do not make a difference while they are the synced one", () => {
    expect(pull({}, existing)).toEqual(pull());
  });
});

describe("the hash", () => {
  test("is the same whatever the order of fields, and whatever is not taken over", () => {
    const { names, group, ...rest } = widgetCrd().spec;
    const shuffled = {
      ...widgetCrd({ metadata: { labels: {}, resourceVersion: "9" } }),
      spec: { ...rest, group, names },
    };
    expect(consumerCrd(shuffled, "acme")?.hash).toBe(pull().hash);
  });

  test("differs when the schema does", () => {
    const versions = [version("v1", { storage: true, subresources: {} })];
    expect(pull({ spec: { versions } }).hash).not.toBe(pull().hash);
  });
});
