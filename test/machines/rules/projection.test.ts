import { describe, expect, it } from "vitest";
import { type Json, parseJson, stringifyJson } from "../../../crds/json.ts";
import type { KubeObject } from "../../../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../../../crds/labels.ts";
import { extract, project, travelPolicy } from "../../../machines/rules/projection.ts";

const MARKERS = { clusterUid: "cluster-1", objectUid: "object-1" };
const KEY = { namespace: "ns", name: "one" };

const object = (change: Record<string, unknown> = {}, metadata: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: "example.org/v1",
  kind: "Widget",
  metadata: { name: "one", namespace: "ns", uid: "object-1", resourceVersion: "7", ...metadata },
  spec: { size: "large" },
  status: { phase: "Ready" },
  ...change,
});

const projected = (from: KubeObject) => project(from, KEY, MARKERS, travelPolicy());

describe("what travels", () => {
  it("is every top-level field but apiVersion, kind, metadata and status", () => {
    const { metadata: _metadata, ...fields } = projected(object({ data: { a: 1 }, extra: [true] }));
    expect(fields).toEqual({
      apiVersion: "example.org/v1",
      kind: "Widget",
      spec: { size: "large" },
      data: { a: 1 },
      extra: [true],
    });
  });

  it("carries nothing of the metadata but allowed labels, our marks, name and namespace", () => {
    const { metadata } = projected(
      object({}, { finalizers: ["x.io/hold"], ownerReferences: [{}], annotations: { note: "mine" }, generation: 3 }),
    );
    expect(metadata).toEqual({
      name: "one",
      namespace: "ns",
      labels: { [LABEL.managed]: "true", [LABEL.consumerClusterUid]: "cluster-1" },
      annotations: { [ANNOTATION.consumerClusterUid]: "cluster-1", [ANNOTATION.consumerObjectUid]: "object-1" },
    });
  });

  it.each([
    ["team", true],
    ["example.org/team", true],
    ["notkubernetes.io/team", true],
    ["app.kubernetes.io/name", false],
    ["kubernetes.io/metadata.name", false],
    ["x.k8s.io/y", false],
    ["core.kube-bind.io/managed", false],
    ["helm.sh/chart", false],
    ["kapp.k14s.io/app", false],
    ["fleet.cattle.io/bundle-id", false],
    ["objectset.rio.cattle.io/hash", false],
    ["argocd.argoproj.io/instance", false],
    ["kustomize.toolkit.fluxcd.io/name", false],
  ])("label %s: %s", (label, travels) => {
    const { labels } = projected(object({}, { labels: { [label]: "theirs" } })).metadata;
    expect(labels?.[label] === "theirs").toBe(travels);
  });

  it.each([
    ["note", false],
    ["example.org/tier", true],
    ["a.example.org/tier", false],
    ["example.com/tier", false],
    ["a.b.example.com/tier", true],
    ["notexample.org/tier", false],
    ["core.kube-bind.io/deletion-policy", false],
  ])("annotation %s, where example.org, *.example.com and *.kube-bind.io are allowed: %s", (annotation, travels) => {
    const policy = travelPolicy(new Set(["example.org", "*.example.com", "*.kube-bind.io", "core.kube-bind.io"]));
    const { annotations } = project(object({}, { annotations: { [annotation]: "v" } }), KEY, MARKERS, policy).metadata;
    expect(annotations?.[annotation] === "v").toBe(travels);
    expect(annotations).toMatchObject({ [ANNOTATION.consumerObjectUid]: MARKERS.objectUid });
  });

  it("is nothing else for a top-level field that means something to JavaScript", () => {
    const odd = JSON.parse('{"__proto__":{"a":1},"constructor":"c","hasOwnProperty":1}') as Record<string, unknown>;
    const { metadata: _metadata, ...fields } = projected({ ...object(), ...odd });
    expect(JSON.stringify(fields)).toContain('"__proto__":{"a":1},"constructor":"c","hasOwnProperty":1');
  });

  it("keeps numbers digit for digit", () => {
    const text = '{"a":9007199254740993,"b":1.5e-7,"c":1.10}';
    expect(stringifyJson(projected(object({ spec: parseJson(text) })).spec)).toBe(text);
  });
});

describe("the part of a copy that a field set names", () => {
  it("is found through maps, keyed lists and sets, in the copy's order", () => {
    const owned = {
      "f:spec": {
        "f:size": {},
        "f:parts": { 'k:{"name":"b"}': { ".": {}, "f:name": {}, "f:weight": {} } },
        "f:tags": { 'v:"y"': {} },
        "f:whole": {},
      },
    };
    const copy: Json = {
      spec: {
        size: "l",
        theirs: 1,
        parts: [
          { name: "a", weight: 1 },
          { name: "b", weight: 2, theirs: true },
        ],
        tags: ["x", "y"],
        whole: [{ z: 1 }],
      },
    };
    expect(extract(owned, copy)).toEqual({
      spec: { size: "l", parts: [{ name: "b", weight: 2 }], tags: ["y"], whole: [{ z: 1 }] },
    });
  });

  it("may be called anything, also what means something to JavaScript", () => {
    const spec = JSON.parse('{"__proto__":{"a":1},"constructor":"c"}') as Json;
    const owned = JSON.parse('{"f:spec":{"f:__proto__":{"f:a":{}},"f:constructor":{},"f:toString":{}}}') as Json;
    expect(JSON.stringify(extract(owned, { spec }))).toBe('{"spec":{"__proto__":{"a":1},"constructor":"c"}}');
  });

  it("leaves out what the copy no longer has", () => {
    expect(extract({ "f:spec": { "f:size": {}, "f:gone": {} } }, { spec: { size: "l" } })).toEqual({
      spec: { size: "l" },
    });
  });
});
