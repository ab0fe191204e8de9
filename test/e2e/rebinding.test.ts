// Bindings and Connections that come while others go: nothing that is still wanted is lost or made anew on the way, and
// whoever goes does go.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { FINALIZER } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { eventually } from "../harness/wait.ts";
import { absent, ALL_GRANTED, conditions, NOTHING, object, READY } from "./conditions.ts";
import { counted } from "./counters.ts";
import { endQuietly, invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, PATIENCE, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom } from "./rooms.ts";

const MANY = 30;

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
});
afterAll(() => endQuietly(land, invariants), 120_000);
afterEach(() => invariants.check({ quiet: false }));

/** An exported API and a ready Connection, both called by that word. */
async function connected(word: string): Promise<Resource> {
  const type = typeOf(word);
  await Promise.all([offer(land, type), makeRoom(land, word)]);
  await down().create(SECRETS, manifests.secret(word, land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(word));
  await conditions(down(), CONNECTIONS, at(word), READY);
  return type;
}

/** Many objects with their copies, the namespace called by that word. */
async function many(type: Resource, word: string): Promise<void> {
  await served(land.consumer, type);
  const names = Array.from({ length: MANY }, (_, index) => `o${index}`);
  await Promise.all(names.map((name) => down().create(type, instance(type, name, word))));
  await allSynced(type, word);
}

/** Until every object is held by us and has a copy; resolves to the uids of the copies, by name. */
const allSynced = (type: Resource, word: string): Promise<Map<string, string>> =>
  eventually(
    `${MANY} ${type.resource} to be synced`,
    async () => {
      const objects = await down().list(type, word);
      const copies = await up().list(type, word);
      const held = objects.filter(({ metadata }) => metadata.finalizers?.includes(FINALIZER.syncer));
      const whole = held.length === MANY && copies.length === MANY && !copies.some(isLeaving);
      return whole && new Map(copies.map(({ metadata }) => [metadata.name, metadata.uid] as const));
    },
    PATIENCE,
  );

const isLeaving = ({ metadata }: Body): boolean => metadata.deletionTimestamp !== undefined;

test("a ClusterBinding that is created while the one it replaces is deleted takes over without one write", async () => {
  const type = await connected("renamed");
  await down().create(CLUSTER_BINDINGS, { ...manifests.clusterBinding("renamed", [type]) });
  await conditions(down(), CLUSTER_BINDINGS, at("renamed"), READY);
  await many(type, "renamed");
  const before = await allSynced(type, "renamed");
  const { uid } = (await down().get(CRDS, at(apiName(type)))).metadata;
  const next = manifests.clusterBinding("renamed", [type]);
  // One after the other, at once: nobody has had the time to put our finalizer on the new one.
  await down().create(CLUSTER_BINDINGS, { ...next, metadata: { name: "renamed-next" } });
  await down().remove(CLUSTER_BINDINGS, at("renamed"));
  await absent(down(), CLUSTER_BINDINGS, at("renamed"));
  await conditions(down(), CLUSTER_BINDINGS, at("renamed-next"), READY);
  expect(await allSynced(type, "renamed")).toEqual(before);
  expect((await down().get(CRDS, at(apiName(type)))).metadata.uid).toBe(uid);
});

test("a Binding that comes back while its objects are drained leaves none of them behind", async () => {
  const type = await connected("back");
  const body = manifests.binding("back", "back", [type]);
  await down().create(BINDINGS, body);
  await conditions(down(), BINDINGS, at("back", "back"), READY);
  await many(type, "back");
  for (const next of ["back-1", "back-2"]) {
    const [current] = await down().list(BINDINGS, "back");
    await down().remove(BINDINGS, at(current.metadata.name, "back"));
    // Some are drained, others are not yet.
    await eventually("the drain to begin", async () => (await up().list(type, "back")).length < MANY, PATIENCE);
    await down().create(BINDINGS, { ...body, metadata: { name: next, namespace: "back" } });
    await conditions(down(), BINDINGS, at(next, "back"), READY);
    await allSynced(type, "back");
  }
});

test("a binding whose objects another one governs as well goes at once, and takes nothing along", async () => {
  const type = await connected("both");
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("both", [type]));
  await conditions(down(), CLUSTER_BINDINGS, at("both"), READY);
  await many(type, "both");
  const before = await allSynced(type, "both");
  await down().create(BINDINGS, manifests.binding("both", "both", [type]));
  await conditions(down(), BINDINGS, at("both", "both"), {
    Ready: { status: "False", reason: "CoveredByClusterBinding" },
  });
  await down().remove(BINDINGS, at("both", "both"));
  await absent(down(), BINDINGS, at("both", "both"));
  expect(await allSynced(type, "both")).toEqual(before);
});

