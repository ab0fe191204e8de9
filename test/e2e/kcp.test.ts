// A provider like a kcp workspace: reached at a path of its server, with a LogicalCluster beside kube-system, kcp's own groups
// beside the exported one, and definitions that are served and of which there are none, whatever arrives by APIBinding. A real
// API server stands in for it, with kcp's kinds as CRDs; the proxy before it is the path, lets nothing through beside it, and
// asks the server for none of its definitions where it is asked for all: list and watch are real ones, and empty.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import type { Resource } from "../../crds/kube-object.ts";
import { LABEL } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, LOGICAL_CLUSTERS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { EXPORTED_GROUP, kcpCrds } from "../crds/openapi/kcp-crds.ts";
import { type Rewrite, type RewritingProxy, startRewritingProxy } from "../harness/rewriting-proxy.ts";
import { absent, ALL_GRANTED, conditions, NOTHING, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { LONG, onProvider } from "./lane-work.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance } from "./manifests.ts";
import { at, type Body, pathOf } from "./objects.ts";
import { grant, PROVIDER_RIGHTS, type Rule, rule } from "./rights.ts";
import { makeRoom } from "./rooms.ts";
import { providerUserOf, setRules } from "./rules.ts";

const WORKSPACE = "/clusters/root:team";
const WIDGETS: Resource = { ...manifests.WIDGETS, group: EXPORTED_GROUP, version: "v1alpha1" };

const KNOWS_ITSELF = rule("core.kcp.io", "logicalclusters", "get");
/** Enough for every object's way; without `DEFINITIONS`, Auto is told that it may not look at them. */
const RIGHTS = [
  KNOWS_ITSELF,
  rule("", "namespaces", "get create"),
  rule(WIDGETS.group, "*", "get list watch create patch delete"),
];
const DEFINITIONS = rule(CRDS.group, CRDS.resource, "get list watch");

const NOT_FOUND = { status: 404, body: { kind: "Status", apiVersion: "v1", code: 404, reason: "NotFound" } };

const workspace: Rewrite = (request) => {
  if (!request.path.startsWith(`${WORKSPACE}/`)) return NOT_FOUND;
  const { pathname, search, searchParams } = new URL(request.path.slice(WORKSPACE.length), "https://workspace");
  if (pathname.startsWith(`${pathOf(CRDS, "")}/`)) return NOT_FOUND;
  if (pathname !== pathOf(CRDS, "")) return { ...request, path: `${pathname}${search}` };
  searchParams.set("labelSelector", "a-workspace-has=none");
  return { ...request, path: `${pathname}?${searchParams.toString()}` };
};

const typeFrom = ({ spec: { group, names, scope, versions } }: Body): Resource => ({
  group,
  version: versions[0].name,
  resource: names.plural,
  kind: names.kind,
  namespaced: scope === "Namespaced",
});

/** Of the stand-in; labelled, so that whoever saw them would take them for the exports. */
const definitions: Body[] = kcpCrds().map((crd: Body) => ({
  ...crd,
  metadata: { ...crd.metadata, labels: { [LABEL.exported]: "true" } },
}));

let land: Landscape;
let invariants: Invariants;
const proxies = new Map<string, RewritingProxy>();
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const requests = (word: string) => proxies.get(word)?.requests ?? [];

/** A Secret and a Connection of that name, for a user of the workspace with these rights. */
async function connect(word: string, rules: Rule[]): Promise<void> {
  const user = providerUserOf(word);
  const kubeconfig = await land.provider.plane.addUser(user);
  await grant(land.provider.plane, user, rules);
  const proxy = await startRewritingProxy(kubeconfig, workspace);
  proxies.set(word, proxy);
  await down().create(SECRETS, manifests.secret(word, proxy.kubeconfig(WORKSPACE)));
  await down().create(CONNECTIONS, manifests.connection(word, { schema: { source: "Auto" } }));
}

beforeAll(async () => {
  land = await startLandscape({ konnector: { args: ["--resync-interval", "1s"] } });
  invariants = invariantsOf(land);
  await Promise.all(definitions.map((crd) => up().create(CRDS, crd)));
  await Promise.all([...definitions.map((crd) => served(land.provider, typeFrom(crd))), makeRoom(land, "full")]);
  await up().create(LOGICAL_CLUSTERS, {
    apiVersion: "core.kcp.io/v1alpha1",
    kind: LOGICAL_CLUSTERS.kind,
    metadata: { name: "cluster" },
    spec: {},
  });
});
afterAll(async () => {
  await Promise.all([...proxies.values()].map((proxy) => proxy.stop()));
  await land?.stop();
});
afterEach(() => invariants.check({ quiet: false }));

test.each([
  ["it serves definitions and has none", "full", [...RIGHTS, DEFINITIONS]],
  ["definitions may not be listed", "least", RIGHTS],
] as const)(
  "where %s, a workspace is used by Auto: known by its LogicalCluster, and all but kcp's own APIs exported",
  async (_what, word, rules) => {
    await connect(word, [...rules]);
    const { status } = await conditions(down(), CONNECTIONS, at(word), { ...READY, SchemaInSync: { status: "True" } });
    const logical = await up().get(LOGICAL_CLUSTERS, at("cluster"));
    expect(status.remoteClusterUID).toBe(logical.metadata.uid);
    expect(status.remoteClusterUID).not.toBe((await up().get(NAMESPACES, at("kube-system"))).metadata.uid);
    expect(status.activeSchemaSource).toBe("OpenAPI");
    const { group, resource, version } = WIDGETS;
    expect(status.exportedAPIs).toEqual([
      { name: apiName(WIDGETS), group, resource, scope: "Namespaced", versions: [version] },
    ]);
  },
);

test("the first definition is waited for by one watch, which stays open and empty", () => {
  const watches = requests("full").filter((line) => line.includes(`${pathOf(CRDS, "")}?`) && /[?&]watch=/.test(line));
  expect(watches).toHaveLength(1);
});

test("an object goes all its way there: spec up, status down, deletion", async () => {
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("full", [WIDGETS]));
  await conditions(down(), CLUSTER_BINDINGS, at("full"), READY);
  await served(land.consumer, WIDGETS);
  const spec = { size: 1, port: "http", most: 3, tags: { a: "b" }, limits: { cpu: 2, memory: "1Gi" } };
  await down().create(WIDGETS, instance(WIDGETS, "one", "full", spec));
  const copy = await object(up(), WIDGETS, at("one", "full"), "to be there");
  expect(copy.spec).toEqual({ ...spec, mode: "Safe", least: 1 });
  // kcp writes this on everything; it is nothing that travels.
  const annotations = { "kcp.io/cluster": "root:team" };
  await up().merge(WIDGETS, at("one", "full"), { metadata: { annotations } });
  await up().merge(WIDGETS, at("one", "full"), { status: { phase: "Running" } }, "status");
  const mine = await object(down(), WIDGETS, at("one", "full"), "to show it", (one) => one.status?.phase === "Running");
  expect(mine.metadata.annotations?.["kcp.io/cluster"]).toBeUndefined();
  await down().remove(WIDGETS, at("one", "full"));
  await absent(down(), WIDGETS, at("one", "full"));
  await absent(up(), WIDGETS, at("one", "full"));
});

