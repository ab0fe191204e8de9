// Bindings and Connections that come while others go: nothing that is still wanted is lost or made anew on the way, and
// whoever goes does go.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { FINALIZER } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditions, READY } from "./conditions.ts";
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
