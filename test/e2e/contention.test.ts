// Copies that others on the provider want, too: names that are taken while a write is under way, fields that are changed back,
// objects that are not accepted. What is written then and how often, what is said, and that all of it heals by itself. Tests
// run side by side, each in a lane of its own.

import { setTimeout as pause } from "node:timers/promises";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, SECRETS } from "../../crds/resources.ts";
import type { Key, Resource } from "../../crds/kube-object.ts";
import { eachOf } from "../harness/pool.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { conditionOf, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { startNameRace, type NameRace } from "./name-race.ts";
import { at, type Body, pathOf } from "./objects.ts";
import { startRival } from "./rival.ts";
import { makeRoom } from "./rooms.ts";
import { isKonnectors, isWrite, listen, traffic } from "./traffic.ts";

/** Milliseconds of a fight: long enough for the quick repairs and one or two slow ones. */
const FIGHT = 22_000;
/** Milliseconds in which peace is noticed: two intervals of ten seconds, with their jitter, after the last repair. */
const PEACE = 60_000;
/** Names that are raced for, under each policy. */
const NAMES = 200;
/** Milliseconds that objects in conflict are watched for. */
const WATCHED = 6_000;

let land: Landscape;
let invariants: Invariants;
let race: NameRace;
const lanes = new Map<string, Lane>();
const lane = (word: string) => lanes.get(word) as Lane;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  race = await startNameRace(land.kubeconfig);
  const words = ["fought", "refused"];
  for (const opened of await Promise.all(words.map((word) => openLane(land, word)))) lanes.set(opened.word, opened);
});
afterAll(async () => {
  await race?.stop();
  await land?.stop();
});

/** Binds the lane's API, whose definition stays as it is once it is here, and waits until it is served. */
async function bind({ pieces, type, word }: Lane): Promise<void> {
  await down().create(SECRETS, pieces.Secret.body);
  await down().create(CONNECTIONS, manifests.connection(word, { schema: { updatePolicy: "Once" } }));
  await down().create(CLUSTER_BINDINGS, pieces.binding.body);
  await conditions(down(), CLUSTER_BINDINGS, pieces.binding.key, READY);
  await served(land.consumer, type);
}

/** Creates an object and waits for its copy. */
async function synced({ type, word }: Lane, name: string, spec: Body): Promise<{ key: Key; copy: Body }> {
  const key = at(name, word);
  await down().create(type, instance(type, name, word, spec));
  return { key, copy: await object(up(), type, key, "to be there") };
}

/** When our writes of that copy were sent, milliseconds. */
const writesOf = async ({ namespace, name }: Key): Promise<number[]> =>
  (await traffic(land)).provider
    .filter((event) => isKonnectors(event) && isWrite(event))
    .filter(({ objectRef }) => objectRef?.namespace === namespace && objectRef.name === name)
    .map(({ requestReceivedTimestamp }) => Date.parse(requestReceivedTimestamp));

const eventsOf = async (namespace: string, reason: string): Promise<Body[]> =>
  (await down().list(EVENTS, namespace)).filter((event) => event.reason === reason);

const says =
  (reason: string, message = /./) =>
  (one: Body) => {
    const condition = conditionOf(one, "Synced");
    return condition?.status === "False" && condition.reason === reason && message.test(condition.message);
  };

describe.concurrent("a copy whose fields somebody on the provider keeps changing back", () => {
  test("is written at most ten times a minute, says who it is, shows the provider's status, and heals when that ends", async () => {
    const which = lane("fought");
    const { type } = which;
    await bind(which);
    const { key } = await synced(which, "one", { size: "mine", color: "red" });
    const rival = startRival(land.provider, type, "stubborn-operator", "one", { size: "theirs" });
    const from = Date.now();
    try {
      const contested = says(
        "FieldsContested",
        /"stubborn-operator" on the provider keeps changing spec\.size of foughts fought\/one/,
      );
      await object(down(), type, key, "to say so", contested);
      await conditions(down(), CLUSTER_BINDINGS, which.pieces.binding.key, {
        Ready: { status: "True" },
        Synced: { status: "False", reason: "SyncFailed", message: /1 object/ },
      });
      await up().merge(type, key, { status: { phase: "Busy" } }, "status");
      const shown = await object(down(), type, key, "to show it", (one) => one.status?.phase === "Busy");
      expect(says("FieldsContested")(shown)).toBe(true);
      await pause(Math.max(0, from + FIGHT - Date.now())); // what is sent in this time is what is tested
    } finally {
      await rival.stop();
    }
    const sent = (await writesOf(key)).filter((time) => time >= from && time < from + FIGHT);
    // Four at once, and then one in each ten seconds, or a little more.
    expect(sent.length).toBeGreaterThanOrEqual(5);
    expect(sent.length).toBeLessThanOrEqual(7);
    expect(rival.turns).toBeGreaterThanOrEqual(sent.length);
    expect(await eventsOf("fought", "FieldsContested")).toHaveLength(1);

    await object(up(), type, key, "to be as it is wanted", ({ spec }) => spec.size === "mine");
    const isCalm = (mine: Body) => conditionOf(mine, "Synced") === undefined;
    await object(down(), type, key, "to complain no more", isCalm, PEACE);
    expect((await down().get(type, key)).status).toEqual({ phase: "Busy" });
    await conditions(down(), CLUSTER_BINDINGS, which.pieces.binding.key, { Synced: { status: "True" } });
    await invariants.check({ word: "fought" });
  });
});

