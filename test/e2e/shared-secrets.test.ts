// The Secrets that Connections name: held by our finalizer for as long as anybody needs them, freed by the last who does, and
// never touched elsewhere than in the one namespace they are read from. Tests run side by side, each in a lane of its own.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { FINALIZER } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { isKonnectors, traffic } from "./traffic.ts";

const HOLD = "example.org/hold";
const WORDS = ["sharing", "leaving", "going", "renewed", "robbed"];

let land: Landscape;
let invariants: Invariants;
const lanes = new Map<string, Lane>();
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const lane = (word: string) => lanes.get(word) as Lane;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  for (const opened of await Promise.all(WORDS.map((word) => openLane(land, word)))) lanes.set(opened.word, opened);
});
afterAll(() => land?.stop());

const secretAt = (name: string) => at(name, manifests.SECRET_NAMESPACE);
const connectionSays = (name: string, reason: string) =>
  conditions(down(), CONNECTIONS, at(name), { Ready: { status: reason === "AsExpected" ? "True" : "False", reason } });
const finalizersOf = async (name: string): Promise<string[] | undefined> =>
  (await down().get(SECRETS, secretAt(name)))?.metadata.finalizers;
const held = (name: string, finalizers: string[]) =>
  object(down(), SECRETS, secretAt(name), `to carry ${finalizers.join(" and ")}`, ({ metadata }) =>
    finalizers.every((one) => metadata.finalizers?.includes(one)),
  );
const release = (name: string, finalizer: string) =>
  down()
    .get(SECRETS, secretAt(name))
    .then(({ metadata }) => {
      const finalizers = metadata.finalizers.filter((one: string) => one !== finalizer);
      return down().merge(SECRETS, secretAt(name), { metadata: { finalizers } });
    });

/** A Connection that names another one's Secret, and a binding to an API of its own. */
async function sharer(name: string, secret: string): Promise<Body> {
  const type = manifests.typeOf(name);
  await offer(land, type);
  const body = manifests.connection(name);
  await down().create(CONNECTIONS, {
    ...body,
    spec: { ...body.spec, kubeconfigSecretRef: { namespace: manifests.SECRET_NAMESPACE, name: secret } },
  });
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding(name, [type]));
  return type;
}

async function engage({ pieces, word, type }: Lane): Promise<void> {
  for (const { resource, body } of [pieces.Secret, pieces.Connection, pieces.binding])
    await down().create(resource, body);
  await conditions(down(), CLUSTER_BINDINGS, at(word), READY);
  await served(land.consumer, type);
}

const sync = async (type: Body, word: string, name: string): Promise<Body> => {
  await down().create(type, manifests.instance(type, name, word));
  return object(up(), type, at(name, word), "to be there");
};

describe.concurrent("a Secret that two Connections name", () => {
  test("stays with the one that stays, and is freed by the one that goes last", async () => {
    const which = lane("sharing");
    await engage(which);
    const type = await sharer("sharingtwo", "sharing");
    await conditions(down(), CLUSTER_BINDINGS, at("sharingtwo"), READY);
    for (const resource of [CLUSTER_BINDINGS, CONNECTIONS]) await down().remove(resource, at("sharing"));
    await absent(down(), CONNECTIONS, at("sharing"));
    expect(await finalizersOf("sharing")).toEqual([FINALIZER.cleanup]);
    await served(land.consumer, type);
    await sync(type, "sharing", "still");
    for (const resource of [CLUSTER_BINDINGS, CONNECTIONS]) await down().remove(resource, at("sharingtwo"));
    await absent(down(), CONNECTIONS, at("sharingtwo"));
    expect(await finalizersOf("sharing")).toBeUndefined();
    await invariants.check({ word: "sharing" });
  });

  test("that all go together outlives them until the last one has drained, and then goes too", async () => {
    const which = lane("leaving");
    await engage(which);
    await sharer("leavingtwo", "leaving");
    await conditions(down(), CLUSTER_BINDINGS, at("leavingtwo"), READY);
    await sync(which.type, "leaving", "slow");
    await up().merge(which.type, at("slow", "leaving"), { metadata: { finalizers: [HOLD] } });
    for (const name of ["leaving", "leavingtwo"])
      for (const resource of [CONNECTIONS, CLUSTER_BINDINGS]) await down().remove(resource, at(name));
    await down().remove(SECRETS, secretAt("leaving"));

    await absent(down(), CONNECTIONS, at("leavingtwo"));
    await connectionSays("leaving", "DrainingBindings");
    expect(await finalizersOf("leaving")).toEqual([FINALIZER.cleanup]);
    await up().merge(which.type, at("slow", "leaving"), { metadata: { finalizers: null } });
    await absent(down(), CONNECTIONS, at("leaving"));
    await absent(down(), SECRETS, secretAt("leaving"));
    expect(await up().get(which.type, at("slow", "leaving"))).toBeUndefined();
    await invariants.check({ word: "leaving" });
  });
});

