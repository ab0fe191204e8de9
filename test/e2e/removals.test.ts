// What is taken away on either side: a namespace, a definition, an API out of a binding, the label that exports it, a field. No
// deletion hangs, no copy is deleted but for its object's sake, and what is still wanted comes back. The clusters can
// delete namespaces for good. At the end the checks of the invariants that need clusters are tried on planted violations.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";

import { ANNOTATION, FIELD_MANAGER, FINALIZER, LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { adminClient } from "../harness/admin-client.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { endQuietly, invariantsOf, type Invariants } from "./invariants.ts";
import { kubectlAt, type Landscape, offer, PATIENCE, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf, WIDGETS } from "./manifests.ts";
import { at, type Body, pathOf } from "./objects.ts";
import { makeRoom, syncedIn } from "./rooms.ts";

const GADGETS = typeOf("gadget");
const LAMPS = typeOf("lamp");

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape({ controllerManager: true });
  invariants = invariantsOf(land);
  await Promise.all([WIDGETS, GADGETS, LAMPS].map((type) => offer(land, type)));
  await down().create(SECRETS, manifests.secret("acme", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("acme"));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("acme", [WIDGETS, GADGETS, LAMPS]));
  await conditions(down(), CLUSTER_BINDINGS, at("acme"), READY);
  await Promise.all([WIDGETS, GADGETS, LAMPS].map((type) => served(land.consumer, type)));
});
afterAll(() => endQuietly(land, invariants), 120_000);
afterEach(() => invariants.check({ quiet: false }));

test("a namespace of the consumer goes with its objects and their copies; the provider's stays", async () => {
  const { key } = await syncedIn(land, WIDGETS, "leaving");
  await kubectlAt(land.consumer, ["delete", "namespace", "leaving", "--timeout=30s"]);
  expect(await up().get(WIDGETS, key)).toBeUndefined();
  expect((await up().get(NAMESPACES, at("leaving"))).metadata.deletionTimestamp).toBeUndefined();
});

test("a namespace that goes on the provider is named while it goes, and comes back with the copies", async () => {
  const { key, copy } = await syncedIn(land, WIDGETS, "returning");
  await kubectlAt(land.provider, ["delete", "namespace", "returning", "--wait=false"]);
  const again = await object(
    up(),
    WIDGETS,
    key,
    "to be back",
    ({ metadata }) => metadata.uid !== copy.metadata.uid && !metadata.deletionTimestamp,
  );
  expect(again.spec).toEqual(copy.spec);
  expect((await up().get(NAMESPACES, at("returning"))).metadata.labels[LABEL.managed]).toBe("true");
  const reasons = (await down().list(EVENTS, "returning")).map(({ reason }) => reason);
  expect(reasons).toEqual(["NamespaceTerminating"]);
});

test("a copy that is being deleted on the provider is left alone until it is gone, and then made anew as it is wanted by then", async () => {
  const { key, copy } = await syncedIn(land, WIDGETS, "lingering");
  await up().merge(WIDGETS, key, { metadata: { finalizers: ["example.org/hold"] } });
  await up().remove(WIDGETS, key);
  const going = await object(up(), WIDGETS, key, "to be going", ({ metadata }) => metadata.deletionTimestamp);
  await down().merge(WIDGETS, key, { spec: { size: "large" } });
  // One that comes later has passed it by.
  await down().create(WIDGETS, instance(WIDGETS, "two", "lingering"));
  await object(up(), WIDGETS, at("two", "lingering"), "to be there");
  expect(await up().get(WIDGETS, key)).toEqual(going);
  await up().merge(WIDGETS, key, { metadata: { finalizers: null } });
  const again = await object(up(), WIDGETS, key, "to be large", ({ spec }) => spec.size === "large");
  expect(again.metadata.uid).not.toBe(copy.metadata.uid);
});

test("a definition that a user deletes takes its objects and their copies along, and comes back as it is bound", async () => {
  const { key } = await syncedIn(land, GADGETS, "dropped");
  const before = await down().get(CRDS, at(apiName(GADGETS)));
  await kubectlAt(land.consumer, ["delete", "crd", apiName(GADGETS), "--timeout=30s"]);
  await absent(up(), GADGETS, key);
  await object(
    down(),
    CRDS,
    at(apiName(GADGETS)),
    "to be back",
    ({ metadata }) => metadata.uid !== before.metadata.uid,
  );
  await served(land.consumer, GADGETS);
  expect(await down().list(GADGETS)).toEqual([]);
  await down().create(GADGETS, instance(GADGETS, "one", "dropped"));
  await object(up(), GADGETS, key, "to be there again");
  await conditions(down(), CLUSTER_BINDINGS, at("acme"), READY);
});

test("an API that is taken out of a binding takes its copies along, and the others stay", async () => {
  const { key } = await syncedIn(land, GADGETS, "unbound");
  const { key: stays, copy } = await syncedIn(land, WIDGETS, "bound");
  const { spec } = manifests.clusterBinding("acme", [WIDGETS, LAMPS]);
  await down().merge(CLUSTER_BINDINGS, at("acme"), { spec });
  await absent(up(), GADGETS, key);
  expect((await up().get(WIDGETS, stays)).metadata.uid).toBe(copy.metadata.uid);
  await eventually(
    "the objects to be let go",
    async () => !JSON.stringify(await down().list(GADGETS)).includes(FINALIZER.syncer),
    PATIENCE,
  );
});

