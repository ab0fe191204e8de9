import { afterAll, beforeAll, expect, it } from "vitest";
import type { Cluster } from "../../actors/ports.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { CRDS, NAMESPACES } from "../../crds/resources.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { type FaultProxy, kubeconfigAt, startFaultProxy } from "../harness/fault-proxy.ts";
import { installWidgets, WIDGETS } from "./widgets.ts";

let plane: ControlPlane;
let proxy: FaultProxy;
let cluster: Cluster;

beforeAll(async () => {
  plane = await startControlPlane();
  proxy = await startFaultProxy(plane.url);
  cluster = createCluster(parseKubeconfig(kubeconfigAt(plane.kubeconfig, proxy.url)));
  await installWidgets(cluster);
}, 60_000);

afterAll(async () => {
  await cluster?.close();
  await proxy?.stop();
  await plane?.stop();
});

// An HTTP client may close a connection after a DELETE that has a body; each new one is a TLS handshake on both sides.
it("keeps its connections through creates, patches and deletes", async () => {
  await cluster.list(CRDS, { metadataOnly: true });
  const before = proxy.accepted;
  for (let round = 0; round < 5; round++) {
    const name = `w${round}`;
    const body = { apiVersion: "example.org/v1", kind: "Widget", metadata: { name, namespace: "default" } };
    const { metadata } = await cluster.create(WIDGETS, "default", body);
    const at = { namespace: "default", name };
    await cluster.patch(WIDGETS, at, [{ op: "add", path: "/metadata/labels", value: { a: "b" } }]);
    expect(await cluster.delete(WIDGETS, at, metadata.uid)).toBe("gone");
    await cluster.get(NAMESPACES, { namespace: "", name: "default" });
  }
  expect(proxy.accepted).toBe(before);
});
