// Several Connections and one definition: those that lead to the same provider share it, those that lead to another one are
// refused, and in neither case does one Connection act on what another one syncs. Each Connection has a user of its own on
// the provider, so that the audit log tells who did what.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { startControlPlane, type ControlPlane } from "../harness/control-plane.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditionOf, conditions, object, READY } from "./conditions.ts";
import { counted } from "./counters.ts";
import { endQuietly, invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, PATIENCE, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body, objectsOf } from "./objects.ts";
import { providerUser } from "./rights.ts";
import { makeRoom } from "./rooms.ts";
import { isWrite, listen } from "./traffic.ts";

let land: Landscape;
let invariants: Invariants;
/** Another provider, which has definitions of the same names. */
let other: ControlPlane;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const users = new Map<string, string>();

beforeAll(async () => {
  const second = startControlPlane({ name: "other-provider" });
  land = await startLandscape();
  invariants = invariantsOf(land);
  other = await second;
  for (const user of ["konnector-first", "konnector-second"])
    users.set(user, await providerUser(land.provider.plane, user));
  await objectsOf(other).create(NAMESPACES, { metadata: { name: manifests.LEASE_NAMESPACE } });
  users.set("elsewhere", await providerUser(other));
});
afterAll(async () => {
  await other?.stop();
  await endQuietly(land, invariants);
}, 120_000);
afterEach(() => invariants.check({ quiet: false }));

/** A Connection and its Secret of that name, with that user's credential. */
async function connect(name: string, user: string): Promise<void> {
  await down().create(SECRETS, manifests.secret(name, users.get(user) ?? ""));
  await down().create(CONNECTIONS, manifests.connection(name));
  await conditions(down(), CONNECTIONS, at(name), { Connected: { status: "True" } });
}

async function disconnect(name: string): Promise<void> {
  await down().remove(CONNECTIONS, at(name));
  await absent(down(), CONNECTIONS, at(name));
  await down().remove(SECRETS, at(name, manifests.SECRET_NAMESPACE));
}

/** An API that the provider exports, and two namespaces `<word>-one` and `<word>-two`. */
async function prepare(word: string): Promise<Resource> {
  const type = typeOf(word);
  await Promise.all([offer(land, type), makeRoom(land, `${word}-one`), makeRoom(land, `${word}-two`)]);
  return type;
}

const create = async (type: Resource, name: string, namespace: string): Promise<Body> => {
  await down().create(type, instance(type, name, namespace));
  return object(up(), type, at(name, namespace), "to be there");
};

const ownerOf = async (type: Resource): Promise<string> =>
  (await down().get(CRDS, at(apiName(type)))).metadata.annotations[ANNOTATION.connection];

const apiCondition = (type: Resource, { status }: Body): Body =>
  conditionOf({ status: status?.boundAPIs?.find((one: Body) => one.name === apiName(type)) }, "Ready");

describe("two Connections to one provider", () => {
  test("share the definition, and each object goes through the Connection that its binding names", async () => {
    const type = await prepare("shared");
    await connect("shared-a", "konnector-first");
    await connect("shared-b", "konnector-second");
    await down().create(BINDINGS, manifests.binding("shared-a", "shared-one", [type], { connection: "shared-a" }));
    await conditions(down(), BINDINGS, at("shared-a", "shared-one"), READY);
    await down().create(BINDINGS, manifests.binding("shared-b", "shared-two", [type], { connection: "shared-b" }));
    await conditions(down(), BINDINGS, at("shared-b", "shared-two"), READY);
    await conditions(down(), CONNECTIONS, at("shared-b"), { ...READY, SchemaInSync: { status: "True" } });
    await served(land.consumer, type);
    const heard = await listen(land);
    await create(type, "o", "shared-one");
    await create(type, "o", "shared-two");
    for (const namespace of ["shared-one", "shared-two"]) {
      await down().remove(type, at("o", namespace));
      await absent(down(), type, at("o", namespace));
    }
    const { provider, consumer } = await heard();
    const said = provider
      .filter((event) => isWrite(event) && event.objectRef?.resource === type.resource)
      .map(({ user, verb, objectRef }) => `${user.username} ${verb} ${objectRef?.namespace}`);
    expect(said).toEqual([
      "konnector-first patch shared-one",
      "konnector-second patch shared-two",
      "konnector-first delete shared-one",
      "konnector-second delete shared-two",
    ]);
    const held = consumer.filter((event) => isWrite(event) && event.objectRef?.resource === type.resource);
    expect(held.filter(({ user }) => user.username === "konnector")).toHaveLength(4);
  });

  test("the one that the definition came through hands it over when it goes, and nothing is deleted", async () => {
    const type = typeOf("shared");
    const { uid: definition } = (await down().get(CRDS, at(apiName(type)))).metadata;
    const { uid } = (await create(type, "stays", "shared-two")).metadata;
    await create(type, "goes", "shared-one");
    expect(await ownerOf(type)).toBe("shared-a");
    await down().remove(BINDINGS, at("shared-a", "shared-one"));
    await disconnect("shared-a");
    expect(await up().get(type, at("goes", "shared-one"))).toBeUndefined();
    expect((await up().get(type, at("stays", "shared-two"))).metadata.uid).toBe(uid);
    await eventually("the definition to be handed over", async () => (await ownerOf(type)) === "shared-b", PATIENCE);
    expect((await down().get(CRDS, at(apiName(type)))).metadata.uid).toBe(definition);
    await create(type, "later", "shared-two");
    await down().remove(BINDINGS, at("shared-b", "shared-two"));
    await absent(down(), BINDINGS, at("shared-b", "shared-two"));
    for (const name of ["stays", "later"]) await down().remove(type, at(name, "shared-two"));
    await down().remove(type, at("goes", "shared-one"));
    await disconnect("shared-b");
    await absent(down(), CRDS, at(apiName(type)));
  });

  test("a ClusterBinding of one covers a Binding of the other, which says so and takes over when it goes", async () => {
    const type = await prepare("covered");
    await connect("covered-a", "konnector-first");
    await connect("covered-b", "konnector-second");
    const binding = manifests.binding("covered-b", "covered-two", [type], { connection: "covered-b" });
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("covered-a", [type]));
    await conditions(down(), CLUSTER_BINDINGS, at("covered-a"), READY);
    await down().create(BINDINGS, binding);
    const covered = {
      status: "False",
      reason: "CoveredByClusterBinding",
      message: /ClusterBinding covered-a/,
    } as const;
    await conditions(down(), BINDINGS, at("covered-b", "covered-two"), { Ready: covered });
    await served(land.consumer, type);
    await create(type, "o", "covered-one");
    const { uid } = (await create(type, "o", "covered-two")).metadata;
    await down().remove(CLUSTER_BINDINGS, at("covered-a"));
    await absent(down(), CLUSTER_BINDINGS, at("covered-a"));
    await conditions(down(), BINDINGS, at("covered-b", "covered-two"), READY);
    expect(await up().get(type, at("o", "covered-one"))).toBeUndefined();
    expect((await up().get(type, at("o", "covered-two"))).metadata.uid).toBe(uid);
    await down().merge(type, at("o", "covered-two"), { spec: { size: "new" } });
    await object(up(), type, at("o", "covered-two"), "to follow", ({ spec }) => spec.size === "new");
    await disconnect("covered-a");
    await create(type, "last", "covered-two");
  });
});

