// How a binding lets go of its objects: by what is true of them and not by what a watch has told so far, and without the
// provider's word once its drain has taken as long as it may. The konnector reaches its own cluster through a proxy that can
// hold a watch back. What an operator says by annotation is in deletion-matrix.test.ts.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONFIGMAPS, CONNECTIONS, EVENTS } from "../../crds/resources.ts";
import { type Konnector, startKonnector } from "../harness/konnector.ts";
import { type RewritingProxy, startRewritingProxy } from "../harness/rewriting-proxy.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import { instance, related } from "./manifests.ts";
import { at } from "./objects.ts";
import { bringUp, bystander, type Case, drop, isLetGo, nothingIsLeft, type Obstacle, OBSTACLES } from "./obstacles.ts";
import { grant, KONNECTOR_USER, RELATED_CONSUMER_RIGHTS, RELATED_PROVIDER_RIGHTS } from "./rights.ts";
import { providerUserOf } from "./rules.ts";

/** Milliseconds: longer than what is blocked takes to be told of. */
const TIMEOUT = 4_000;

let land: Landscape;
let invariants: Invariants;
let proxy: RewritingProxy;
let konnector: Konnector;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await land.konnector.stop();
  proxy = await startRewritingProxy(land.ownKubeconfig, (request) => request);
  konnector = await startKonnector({ kubeconfig: proxy.kubeconfig(), args: ["--drain-timeout", `${TIMEOUT}ms`] });
  await konnector.ready();
});
afterAll(async () => {
  await konnector?.kill();
  await proxy?.stop();
  await land?.stop();
});

/** A Binding's lane with these objects, all synced. */
async function lane(word: string, ...names: string[]): Promise<Lane> {
  const opened = await openLane(land, word, "Binding");
  const { pieces, type } = opened;
  for (const { resource, body } of [pieces.Secret, pieces.Connection, pieces.binding])
    await down().create(resource, body);
  await conditions(down(), BINDINGS, pieces.binding.key, READY);
  await served(land.consumer, type);
  await Promise.all(names.map((name) => down().create(type, instance(type, name, word))));
  for (const name of names) await object(up(), type, at(name, word), "to be there");
  await invariants.check({ word, quiet: false });
  return opened;
}

async function leave({ pieces, word, type }: Lane): Promise<void> {
  for (const { metadata } of await down().list(type, word)) await down().remove(type, at(metadata.name, word));
  for (const { resource, key } of [pieces.Connection, pieces.Secret]) await down().remove(resource, key);
  await absent(down(), pieces.Connection.resource, pieces.Connection.key);
  await invariants.check({ word, quiet: false });
}

test("what was said of an object before its binding was deleted counts, though the watch has not told it yet", async () => {
  const which = await lane("unheard", "kept", "gone");
  const { type, pieces } = which;
  const goOn = proxy.stall((path) => path.includes(`/${type.resource}?`) && path.includes("watch=true"));
  const orphan = { metadata: { annotations: { [ANNOTATION.deletionPolicy]: "Orphan" } } };
  await down().merge(type, at("kept", "unheard"), orphan);
  await down().remove(BINDINGS, pieces.binding.key);
  await absent(down(), BINDINGS, pieces.binding.key);
  expect((await up().list(type, "unheard")).map(({ metadata }) => metadata.name)).toEqual(["kept"]);
  const { metadata } = await up().get(type, at("kept", "unheard"));
  expect(Object.keys(metadata.annotations ?? {}), "without our marks").toEqual([]);
  for (const one of await down().list(type, "unheard"))
    expect(one.metadata.finalizers ?? []).not.toContain(FINALIZER.syncer);
  goOn();
  await up().remove(type, at("kept", "unheard"));
  await leave(which);
});

const BY_FORCE: Pick<Obstacle, "title" | "letter" | "arise"> = {
  title: "the Connection was taken away by force",
  letter: "gone",
  arise: async ({ pieces: { Connection: connection } }) => {
    await down().remove(CONNECTIONS, connection.key);
    await down().patch(CONNECTIONS, connection.key, [{ op: "remove", path: "/metadata/finalizers" }]);
    await absent(down(), CONNECTIONS, connection.key);
  },
};

describe("with --drain-timeout a binding goes after that time, and says what it leaves, where", () => {
  for (const { title, letter, arise } of [...OBSTACLES.filter(({ cause }) => cause !== undefined), BY_FORCE])
    test.concurrent(title, async () => {
      const one = await bringUp(land, `${letter}t`);
      const before = await bystander(one);
      try {
        await arise(one);
        await drop(one, "binding");
        const deleted = Date.now();
        await isLetGo(one, invariants, "--drain-timeout, which is over");
        // A deletion has whole seconds, cut off.
        expect(Date.now() - deleted).toBeGreaterThan(TIMEOUT - 1_000);
        expect(await bystander(one)).toEqual(before);
      } finally {
        await one.proxy.stop();
      }
    });
});

