// Lists that are wrong, of either cluster: complete and empty, complete and half, broken off in the middle; as a stream and in
// pages; while the process runs and when it starts. Whatever is missing from them, nothing is deleted, released, unbound or made
// anew, what is said of it is true, and everything goes on once they are right again.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { leaseName } from "../../crds/lease.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, LEASES, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { eventually, never, NotYet } from "../harness/wait.ts";
import { absent, conditionOf, conditions, NOTHING, object, READY } from "./conditions.ts";
import { type FalseLists, type Lie, type Manner, startFalseLists } from "./false-lists.ts";
import { type Landscape, offer, PATIENCE, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom } from "./rooms.ts";
import { describe as described, isWrite, listen, type Traffic } from "./traffic.ts";

const WORD = "acme";
const [BLANKS, HALVES, BREAKS, LOCALS] = ["blank", "halve", "break", "local"].map((word) => typeOf(word)) as [
  Resource,
  Resource,
  Resource,
  Resource,
];
const TYPES = [BLANKS, HALVES, BREAKS, LOCALS];
const NAMES = ["a", "b", "c", "d", "e", "f"];
const LIES: Record<string, Lie> = { blanks: "empty", halves: "half", breaks: "cut", locals: "empty" };
const OWN_LIES: Record<string, Lie> = {
  connections: "empty",
  clusterbindings: "empty",
  bindings: "empty",
  secrets: "empty",
  customresourcedefinitions: "empty",
};
const MANNERS: Manner[] = ["as a stream", "in pages"];
/** Milliseconds in which nothing may happen. */
const QUIET = 3_000;

let land: Landscape;
/** Before the konnector's own cluster, and before the provider. */
let own: FalseLists;
let theirs: FalseLists;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

async function make(type: Resource, name: string): Promise<void> {
  const key = at(name, WORD);
  await down().create(type, instance(type, name, WORD));
  await object(up(), type, key, "to be there");
  await up().merge(type, key, { status: { phase: "up" } }, "status");
  await object(down(), type, key, "to be up", ({ status }) => status?.phase === "up");
}

beforeAll(async () => {
  const ownAccess = async (kubeconfig: string) => {
    own = await startFalseLists(kubeconfig);
    return own.kubeconfig;
  };
  land = await startLandscape({ ownAccess });
  theirs = await startFalseLists(land.kubeconfig);
  await Promise.all(TYPES.map((type) => offer(land, type)));
  await makeRoom(land, WORD);
  await down().create(SECRETS, manifests.secret(WORD, theirs.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(WORD));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding(WORD, [BLANKS, HALVES, BREAKS]));
  await down().create(BINDINGS, manifests.binding(WORD, WORD, [LOCALS]));
  await ready();
  await Promise.all(TYPES.map((type) => served(land.consumer, type)));
  await Promise.all(TYPES.flatMap((type) => NAMES.map((name) => make(type, name))));
  // One is in conflict, and goes on being counted.
  await up().create(BLANKS, instance(BLANKS, "taken", WORD, { size: "theirs" }));
  await down().create(BLANKS, instance(BLANKS, "taken", WORD));
  await ready();
});
afterAll(async () => {
  await land?.stop();
  await own?.stop();
  await theirs?.stop();
});

const ONE_CONFLICT = { Conflicts: { status: "True", reason: "ForeignObjectExists", message: /^1 object/ } } as const;
const EVERYTHING = { ...READY, OrphanedCopies: NOTHING } as const;

async function ready(): Promise<void> {
  const isTaken = (await up().get(BLANKS, at("taken", WORD))) !== undefined;
  const conflicts = isTaken ? ONE_CONFLICT : { Conflicts: NOTHING };
  await conditions(down(), CLUSTER_BINDINGS, at(WORD), { ...EVERYTHING, ...conflicts });
  await conditions(down(), BINDINGS, at(WORD, WORD), EVERYTHING);
  await conditions(down(), CONNECTIONS, at(WORD), READY);
}

const gist = ({ metadata, spec, status }: Body) => ({
  name: metadata.name,
  uid: metadata.uid,
  finalizers: metadata.finalizers,
  annotations: metadata.annotations,
  deleted: metadata.deletionTimestamp,
  spec,
  status,
});

