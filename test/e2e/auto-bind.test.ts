// autoBind on real clusters: the ClusterBinding that is kept, what a user may do to it, and how it ends. No garbage
// collector runs here, so nothing of this depends on one.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { Resource } from "../../crds/kube-object.ts";
import { FINALIZER, LABEL } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { endQuietly, invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, PATIENCE, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf, WIDGETS } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom, syncedIn } from "./rooms.ts";
import { isKonnectors, traffic } from "./traffic.ts";

const GADGETS = typeOf("gadget");
const TOOLS = typeOf("tool");

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await Promise.all([offer(land, WIDGETS), offer(land, GADGETS)]);
});
afterAll(() => endQuietly(land, invariants), 120_000);
afterEach(() => invariants.check({ quiet: false }));

async function connect(name: string): Promise<Body> {
  const body = manifests.connection(name);
  await down().create(SECRETS, manifests.secret(name, land.kubeconfig));
  return down().create(CONNECTIONS, { ...body, spec: { ...body.spec, autoBind: true } });
}

const kept = (name: string) => down().get(CLUSTER_BINDINGS, at(name));
const apisOf = (binding: Body): string[] => binding.spec.apis.map((api: Body) => api.name);

/** Until the ClusterBinding lists exactly these, in this order; answers it. */
const lists = (name: string, ...types: Resource[]): Promise<Body> =>
  eventually(
    `ClusterBinding ${name} to list ${types.map(apiName).join(", ")}`,
    async () => {
      const binding = await kept(name);
      const isWanted = binding && JSON.stringify(apisOf(binding)) === JSON.stringify(types.map(apiName));
      return isWanted ? binding : new NotYet(binding?.spec ?? "it does not exist");
    },
    PATIENCE,
  );

const ready = (name: string) => conditions(down(), CLUSTER_BINDINGS, at(name), READY);
const exportAs = (type: Resource, value: string | null) =>
  up().merge(CRDS, at(apiName(type)), { metadata: { labels: { [LABEL.exported]: value } } });

/** How often a copy was deleted on the provider so far. */
const deletes = async (type: Resource): Promise<number> =>
  (await traffic(land)).provider.filter(
    (event) => isKonnectors(event) && event.verb === "delete" && event.objectRef?.resource === type.resource,
  ).length;

