// A binding whose connectionRef is changed: handed over between Connections to one provider, moved from one provider to
// another, with whatever may happen on the way. The consumer's objects survive all of it.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import type { Key, Resource } from "../../crds/kube-object.ts";
import { startControlPlane, type ControlPlane } from "../harness/control-plane.ts";
import { eventually, never } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, PATIENCE, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body, type Objects, objectsOf } from "./objects.ts";
import { providerUser } from "./rights.ts";
import { makeRoom } from "./rooms.ts";
import { describe as lineOf, isWrite, listen } from "./traffic.ts";

const NAMES = ["one", "two", "three"];
/** Milliseconds in which nothing may happen. */
const QUIET = 2_000;
const HOLD = ["example.org/provider"];

let land: Landscape;
let invariants: Invariants;
/** Another provider, whose definitions of the same names have a field more. */
let other: ControlPlane;
let there: Objects;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const kubeconfigs = new Map<string, string>();

beforeAll(async () => {
  const second = startControlPlane({ name: "other-provider" });
  land = await startLandscape();
  invariants = invariantsOf(land);
  other = await second;
  there = objectsOf(other);
  await there.create(NAMESPACES, { metadata: { name: manifests.LEASE_NAMESPACE } });
  kubeconfigs.set("old", land.kubeconfig);
  kubeconfigs.set("twin", await providerUser(land.provider.plane, "konnector-twin"));
  kubeconfigs.set("new", await providerUser(other));
});
afterAll(async () => {
  await other?.stop();
  await land?.stop();
});
// What stands on two providers is looked at in the tests; here, at every request that was made.
afterEach(() => invariants.check({ word: "no object is called so", quiet: false }));

async function connect(name: string, to: string): Promise<void> {
  await down().create(SECRETS, manifests.secret(name, kubeconfigs.get(to) ?? ""));
  await down().create(CONNECTIONS, manifests.connection(name));
  await conditions(down(), CONNECTIONS, at(name), { Connected: { status: "True" } });
}

const extra = (type: Resource): Body => {
  const body = manifests.apiDefinition(type);
  body.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.extra = { type: "string" };
  return body;
};

interface Move {
  type: Resource;
  /** Of the binding: a namespaced one is in the namespace of its name. */
  key: Key;
  /** Names of Connections to the first provider, and to the other one. */
  old: string;
  next: string;
  /** UIDs of the consumer's objects, and of the definition. */
  uids: unknown;
}

const uidsOf = async (type: Resource, word: string): Promise<unknown> => [
  (await down().get(CRDS, at(apiName(type)))).metadata.uid,
  (await down().list(type, word)).map(({ metadata }) => metadata.uid),
];

const copies = async (objects: Objects, { type, key }: Pick<Move, "type" | "key">): Promise<string[]> =>
  (await objects.list(type, key.name)).map(({ metadata }) => metadata.name).sort();

const all = [...NAMES].sort();
const allAt = (objects: Objects, move: Pick<Move, "type" | "key">, what = all) =>
  eventually(
    `copies ${what.join(", ")}`,
    async () => JSON.stringify(await copies(objects, move)) === JSON.stringify(what),
    PATIENCE,
  );

const kindOf = ({ namespace }: Key): Resource => (namespace === "" ? CLUSTER_BINDINGS : BINDINGS);

/** An API that both providers export, a ClusterBinding or a Binding to the first, objects that are synced there. */
async function begin(word: string, key = at(word)): Promise<Move> {
  const type = typeOf(word);
  const [old, next] = [`${word}-old`, `${word}-new`];
  const elsewhere = async () => {
    await there.create(CRDS, extra(type));
    await there.create(NAMESPACES, { metadata: { name: word } });
    await served({ plane: other, objects: there }, type);
  };
  await Promise.all([offer(land, type), makeRoom(land, word), elsewhere()]);
  await Promise.all([connect(old, "old"), connect(next, "new")]);
  const connection = { connection: old };
  if (key.namespace === "") await down().create(CLUSTER_BINDINGS, manifests.clusterBinding(word, [type], connection));
  else await down().create(BINDINGS, manifests.binding(word, key.namespace, [type], connection));
  await conditions(down(), kindOf(key), key, READY);
  await served(land.consumer, type);
  for (const name of NAMES) await down().create(type, instance(type, name, word));
  const move = { type, key, old, next, uids: await uidsOf(type, word) };
  await allAt(up(), move);
  return move;
}

const refer = (key: Key, name: string) => down().merge(kindOf(key), key, { spec: { connectionRef: { name } } });