/** Everything that could be lost, as it is; of our own kinds and definitions without what they say. */
async function world(): Promise<unknown> {
  const objects = TYPES.flatMap((type) => [down(), up()].map((side) => side.list(type, WORD)));
  const kinds = [CONNECTIONS, CLUSTER_BINDINGS, BINDINGS, SECRETS, CRDS].map((kind) => down().list(kind));
  const uid = (await down().get(NAMESPACES, at("kube-system"))).metadata.uid;
  const lease = await up().get(LEASES, at(leaseName(uid), manifests.LEASE_NAMESPACE));
  return {
    objects: (await Promise.all(objects)).map((list) => list.map(gist)),
    kinds: (await Promise.all(kinds)).map((list) => list.map((one: Body) => ({ ...gist(one), status: undefined }))),
    lease: lease?.metadata.uid,
  };
}

/** Each of them as often as that, at least. */
const toldFalsely = (lists: FalseLists, plurals: readonly string[], times = 1) =>
  eventually(
    "the wrong lists to be told",
    () => {
      const counts = plurals.map((plural) => lists.told(plural));
      return counts.every((count) => count >= times) || new NotYet(counts);
    },
    PATIENCE,
  );

/** Edits travel up and statuses down, for one object of each type. */
async function follow(type: Resource, size: string): Promise<void> {
  await down().merge(type, at("b", WORD), { spec: { size } });
  await object(up(), type, at("b", WORD), `to be ${size}`, ({ spec }) => spec.size === size);
  await up().merge(type, at("b", WORD), { status: { phase: size } }, "status");
  await object(down(), type, at("b", WORD), `to say ${size}`, ({ status }) => status?.phase === size);
}

const works = (size: string) => Promise.all(TYPES.map((type) => follow(type, size)));

/** The wrong lists have been told; from then on nothing of `kept` is so for a while. */
async function quietly(lists: FalseLists, plurals: readonly string[], wrong: () => Promise<string | undefined>) {
  await toldFalsely(lists, plurals);
  await never("what only a wrong list says", wrong, QUIET);
}

/** What the bindings say of copies without objects; undefined where that is nothing. */
async function orphansSaid(): Promise<string | undefined> {
  const bindings = [await down().get(CLUSTER_BINDINGS, at(WORD)), await down().get(BINDINGS, at(WORD, WORD))];
  const said = bindings.map((binding) => conditionOf(binding, "OrphanedCopies"));
  return said.find(({ status }) => status === "True")?.message;
}

const writesOn = (side: "consumer" | "provider", heard: Traffic): string[] =>
  heard[side].filter((event) => isWrite(event) && (event.responseStatus?.code ?? 500) < 300).map(described);

/** Statuses of our own kinds may say what is the matter. */
const isReport = (line: string): boolean => /^patch (connections|clusterbindings|bindings)\/status /.test(line);

async function healed(lists: FalseLists, before: unknown, size: string): Promise<void> {
  lists.tell({});
  await ready();
  expect(await world()).toEqual(before);
  await works(size);
}

describe.each(MANNERS)("told %s,", (manner) => {
  test("what is missing from this cluster's lists, our own kinds too, is neither undone nor said to be gone", async () => {
    const before = await world();
    const heard = await listen(land);
    own.tell({ ...LIES, ...OWN_LIES }, manner);
    await quietly(own, Object.keys({ ...LIES, ...OWN_LIES }), orphansSaid);
    expect(await world()).toEqual(before);
    await conditions(down(), CLUSTER_BINDINGS, at(WORD), ONE_CONFLICT);
    // Nobody waits for the list that breaks off.
    await Promise.all([BLANKS, HALVES, LOCALS].map((type) => follow(type, `${manner.slice(-4)}-meanwhile`)));
    await healed(own, await world(), `own-${manner.slice(-4)}`);
    const since = await heard();
    expect(writesOn("consumer", since).filter((line) => !isReport(line) && !/ acme\/b$/.test(line))).toEqual([]);
  });

  test("what is missing from the provider's lists of copies is neither made anew nor let go of", async () => {
    const before = await world();
    const heard = await listen(land);
    theirs.tell(LIES, manner);
    await quietly(theirs, Object.keys(LIES), orphansSaid);
    expect(await world()).toEqual(before);
    expect(writesOn("provider", await heard())).toEqual([]);
    await healed(theirs, before, `theirs-${manner.slice(-4)}`);
  });
});