test("an API that is exported no more is named; its copies stay, its objects can be deleted, and it comes back", async () => {
  const { key, copy } = await syncedIn(land, LAMPS, "unlisted");
  const going = at("going", "unlisted");
  await down().create(LAMPS, instance(LAMPS, going.name, "unlisted"));
  await object(up(), LAMPS, going, "to be there");
  const exported = (value: string | null) =>
    up().merge(CRDS, at(apiName(LAMPS)), { metadata: { labels: { [LABEL.exported]: value } } });
  await exported(null);
  await conditions(down(), CLUSTER_BINDINGS, at("acme"), {
    Ready: { status: "False", reason: "APINotExported", message: new RegExp(apiName(LAMPS)) },
  });
  await down().merge(LAMPS, key, { spec: { size: "large" } });
  await down().remove(LAMPS, going);
  await absent(down(), LAMPS, going);
  expect(await up().get(LAMPS, going)).toBeUndefined();
  expect(await up().get(LAMPS, key)).toEqual(copy);

  await exported("true");
  await conditions(down(), CLUSTER_BINDINGS, at("acme"), READY);
  const changed = await object(up(), LAMPS, key, "to be large", ({ spec }) => spec.size === "large");
  expect(changed.metadata.uid).toBe(copy.metadata.uid);
});

/** What an earlier konnector sent: a whole object, under our name but not as an apply. */
async function writtenWhole(method: "POST" | "PUT", type: Resource, body: Body): Promise<void> {
  const { name, namespace } = body.metadata;
  const path = `${pathOf(type, namespace, method === "PUT" ? name : undefined)}?fieldManager=${FIELD_MANAGER}`;
  const { status, text } = await land.provider.plane.admin.request(method, path, body);
  expect(status, text).toBe(method === "PUT" ? 200 : 201);
}

const ourOperations = ({ metadata }: Body): string[] =>
  metadata.managedFields
    .filter(({ manager }: Body) => manager === FIELD_MANAGER)
    .map(({ operation }: Body) => operation);

test("a field that is removed goes also from a copy that an earlier konnector made by POST", async () => {
  const type = typeOf("heirloom");
  await offer(land, type);
  await Promise.all(["served", "inherited"].map((namespace) => makeRoom(land, namespace)));
  await down().create(BINDINGS, manifests.binding("acme", "served", [type]));
  await served(land.consumer, type);
  const spec = { size: "large", count: 3, any: { deep: { er: true }, kept: 1 } };
  const key = at("one", "inherited");
  // No binding governs it yet, so there is time to make its copy as it was made then, without the label of today.
  const mine = await down().create(type, instance(type, key.name, "inherited", spec));
  const { localClusterUID } = (await down().get(CONNECTIONS, at("acme"))).status;
  const theirs = instance(type, key.name, "inherited", spec);
  const labels = { [LABEL.managed]: "true" };
  const annotations = {
    [ANNOTATION.consumerClusterUid]: localClusterUID,
    [ANNOTATION.consumerObjectUid]: mine.metadata.uid,
  };
  await writtenWhole("POST", type, { ...theirs, metadata: { ...theirs.metadata, labels, annotations } });
  const { uid } = (await up().get(type, key)).metadata;
  await down().create(BINDINGS, manifests.binding("acme", "inherited", [type]));
  await object(up(), type, key, "to be ours", ({ metadata }) => metadata.labels[LABEL.consumerClusterUid]);
  await down().merge(type, key, { spec: { count: null, any: { deep: null } } });
  const copy = await object(up(), type, key, "to be without it", (one) => one.spec.count === undefined);
  expect(copy.spec).toEqual({ size: "large", any: { kept: 1 } });
  expect(copy.metadata.uid).toBe(uid);
  expect(ourOperations(copy)).toEqual(["Apply"]);
});

test("a field that our name put on a copy but no apply goes again, and the one that a provider's put there stays", async () => {
  const { key } = await syncedIn(land, WIDGETS, "reowned");
  await up().merge(WIDGETS, key, { spec: { color: "theirs" } });
  const seen = await up().get(WIDGETS, key);
  await writtenWhole("PUT", WIDGETS, { ...seen, spec: { ...seen.spec, count: 3 } });
  const copy = await object(up(), WIDGETS, key, "to be without it", ({ spec }) => spec.count === undefined);
  expect(copy.spec).toEqual({ size: "small", color: "theirs" });
  expect(ourOperations(copy)).toEqual(["Apply"]);
});

test("a foreign object that was changed, and a write after everything was settled, are noticed", async () => {
  await makeRoom(land, "planted");
  const key = at("theirs", "planted");
  await up().create(WIDGETS, instance(WIDGETS, key.name, "planted"));
  await invariants.protect("provider", WIDGETS, key);
  await up().merge(WIDGETS, key, { metadata: { labels: { changed: "yes" } } });
  await expect(invariants.check({ quiet: false })).rejects.toThrow(/V2: provider widgets planted\/theirs/);
  invariants.release("provider", WIDGETS, key);

  const { clusters, users } = parse(land.ownKubeconfig);
  const pem = (encoded: string) => Buffer.from(encoded, "base64").toString("utf8");
  const konnector = adminClient({
    server: clusters[0].cluster.server,
    caPem: pem(clusters[0].cluster["certificate-authority-data"]),
    certPem: pem(users[0].user["client-certificate-data"]),
    keyPem: pem(users[0].user["client-key-data"]),
  });
  const checked = expect(invariants.check()).rejects.toThrow(/V5: .*patch secrets kube-bind\/acme/);
  const done = checked.then(() => true);
  const path = "/api/v1/namespaces/kube-bind/secrets/acme";
  await eventually("the write to be noticed", async () => {
    const { status } = await konnector.request("PATCH", path, { metadata: {} }, "application/merge-patch+json");
    expect(status).toBe(200);
    return Promise.race([done, new Promise<false>((resolve) => setImmediate(resolve, false))]);
  });
  konnector.close();
});