const boundTo = async (key: Key): Promise<string> =>
  (await down().get(kindOf(key), key)).metadata.annotations[ANNOTATION.boundConnection];

/** Somebody on the first provider keeps a copy from going. */
const hold = ({ type, key }: Move, name: string) =>
  up().merge(type, at(name, key.name), { metadata: { finalizers: HOLD } });
const letGo = ({ type, key }: Move, name: string) =>
  up().merge(type, at(name, key.name), { metadata: { finalizers: null } });

const draining = (message: RegExp) => ({ Ready: { status: "False", reason: "DrainingObjects", message } as const });

/** Everything of the binding is on the other provider, and the definition is that one's; nothing here was made anew. */
async function arrived(move: Move): Promise<void> {
  await conditions(down(), kindOf(move.key), move.key, READY);
  await allAt(there, move);
  expect(await copies(up(), move)).toEqual([]);
  expect(await uidsOf(move.type, move.key.name)).toEqual(move.uids);
  expect(await boundTo(move.key)).toBe(move.next);
  const crd = await down().get(CRDS, at(apiName(move.type)));
  expect(crd.metadata.annotations[ANNOTATION.connection]).toBe(move.next);
  expect(crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.extra).toEqual({ type: "string" });
}

test("between Connections to one provider objects are handed over: same copies, same marks, another client", async () => {
  const { type, key, old } = await begin("twin");
  await connect("twin-twin", "twin");
  expect(await boundTo(key)).toBe(old);
  const before = (await up().list(type, "twin")).map(({ metadata }) => [metadata.uid, metadata.annotations]);
  const heard = await listen(land);
  await refer(key, "twin-twin");
  await eventually("it to be noted", async () => (await boundTo(key)) === "twin-twin", PATIENCE);
  await conditions(down(), CLUSTER_BINDINGS, key, READY);
  await down().merge(type, at("one", "twin"), { spec: { size: "large" } });
  await object(up(), type, at("one", "twin"), "to follow", ({ spec }) => spec.size === "large");
  expect((await up().list(type, "twin")).map(({ metadata }) => [metadata.uid, metadata.annotations])).toEqual(before);
  const written = (await heard()).provider.filter((event) => isWrite(event) && event.objectRef?.namespace === "twin");
  expect(written.map(({ user, verb }) => [user.username, verb])).toEqual([["konnector-twin", "patch"]]);
  await down().remove(CONNECTIONS, at(old));
  await absent(down(), CONNECTIONS, at(old));
  expect(await copies(up(), { type, key })).toEqual(all);
});

