// Namespaced Bindings need rights in their namespaces and nowhere else: on both sides a Role in each of them is enough for
// everything. Where many are bound and more is granted, one watch does for all, and nothing is lost or written for it.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { FINALIZER } from "../../crds/labels.ts";
import { BINDINGS, CONNECTIONS, CRDS } from "../../crds/resources.ts";
import { absent, ALL_GRANTED, conditions, NOTHING, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { here, onProvider } from "./lane-work.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import { apiName, GROUP, instance } from "./manifests.ts";
import {
  bind,
  connect,
  GENERAL_HERE,
  grantIn,
  instancesHere,
  instancesThere,
  ready,
  says,
  streams,
  watched,
} from "./namespaced.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom } from "./rooms.ts";
import { grant, KONNECTOR_USER } from "./rights.ts";
import { providerUserOf, setRules, untilRefused } from "./rules.ts";
import { isWrite, listen, refusals } from "./traffic.ts";

let land: Landscape;
let invariants: Invariants;
const lanes = new Map<string, Lane>();
const lane = (word: string) => lanes.get(word) as Lane;

/** On the consumer the konnector may do nothing with instances until a Role, or a ClusterRole for one API, says so. */
beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  const words = ["roles", "switch", "thirty", "held", "forced", "lost"];
  for (const one of await Promise.all(words.map((word) => openLane(land, word, "Binding")))) lanes.set(one.word, one);
  await setRules(land.consumer.plane, KONNECTOR_USER, GENERAL_HERE);
  await untilRefused(land.consumer.plane, KONNECTOR_USER, { group: GROUP, resource: "rolesies", verb: "list" });
});
afterAll(() => land?.stop());

const make = ({ type }: Lane, name: string, namespace: string): Promise<Body> =>
  land.consumer.objects.create(type, instance(type, name, namespace));
const resize = ({ type }: Lane, name: string, namespace: string, size: string): Promise<Body> =>
  land.consumer.objects.merge(type, at(name, namespace), { spec: { size } });
const copy = ({ type }: Lane, name: string, namespace: string, size = "small"): Promise<Body> =>
  object(land.provider.objects, type, at(name, namespace), `to be ${size}`, ({ spec }) => spec.size === size);
const inOrder = ({ word }: Lane, quiet: boolean | number = false) => invariants.check({ word, quiet });

/** Rooms with these names, with a Role in each of them, or none. */
const roomsFor = async (which: Lane, names: readonly string[], granted = true) => {
  await Promise.all(names.map((name) => makeRoom(land, name)));
  if (granted) await Promise.all(names.map((name) => grantIn(land, which, name)));
};

const numbered = (word: string, count: number, from = 1): string[] =>
  Array.from({ length: count }, (_, index) => `${word}-${from + index}`);