test("its schema comes through whole, and this cluster fills in and refuses by it what the workspace would", async () => {
  const schemaAt = async (objects: typeof up) =>
    (await objects().get(CRDS, at(apiName(WIDGETS)))).spec.versions[0].schema;
  expect(await schemaAt(down)).toEqual(await schemaAt(up));
  const { admin } = land.consumer.plane;
  const tried = async (spec: Body): Promise<Body> => {
    const path = `${pathOf(WIDGETS, "full")}?dryRun=All`;
    const { body } = await admin.request("POST", path, instance(WIDGETS, "tried", "full", spec));
    return body.spec ?? body.message;
  };
  expect(await tried({ size: 1, port: 80 })).toEqual({ size: 1, port: 80, mode: "Safe", least: 1 });
  expect(await tried({ size: 1, port: true })).toMatch(/spec\.port/);
  expect(await tried({ size: 1, mode: "Wild" })).toMatch(/Unsupported value: "Wild"/);
  expect(await tried({ size: 1, most: 0 })).toMatch(/the least is more than the most/);
  expect(await tried({ size: 1, limits: { cpu: "much" } })).toMatch(/spec\.limits/);
});

test("without the right to its LogicalCluster exactly that is named, and it heals once that is granted", async () => {
  await connect("blind", PROVIDER_RIGHTS);
  const forbidden = { status: "False", reason: "Forbidden" } as const;
  const { status } = await conditions(down(), CONNECTIONS, at("blind"), {
    ...onProvider("get logicalclusters.core.kcp.io"),
    LocalPermissionDenied: NOTHING,
    Connected: forbidden,
    Ready: forbidden,
  });
  expect(status.remoteClusterUID ?? "").toBe("");
  await setRules(land.provider.plane, providerUserOf("blind"), [...PROVIDER_RIGHTS, KNOWS_ITSELF]);
  const healed = await conditions(down(), CONNECTIONS, at("blind"), { ...READY, ...ALL_GRANTED }, LONG);
  expect(healed.status.remoteClusterUID).toBe((await up().get(LOGICAL_CLUSTERS, at("cluster"))).metadata.uid);
  // Though it may read that, which another workspace may share: errors never change what a cluster is known by.
  expect(requests("blind").filter((line) => line.includes("kube-system"))).toEqual([]);
});

test("the path of the server stays in every request, those for documents by their hash included", () => {
  const lines = [...proxies.keys()].flatMap(requests);
  expect(lines.filter((line) => !line.split(" ")[1]?.startsWith(`${WORKSPACE}/`))).toEqual([]);
  const asked = (path: string) => lines.some((line) => line.includes(`${WORKSPACE}${path}`));
  expect(asked("/openapi/v3/apis/example.org/v1alpha1?hash=")).toBe(true);
  expect(asked("/apis/core.kcp.io/v1alpha1/logicalclusters/cluster")).toBe(true);
});
