// Types and objects of every kind: cluster-scoped ones, several versions, names that are long or mean something elsewhere,
// and objects of the size that an API server just takes or just refuses.
// Rules: docs/reference/behaviour.md, "What travels", "Schema pull" and "Refusals".

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, SECRETS } from "../../crds/resources.ts";
import type { Key, Resource } from "../../crds/kube-object.ts";
import { eventually, never } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, GROUP, instance, typeOf, WIDGETS } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom, syncedIn } from "./rooms.ts";
import { lines, listen, withoutHeartbeat } from "./traffic.ts";

const SPACES = typeOf("space", { cluster: true });
const EVOLVING = typeOf("evolving");
/** A name of that length, with dots where `between` says. */
const long = (length: number, between = "") => `${"a".repeat(59)}${between}1234`.repeat(10).slice(0, length - 1) + "z";

const named = (resource: string, kind: string): Resource => ({
  group: GROUP,
  version: "v1",
  resource,
  kind,
  namespaced: true,
});

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await Promise.all([offer(land, WIDGETS), offer(land, SPACES, { cluster: true })]);
  await down().create(SECRETS, manifests.secret("types", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("types"));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("types", [WIDGETS, SPACES]));
  await conditions(down(), CLUSTER_BINDINGS, at("types"), READY);
  await Promise.all([WIDGETS, SPACES].map((type) => served(land.consumer, type)));
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

/** Up, an edit, the status down, and the end of both: all that is done for an object. */
async function lives(type: Resource, key: Key): Promise<void> {
  await down().create(type, instance(type, key.name, key.namespace));
  await object(up(), type, key, "to be there");
  await down().merge(type, key, { spec: { size: "large" } });
  await object(up(), type, key, "to be large", ({ spec }) => spec.size === "large");
  await up().merge(type, key, { status: { phase: "Running" } }, "status");
  await object(down(), type, key, "to show it", (one) => one.status?.phase === "Running");
  await down().remove(type, key);
  await absent(down(), type, key);
  expect(await up().get(type, key)).toBeUndefined();
}

describe("cluster-scoped objects", () => {
  test("live and end like others, with their Events in the namespace default", async () => {
    await lives(SPACES, at("wide"));
    await up().create(SPACES, instance(SPACES, "taken", ""));
    await invariants.protect("provider", SPACES, at("taken"));
    await down().create(SPACES, instance(SPACES, "taken", ""));
    const events = await eventually("an Event", async () => {
      const found = (await down().list(EVENTS, "default")).filter(
        ({ involvedObject }) => involvedObject.name === "taken",
      );
      return found.length > 0 && found;
    });
    expect(events[0]).toMatchObject({ reason: "ForeignObjectExists", involvedObject: { kind: SPACES.kind } });
    expect((await down().get(SPACES, at("taken"))).metadata.annotations[ANNOTATION.conflict]).toBe(
      "ForeignObjectExists",
    );
    await down().remove(SPACES, at("taken"));
    await absent(down(), SPACES, at("taken"));
  });
});