describe.concurrent("a Binding", () => {
  test("with Roles alone, on both sides, syncs, is edited, gets its status, and goes without a trace", async () => {
    const which = lane("roles");
    const { type, word } = which;
    const { consumer, provider } = land;
    await grantIn(land, which, word);
    await connect(land, which);
    await bind(land, which, word);
    await says(land, which, word, { ...READY, ...ALL_GRANTED });
    await conditions(consumer.objects, CONNECTIONS, at(word), { ...READY, ...ALL_GRANTED });
    await served(consumer, type);
    await make(which, "one", word);
    await copy(which, "one", word);
    await resize(which, "one", word, "large");
    await copy(which, "one", word, "large");
    await provider.objects.merge(type, at("one", word), { status: { phase: "Running" } }, "status");
    await object(consumer.objects, type, at("one", word), "to show it", ({ status }) => status?.phase === "Running");
    await watched(land, type, [word]);

    // Another one, later, without rights: it says which are missing, and nobody is hindered.
    const rooms = ["roles-later", "roles-poor"];
    await roomsFor(which, ["roles-later"]);
    await roomsFor(which, ["roles-poor"], false);
    for (const room of rooms) await bind(land, which, room);
    await ready(land, which, "roles-later");
    await make(which, "two", "roles-later");
    await make(which, "three", "roles-poor");
    await copy(which, "two", "roles-later");
    const missingHere = here(
      `get, list, watch, patch ${apiName(type)} in namespace roles-poor; patch ${apiName(type)}/status in namespace roles-poor`,
    );
    const missingThere = onProvider(`list, watch, get, create, patch, delete ${apiName(type)} in namespace roles-poor`);
    await says(land, which, "roles-poor", { Ready: { status: "False" }, ...missingHere, ...missingThere });
    for (const room of [word, "roles-later"]) {
      await says(land, which, room, { ...READY, ...ALL_GRANTED });
    }
    await resize(which, "one", word, "huge");
    await copy(which, "one", word, "huge");

    // Granted here alone, it is the provider that is missing.
    await grant(consumer.plane, KONNECTOR_USER, instancesHere(type), "roles-poor", `${word}-instances`);
    await says(land, which, "roles-poor", {
      Ready: { status: "False", reason: "Forbidden", message: /in namespace roles-poor on the provider/ },
      LocalPermissionDenied: NOTHING,
      ...missingThere,
    });
    expect((await consumer.objects.get(type, at("three", "roles-poor"))).metadata.finalizers).toBeUndefined();
    await grant(provider.plane, providerUserOf(word), instancesThere(type), "roles-poor", `${word}-instances`);
    await says(land, which, "roles-poor", { ...READY, ...ALL_GRANTED });
    await copy(which, "three", "roles-poor");
    await watched(land, type, [word, ...rooms]);
    await inOrder(which);

    // One object is deleted, one Binding; the others stay, and so do their watches.
    await consumer.objects.remove(type, at("one", word));
    await absent(consumer.objects, type, at("one", word));
    expect(await provider.objects.get(type, at("one", word))).toBeUndefined();
    await consumer.objects.remove(BINDINGS, at(word, "roles-later"));
    await absent(consumer.objects, BINDINGS, at(word, "roles-later"));
    expect(await provider.objects.get(type, at("two", "roles-later"))).toBeUndefined();
    expect((await consumer.objects.get(type, at("two", "roles-later"))).metadata.finalizers).toBeUndefined();
    await watched(land, type, [word, "roles-poor"]);
    await resize(which, "three", "roles-poor", "large");
    await copy(which, "three", "roles-poor", "large");
    for (const room of [word, "roles-poor"]) await consumer.objects.remove(BINDINGS, at(word, room));
    for (const room of [word, "roles-poor"]) await absent(consumer.objects, BINDINGS, at(word, room));
    await watched(land, type, []);
    expect(await provider.objects.list(type)).toEqual([]);
    await consumer.objects.remove(CONNECTIONS, at(word));
    await absent(consumer.objects, CONNECTIONS, at(word));
    await inOrder(which);
  });

  test("that is the eleventh has one watch take over from all; what changes meanwhile is neither lost nor written twice", async () => {
    const which = lane("switch");
    const { type, word } = which;
    const { consumer } = land;
    const rooms = numbered(word, 11);
    await roomsFor(which, rooms, false);
    await grantIn(land, which, "");
    await connect(land, which);
    const first = rooms.slice(0, 10);
    await Promise.all(first.map((room) => bind(land, which, room)));
    for (const room of first) await ready(land, which, room);
    await served(consumer, type);
    await Promise.all(rooms.map((room) => make(which, "before", room)));
    await Promise.all(first.map((room) => copy(which, "before", room)));
    await watched(land, type, first);
    await inOrder(which, 1_000);

    const heard = await listen(land);
    const eleventh = bind(land, which, rooms.at(-1) as string);
    const during = numbered("during", 12);
    for (const name of during) await Promise.all(first.map((room) => make(which, name, room)));
    await eleventh;
    await Promise.all(first.map((room) => consumer.objects.remove(type, at("during-1", room))));
    await watched(land, type, [""]);
    await ready(land, which, rooms.at(-1) as string);
    for (const name of during.slice(1)) await Promise.all(first.map((room) => copy(which, name, room)));
    await Promise.all(rooms.map((room) => copy(which, "before", room)));
    await Promise.all(first.map((room) => absent(consumer.objects, type, at("during-1", room))));
    await inOrder(which, 1_000);

    const { consumer: below, provider: above } = await heard();
    const writes = [...below, ...above].filter(
      (event) => isWrite(event) && event.objectRef?.resource === type.resource,
    );
    // What was there is not written again, and each new one costs what it always does.
    expect(
      writes.filter(({ objectRef }) => objectRef?.name === "before" && objectRef.namespace !== rooms.at(-1)),
    ).toEqual([]);
    const applied = above.filter(({ verb, objectRef }) => verb === "patch" && objectRef?.name?.startsWith("during-"));
    expect(applied.length).toBeLessThanOrEqual(during.length * first.length);
    expect(await streams(land.consumer, type)).toEqual([""]);
  });

  test("is one of thirty, which are watched by thirty streams with Roles alone and by one when more is granted", async () => {
    const which = lane("thirty");
    const { type, word } = which;
    const rooms = numbered(word, 30);
    await roomsFor(which, rooms);
    await connect(land, which);
    await Promise.all(rooms.map((room) => bind(land, which, room)));
    for (const room of rooms) await ready(land, which, room);
    await served(land.consumer, type);
    await Promise.all(rooms.map((room) => make(which, "one", room)));
    await Promise.all(rooms.map((room) => copy(which, "one", room)));
    await watched(land, type, rooms);
  });
});