describe.concurrent("an object that the provider does not take", () => {
  const isLarge = ({ spec }: Body) => spec.size === "large";

  /** The provider refuses large ones from now on, or takes them again; the definition here stays as it is. */
  async function takeLarge(type: Resource, taken: boolean): Promise<void> {
    const validations = [{ rule: "!has(self.size) || self.size != 'large'", message: "no large ones" }];
    const place = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-validations";
    await up().patch(CRDS, at(apiName(type)), [{ op: "add", path: place, value: taken ? [] : validations }]);
  }

  test("goes on showing its copy's status and says why; it is synced at once when it or the definition is corrected", async () => {
    const which = lane("refused");
    const { type } = which;
    await bind(which);
    const { key, copy } = await synced(which, "one", { size: "small" });
    await takeLarge(type, false);
    const probe = instance(type, "probe", "refused", { size: "large" });
    await eventually("the provider to go by that", async () => {
      const path = `${pathOf(type, "refused")}?dryRun=All`;
      return (await land.provider.plane.admin.request("POST", path, probe)).status === 422;
    });
    await down().merge(type, key, { spec: { size: "large" } });
    const mine = await object(down(), type, key, "to say so", says("SyncRejected", /no large ones/));
    const observed = { observedGeneration: copy.metadata.generation };
    await up().merge(type, key, { status: { phase: "Running", ...observed } }, "status");
    const shown = await object(down(), type, key, "to show it", (one) => one.status?.phase === "Running");
    expect(says("SyncRejected")(shown)).toBe(true);
    // Of the spec that was refused nothing has been observed.
    expect(shown.status.observedGeneration).toBeLessThan(mine.metadata.generation);
    expect(conditionOf(shown, "Synced").lastTransitionTime).toBe(conditionOf(mine, "Synced").lastTransitionTime);
    await eventually("its Event", async () => (await eventsOf("refused", "SyncRejected")).length === 1);

    await down().merge(type, key, { spec: { size: "medium" } });
    await object(up(), type, key, "to be medium", ({ spec }) => spec.size === "medium");
    const healed = await object(down(), type, key, "to complain no more", (one) => !one.status.conditions);
    expect(healed.status).toEqual({ phase: "Running", observedGeneration: expect.any(Number) });

    await down().merge(type, key, { spec: { size: "large" } });
    await down().create(type, instance(type, "new", "refused", { size: "large" }));
    const both = [key, at("new", "refused")];
    for (const one of both) await object(down(), type, one, "to say so", says("SyncRejected", /no large ones/));
    expect(await up().get(type, at("new", "refused"))).toBeUndefined();
    await takeLarge(type, true);
    for (const one of both) {
      await object(up(), type, one, "to be large", isLarge, 10_000);
      await object(down(), type, one, "to complain no more", (now) => conditionOf(now, "Synced") === undefined);
    }
    await conditions(down(), CLUSTER_BINDINGS, which.pieces.binding.key, { Synced: { status: "True" } });
    await invariants.check({ word: "refused" });
  });
});