describe.concurrent("a Secret that is deleted", () => {
  test("before it is named is used while it is there, without our finalizer, which it can no longer get", async () => {
    const which = lane("going");
    const { body } = which.pieces.Secret;
    await down().create(SECRETS, { ...body, metadata: { ...body.metadata, finalizers: [HOLD] } });
    await down().remove(SECRETS, secretAt("going"));
    for (const { resource, body: other } of [which.pieces.Connection, which.pieces.binding])
      await down().create(resource, other);
    await connectionSays("going", "AsExpected");
    await served(land.consumer, which.type);
    await sync(which.type, "going", "one");
    expect(await finalizersOf("going")).toEqual([HOLD]);

    await release("going", HOLD);
    await connectionSays("going", "SecretNotFound");
    await down().create(SECRETS, body);
    await held("going", [FINALIZER.cleanup]);
    await connectionSays("going", "AsExpected");
    await sync(which.type, "going", "two");
    await invariants.check({ word: "going" });
  });

  test("while it is named stays, and works, until the Connection goes; one made anew then is another's business", async () => {
    const which = lane("renewed");
    await engage(which);
    await down().remove(SECRETS, secretAt("renewed"));
    const going = await object(
      down(),
      SECRETS,
      secretAt("renewed"),
      "to be going",
      (one) => one.metadata.deletionTimestamp,
    );
    expect(going.metadata.finalizers).toEqual([FINALIZER.cleanup]);
    await sync(which.type, "renewed", "one");
    await connectionSays("renewed", "AsExpected");
    for (const resource of [CLUSTER_BINDINGS, CONNECTIONS]) await down().remove(resource, at("renewed"));
    await absent(down(), CONNECTIONS, at("renewed"));
    await absent(down(), SECRETS, secretAt("renewed"));
    expect(await up().get(which.type, at("one", "renewed"))).toBeUndefined();
    const { metadata } = await down().create(SECRETS, which.pieces.Secret.body);
    await invariants.check({ word: "renewed" });
    expect((await down().get(SECRETS, secretAt("renewed"))).metadata).toEqual(metadata);
  });

  test("by force, our finalizer taken off, is missed at once, and held again when it is back", async () => {
    const which = lane("robbed");
    await engage(which);
    await down().merge(SECRETS, secretAt("robbed"), { metadata: { finalizers: null } });
    await held("robbed", [FINALIZER.cleanup]);
    await down().remove(SECRETS, secretAt("robbed"));
    await down().merge(SECRETS, secretAt("robbed"), { metadata: { finalizers: null } });
    await connectionSays("robbed", "SecretNotFound");
    await down().create(SECRETS, which.pieces.Secret.body);
    await held("robbed", [FINALIZER.cleanup]);
    await connectionSays("robbed", "AsExpected");
    await sync(which.type, "robbed", "one");
    await invariants.check({ word: "robbed" });
  });
});

test("no Secret outside the one namespace was ever asked for, listed, watched or written", async () => {
  const asked = (await traffic(land)).consumer.filter(
    (event) => isKonnectors(event) && event.objectRef?.resource === "secrets",
  );
  expect(new Set(asked.map(({ objectRef }) => objectRef?.namespace))).toEqual(new Set([manifests.SECRET_NAMESPACE]));
  expect(new Set(asked.map(({ verb }) => verb))).toEqual(new Set(["watch", "patch"]));
  const above = (await traffic(land)).provider.filter(
    (event) => isKonnectors(event) && event.objectRef?.resource === "secrets",
  );
  expect(above).toEqual([]);
});
