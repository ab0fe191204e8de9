import { afterAll, beforeAll, expect, it } from "vitest";
import { guardedApply, reownFields } from "../../../actors/object-writes.ts";
import type { Cluster } from "../../../actors/ports.ts";
import { createCluster } from "../../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../../adapters/kube/kubeconfig.ts";
import type { Json } from "../../../crds/json.ts";
import type { KubeObject, Resource } from "../../../crds/kube-object.ts";
import { FIELD_MANAGER } from "../../../crds/labels.ts";
import { CRDS } from "../../../crds/resources.ts";
import { ownedHash, project, travelPolicy, wantedHash } from "../../../machines/rules/projection.ts";
import { type ControlPlane, startControlPlane } from "../../harness/control-plane.ts";
import { eventually } from "../../harness/wait.ts";

// The two hashes against the server that keeps the field sets: what it says we own, after whatever others do.

const RICH: Resource = { group: "example.org", version: "v1", resource: "riches", kind: "Rich", namespaced: true };
const SCHEMA = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      properties: {
        size: { type: "string" },
        port: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
        parts: {
          type: "array",
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: {
            type: "object",
            required: ["name"],
            properties: { name: { type: "string" }, weight: { type: "number" } },
          },
        },
        tags: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
        steps: { type: "array", items: { type: "object", properties: { run: { type: "string" } } } },
        nested: { type: "object", properties: { a: { type: "string" }, b: { type: "string" } } },
        open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
    status: { type: "object", properties: { phase: { type: "string" } } },
  },
};

const SPEC: Json = {
  size: "large",
  port: "http",
  parts: [
    { name: "b", weight: 1.5 },
    { name: "a", weight: 2 },
  ],
  tags: ["y", "x"],
  steps: [{ run: "1" }, { run: "2" }],
  nested: { a: "1" },
  open: { deep: { er: [1, { two: 2 }] } },
};

let plane: ControlPlane;
let cluster: Cluster;

beforeAll(async () => {
  plane = await startControlPlane();
  cluster = createCluster(parseKubeconfig(plane.kubeconfig));
  await cluster.create(CRDS, "", {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "riches.example.org" },
    spec: {
      group: "example.org",
      scope: "Namespaced",
      names: { plural: "riches", singular: "rich", kind: "Rich", listKind: "RichList" },
      versions: [
        { name: "v1", served: true, storage: true, subresources: { status: {} }, schema: { openAPIV3Schema: SCHEMA } },
      ],
    },
  });
  await eventually("riches to be served", () => cluster.list(RICH).catch(() => undefined), 20_000);
}, 60_000);

afterAll(async () => {
  await cluster?.close();
  await plane?.stop();
});

const wanting = (name: string, spec: Json): KubeObject => {
  const metadata = { name, namespace: "default", uid: `uid-${name}`, resourceVersion: "1", labels: { team: "a" } };
  const object = { apiVersion: "example.org/v1", kind: "Rich", metadata, spec };
  const markers = { clusterUid: "cluster", objectUid: metadata.uid };
  return project(object, { namespace: "default", name }, markers, travelPolicy());
};

const applied = async (projection: KubeObject): Promise<KubeObject> => {
  const key = { namespace: "default", name: projection.metadata.name };
  return (await cluster.apply(RICH, key, guardedApply(projection, null), FIELD_MANAGER)).object;
};

const byOthers = (name: string, operations: { op: "add" | "remove" | "replace"; path: string; value?: unknown }[]) =>
  cluster.patch(RICH, { namespace: "default", name }, operations);

it("are equal after an apply, whatever the shape of the spec", async () => {
  const wanted = wanting("equal", SPEC);
  expect(ownedHash(await applied(wanted))).toBe(wantedHash(wanted));
});

it("stay equal when others add fields, items, labels, or write the status", async () => {
  const wanted = wanting("added", SPEC);
  await applied(wanted);
  await byOthers("added", [
    { op: "add", path: "/spec/nested/b", value: "theirs" },
    { op: "add", path: "/spec/parts/-", value: { name: "c", weight: 9 } },
    { op: "add", path: "/spec/tags/-", value: "z" },
    { op: "add", path: "/spec/open/theirs", value: true },
    { op: "add", path: "/metadata/labels/theirs", value: "1" },
  ]);
  const key = { namespace: "default", name: "added" };
  const copy = await cluster.patch(RICH, key, [{ op: "add", path: "/status", value: { phase: "Ready" } }], "status");
  expect(ownedHash(copy)).toBe(wantedHash(wanted));
});

it.each([
  ["changes a field of ours", "changed", { op: "replace", path: "/spec/size", value: "small" }],
  ["removes a field of ours", "removed", { op: "remove", path: "/spec/nested/a" }],
  ["changes an item of ours", "item", { op: "replace", path: "/spec/parts/0/weight", value: 7 }],
  ["changes an atomic list", "atomic", { op: "replace", path: "/spec/steps/0/run", value: "other" }],
  [
    "takes our marker",
    "marker",
    { op: "remove", path: "/metadata/annotations/core.kube-bind.io~1consumer-object-uid" },
  ],
] as const)("differ when somebody %s", async (_what, name, operation) => {
  const wanted = wanting(name, SPEC);
  await applied(wanted);
  expect(ownedHash(await byOthers(name, [operation]))).not.toBe(wantedHash(wanted));
});

