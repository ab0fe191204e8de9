// The Cluster adapter against a real API server: what the konnector relies on is what the server does.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiError, type Cluster } from "../../actors/ports.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { FIELD_MANAGER } from "../../crds/labels.ts";
import type { KubeObject, Resource } from "../../crds/kube-object.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { installWidgets, WIDGETS } from "./widgets.ts";

const CONFIG_MAPS: Resource = { group: "", version: "v1", resource: "configmaps", kind: "ConfigMap", namespaced: true };

let plane: ControlPlane;
let cluster: Cluster;

beforeAll(async () => {
  plane = await startControlPlane();
  cluster = createCluster(parseKubeconfig(plane.kubeconfig));
  await installWidgets(cluster);
}, 60_000);

afterAll(async () => {
  await cluster?.close();
  await plane?.stop();
});

const failure = async (promise: Promise<unknown>): Promise<ApiError> => {
  const error = await promise.then(
    () => new Error("it succeeded"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
};

const widget = (name: string, spec: unknown, metadata: Record<string, unknown> = {}) => ({
  apiVersion: "example.org/v1",
  kind: "Widget",
  metadata: { name, namespace: "default", ...metadata },
  spec,
});

const key = (name: string) => ({ namespace: "default", name });
const apply = (name: string, spec: unknown, metadata: Record<string, unknown> = {}) =>
  cluster.apply(WIDGETS, key(name), widget(name, spec, metadata), FIELD_MANAGER);

describe("requests", () => {
  it("tries a create and a replace: refused as they would be, and nothing is stored", async () => {
    const at = { namespace: "default", name: "tried" };
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: at.name }, data: { a: "1" } };
    await cluster.dryRun("create", CONFIG_MAPS, at, body);
    expect((await failure(cluster.get(CONFIG_MAPS, at))).status).toBe(404);
    const wrong = { ...body, data: { "not/a key": "1" } };
    expect((await failure(cluster.dryRun("create", CONFIG_MAPS, at, wrong))).status).toBe(422);
    const created = await cluster.create(CONFIG_MAPS, at.namespace, body);
    await cluster.dryRun("replace", CONFIG_MAPS, at, { ...created, data: { a: "2" } });
    expect((await cluster.get(CONFIG_MAPS, at))["data"]).toEqual({ a: "1" });
    const stale = { ...created, metadata: { ...created.metadata, resourceVersion: "1" } };
    expect((await failure(cluster.dryRun("replace", CONFIG_MAPS, at, stale))).status).toBe(409);
  });

  it("creates, reads, replaces, patches, lists and deletes an object", async () => {
    const at = { namespace: "default", name: "settings" };
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: at.name }, data: { a: "1" } };
    const created = await cluster.create(CONFIG_MAPS, at.namespace, body);
    expect(created.metadata.uid).not.toBe("");
    const replaced = await cluster.replace(CONFIG_MAPS, at, { ...created, data: { a: "2" } });
    expect(replaced["data"]).toEqual({ a: "2" });
    const patched = await cluster.patch(CONFIG_MAPS, at, [
      { op: "test", path: "/metadata/uid", value: created.metadata.uid },
      { op: "add", path: "/data/b", value: "3" },
    ]);
    expect((await cluster.get(CONFIG_MAPS, at))["data"]).toEqual({ a: "2", b: "3" });
    const listed = await cluster.list(CONFIG_MAPS, { namespace: "default", fieldSelector: "metadata.name=settings" });
    expect(listed).toMatchObject([{ apiVersion: "v1", kind: "ConfigMap", metadata: { uid: patched.metadata.uid } }]);
    const { uid, resourceVersion } = created.metadata;
    expect((await failure(cluster.delete(CONFIG_MAPS, at, uid, resourceVersion))).status).toBe(409);
    expect(await cluster.delete(CONFIG_MAPS, at, created.metadata.uid)).toBe("gone");
    expect(await cluster.delete(CONFIG_MAPS, at, created.metadata.uid)).toBe("absent");
    expect((await failure(cluster.get(CONFIG_MAPS, at))).reason).toBe("NotFound");
  });

  it("lists the groups a server serves", async () => {
    expect(await cluster.groups()).toEqual(expect.arrayContaining(["apiextensions.k8s.io", "example.org"]));
    await cluster.ping();
  });

  it("answers a failed JSON-patch test with 422 and a stale replace with 409", async () => {
    const { object } = await apply("tested", { size: 1 });
    const patch = [{ op: "test" as const, path: "/metadata/uid", value: "another" }];
    expect((await failure(cluster.patch(WIDGETS, key("tested"), patch))).status).toBe(422);
    await apply("tested", { size: 2 });
    expect((await failure(cluster.replace(WIDGETS, key("tested"), object))).status).toBe(409);
  });

  it("writes a status through the subresource only", async () => {
    const { object } = await apply("status", { size: 1 });
    const uid = { op: "test" as const, path: "/metadata/uid", value: object.metadata.uid };
    const add = { op: "add" as const, path: "/status", value: { ratio: 0.5, count: 1 } };
    await cluster.patch(WIDGETS, key("status"), [uid, add], "status");
    expect((await cluster.get(WIDGETS, key("status"))).status).toEqual({ ratio: 0.5, count: 1 });
  });
});