describe("to a Connection to another provider", () => {
  test("objects move once the last has left the old one, through restarts, and the old Connection waits for that", async () => {
    const move = await begin("moved");
    await hold(move, "two");
    await refer(move.key, move.next);
    await conditions(down(), CLUSTER_BINDINGS, move.key, draining(/moved-old to moved-new.*1 object/));
    await allAt(up(), move, ["two"]);
    await down().remove(CONNECTIONS, at(move.old));
    const waits = { Ready: { status: "False", reason: "DrainingBindings", message: /^1 binding/ } } as const;
    await conditions(down(), CONNECTIONS, at(move.old), waits);
    await land.restart();
    await conditions(down(), CONNECTIONS, at(move.next), { Connected: { status: "True" } });
    await conditions(down(), CLUSTER_BINDINGS, move.key, draining(/1 object/));
    expect([await copies(there, move), await boundTo(move.key)]).toEqual([[], move.old]);
    expect(await uidsOf(move.type, "moved")).toEqual(move.uids);
    await letGo(move, "two");
    await arrived(move);
    await absent(down(), CONNECTIONS, at(move.old));
    await arrived(move);
  });

  test("a Binding moves likewise, wherever in that the process is killed: before it begins, midway, and when the last has left", async () => {
    const move = await begin("strolled", at("strolled", "strolled"));
    await hold(move, "two");
    await land.konnector.kill();
    await refer(move.key, move.next);
    await land.restart();
    await conditions(down(), BINDINGS, move.key, draining(/strolled-old to strolled-new.*1 object/));
    await allAt(up(), move, ["two"]);
    await land.konnector.kill();
    await letGo(move, "two");
    await allAt(up(), move, []);
    expect([await copies(there, move), await boundTo(move.key)]).toEqual([[], move.old]);
    await land.restart();
    await eventually("it to be noted", async () => (await boundTo(move.key)) === move.next, PATIENCE);
    await land.restart();
    await arrived(move);
  });

  test("changing it back midway, and again, leaves everything where the binding names last, and nothing twice", async () => {
    const move = await begin("swayed");
    await hold(move, "two");
    await refer(move.key, move.next);
    await allAt(up(), move, ["two"]);
    await refer(move.key, move.old);
    await letGo(move, "two");
    await conditions(down(), CLUSTER_BINDINGS, move.key, READY);
    await allAt(up(), move);
    expect(await copies(there, move)).toEqual([]);
    // To one that nobody knows, and on from there.
    await refer(move.key, "nowhere");
    const unknown = { status: "False", reason: "Pending", message: /nowhere does not exist/ } as const;
    await conditions(down(), CLUSTER_BINDINGS, move.key, { Ready: unknown });
    const gone = at("three", "swayed");
    await down().remove(move.type, gone);
    await absent(down(), move.type, gone);
    expect(await copies(up(), move)).toEqual(["one", "two"]);
    await down().create(move.type, instance(move.type, "three", "swayed"));
    await refer(move.key, move.next);
    await arrived({ ...move, uids: await uidsOf(move.type, "swayed") });
  });

  test("a drain whose old Connection has no usable Secret, or is missing, is blocked, says so, and ends once that is mended", async () => {
    const move = await begin("barred");
    const secret = at(move.old, manifests.SECRET_NAMESPACE);
    await down().merge(SECRETS, secret, { data: { kubeconfig: null } });
    await conditions(down(), CONNECTIONS, at(move.old), { Ready: { status: "False", reason: "SecretNotFound" } });
    await refer(move.key, move.next);
    await conditions(down(), CLUSTER_BINDINGS, move.key, draining(/3 object.*barred-old is not Ready/));
    expect([await copies(up(), move), await copies(there, move)]).toEqual([all, []]);
    // By force: one that is being deleted gets no finalizer again.
    await down().remove(CONNECTIONS, at(move.old));
    await down().merge(CONNECTIONS, at(move.old), { metadata: { finalizers: null } });
    await conditions(down(), CLUSTER_BINDINGS, move.key, draining(/3 object.*barred-old does not exist/));
    expect([await copies(up(), move), await copies(there, move)]).toEqual([all, []]);
    const { data } = manifests.secret(move.old, land.kubeconfig);
    await down().merge(SECRETS, secret, { data });
    await down().create(CONNECTIONS, manifests.connection(move.old));
    await arrived(move);
  });

  test("the definition follows only when no binding of the old provider asks for it any more", async () => {
    const move = await begin("tied");
    await makeRoom(land, "tied-else");
    await down().create(BINDINGS, manifests.binding("tied", "tied-else", [move.type], { connection: move.old }));
    await down().create(move.type, instance(move.type, "kept", "tied-else"));
    const kept = await object(up(), move.type, at("kept", "tied-else"), "to be there");
    await refer(move.key, move.next);
    const refused = { status: "False", reason: "OwnedByAnother", message: /tied-old/ } as const;
    await conditions(down(), CLUSTER_BINDINGS, move.key, { Ready: refused });
    await conditions(down(), BINDINGS, at("tied", "tied-else"), READY);
    expect([await copies(up(), move), await copies(there, move)]).toEqual([[], []]);
    expect((await up().get(move.type, at("kept", "tied-else"))).metadata.uid).toBe(kept.metadata.uid);
    await down().remove(BINDINGS, at("tied", "tied-else"));
    await arrived({ ...move, uids: await uidsOf(move.type, "tied") });
    await object(there, move.type, at("kept", "tied-else"), "to be there");
  });

  test("a binding that is deleted midway drains through the old Connection and goes", async () => {
    const move = await begin("dropped");
    await hold(move, "two");
    await refer(move.key, move.next);
    await allAt(up(), move, ["two"]);
    await down().remove(CLUSTER_BINDINGS, move.key);
    await conditions(down(), CLUSTER_BINDINGS, move.key, draining(/1 object/));
    await letGo(move, "two");
    await absent(down(), CLUSTER_BINDINGS, move.key);
    expect([await copies(up(), move), await copies(there, move)]).toEqual([[], []]);
  });
});

test("after all of that nothing is written any more", async () => {
  const heard = await listen(land);
  const written = async (): Promise<string | undefined> => {
    const { consumer, provider } = await heard();
    const found = [...consumer, ...provider].filter((event) => isWrite(event)).map(lineOf);
    return found.length > 0 ? found.join(", ") : undefined;
  };
  await never("a write", written, QUIET);
});