describe("names", () => {
  // Each means something to JavaScript, to a path, to the queue's keys, or is as long as a name can be.
  test.each<[string, Resource, string, string]>([
    ["of an object with dots", WIDGETS, "dotted", "a.b-c.d0"],
    ["of an object with 253 characters", WIDGETS, "long", long(253, ".")],
    ["of a namespace with 63 characters", WIDGETS, long(63), "one"],
    ["that are words of JavaScript", named("constructors", "Constructor"), "constructor", "constructor"],
    ["that are words of our own", named("objects", "Object"), "object", "connection"],
    ["that are words of the API's paths", named("statuses", "Watch"), "namespaces", "status"],
    ["of a type with 63 characters", named(long(63), "Long"), "types", "one"],
  ])("%s are names like any other", async (_what, type, namespace, name) => {
    if ((await down().get(CRDS, at(apiName(type)))) === undefined) {
      await offer(land, type);
      const bound = manifests.clusterBinding("types", [WIDGETS, SPACES, type]);
      await down().merge(CLUSTER_BINDINGS, at("types"), { spec: bound.spec });
      await served(land.consumer, type);
    }
    await makeRoom(land, namespace);
    await lives(type, at(name, namespace));
  });

  test("of 253 characters are told in Events, too", async () => {
    await makeRoom(land, "told");
    const key = at(`${"a".repeat(219)}-${"b".repeat(33)}`, "told");
    await up().create(WIDGETS, instance(WIDGETS, key.name, "told"));
    await invariants.protect("provider", WIDGETS, key);
    await down().create(WIDGETS, instance(WIDGETS, key.name, "told"));
    const [event] = await eventually("an Event", async () => {
      const found = await down().list(EVENTS, "told");
      return found.length > 0 && found;
    });
    expect(event.involvedObject.name).toBe(key.name);
    await down().remove(WIDGETS, key);
    await absent(down(), WIDGETS, key);
  });

  test("of Connections and bindings may be as long as names can be", async () => {
    const name = long(253, ".");
    const namespace = long(63).replace("a", "b");
    await makeRoom(land, namespace);
    const type = typeOf("lengthy");
    await offer(land, type);
    await down().create(SECRETS, manifests.secret(name, land.kubeconfig));
    await down().create(CONNECTIONS, manifests.connection(name));
    await down().create(BINDINGS, manifests.binding(name, namespace, [type], { connection: name }));
    await conditions(down(), BINDINGS, at(name, namespace), READY);
    await served(land.consumer, type);
    await lives(type, at(name, namespace));
    await down().remove(BINDINGS, at(name, namespace));
    await absent(down(), BINDINGS, at(name, namespace));
    await down().remove(CONNECTIONS, at(name));
    await absent(down(), CONNECTIONS, at(name));
    await down().remove(SECRETS, at(name, manifests.SECRET_NAMESPACE));
  });
});

describe("a type of several versions", () => {
  const version = (name: string, storage: boolean, served = true): Body => {
    const [one] = manifests.apiDefinition(EVOLVING).spec.versions;
    return { ...one, name, storage, served };
  };
  const define = (...versions: Body[]) => up().merge(CRDS, at(apiName(EVOLVING)), { spec: { versions } });
  const here = async () => (await down().get(CRDS, at(apiName(EVOLVING)))).spec.versions;
  const in2: Resource = { ...EVOLVING, version: "v2" };

  test("is synced in the one that is stored, moves on with it, and its objects stay as they are", async () => {
    const crd = manifests.apiDefinition(EVOLVING);
    crd.spec.versions = [version("v1beta1", false), version("v1", true)];
    await up().create(CRDS, crd);
    await served(land.provider, EVOLVING);
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("evolving", [EVOLVING], { connection: "types" }));
    await served(land.consumer, EVOLVING);
    expect((await here()).map(({ name }: Body) => name)).toEqual(["v1"]);
    const { key, copy } = await syncedIn(land, EVOLVING, "evolving");
    const mine = await down().get(EVOLVING, key);

    await define(version("v1beta1", false, false), version("v1", false), version("v2", true));
    await eventually("the newer version to be here", async () =>
      (await here()).some(({ name }: Body) => name === "v2"),
    );
    await served(land.consumer, in2);
    await conditions(down(), CLUSTER_BINDINGS, at("evolving"), READY);
    await down().merge(in2, key, { spec: { size: "large" } });
    const moved = await object(up(), in2, key, "to be large", ({ spec }) => spec.size === "large");
    expect(moved.metadata.uid).toBe(copy.metadata.uid);
    expect((await down().get(in2, key)).metadata.uid).toBe(mine.metadata.uid);

    await define(version("v1beta1", false, false), version("v1", false, false), version("v2", true));
    await lives(in2, at("late", "evolving"));
    await down().remove(in2, key);
    await absent(down(), in2, key);
    expect(await up().get(in2, key)).toBeUndefined();
    await down().remove(CLUSTER_BINDINGS, at("evolving"));
    await absent(down(), CLUSTER_BINDINGS, at("evolving"));
  });
});