describe("with autoBind", () => {
  test("a ClusterBinding of the Connection's name lists every export, in order, marked and owned", async () => {
    const { metadata } = await connect("auto");
    const binding = await lists("auto", GADGETS, WIDGETS);
    expect(binding.metadata.labels).toEqual({ [LABEL.managed]: "true" });
    expect(binding.metadata.ownerReferences).toEqual([
      {
        apiVersion: "core.kube-bind.io/v1alpha1",
        kind: "Connection",
        name: "auto",
        uid: metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    expect(binding.spec.connectionRef).toEqual({ name: "auto" });
    await ready("auto");
    const connection = await conditions(down(), CONNECTIONS, at("auto"), READY);
    expect(JSON.stringify(connection.status.conditions)).not.toContain("without effect");
    await syncedIn(land, WIDGETS, "objects");
  });

  test("an API is bound as soon as it is exported", async () => {
    await offer(land, TOOLS);
    await lists("auto", GADGETS, TOOLS, WIDGETS);
    await ready("auto");
  });

  test("what a user changes of the APIs is set back, without a copy being lost, and other fields stay", async () => {
    const { uid } = (await up().get(WIDGETS, at("one", "objects"))).metadata;
    const before = await deletes(WIDGETS);
    await down().merge(CLUSTER_BINDINGS, at("auto"), {
      spec: { apis: [{ name: apiName(TOOLS) }, { name: "unheard.example.org" }], conflictPolicy: "Adopt" },
      metadata: { labels: { team: "blue" } },
    });
    const binding = await lists("auto", GADGETS, TOOLS, WIDGETS);
    expect(binding.spec.conflictPolicy).toBe("Adopt");
    expect(binding.metadata.labels).toMatchObject({ team: "blue" });
    await ready("auto");
    await invariants.check({ quiet: false });
    expect((await up().get(WIDGETS, at("one", "objects"))).metadata.uid).toBe(uid);
    expect(await deletes(WIDGETS)).toBe(before);
  });

  test("an API that is no longer exported stays bound until its last synced object is gone", async () => {
    await exportAs(WIDGETS, null);
    await exportAs(TOOLS, null);
    await lists("auto", GADGETS, WIDGETS);
    await conditions(down(), CLUSTER_BINDINGS, at("auto"), { Ready: { status: "False", reason: "APINotExported" } });
    await down().remove(WIDGETS, at("one", "objects"));
    await absent(down(), WIDGETS, at("one", "objects"));
    expect(await up().get(WIDGETS, at("one", "objects"))).toBeUndefined();
    await lists("auto", GADGETS);
    await ready("auto");
    await exportAs(WIDGETS, "true");
    await lists("auto", GADGETS, WIDGETS);
    await ready("auto");
  });

  test("exports that look empty neither empty nor delete it", async () => {
    for (const type of [GADGETS, WIDGETS]) await down().create(type, instance(type, "two", "objects"));
    await object(up(), GADGETS, at("two", "objects"), "to be there");
    const { metadata } = await object(up(), WIDGETS, at("two", "objects"), "to be there");
    const before = await kept("auto");
    for (const type of [GADGETS, WIDGETS]) await exportAs(type, null);
    await object(down(), CONNECTIONS, at("auto"), "to export nothing", ({ status }) => !status.exportedAPIs.length);
    await conditions(down(), CLUSTER_BINDINGS, at("auto"), { Ready: { status: "False", reason: "APINotExported" } });
    await land.restart();
    await invariants.check();
    const now = await kept("auto");
    expect([now.metadata.uid, now.spec]).toEqual([before.metadata.uid, before.spec]);
    expect((await up().get(WIDGETS, at("two", "objects"))).metadata.uid).toBe(metadata.uid);
    for (const type of [GADGETS, WIDGETS]) await exportAs(type, "true");
    await ready("auto");
  });

  test("nothing is written while nothing changes, nor after a restart", async () => {
    const { resourceVersion } = (await kept("auto")).metadata;
    await land.restart();
    await conditions(down(), CONNECTIONS, at("auto"), READY);
    await invariants.check();
    expect((await kept("auto")).metadata.resourceVersion).toBe(resourceVersion);
  });

  test("one that a user deletes is drained and comes back", async () => {
    const { uid } = (await kept("auto")).metadata;
    await down().remove(CLUSTER_BINDINGS, at("auto"));
    await object(down(), CLUSTER_BINDINGS, at("auto"), "to be another", ({ metadata }) => metadata.uid !== uid);
    await lists("auto", GADGETS, WIDGETS);
    await ready("auto");
  });

  test("the Connection, deleted, takes it along, its copies first", async () => {
    await served(land.consumer, WIDGETS);
    for (const name of ["three", "four"]) await down().create(WIDGETS, instance(WIDGETS, name, "objects"));
    for (const name of ["three", "four"]) await object(up(), WIDGETS, at(name, "objects"), "to be there");
    await up().merge(WIDGETS, at("four", "objects"), { metadata: { finalizers: ["example.org/slow"] } });
    await down().remove(CONNECTIONS, at("auto"));
    await conditions(down(), CLUSTER_BINDINGS, at("auto"), {
      Ready: { status: "False", reason: "DrainingObjects", message: /1 object/ },
    });
    await conditions(down(), CONNECTIONS, at("auto"), { Ready: { status: "False", reason: "DrainingBindings" } });
    await up().merge(WIDGETS, at("four", "objects"), { metadata: { finalizers: null } });
    await absent(down(), CLUSTER_BINDINGS, at("auto"));
    await absent(down(), CONNECTIONS, at("auto"));
    expect(await up().list(WIDGETS, "objects")).toEqual([]);
    const secret = await down().get(SECRETS, at("auto", manifests.SECRET_NAMESPACE));
    expect(secret.metadata.finalizers).toBeUndefined();
  });

  test("a Connection without objects ends at once, also while its provider is away", async () => {
    await connect("idle");
    await ready("idle");
    await land.proxy.set("refuse");
    await conditions(down(), CONNECTIONS, at("idle"), { Ready: { status: "False", reason: "Pending" } });
    await down().remove(CONNECTIONS, at("idle"));
    await absent(down(), CONNECTIONS, at("idle"));
    expect(await kept("idle")).toBeUndefined();
    await land.proxy.set("pass");
  });
});

test("autoBind taken back gives the ClusterBinding to the user, who deletes it before the Connection can go", async () => {
  await connect("back");
  await ready("back");
  await makeRoom(land, "back");
  await down().create(WIDGETS, instance(WIDGETS, "one", "back"));
  const copy = await object(up(), WIDGETS, at("one", "back"), "to be there");
  await down().merge(CONNECTIONS, at("back"), { spec: { autoBind: false } });
  const free = await object(down(), CLUSTER_BINDINGS, at("back"), "to be free", ({ metadata }) => !metadata.labels);
  expect(free.metadata.ownerReferences).toBeUndefined();
  expect(apisOf(free)).toEqual([GADGETS, WIDGETS].map(apiName));

  await down().merge(CLUSTER_BINDINGS, at("back"), { spec: { apis: [{ name: apiName(WIDGETS) }] } });
  await ready("back");
  await down().remove(CONNECTIONS, at("back"));
  await conditions(down(), CONNECTIONS, at("back"), {
    Ready: { status: "False", reason: "DrainingBindings", message: /1 binding/ },
  });
  await staysTheUsers("back");
  expect((await up().get(WIDGETS, at("one", "back"))).metadata.uid).toBe(copy.metadata.uid);
  await down().remove(CLUSTER_BINDINGS, at("back"));
  await absent(down(), CONNECTIONS, at("back"));
  expect(await up().get(WIDGETS, at("one", "back"))).toBeUndefined();
});

/** The user's binding stays whole although its Connection waits to go. */
async function staysTheUsers(name: string): Promise<void> {
  const { metadata, spec } = await kept(name);
  expect(metadata.deletionTimestamp).toBeUndefined();
  expect(metadata.finalizers).toEqual([FINALIZER.cleanup]);
  expect(spec.apis).toEqual([{ name: apiName(WIDGETS) }]);
}

test("a ClusterBinding of that name that somebody else made is left alone, and the Connection says so", async () => {
  const own = { ...manifests.clusterBinding("taken", [WIDGETS], { conflictPolicy: "Adopt" }) };
  // The label alone proves nothing.
  const labels = { [LABEL.managed]: "true", team: "blue" };
  const before = await down().create(CLUSTER_BINDINGS, { ...own, metadata: { ...own.metadata, labels } });
  await connect("taken");
  await conditions(down(), CONNECTIONS, at("taken"), {
    SchemaInSync: { status: "False", reason: "ForeignObjectExists", message: /ClusterBinding taken exists/ },
    ...READY,
  });
  await ready("taken");
  const now = await kept("taken");
  expect([now.spec, now.metadata.labels]).toEqual([before.spec, labels]);
  expect(now.metadata.ownerReferences).toBeUndefined();

  await down().remove(CONNECTIONS, at("taken"));
  await conditions(down(), CONNECTIONS, at("taken"), { Ready: { status: "False", reason: "DrainingBindings" } });
  expect((await kept("taken")).metadata.deletionTimestamp).toBeUndefined();
  await down().remove(CLUSTER_BINDINGS, at("taken"));
  await absent(down(), CONNECTIONS, at("taken"));
});

test("a name that becomes free is taken", async () => {
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("freed", [WIDGETS]));
  const { metadata } = await connect("freed");
  await conditions(down(), CONNECTIONS, at("freed"), {
    SchemaInSync: { status: "False", reason: "ForeignObjectExists" },
  });
  await down().remove(CLUSTER_BINDINGS, at("freed"));
  await object(
    down(),
    CLUSTER_BINDINGS,
    at("freed"),
    "to be kept",
    (binding) => binding.metadata.ownerReferences?.[0]?.uid === metadata.uid,
  );
  await lists("freed", GADGETS, WIDGETS);
  await conditions(down(), CONNECTIONS, at("freed"), { ...READY, SchemaInSync: { status: "True" } });
  await ready("freed"); // it stays, alone, for the quiet minute at the end
});