describe.concurrent("a name that is taken while its first write is under way", () => {
  const [FAIL, ADOPT] = [typeOf("contested"), typeOf("courted")];
  const names = Array.from({ length: NAMES }, (_one, index) => `name-${String(index).padStart(3, "0")}`);
  const theirs = { size: "theirs", color: "kept" };

  const make = async (objects: typeof down, type: Resource, namespace: string, name: string, spec: Body) =>
    objects().create(type, instance(type, name, namespace, spec));

  /** All of them, a few at a time. */
  const each = (run: (name: string, index: number) => Promise<unknown>): Promise<void> =>
    eachOf(names.entries(), ([index, name]) => run(name, index), 10);

  const inNamespace = async (side: typeof up, type: Resource): Promise<Map<string, Body>> =>
    new Map((await side().list(type)).map((one) => [one.metadata.name, one]));

  const marked = (type: Resource, count: number, reason: string) =>
    eventually(
      `${count} ${type.resource} to be marked`,
      async () => {
        const all = [...(await inNamespace(down, type)).values()];
        const found = all.filter(({ metadata }) => metadata.annotations?.[ANNOTATION.conflict] === reason);
        return found.length === count || new NotYet(`${found.length} are`);
      },
      60_000,
    );

  const said = (namespace: string, reason: string, count: number) =>
    eventually(`${count} Events ${reason}`, async () => {
      const found = await eventsOf(namespace, reason);
      return found.length === count || new NotYet(`${found.length} are there`);
    });

  test("is never touched under Fail, taken over under Adopt in no state but the judged one, and read again by turns", async () => {
    const rooms = { [FAIL.resource]: "raced-fail", [ADOPT.resource]: "raced-adopt" };
    await Promise.all([FAIL, ADOPT].map((type) => offer(land, type)));
    await Promise.all(Object.values(rooms).map((room) => makeRoom(land, room)));
    await down().create(SECRETS, manifests.secret("raced", race.kubeconfig()));
    await down().create(CONNECTIONS, manifests.connection("raced"));
    const options = { connection: "raced" } as const;
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("raced-fail", [FAIL], options));
    const adopting = manifests.clusterBinding("raced-adopt", [ADOPT], { ...options, conflictPolicy: "Adopt" });
    await down().create(CLUSTER_BINDINGS, adopting);
    for (const name of ["raced-fail", "raced-adopt"]) await conditions(down(), CLUSTER_BINDINGS, at(name), READY);
    await Promise.all([FAIL, ADOPT].map((type) => served(land.consumer, type)));

    const foreign = new Map<string, Body>();
    const others = {
      metadata: { annotations: { [ANNOTATION.consumerClusterUid]: "x", [ANNOTATION.consumerObjectUid]: "y" } },
    };
    const isOdd = (name: string) => Number(name.slice(-1)) % 2 === 1;
    race.meanwhile = async (namespace, name, time) => {
      const type = namespace === "raced-fail" ? FAIL : ADOPT;
      const key = at(name, namespace);
      if (time === 1) foreign.set(`${namespace}/${name}`, await make(up, type, namespace, name, theirs));
      // Between the look that judged it and the write that takes it over: another's by now, or in another state.
      if (time === 2 && type === ADOPT)
        foreign.set(
          `${namespace}/${name}`,
          await up().merge(type, key, isOdd(name) ? others : { spec: { color: "late" } }),
        );
    };
    await each(async (name) => {
      await make(down, FAIL, "raced-fail", name, { size: "mine" });
      await make(down, ADOPT, "raced-adopt", name, { size: "mine" });
    });
    await marked(FAIL, NAMES, "ForeignObjectExists");
    await marked(ADOPT, NAMES / 2, "OwnedByAnother");
    await eventually("the others to be taken over", async () => {
      const all = [...(await inNamespace(up, ADOPT)).values()].filter(({ spec }) => spec.size === "mine");
      return all.length === NAMES / 2 || new NotYet(`${all.length} are`);
    });
    await said("raced-fail", "ForeignObjectExists", NAMES);
    await said("raced-adopt", "Adopted", NAMES / 2);
    await said("raced-adopt", "OwnedByAnother", NAMES / 2);

    const heard = await listen(land);
    await pause(WATCHED); // what is asked in this time is what is tested
    const { provider, consumer } = await heard();
    const mine = [...provider, ...consumer].filter(({ requestURI }) => requestURI.includes("raced-"));
    expect(mine.filter(isWrite)).toEqual([]);
    const looks = mine.filter(({ verb }) => verb === "get").length;
    expect(looks).toBeLessThanOrEqual((5 * WATCHED) / 1_000);
    expect(looks).toBeGreaterThanOrEqual((3 * WATCHED) / 1_000);
    await said("raced-fail", "ForeignObjectExists", NAMES);

    const untouched = async (type: Resource, concerned: (name: string) => boolean) => {
      const there = await inNamespace(up, type);
      const before = names.filter(concerned).map((name) => foreign.get(`${rooms[type.resource]}/${name}`));
      expect(names.filter(concerned).map((name) => there.get(name))).toEqual(before);
    };
    await untouched(FAIL, () => true);
    await untouched(ADOPT, isOdd);
    for (const [name, copy] of await inNamespace(up, ADOPT)) {
      if (isOdd(name)) continue;
      expect(copy.spec).toEqual({ size: "mine", color: "late" });
      expect(copy.metadata.uid).toBe(foreign.get(`raced-adopt/${name}`).metadata.uid);
    }

    // Without any other event: some of them have their turn soon.
    race.meanwhile = () => Promise.resolve();
    await each(async (name) => isOdd(name) && up().remove(FAIL, at(name, "raced-fail")));
    await eventually("some to heal", async () => {
      const healed = [...(await inNamespace(up, FAIL)).values()].filter(({ spec }) => spec.size === "mine");
      return healed.length >= 5;
    });
    // One that is deleted is let go at once, and the other's object stays.
    await each(async (name) => {
      await down().remove(FAIL, at(name, "raced-fail"));
      await down().remove(ADOPT, at(name, "raced-adopt"));
    });
    await eventually(
      "all to be let go",
      async () => (await down().list(FAIL)).length + (await down().list(ADOPT)).length === 0,
      60_000,
    );
    await untouched(FAIL, (name) => !isOdd(name));
    await untouched(ADOPT, isOdd);
    expect((await inNamespace(up, FAIL)).size).toBe(NAMES / 2);
    expect((await inNamespace(up, ADOPT)).size).toBe(NAMES / 2);
  });
});