describe("large objects", () => {
  const MB = 1_000_000;
  const large = (key: Key, any: Body): Body => instance(WIDGETS, key.name, key.namespace, { any });

  test.each<[string, () => Body]>([
    ["a text of 1.4 MB", () => ({ text: "x".repeat(1.4 * MB) })],
    ["350,000 values", () => ({ values: Array.from({ length: 350_000 }, () => 0) })],
  ])("are synced up to what an API server takes: %s", async (what, any) => {
    const namespace = `large-${what.replaceAll(/\W/g, "")}`.toLowerCase();
    await makeRoom(land, namespace);
    const key = at("one", namespace);
    await down().create(WIDGETS, large(key, any()));
    const copy = await object(up(), WIDGETS, key, "to be there");
    expect(JSON.stringify(copy.spec.any) === JSON.stringify(any())).toBe(true);
    await up().merge(WIDGETS, key, { status: { phase: "Running" } }, "status");
    await object(down(), WIDGETS, key, "to show it", (one) => one.status?.phase === "Running");
    await down().remove(WIDGETS, key);
    await absent(down(), WIDGETS, key);
  });

  test("too large for the provider say so once, are not sent again and again, hinder nobody, and heal when they shrink", async () => {
    await makeRoom(land, "huge");
    const key = at("one", "huge");
    // Each of its fields is named once more in the copy's managedFields, which makes that twice as large.
    const names = Array.from({ length: 25_000 }, (_, index) => [`field-${index}-${"n".repeat(25)}`, index]);
    await down().create(WIDGETS, large(key, Object.fromEntries(names)));
    const mine = await object(down(), WIDGETS, key, "to say so", (one) => one.status?.conditions?.length);
    expect(mine.status.conditions).toMatchObject([{ type: "Synced", status: "False", reason: "SyncRejected" }]);
    expect(mine.status.conditions[0].message).toMatch(/too large|larger than/);
    const heard = await listen(land);
    await lives(WIDGETS, at("small", "huge"));
    await never(
      "another try",
      async () => {
        const about = lines(withoutHeartbeat(await heard())).filter((line) => line.includes("huge/one"));
        return about.length > 0 ? about.join(", ") : undefined;
      },
      2_000,
    );
    const events = (await down().list(EVENTS, "huge")).filter(({ involvedObject }) => involvedObject.name === "one");
    expect(events.map(({ reason }) => reason)).toEqual(["SyncRejected"]);
    await conditions(down(), CLUSTER_BINDINGS, at("types"), { Synced: { status: "False", reason: "SyncFailed" } });
    await down().merge(WIDGETS, key, { spec: { any: null } });
    await object(up(), WIDGETS, key, "to be there");
    await object(down(), WIDGETS, key, "to complain no more", (one) => !one.status?.conditions?.length);
    await conditions(down(), CLUSTER_BINDINGS, at("types"), { Synced: { status: "True" } });
  });

  test("so large that not even our finalizer has room say so, and can be deleted", async () => {
    await makeRoom(land, "full");
    const key = at("one", "full");
    const room = 1_572_864;
    // As large as it can be without the finalizer; found by trying, since every server adds fields of its own.
    let size = room - 400;
    const body = () => JSON.stringify(large(key, { text: "x".repeat(size) }));
    const path = `/apis/${GROUP}/v1/namespaces/full/widgets`;
    const { admin } = land.consumer.plane;
    while ((await admin.request("POST", path, body())).status >= 300) size -= 8;
    const said = await eventually("an Event", async () => {
      const found = (await down().list(EVENTS, "full")).filter(({ reason }) => reason === "SyncRejected");
      return found.length > 0 && found;
    });
    expect(said[0].message).toContain("too large");
    const mine = await down().get(WIDGETS, key);
    expect(mine.metadata.finalizers ?? []).not.toContain(FINALIZER.syncer);
    expect(await up().get(WIDGETS, key)).toBeUndefined();
    await down().remove(WIDGETS, key);
    await absent(down(), WIDGETS, key);
  });
});