test("a ClusterBinding to a Connection that does not exist says so, and keeps no object from a Binding that works", async () => {
  const type = await prepare("dangling");
  const connection = "dangling-nowhere";
  const missing = { status: "False", message: new RegExp(connection) } as const;
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("dangling", [type], { connection }));
  await conditions(down(), CLUSTER_BINDINGS, at("dangling"), { Ready: missing, Connected: missing });
  await connect("dangling-a", "konnector-first");
  await down().create(BINDINGS, manifests.binding("dangling-a", "dangling-one", [type]));
  await conditions(down(), BINDINGS, at("dangling-a", "dangling-one"), READY);
  await served(land.consumer, type);
  const copy = await create(type, "one", "dangling-one");
  await down().remove(CLUSTER_BINDINGS, at("dangling"));
  await absent(down(), CLUSTER_BINDINGS, at("dangling"));
  await down().merge(type, at("one", "dangling-one"), { spec: { size: "large" } });
  const isLarge = ({ spec }: Body) => spec.size === "large";
  const now = await object(up(), type, at("one", "dangling-one"), "to be large", isLarge);
  expect(now.metadata.uid).toBe(copy.metadata.uid);
});

describe("Connections to different providers", () => {
  test("do not fight over one definition: the second is refused, blocks nobody, and releases nothing", async () => {
    const type = await prepare("disputed");
    const elsewhere = { plane: other, objects: objectsOf(other) };
    await elsewhere.objects.create(CRDS, manifests.apiDefinition(type));
    await served(elsewhere, type);
    await connect("disputed-a", "konnector-first");
    await down().create(
      BINDINGS,
      manifests.binding("disputed-a", "disputed-one", [type], { connection: "disputed-a" }),
    );
    await conditions(down(), BINDINGS, at("disputed-a", "disputed-one"), READY);
    const before = await down().get(CRDS, at(apiName(type)));
    await connect("disputed-z", "elsewhere");
    // The older kind and the wider scope: on the same provider it would govern.
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("disputed-z", [type]));
    const refused = { status: "False", reason: "OwnedByAnother", message: /disputed-a/ } as const;
    const loser = await conditions(down(), CLUSTER_BINDINGS, at("disputed-z"), { Ready: refused });
    expect(apiCondition(type, loser)).toMatchObject({ status: "False", reason: "OwnedByAnother" });
    await conditions(down(), CONNECTIONS, at("disputed-z"), { SchemaInSync: refused });
    await conditions(down(), BINDINGS, at("disputed-a", "disputed-one"), READY);
    expect((await down().get(CRDS, at(apiName(type)))).metadata.resourceVersion).toBe(before.metadata.resourceVersion);

    await served(land.consumer, type);
    const watched = { side: "disputed-z", verb: "watch", resource: type.resource, code: "200" };
    await eventually("the other provider to be watched", async () =>
      counted(land.konnector, "requests_total", watched),
    );
    const held = await create(type, "held", "disputed-one");
    await up().merge(type, at("held", "disputed-one"), { metadata: { finalizers: ["example.org/provider"] } });
    await down().remove(type, at("held", "disputed-one"));
    const going = ({ metadata }: Body) => metadata.deletionTimestamp !== undefined;
    await object(up(), type, at("held", "disputed-one"), "to be going", going);
    // The other provider has no such object, and that says nothing about the copy.
    await down().create(type, instance(type, "witness", "disputed-one"));
    await object(up(), type, at("witness", "disputed-one"), "to be there");
    expect((await down().get(type, at("held", "disputed-one"))).metadata.uid).toBe(
      held.metadata.annotations[ANNOTATION.consumerObjectUid],
    );
    await up().merge(type, at("held", "disputed-one"), { metadata: { finalizers: null } });
    await absent(down(), type, at("held", "disputed-one"));
    expect(await elsewhere.objects.list(type)).toEqual([]);

    await down().remove(CLUSTER_BINDINGS, at("disputed-z"));
    await absent(down(), CLUSTER_BINDINGS, at("disputed-z"));
    expect(await up().get(type, at("witness", "disputed-one"))).toBeDefined();
    await disconnect("disputed-z");
  });
});
