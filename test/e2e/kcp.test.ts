// A provider like a kcp workspace: reached at a path of its server, with a LogicalCluster beside kube-system, kcp's own groups
// beside the exported one, and no definition to be read. A real API server stands in for it, with kcp's kinds as CRDs; the
// proxy before it is the path, and lets nothing through beside it.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import type { Resource } from "../../crds/kube-object.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, LOGICAL_CLUSTERS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { type RewritingProxy, startRewritingProxy } from "../harness/rewriting-proxy.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiDefinition, apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, rule } from "./rights.ts";
import { makeRoom } from "./rooms.ts";

const WORKSPACE = "/clusters/root:team";
const BOXES = typeOf("box");

/** As kcp names them; the first version is the preferred one. */
const KCP: { group: string; kind: string; plural: string; versions: string[] }[] = [
  { group: "apis.kcp.io", kind: "APIBinding", plural: "apibindings", versions: ["v1alpha2", "v1alpha1"] },
  { group: "cache.kcp.io", kind: "CachedObject", plural: "cachedobjects", versions: ["v1alpha1"] },
  { group: "core.kcp.io", kind: "LogicalCluster", plural: "logicalclusters", versions: ["v1alpha1"] },
  { group: "tenancy.kcp.io", kind: "Workspace", plural: "workspaces", versions: ["v1alpha1"] },
  { group: "topology.kcp.io", kind: "Partition", plural: "partitions", versions: ["v1alpha1"] },
];

const kcpType = ({ group, kind, plural, versions }: (typeof KCP)[number]): Resource => ({
  group,
  version: versions[0] as string,
  resource: plural,
  kind,
  namespaced: false,
});

/** With the fields that trip a naive translation, as kcp's schemas have them. */
const kcpDefinition = (kcp: (typeof KCP)[number]): Body => {
  const definition = apiDefinition(kcpType(kcp), { exported: false });
  const [version] = definition.spec.versions;
  version.schema.openAPIV3Schema.properties.spec.properties.port = {
    "x-kubernetes-int-or-string": true,
    anyOf: [{ type: "integer" }, { type: "string" }],
  };
  definition.spec.versions = kcp.versions.map((name, index) => ({ ...version, name, storage: index === 0 }));
  return definition;
};

let land: Landscape;
let invariants: Invariants;
let proxy: RewritingProxy;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape({ konnector: { args: ["--resync-interval", "1s"] } });
  invariants = invariantsOf(land);
  const user = `${KONNECTOR_USER}-kcp`;
  const kubeconfig = await land.provider.plane.addUser(user);
  await grant(land.provider.plane, user, [
    rule("core.kcp.io", "logicalclusters", "get"),
    rule("", "namespaces", "get create"),
    rule(BOXES.group, "*", "get list watch create patch delete"),
  ]);
  proxy = await startRewritingProxy(kubeconfig, (request) => {
    const { path } = request;
    if (path.startsWith(`${WORKSPACE}/`)) return { ...request, path: path.slice(WORKSPACE.length) };
    return { status: 404, body: { kind: "Status", apiVersion: "v1", code: 404, reason: "NotFound" } };
  });
  await Promise.all(KCP.map((kcp) => up().create(CRDS, kcpDefinition(kcp))));
  await Promise.all([
    ...KCP.map((kcp) => served(land.provider, kcpType(kcp))),
    offer(land, BOXES, { exported: false }),
  ]);
  await up().create(LOGICAL_CLUSTERS, {
    apiVersion: "core.kcp.io/v1alpha1",
    kind: LOGICAL_CLUSTERS.kind,
    metadata: { name: "cluster" },
    spec: {},
  });
});
afterAll(async () => {
  await proxy?.stop();
  await land?.stop();
});
afterEach(() => invariants.check({ quiet: false }));

test("a workspace is used as it is: known by its LogicalCluster, its own APIs left out, the others exported by Auto", async () => {
  await down().create(SECRETS, manifests.secret("box", proxy.kubeconfig(WORKSPACE)));
  await down().create(CONNECTIONS, manifests.connection("box", { schema: { source: "Auto" } }));
  const { status } = await conditions(down(), CONNECTIONS, at("box"), { ...READY, SchemaInSync: { status: "True" } });
  const logical = await up().get(LOGICAL_CLUSTERS, at("cluster"));
  expect(status.remoteClusterUID).toBe(logical.metadata.uid);
  expect(status.remoteClusterUID).not.toBe((await up().get(NAMESPACES, at("kube-system"))).metadata.uid);
  expect(status.activeSchemaSource).toBe("OpenAPI");
  expect(status.exportedAPIs).toEqual([
    { name: apiName(BOXES), group: BOXES.group, resource: BOXES.resource, scope: "Namespaced", versions: ["v1"] },
  ]);
});

test("an object goes all its way there: spec up, status down, deletion", async () => {
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("box", [BOXES]));
  await conditions(down(), CLUSTER_BINDINGS, at("box"), READY);
  await served(land.consumer, BOXES);
  await makeRoom(land, "box");
  await down().create(BOXES, instance(BOXES, "one", "box", { size: "large" }));
  const copy = await object(up(), BOXES, at("one", "box"), "to be there");
  expect(copy.spec).toEqual({ size: "large" });
  // kcp writes this on everything; it is nothing that travels.
  const annotations = { "kcp.io/cluster": "root:team" };
  await up().merge(BOXES, at("one", "box"), { metadata: { annotations } });
  await up().merge(BOXES, at("one", "box"), { status: { phase: "Running" } }, "status");
  const mine = await object(down(), BOXES, at("one", "box"), "to show it", (one) => one.status?.phase === "Running");
  expect(mine.metadata.annotations?.["kcp.io/cluster"]).toBeUndefined();
  await down().remove(BOXES, at("one", "box"));
  await absent(down(), BOXES, at("one", "box"));
  await absent(up(), BOXES, at("one", "box"));
});

test("the path of the server stays in every request, those for documents by their hash included", () => {
  const beside = proxy.requests.filter((line) => !line.split(" ")[1]?.startsWith(`${WORKSPACE}/`));
  expect(beside).toEqual([]);
  const asked = (path: string) => proxy.requests.some((line) => line.includes(`${WORKSPACE}${path}`));
  expect(asked("/openapi/v3/apis/example.org/v1?hash=")).toBe(true);
  expect(asked("/apis/core.kcp.io/v1alpha1/logicalclusters/cluster")).toBe(true);
});