describe("a process that is started", () => {
  test("while lists of our own kinds break off decides nothing, and begins once they are whole", async () => {
    const before = await world();
    const heard = await listen(land);
    await land.konnector.kill();
    own.tell({ clusterbindings: "cut", connections: "cut" });
    const coming = land.restart();
    await toldFalsely(own, ["clusterbindings", "connections"], 1);
    expect([...writesOn("consumer", await heard()), ...writesOn("provider", await heard())]).toEqual([]);
    own.tell({});
    await coming;
    await ready();
    expect(await world()).toEqual(before);
  });

  test("while objects are missing from its cluster's lists says that they are, and nothing else comes of it", async () => {
    const before = await world();
    const heard = await listen(land);
    await land.konnector.kill();
    own.tell(LIES);
    await land.restart();
    const missing = (message: RegExp) => ({ OrphanedCopies: { status: "True", message } as const });
    await conditions(down(), BINDINGS, at(WORD, WORD), missing(/^6 copies .* locals.example.org a -n acme/));
    // Both: what one is about to say it would say after the lists are right again, and `ready` would not have seen it.
    await conditions(down(), CLUSTER_BINDINGS, at(WORD), missing(/^9 copies .* blanks.example.org a -n acme/));
    expect(await world()).toEqual(before);
    expect(writesOn("provider", await heard())).toEqual([]);
    own.tell({});
    await ready();
    expect(await world()).toEqual(before);
    await works("started");
  });
});

describe("what is being deleted", () => {
  const HELD = at("c", WORD);
  const draining = (message: RegExp) => ({ Ready: { status: "False", reason: "DrainingObjects", message } as const });

  test("waits as before while lists are empty, and goes once nothing stands in its way", async () => {
    await up().merge(LOCALS, HELD, { metadata: { finalizers: ["example.org/provider"] } });
    await down().remove(BINDINGS, at(WORD, WORD));
    await down().remove(CONNECTIONS, at(WORD));
    await conditions(down(), BINDINGS, at(WORD, WORD), draining(/^1 object/));
    // It is counted before its delete is sent, too.
    await object(up(), LOCALS, HELD, "to be going", ({ metadata }) => metadata.deletionTimestamp);
    const heard = await listen(land);
    const before = await world();
    own.tell({ ...LIES, ...OWN_LIES });
    await quietly(own, Object.keys({ ...LIES, ...OWN_LIES }), orphansSaid);
    expect(await world()).toEqual(before);
    expect(writesOn("provider", await heard())).toEqual([]);
    await up().merge(LOCALS, HELD, { metadata: { finalizers: null } });
    await absent(down(), BINDINGS, at(WORD, WORD));
    expect(await up().list(LOCALS, WORD)).toEqual([]);
    own.tell({});
    const objects = await down().list(LOCALS, WORD);
    expect(objects.map(({ metadata }) => metadata.finalizers)).toEqual(NAMES.map(() => undefined));
  });

  test("with a list that breaks off: a definition is not taken for empty", async () => {
    own.tell({ locals: "cut" }, "in pages");
    await down().remove(CLUSTER_BINDINGS, at(WORD));
    await absent(down(), CLUSTER_BINDINGS, at(WORD));
    await toldFalsely(own, ["locals"], 1);
    const definition = await down().get(CRDS, at(apiName(LOCALS)));
    expect(definition.metadata.deletionTimestamp).toBeUndefined();
    expect(await down().get(CONNECTIONS, at(WORD))).toBeDefined();
    own.tell({});
    await absent(down(), CONNECTIONS, at(WORD));
    const { metadata } = await down().get(CRDS, at(apiName(LOCALS)));
    expect([metadata.uid, metadata.labels]).toEqual([definition.metadata.uid, undefined]);
    expect(await down().list(LOCALS, WORD)).toHaveLength(NAMES.length);
  });
});