describe.concurrent("a Binding whose finalizer was taken off by force", () => {
  test("while its objects were to be let go of leaves none of them behind that nobody looks at", async () => {
    const which = lane("held");
    const { type, word } = which;
    const { consumer, provider } = land;
    const rooms = [word, "held-other"];
    await roomsFor(which, ["held-other"], false);
    await Promise.all(rooms.map((room) => grantIn(land, which, room)));
    await connect(land, which);
    for (const room of rooms) await bind(land, which, room);
    for (const room of rooms) await ready(land, which, room);
    await served(consumer, type);
    await make(which, "one", word);
    await copy(which, "one", word);
    await provider.objects.merge(type, at("one", word), { metadata: { finalizers: ["example.org/keep"] } });
    await consumer.objects.remove(BINDINGS, at(word, word));
    const isGoing = ({ metadata }: Body) => metadata.deletionTimestamp;
    await object(provider.objects, type, at("one", word), "to be going", isGoing);
    await consumer.objects.merge(BINDINGS, at(word, word), { metadata: { finalizers: [] } });
    await absent(consumer.objects, BINDINGS, at(word, word));
    await consumer.objects.remove(type, at("one", word));
    expect((await consumer.objects.get(type, at("one", word))).metadata.finalizers).toEqual([FINALIZER.syncer]);
    await provider.objects.merge(type, at("one", word), { metadata: { finalizers: [] } });
    await absent(consumer.objects, type, at("one", word));
    await watched(land, type, ["held-other"]);
    await inOrder(which);
  });
});