test("what goes with a binding is what no other one covers: of a ClusterBinding all but the Bindings' namespaces, of a Binding its own", async () => {
  const type = await connected("parted");
  const [first, second, free] = ["parted-1", "parted-2", "parted"] as const;
  await Promise.all([first, second].map((room) => makeRoom(land, room)));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("parted", [type]));
  for (const room of [first, second]) {
    await down().create(BINDINGS, manifests.binding("parted", room, [type]));
    await conditions(down(), BINDINGS, at("parted", room), { Ready: { status: "False" } });
  }
  await served(land.consumer, type);
  const uids = new Map<string, string>();
  for (const room of [first, second, free]) {
    await down().create(type, instance(type, "one", room));
    uids.set(room, (await object(up(), type, at("one", room), "to be there")).metadata.uid);
  }
  const isKept = async (room: string) => (await up().get(type, at("one", room)))?.metadata.uid === uids.get(room);
  // Somebody else's is in the way of another, which is marked for it.
  await up().create(type, instance(type, "taken", first, { size: "theirs" }));
  await invariants.protect("provider", type, at("taken", first));
  await down().create(type, instance(type, "taken", first));
  await object(down(), type, at("taken", first), "to be marked", ({ metadata }) => metadata.annotations);

  await down().remove(CLUSTER_BINDINGS, at("parted"));
  await absent(down(), CLUSTER_BINDINGS, at("parted"));
  expect(await up().get(type, at("one", free))).toBeUndefined();
  expect((await down().get(type, at("one", free))).metadata.finalizers).toBeUndefined();
  expect(await Promise.all([first, second].map(isKept))).toEqual([true, true]);

  await conditions(down(), BINDINGS, at("parted", first), READY);
  await down().remove(BINDINGS, at("parted", first));
  await absent(down(), BINDINGS, at("parted", first));
  expect(await up().get(type, at("one", first))).toBeUndefined();
  expect(await isKept(second)).toBe(true);
  const { metadata, status } = await down().get(type, at("taken", first));
  expect([metadata.finalizers, metadata.annotations, status?.conditions ?? []]).toEqual([undefined, undefined, []]);
  await down().remove(BINDINGS, at("parted", second));
  await absent(down(), BINDINGS, at("parted", second));
  // The definition stays with the objects in it, and goes with the Connection once there are none.
  for (const { metadata: left } of await down().list(type)) await down().remove(type, at(left.name, left.namespace));
  expect(await down().list(type)).toEqual([]);
  expect(await down().get(CRDS, at(apiName(type)))).toBeDefined();
  await down().remove(CONNECTIONS, at("parted"));
  await absent(down(), CONNECTIONS, at("parted"));
  await absent(down(), CRDS, at(apiName(type)));
});

test("an API that is taken out of a binding while no process runs is drained by the next one", async () => {
  const [stays, goes] = [await connected("shrunk"), typeOf("shrunkmore")];
  await offer(land, goes);
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("shrunk", [stays, goes]));
  await conditions(down(), CLUSTER_BINDINGS, at("shrunk"), READY);
  for (const type of [stays, goes]) {
    await served(land.consumer, type);
    await down().create(type, instance(type, "one", "shrunk"));
    await object(up(), type, at("one", "shrunk"), "to be there");
  }
  await land.konnector.kill();
  await down().merge(CLUSTER_BINDINGS, at("shrunk"), { spec: { apis: [{ name: apiName(stays) }] } });
  await land.restart();
  await absent(up(), goes, at("one", "shrunk"));
  const letGo = ({ metadata }: Body) => metadata.finalizers === undefined;
  await object(down(), goes, at("one", "shrunk"), "to be let go", letGo);
  expect(await up().get(stays, at("one", "shrunk"))).toBeDefined();
});

test("a binding says nothing that it cannot know while the provider is away, and keeps what it does know", async () => {
  const type = await connected("blurred");
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("blurred", [type]));
  await conditions(down(), CLUSTER_BINDINGS, at("blurred"), { ...READY, ...ALL_GRANTED });
  await served(land.consumer, type);
  await up().create(type, instance(type, "one", "blurred", { size: "theirs" }));
  await down().create(type, instance(type, "one", "blurred"));
  const known = { Conflicts: { status: "True", reason: "ForeignObjectExists" } } as const;
  await conditions(down(), CLUSTER_BINDINGS, at("blurred"), { ...READY, ...known });
  await land.proxy.set("refuse");
  await conditions(down(), CLUSTER_BINDINGS, at("blurred"), {
    ...known,
    Ready: { status: "False", reason: "Pending" },
    Connected: { status: "False", reason: "Pending" },
    Synced: { status: "False", reason: "Pending" },
    PermissionDenied: { status: "Unknown" },
    LocalPermissionDenied: NOTHING,
  });
  await land.proxy.set("pass");
  await conditions(down(), CLUSTER_BINDINGS, at("blurred"), { ...READY, ...ALL_GRANTED, ...known });
  await up().remove(type, at("one", "blurred"));
  await conditions(down(), CLUSTER_BINDINGS, at("blurred"), { ...READY, Conflicts: NOTHING });
});

