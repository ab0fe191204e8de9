// Copies that somebody on the provider does not leave as they are, and objects that the provider does not take: how often
// they are written, what they say, that they go on showing the provider's status, and that each heals by itself.

import { setTimeout as pause } from "node:timers/promises";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, SECRETS } from "../../crds/resources.ts";
import type { Key } from "../../crds/kube-object.ts";
import { eventually } from "../harness/wait.ts";
import { conditionOf, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body, pathOf } from "./objects.ts";
import { startRival } from "./rival.ts";
import { syncedIn } from "./rooms.ts";
import { isKonnectors, isWrite, traffic } from "./traffic.ts";

const WIDGETS = typeOf("widget");
const STRICT = typeOf("strict");

/** Milliseconds of a fight: long enough for the quick repairs and two slow ones. */
const FIGHT = 25_000;
/** Milliseconds in which peace is noticed: two intervals of ten seconds, with their jitter, after the last repair. */
const PEACE = 60_000;

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await Promise.all([WIDGETS, STRICT].map((type) => offer(land, type)));
  await down().create(SECRETS, manifests.secret("writers", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("writers", { schema: { updatePolicy: "Once" } }));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("writers", [WIDGETS, STRICT]));
  await conditions(down(), CLUSTER_BINDINGS, at("writers"), READY);
  await Promise.all([WIDGETS, STRICT].map((type) => served(land.consumer, type)));
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

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

describe("a copy whose fields somebody on the provider keeps changing back", () => {
  test("is written at most ten times a minute, says who it is, shows the provider's status, and heals when that ends", async () => {
    const { key } = await syncedIn(land, WIDGETS, "fought", { size: "mine", color: "red" });
    const calm = await syncedIn(land, WIDGETS, "calm", { size: "mine" });
    const rival = startRival(land.provider, WIDGETS, "stubborn-operator", "one", { size: "theirs" });
    const from = Date.now();
    try {
      const contested = says(
        "FieldsContested",
        /"stubborn-operator" on the provider keeps changing spec\.size of widgets fought\/one/,
      );
      await object(down(), WIDGETS, key, "to say so", contested);
      await conditions(down(), CLUSTER_BINDINGS, at("writers"), {
        Ready: { status: "True" },
        Synced: { status: "False", reason: "SyncFailed", message: /2 object/ },
      });
      await up().merge(WIDGETS, key, { status: { phase: "Busy" } }, "status");
      const shown = await object(down(), WIDGETS, key, "to show it", (one) => one.status?.phase === "Busy");
      expect(says("FieldsContested")(shown)).toBe(true);
      await pause(Math.max(0, from + FIGHT - Date.now())); // what is sent in this time is what is tested
    } finally {
      await rival.stop();
    }
    const sent = (await writesOf(key)).filter((time) => time >= from && time < from + FIGHT);
    // Five at once, and then one in each ten seconds.
    expect(sent.length).toBeGreaterThanOrEqual(6);
    expect(sent.length).toBeLessThanOrEqual(7);
    expect(rival.turns).toBeGreaterThanOrEqual(sent.length);
    expect(await eventsOf("fought", "FieldsContested")).toHaveLength(1);

    for (const one of [key, calm.key]) {
      await object(up(), WIDGETS, one, "to be as it is wanted", ({ spec }) => spec.size === "mine");
      const isCalm = (mine: Body) => conditionOf(mine, "Synced") === undefined;
      await object(down(), WIDGETS, one, "to complain no more", isCalm, PEACE);
    }
    expect((await down().get(WIDGETS, key)).status).toEqual({ phase: "Busy" });
    await conditions(down(), CLUSTER_BINDINGS, at("writers"), { Synced: { status: "True" } });
    await invariants.check();
  });
});

describe("an object that the provider does not take", () => {
  const isLarge = ({ spec }: Body) => spec.size === "large";

  /** The provider refuses large ones from now on, or takes them again; the definition here stays as it is. */
  async function takeLarge(taken: boolean): Promise<void> {
    const validations = [{ rule: "!has(self.size) || self.size != 'large'", message: "no large ones" }];
    const place = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-validations";
    await up().patch(CRDS, at(apiName(STRICT)), [{ op: "add", path: place, value: taken ? [] : validations }]);
  }

  test("goes on showing the status of its copy, says why, and is synced at once when it is corrected", async () => {
    const { key, copy } = await syncedIn(land, STRICT, "refused", { size: "small" });
    await takeLarge(false);
    await eventually("the provider to go by that", async () => {
      const body = instance(STRICT, "probe", "refused", { size: "large" });
      const { status } = await land.provider.plane.admin.request(
        "POST",
        `${pathOf(STRICT, "refused")}?dryRun=All`,
        body,
      );
      return status === 422;
    });
    await down().merge(STRICT, key, { spec: { size: "large" } });
    const mine = await object(down(), STRICT, key, "to say so", says("SyncRejected", /no large ones/));
    const observed = { observedGeneration: copy.metadata.generation };
    await up().merge(STRICT, key, { status: { phase: "Running", ...observed } }, "status");
    const shown = await object(down(), STRICT, key, "to show it", (one) => one.status?.phase === "Running");
    expect(says("SyncRejected")(shown)).toBe(true);
    // Of the spec that was refused nothing has been observed.
    expect(shown.status.observedGeneration).toBeLessThan(mine.metadata.generation);
    expect(conditionOf(shown, "Synced").lastTransitionTime).toBe(conditionOf(mine, "Synced").lastTransitionTime);
    expect(await eventsOf("refused", "SyncRejected")).toHaveLength(1);

    await down().merge(STRICT, key, { spec: { size: "medium" } });
    await object(up(), STRICT, key, "to be medium", ({ spec }) => spec.size === "medium");
    const healed = await object(down(), STRICT, key, "to complain no more", (one) => !one.status.conditions);
    expect(healed.status).toEqual({ phase: "Running", observedGeneration: expect.any(Number) });
  });

  test("is tried again at once when the provider's definition changes", async () => {
    const key = at("one", "refused");
    await down().merge(STRICT, key, { spec: { size: "large" } });
    await down().create(STRICT, instance(STRICT, "new", "refused", { size: "large" }));
    for (const one of [key, at("new", "refused")]) {
      await object(down(), STRICT, one, "to say so", says("SyncRejected", /no large ones/));
    }
    expect(await up().get(STRICT, at("new", "refused"))).toBeUndefined();
    await takeLarge(true);
    for (const one of [key, at("new", "refused")]) {
      await object(up(), STRICT, one, "to be large", isLarge, 10_000);
      await object(down(), STRICT, one, "to complain no more", (mine) => conditionOf(mine, "Synced") === undefined);
    }
  });
});