describe("after a restart", () => {
  test("Bindings with Roles alone are watched as before, without a write, and more rights make one watch of thirty", async () => {
    const which = lane("thirty");
    const { type, word } = which;
    const rooms = numbered(word, 30);
    const heard = await listen(land);
    await land.restart();
    await watched(land, type, rooms);
    await watched(land, lane("switch").type, [""]);
    await resize(which, "one", rooms.at(-1) as string, "large");
    await copy(which, "one", rooms.at(-1) as string, "large");
    const { consumer, provider } = await heard();
    const written = [...consumer, ...provider].filter(
      (event) => isWrite(event) && event.objectRef?.name !== rooms.at(-1),
    );
    expect(written.map(({ verb, objectRef }) => `${verb} ${objectRef?.namespace}`)).toEqual([`patch ${rooms.at(-1)}`]);

    // A right that is missing somewhere has all of them looked at again; what turns up then is made use of.
    await makeRoom(land, "thirty-more");
    await bind(land, which, "thirty-more");
    await says(land, which, "thirty-more", onProvider(
      `list, watch, get, create, patch, delete ${apiName(type)} in namespace thirty-more`,
    )); // prettier-ignore
    await grantIn(land, which, "");
    await ready(land, which, "thirty-more");
    await watched(land, type, [""]);
    await resize(which, "one", rooms.at(-1) as string, "huge");
    await copy(which, "one", rooms.at(-1) as string, "huge");
    await inOrder(which, 1_000);
  });

  test("an object of a Binding whose finalizer was taken off by force is found and let go of", async () => {
    const which = lane("forced");
    const { type, word } = which;
    const { consumer, provider } = land;
    await roomsFor(which, ["forced-other"], false);
    await grantIn(land, which, "");
    await connect(land, which);
    for (const room of [word, "forced-other"]) await bind(land, which, room);
    for (const room of [word, "forced-other"]) await ready(land, which, room);
    await served(consumer, type);
    for (const [name, room] of [
      ["one", word],
      ["two", word],
      ["one", "forced-other"],
    ] as const) {
      // prettier-ignore
      await make(which, name, room);
      await copy(which, name, room);
    }
    await land.konnector.kill();
    await consumer.objects.merge(BINDINGS, at(word, word), { metadata: { finalizers: [] } });
    await consumer.objects.remove(BINDINGS, at(word, word));
    await absent(consumer.objects, BINDINGS, at(word, word));
    await consumer.objects.remove(type, at("one", word));
    expect((await consumer.objects.get(type, at("one", word))).metadata.finalizers).toEqual([FINALIZER.syncer]);
    await land.restart();
    await absent(consumer.objects, type, at("one", word));
    expect(await provider.objects.get(type, at("one", word))).toBeUndefined();
    // What is only not bound any more keeps its copy, and goes when it is deleted.
    await copy(which, "two", word);
    await consumer.objects.remove(type, at("two", word));
    await absent(consumer.objects, type, at("two", word));
    await watched(land, type, ["forced-other"]);
    await inOrder(which);
  });

  test("such an object is found without another one when more may be looked at, or its namespace is bound again", async () => {
    const which = lane("lost");
    const { type, word } = which;
    const { consumer, provider } = land;
    const poor = "lost-roles-poor";
    await roomsFor(which, [poor], false);
    await grantIn(land, which, word);
    await connect(land, which);
    await bind(land, which, word);
    await ready(land, which, word);
    await served(consumer, type);
    for (const name of ["one", "two", "three"]) await make(which, name, word);
    for (const name of ["one", "two", "three"]) await copy(which, name, word);
    await land.konnector.kill();
    await consumer.objects.merge(BINDINGS, at(word, word), { metadata: { finalizers: [] } });
    await consumer.objects.remove(BINDINGS, at(word, word));
    await consumer.objects.remove(type, at("one", word));
    await land.restart();
    await conditions(consumer.objects, CONNECTIONS, at(word), READY);
    // Bound again.
    await bind(land, which, word);
    await absent(consumer.objects, type, at("one", word));
    expect(await provider.objects.get(type, at("one", word))).toBeUndefined();
    await copy(which, "two", word);

    await land.konnector.kill();
    await consumer.objects.merge(BINDINGS, at(word, word), { metadata: { finalizers: [] } });
    await consumer.objects.remove(BINDINGS, at(word, word));
    await consumer.objects.remove(type, at("two", word));
    await land.restart();
    await conditions(consumer.objects, CONNECTIONS, at(word), READY);
    // While a right is missing, what is granted is asked again and again; there is no binding for this API.
    await bind(land, lane("held"), poor);
    await says(land, lane("held"), poor, { LocalPermissionDenied: { status: "True" } });
    expect((await consumer.objects.get(type, at("two", word))).metadata.finalizers).toEqual([FINALIZER.syncer]);
    await grantIn(land, which, "");
    await absent(consumer.objects, type, at("two", word));
    expect(await provider.objects.get(type, at("two", word))).toBeUndefined();
    await copy(which, "three", word);
    await consumer.objects.remove(type, at("three", word));
    await absent(consumer.objects, type, at("three", word));
    await grantIn(land, lane("held"), poor);
    await ready(land, lane("held"), poor);
    await consumer.objects.remove(BINDINGS, at("held", poor));
    await absent(consumer.objects, BINDINGS, at("held", poor));
    await inOrder(which);
  });

  test("a definition that is deleted is not held up by what carries our finalizer where no Binding is", async () => {
    const { type, word } = lane("forced");
    const { objects } = land.consumer;
    const restored = instance(type, "restored", word);
    await objects.create(type, { ...restored, metadata: { ...restored.metadata, finalizers: [FINALIZER.syncer] } });
    const { metadata } = await objects.get(CRDS, at(apiName(type)));
    await objects.remove(CRDS, at(apiName(type)));
    const isAnother = (crd: Body) => crd.metadata.uid !== metadata.uid;
    await object(objects, CRDS, at(apiName(type)), "to be made anew", isAnother);
    await served(land.consumer, type);
    expect(await objects.list(type)).toEqual([]);
    expect(await land.provider.objects.list(type)).toEqual([]);
    await watched(land, type, ["forced-other"]);
    await inOrder(lane("forced"), 1_000);
  });
});

test("nothing was asked for that a Role does not grant, but what was tried once before anything was known", async () => {
  const refused = (await refusals(land)).filter((line) => !/thirty-more|roles-poor/.test(line));
  expect(refused.filter((line) => !/^(list|watch) \w+$/.test(line))).toEqual([]);
  expect(refused.length, refused.join("; ")).toBeLessThan(15);
});