describe("deletion", () => {
  it("answers with the object while a finalizer holds it, and refuses another uid with 409", async () => {
    const { object } = await apply("held", { size: 1 }, { finalizers: ["example.org/hold"] });
    expect((await failure(cluster.delete(WIDGETS, key("held"), "00000000-0000-0000-0000-000000000000"))).status).toBe(
      409,
    );
    const waiting = (await cluster.delete(WIDGETS, key("held"), object.metadata.uid)) as KubeObject;
    expect(waiting.metadata.deletionTimestamp).toBeDefined();
    await cluster.patch(WIDGETS, key("held"), [{ op: "remove", path: "/metadata/finalizers" }]);
    expect(await cluster.delete(WIDGETS, key("held"), object.metadata.uid)).toBe("absent");
  });
});

describe("guarded apply", () => {
  it("creates where nothing is, and is refused with 409 where something is", async () => {
    const first = await apply("guarded", { size: 1 }, { resourceVersion: "1" });
    expect(first.created).toBe(true);
    expect((await failure(apply("guarded", { size: 2 }, { resourceVersion: "1" }))).status).toBe(409);
    expect((await apply("guarded", { size: 2 })).created).toBe(false);
  });

  it("is refused with 409 where the copy has moved on", async () => {
    const { object } = await apply("moved", { size: 1 });
    await apply("moved", { size: 2 });
    const { uid, resourceVersion } = object.metadata;
    expect((await failure(apply("moved", { size: 3 }, { uid, resourceVersion }))).status).toBe(409);
  });

  it("never writes to a copy that was made anew", async () => {
    const { object } = await apply("replaced", { size: 1 });
    await cluster.delete(WIDGETS, key("replaced"), object.metadata.uid);
    const { object: other } = await apply("replaced", { size: 2 });
    const { uid, resourceVersion } = object.metadata;
    expect((await failure(apply("replaced", { size: 3 }, { uid, resourceVersion }))).status).toBe(409);
    const refused = await failure(
      apply("replaced", { size: 3 }, { uid, resourceVersion: other.metadata.resourceVersion }),
    );
    expect([409, 422]).toContain(refused.status);
    expect((await cluster.get(WIDGETS, key("replaced"))).spec).toEqual({ size: 2 });
  });

  it("does not bring back a copy that is gone", async () => {
    const { object } = await apply("vanished", { size: 1 });
    await cluster.delete(WIDGETS, key("vanished"), object.metadata.uid);
    const { uid, resourceVersion } = object.metadata;
    const refused = await failure(apply("vanished", { size: 2 }, { uid, resourceVersion }));
    expect(refused.status).toBe(409);
    expect((await failure(cluster.get(WIDGETS, key("vanished")))).status).toBe(404);
  });

  it("is refused with 500 for a field the schema does not declare, and with 404 naming a missing namespace", async () => {
    const refused = await failure(apply("typed", { size: "large" }));
    expect(refused.status).toBe(500);
    expect(refused.message).toMatch(/^failed to create typed patch object/);
    const nowhere = { namespace: "nowhere", name: "w" };
    const missing = await failure(
      cluster.apply(WIDGETS, nowhere, { ...widget("w", {}), metadata: nowhere }, FIELD_MANAGER),
    );
    expect(missing.status).toBe(404);
    expect(missing.message).toContain('namespaces "nowhere" not found');
  });
});

describe("what travels", () => {
  it("keeps every number digit for digit through apply, read and apply", async () => {
    const numbers =
      '{"any":{"big":9007199254740993,"min":-9223372036854775808,"list":[1e+21,1.5e-7,0.1,123456789.12345679]}}';
    const { parseJson, stringifyJson } = await import("../../crds/json.ts");
    await apply("digits", parseJson(numbers));
    const { text } = await plane.admin.request("GET", "/apis/example.org/v1/namespaces/default/widgets/digits");
    const stored = /"spec":(\{.*?\}\})/.exec(text)?.[1] ?? "";
    const { spec } = await cluster.get(WIDGETS, key("digits"));
    const fieldOrder = (json: unknown): string => stringifyJson(json);
    expect(fieldOrder(spec)).toBe(stored);
    await apply("digits-copy", spec);
    expect(fieldOrder((await cluster.get(WIDGETS, key("digits-copy"))).spec)).toBe(stored);
    expect(stored).toContain('"big":9007199254740993');
  });

  it("keeps every character of a string through apply", async () => {
    const strange =
      "\u0001\t\r\n\u007f\u0080\u0085\u009f\u00a0\u2028\u2029\ufeff\ufffd\ufffe\uffff😀\\u0041 '\"<<: *a &b !c #d %e @f `g";
    const any = {
      [strange]: strange,
      "<<": { merged: false },
      y: "yes",
      no: "no",
      "1.10": "1.10",
      "": "",
      long: "x".repeat(5_000),
    };
    await apply("characters", { any });
    expect((await cluster.get(WIDGETS, key("characters"))).spec).toEqual({ any });
  });
});