it("differ while a field that is no longer wanted is still ours, and not after the next apply", async () => {
  const copy = await applied(wanting("shrunk", SPEC));
  const wanted = wanting("shrunk", { size: "large" });
  expect(ownedHash(copy)).not.toBe(wantedHash(wanted));
  const { uid, resourceVersion } = copy.metadata;
  const patch = { ...wanted, metadata: { ...wanted.metadata, uid, resourceVersion } };
  const again = await cluster.apply(RICH, { namespace: "default", name: "shrunk" }, patch, FIELD_MANAGER);
  expect(ownedHash(again.object)).toBe(wantedHash(wanted));
  expect(again.object.spec).toEqual({ size: "large" });
});

it("say that nothing is ours of an object that others made", async () => {
  const body = { apiVersion: "example.org/v1", kind: "Rich", metadata: { name: "foreign" }, spec: { size: "s" } };
  expect(ownedHash(await cluster.create(RICH, "default", body))).toBe("");
});

/** What an earlier konnector did: written whole, under our name and the operation Update. */
const written = async (method: "POST" | "PUT", projection: KubeObject): Promise<KubeObject> => {
  const { name } = projection.metadata;
  const path = `/apis/example.org/v1/namespaces/default/riches${method === "PUT" ? `/${name}` : ""}`;
  const answer = await plane.admin.request(method, `${path}?fieldManager=${FIELD_MANAGER}`, projection);
  expect(answer.status).toBeLessThan(300);
  return cluster.get(RICH, { namespace: "default", name });
};

const entriesOf = ({ metadata }: KubeObject) =>
  metadata.managedFields?.filter(({ manager }) => manager === FIELD_MANAGER).map(({ operation }) => operation);

const rewritten = async (copy: KubeObject): Promise<KubeObject> => {
  const { namespace = "", name } = copy.metadata;
  const patched = await cluster.patch(RICH, { namespace, name }, reownFields(copy));
  expect(entriesOf(patched)).toEqual(["Apply"]);
  expect({ ...patched, metadata: null }).toEqual({ ...copy, metadata: null });
  return patched;
};

const appliedOver = async (projection: KubeObject, copy: KubeObject): Promise<KubeObject> => {
  const key = { namespace: "default", name: projection.metadata.name };
  const { uid, resourceVersion } = copy.metadata;
  const metadata = { ...projection.metadata, uid, resourceVersion };
  return (await cluster.apply(RICH, key, { ...projection, metadata }, FIELD_MANAGER)).object;
};

const SMALL: Json = { size: "large" };

it("a field of a copy that was made by POST stays through an apply without it, but goes once it is ours under Apply", async () => {
  const [left, gone] = [wanting("left", SPEC), wanting("gone", SPEC)];
  const kept = await appliedOver(wanting("left", SMALL), await written("POST", left));
  expect(kept.spec).toEqual(SPEC);
  const copy = await rewritten(await written("POST", gone));
  expect(ownedHash(copy)).toBe(wantedHash(gone));
  const small = wanting("gone", SMALL);
  const after = await appliedOver(small, copy);
  expect(after.spec).toEqual(SMALL);
  expect(ownedHash(after)).toBe(wantedHash(small));
});

it("a field that a PUT added to what we applied is ours, too, and goes with the next apply; that of others stays", async () => {
  const wanted = wanting("put", SMALL);
  await applied(wanted);
  await byOthers("put", [{ op: "add", path: "/spec/nested", value: { b: "theirs" } }]);
  const now = await cluster.get(RICH, { namespace: "default", name: "put" });
  const more = { ...(SPEC as object), nested: { a: "ours", b: "theirs" } };
  const put = await written("PUT", { ...now, spec: more });
  expect(entriesOf(put)).toEqual(["Apply", "Update"]);
  expect(ownedHash(put)).toBe(wantedHash(wanted));
  const copy = await rewritten(put);
  expect(ownedHash(copy)).not.toBe(wantedHash(wanted));
  const after = await appliedOver(wanted, copy);
  expect(after.spec).toEqual({ size: "large", nested: { b: "theirs" } });
  expect(ownedHash(after)).toBe(wantedHash(wanted));
});

it("entries are rewritten only on the very state that was read", async () => {
  const copy = await written("POST", wanting("moved", SPEC));
  await byOthers("moved", [{ op: "replace", path: "/spec/size", value: "small" }]);
  const late = cluster.patch(RICH, { namespace: "default", name: "moved" }, reownFields(copy));
  await expect(late).rejects.toMatchObject({ status: 422 });
});
