import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startControlPlane, type ControlPlane } from "./control-plane.ts";
import { eventually } from "./wait.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";

describe("a control plane with controllers", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ name: "subject", controllerManager: true, audit: true });
  });
  afterAll(() => plane.stop());

  const create = async (name: string, metadata: object = {}) => {
    const answer = await plane.admin.request("POST", configMaps, { metadata: { name, ...metadata } });
    expect(answer.status).toBe(201);
    return answer.body.metadata.uid as string;
  };

  test("is a Kubernetes API server on loopback that answers kubectl and the admin client", async () => {
    const { stdout, code } = await plane.kubectl(["get", "namespace", "default", "-o", "name"]);
    expect({ stdout, code }).toEqual({ stdout: "namespace/default\n", code: 0 });
    expect(new URL(plane.url).hostname).toBe("127.0.0.1");
    const version = await plane.admin.request("GET", "/version");
    expect(version.body.gitVersion).toMatch(/^v1\.34\./);
  });

  test("passes standard input to kubectl and reports a failure by its code", async () => {
    const manifest = JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: "from-stdin" } });
    expect(await plane.kubectl(["apply", "-f", "-"], manifest)).toMatchObject({ code: 0 });
    const missing = await plane.kubectl(["get", "namespace", "nowhere"]);
    expect(missing.code).not.toBe(0);
    expect(missing.stderr).toContain("NotFound");
  });

  test("really deletes a namespace with what is in it", async () => {
    expect((await plane.kubectl(["create", "namespace", "short-lived"])).code).toBe(0);
    await plane.kubectl(["create", "configmap", "inside", "-n", "short-lived"]);
    expect((await plane.admin.request("DELETE", "/api/v1/namespaces/short-lived")).status).toBe(200);
    await eventually(
      "the namespace to be gone",
      async () => (await plane.admin.request("GET", "/api/v1/namespaces/short-lived")).status === 404,
      20_000,
    );
  });

  test("collects an object whose owner is gone", async () => {
    const uid = await create("owner");
    await create("owned", { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid }] });
    await plane.admin.request("DELETE", `${configMaps}/owner`);
    await eventually(
      "the owned object to be collected",
      async () => (await plane.admin.request("GET", `${configMaps}/owned`)).status === 404,
      20_000,
    );
  });

  test("gives a new user no right until RBAC grants one", async () => {
    const kubeconfig = await plane.addUser("somebody", ["a-group"]);
    expect(kubeconfig).toContain(plane.url);
    const mayI = ["auth", "can-i", "list", "configmaps", "--as", "somebody", "--as-group", "a-group"];
    expect((await plane.kubectl(mayI)).stdout.trim()).toBe("no");
    await plane.kubectl(["create", "clusterrole", "reader", "--verb=list", "--resource=configmaps"]);
    await plane.kubectl(["create", "clusterrolebinding", "reader", "--clusterrole=reader", "--group=a-group"]);
    await eventually("the right", async () => (await plane.kubectl(mayI)).stdout.trim() === "yes");
  });

  test("records each request once in the audit log when it is answered", async () => {
    await create("audited");
    const events = await eventually("the audit event", async () => {
      const found = (await plane.auditEvents()).filter((e) => e.verb === "create" && e.objectRef?.name === "audited");
      return found.length > 0 && found;
    });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ stage: "ResponseComplete", responseStatus: { code: 201 } });
  });
});

test("two control planes started at once are strangers to each other", async () => {
  const planes = await Promise.all([startControlPlane({ name: "one" }), startControlPlane({ name: "two" })]);
  try {
    const [one, two] = planes;
    await one.kubectl(["create", "namespace", "only-here"]);
    expect((await two.admin.request("GET", "/api/v1/namespaces/only-here")).status).toBe(404);
    const uid = async (plane: ControlPlane) =>
      (await plane.admin.request("GET", "/api/v1/namespaces/kube-system")).body.metadata.uid as string;
    expect(await uid(one)).not.toBe(await uid(two));
  } finally {
    await Promise.all(planes.map((plane) => plane.stop()));
  }
});

test("a control plane that cannot start says why and leaves nothing running", async () => {
  const failing = startControlPlane({ apiServerFlags: { "no-such-flag": "1" } });
  await expect(failing).rejects.toThrow(/no-such-flag/);
});