test("what is written into the status of a binding costs none of its objects a pass", async () => {
  const type = await connected("busy");
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("busy", [type]));
  await conditions(down(), CLUSTER_BINDINGS, at("busy"), READY);
  await many(type, "busy");
  await invariants.check({ word: "busy", quiet: 1_000 });
  const passes = (kind: string) => counted(land.konnector, "passes_total", { kind });
  const [objects, bindings] = [await passes("object"), await passes("binding")];
  await down().merge(CLUSTER_BINDINGS, at("busy"), { status: { conditions: [] } }, "status");
  await conditions(down(), CLUSTER_BINDINGS, at("busy"), READY);
  expect(await passes("binding")).toBeGreaterThan(bindings);
  await down().merge(type, at("o1", "busy"), { spec: { size: "large" } });
  await object(up(), type, at("o1", "busy"), "to be large", ({ spec }) => spec.size === "large");
  expect((await passes("object")) - objects).toBeLessThanOrEqual(3);
});

test("a definition stays, with its objects and their copies, while a binding of another Connection lists it", async () => {
  const type = await connected("shared");
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("shared", [type]));
  await conditions(down(), CLUSTER_BINDINGS, at("shared"), READY);
  await many(type, "shared");
  const before = await allSynced(type, "shared");
  const { uid } = (await down().get(CRDS, at(apiName(type)))).metadata;
  await down().create(SECRETS, manifests.secret("shared-2", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("shared-2"));
  const second = manifests.clusterBinding("shared-2", [type]);
  await down().create(CLUSTER_BINDINGS, second);
  await conditions(down(), CLUSTER_BINDINGS, at("shared-2"), {
    Ready: { status: "False", reason: "CoveredByClusterBinding" },
  });
  await down().remove(CLUSTER_BINDINGS, at("shared"));
  await absent(down(), CLUSTER_BINDINGS, at("shared"));
  await conditions(down(), CLUSTER_BINDINGS, at("shared-2"), READY);
  expect((await down().get(CRDS, at(apiName(type)))).metadata.uid).toBe(uid);
  expect(await allSynced(type, "shared")).toEqual(before);
  await down().remove(CLUSTER_BINDINGS, at("shared-2"));
});

test.each([
  ["forced", "while the konnector is down, and it starts again"],
  ["robbed", "while the konnector runs"],
])(
  "objects of a binding removed by force (%s: %s) are let go with their Connection, their copies first",
  async (word) => {
    const type = await connected(word);
    const key = at(word);
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding(word, [type]));
    await conditions(down(), CLUSTER_BINDINGS, key, READY);
    await many(type, word);
    const before = await allSynced(type, word);
    const isDown = word === "forced";
    if (isDown) await land.konnector.kill();
    const rob = () => down().merge(CLUSTER_BINDINGS, key, { metadata: { finalizers: null } });
    await rob();
    await down().remove(CLUSTER_BINDINGS, key);
    // A konnector that runs may have put it back in between.
    if (await down().get(CLUSTER_BINDINGS, key)) await rob();
    await absent(down(), CLUSTER_BINDINGS, key);
    if (isDown) {
      await land.restart();
      await conditions(down(), CONNECTIONS, key, READY);
      // Nobody has said that they are to go.
      expect(await allSynced(type, word)).toEqual(before);
    }
    await down().remove(CONNECTIONS, key);
    await absent(down(), CONNECTIONS, key);
    expect(await up().list(type, word)).toEqual([]);
    const left = await down().list(type, word);
    if (isDown) expect(left).toHaveLength(MANY);
    for (const { metadata } of left) expect(metadata.finalizers).toBeUndefined();
    const crd = await down().get(CRDS, at(apiName(type)));
    expect(JSON.stringify(crd?.metadata ?? {})).not.toContain("kube-bind");
  },
);

test("a Secret that two Connections share is freed when both go together", async () => {
  await down().create(SECRETS, manifests.secret("twins", land.kubeconfig));
  const { spec } = manifests.connection("twins");
  const pair = ["twins", "twins-2"];
  for (const name of pair) await down().create(CONNECTIONS, { ...manifests.connection(name), spec });
  for (const name of pair) await conditions(down(), CONNECTIONS, at(name), READY);
  await Promise.all(pair.map((name) => down().remove(CONNECTIONS, at(name))));
  for (const name of pair) await absent(down(), CONNECTIONS, at(name));
  const key = at("twins", manifests.SECRET_NAMESPACE);
  await eventually(
    "the Secret to be free",
    async () => (await down().get(SECRETS, key)).metadata.finalizers === undefined,
    PATIENCE,
  );
});