test.concurrent(
  "Orphan lets go where the provider is away, on an object and in a drain, and what is left is told of",
  async () => {
    const one = await bringUp(land, "alone");
    const { type, word, proxy: way } = one;
    const two = at("two", word);
    try {
      await down().create(type, instance(type, two.name, word));
      await object(up(), type, two, "to be there");
      await way.set("refuse");
      await conditions(down(), CONNECTIONS, at(word), { Ready: { status: "False" } });
      const orphan = { metadata: { annotations: { [ANNOTATION.deletionPolicy]: "Orphan" } } };
      for (const key of [two, one.pieces.instance.key]) await down().merge(type, key, orphan);
      await down().remove(type, two);
      await absent(down(), type, two);
      const event = await eventually("an Event on the object", async () =>
        (await down().list(EVENTS, word)).find(({ reason }) => reason === "FinalizerReleased"),
      );
      expect(event.involvedObject).toMatchObject({ kind: type.kind, name: "two" });
      expect(event.message).toMatch(
        /^let go without the provider's word, by deletion-policy Orphan: .* with the marks/,
      );
      expect(Object.keys((await up().get(type, two)).metadata.annotations)).toContain(ANNOTATION.consumerObjectUid);
      await up().remove(type, two);
      await drop(one, "binding");
      await isLetGo(one, invariants, "deletion-policy Orphan");
    } finally {
      await way.stop();
    }
  },
);

test.concurrent("related copies are waited for no longer than anything else, and are told of, too", async () => {
  const one = await bringUp(land, "beside");
  const { word, proxy: way, pieces } = one;
  const kept = at("kept", word);
  try {
    const rules = [related("configmaps", "FromConsumer", { names: [kept.name] })];
    await grant(land.provider.plane, providerUserOf(word), RELATED_PROVIDER_RIGHTS, "", "related");
    await grant(land.consumer.plane, KONNECTOR_USER, RELATED_CONSUMER_RIGHTS, "", "related");
    await down().merge(CLUSTER_BINDINGS, pieces.binding.key, { spec: { relatedResources: rules } });
    await down().create(CONFIGMAPS, { metadata: kept, data: { key: "value" } });
    await object(up(), CONFIGMAPS, kept, "to be copied");
    await way.set("refuse");
    await conditions(down(), CONNECTIONS, at(word), { Ready: { status: "False" } });
    await drop(one, "binding");
    await absent(down(), CLUSTER_BINDINGS, pieces.binding.key);
    const event = await eventually("an Event on the binding", async () =>
      (await down().list(EVENTS, "default")).find(({ involvedObject }) => involvedObject.name === word),
    );
    expect(event.message).toMatch(
      /^1 object\(s\) were let go .* one -n beside; copies of related objects may be left, by --/,
    );
    expect(event.message).toMatch(
      /: 1, and it is not known how many related configmaps$|: 0, and .* related configmaps$/,
    );
    await drop(one, "Connection", "Secret");
    await absent(down(), CONNECTIONS, pieces.Connection.key);
    await down().remove(CONFIGMAPS, kept);
    await up().remove(CONFIGMAPS, kept);
    await up().remove(one.type, pieces.instance.key);
    await nothingIsLeft(one, invariants);
  } finally {
    await way.stop();
  }
});

test("an object that is merely deleted, and a binding that is paused, wait for longer than --drain-timeout", async () => {
  const held = OBSTACLES.find(({ letter }) => letter === "held") as Obstacle;
  const bring = async (word: string): Promise<Case> => {
    const one = await bringUp(land, word);
    await held.arise(one);
    return one;
  };
  const [live, paused, going] = await Promise.all([bring("livet"), bring("restt"), bring("goest")]);
  const pause = (value: string | null) => ({ metadata: { annotations: { [ANNOTATION.paused]: value } } });
  try {
    await drop(live, "instance");
    await down().merge(CLUSTER_BINDINGS, at("restt"), pause("true"));
    await drop(paused, "binding");
    await drop(going, "binding");
    await isLetGo(going, invariants, "--drain-timeout, which is over");
    for (const { type, pieces } of [live, paused]) {
      const { metadata } = await down().get(type, pieces.instance.key);
      expect(metadata.finalizers).toContain(FINALIZER.syncer);
    }
    await down().merge(CLUSTER_BINDINGS, at("restt"), pause(null));
    await isLetGo(paused, invariants, "--drain-timeout, which is over");
    await held.mend(live);
    await absent(down(), live.type, live.pieces.instance.key);
    await drop(live, "binding", "Connection", "Secret");
    await nothingIsLeft(live, invariants);
  } finally {
    for (const { proxy: way } of [live, paused, going]) await way.stop();
  }
});
