// Status on its way down: an exact mirror, written only when it differs, whose observedGeneration says "ready" of the spec that
// the user sees and of no older one. A controller of the provider is played by the test; what a user could have seen is every
// state that the consumer's API server logged. Rules: docs/reference/behaviour.md, "Status".

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { Key, Resource } from "../../crds/kube-object.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import { eventually, never } from "../harness/wait.ts";
import { conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { kubectlAt, type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf, WIDGETS } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom, syncedIn } from "./rooms.ts";
import { listen, lines, traffic, withoutHeartbeat } from "./traffic.ts";

const PLAINS = typeOf("plain");
const OLDS = typeOf("old");
const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await Promise.all([offer(land, WIDGETS), offer(land, PLAINS, { plainStatus: true }), offer(land, OLDS)]);
  await down().create(SECRETS, manifests.secret("status", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("status", { schema: { updatePolicy: "Once" } }));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("status", [WIDGETS, PLAINS, OLDS]));
  await conditions(down(), CLUSTER_BINDINGS, at("status"), READY);
  await Promise.all([WIDGETS, PLAINS, OLDS].map((type) => served(land.consumer, type)));
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

const condition = (observedGeneration: number, size: string) => ({
  type: "Ready",
  status: "True",
  reason: "Fine",
  message: `ready for ${size}`,
  lastTransitionTime: "2030-01-01T00:00:00Z",
  observedGeneration,
});

/** What a well-behaved controller says of the copy as it is now. */
const readyFor = ({ metadata, spec }: Body): Body => ({
  phase: spec.size,
  observedGeneration: metadata.generation,
  conditions: [condition(metadata.generation, spec.size)],
});

const report = (key: Key, status: Body) => up().merge(WIDGETS, key, { status }, "status");

/** The controller acts once: it has seen the copy of that size and says that it is ready. */
async function act(key: Key, size: string): Promise<void> {
  const copy = await object(up(), WIDGETS, key, `to be ${size}`, ({ spec }) => spec.size === size);
  await report(key, readyFor(copy));
}

/** As kstatus and `kubectl wait` judge: the controller has seen this very generation, and says that it is ready. */
const isCurrent = ({ metadata, status }: Body): boolean =>
  status?.observedGeneration === metadata.generation &&
  status.conditions?.[0]?.status === "True" &&
  status.conditions[0].observedGeneration === metadata.generation;

const current = (key: Key, size: string): Promise<Body> =>
  object(down(), WIDGETS, key, `to be ready as ${size}`, (one) => isCurrent(one) && one.status.phase === size);

/** Every state of the object that the consumer's API server has had. */
async function states(namespace: string): Promise<Body[]> {
  const { consumer } = await traffic(land);
  return consumer
    .filter(({ objectRef, responseStatus }) => objectRef?.namespace === namespace && responseStatus?.code === 200)
    .map(({ responseObject }) => responseObject)
    .filter((state) => state?.kind === WIDGETS.kind);
}

/** At no time was an older spec's readiness shown as that of the one beside it. */
async function neverPremature(namespace: string): Promise<void> {
  const seen = await states(namespace);
  expect(seen.filter(isCurrent).length).toBeGreaterThan(0);
  expect(seen.filter((one) => isCurrent(one) && one.status.phase !== one.spec.size)).toEqual([]);
}

describe("ready is said", () => {
  test("of the spec that is there, after every edit, and never of an older one", async () => {
    const { key } = await syncedIn(land, WIDGETS, "edited", { size: "s0" });
    await act(key, "s0");
    await current(key, "s0");
    for (const size of ["s1", "s2", "s3"]) {
      await down().merge(WIDGETS, key, { spec: { size } });
      await act(key, size);
      await current(key, size);
    }
    await neverPremature("edited");
  });

  test("again after edits that the provider has never seen, because they were taken back at once", async () => {
    const { key } = await syncedIn(land, WIDGETS, "undone", { size: "s0" });
    await act(key, "s0");
    await current(key, "s0");
    // While the konnector is away the generation goes on, and in the end the spec is as it was.
    await land.konnector.kill();
    for (const size of ["s1", "s0"]) await down().merge(WIDGETS, key, { spec: { size } });
    await land.restart();
    const mine = await current(key, "s0");
    expect(mine.metadata.generation).toBe(3);
    await neverPremature("undone");
  });

  test("when other actors of the provider change the copy's spec, so that its generation is ahead of ours", async () => {
    const { key } = await syncedIn(land, WIDGETS, "ahead", { size: "s0" });
    for (const color of ["red", "green", "blue"]) await up().merge(WIDGETS, key, { spec: { color } });
    await act(key, "s0");
    const mine = await current(key, "s0");
    expect(mine.metadata.generation).toBe(1);
    expect(mine.status.conditions[0].observedGeneration).toBe(1);
    await neverPremature("ahead");
  });

  test("not while the controller lags behind: what was published stays, or one less than the generation", async () => {
    const { key } = await syncedIn(land, WIDGETS, "lagging", { size: "s0" });
    const copy = await up().merge(WIDGETS, key, { spec: { color: "red" } });
    expect(copy.metadata.generation).toBe(2);
    const heard = await listen(land);
    await report(key, { ...readyFor(copy), observedGeneration: 1, conditions: [condition(1, "s0")] });
    const behind = await object(down(), WIDGETS, key, "to show it", (one) => one.status?.phase === "s0");
    expect(behind.status.observedGeneration).toBe(0);
    expect(behind.status.conditions[0].observedGeneration).toBe(0);
    expect(lines(withoutHeartbeat(await heard()))).toEqual(["consumer patch widgets/status lagging/one"]);
    await act(key, "s0");
    await current(key, "s0");
    await down().merge(WIDGETS, key, { spec: { size: "s1" } });
    const seen = await object(up(), WIDGETS, key, "to be s1", ({ spec }) => spec.size === "s1");
    // It says that it works on it, and has not done so yet.
    await report(key, { phase: "working", observedGeneration: seen.metadata.generation - 1 });
    const working = await object(down(), WIDGETS, key, "to say so", (one) => one.status?.phase === "working");
    expect(working.status.observedGeneration).toBe(1);
    expect(working.metadata.generation).toBe(2);
    await act(key, "s1");
    await current(key, "s1");
    await neverPremature("lagging");
  });

  test("to kubectl wait at the right moment: not before the provider has seen the edit, and then at once", async () => {
    const { key } = await syncedIn(land, WIDGETS, "awaited", { size: "s0" });
    await act(key, "s0");
    await current(key, "s0");
    await down().merge(WIDGETS, key, { spec: { size: "s1" } });
    let ended = false;
    const waiting = kubectlAt(land.consumer, [
      "wait",
      "--for=condition=Ready",
      `${apiName(WIDGETS)}/${key.name}`,
      "-n",
      key.namespace,
      "--timeout=20s",
    ]).finally(() => (ended = true));
    await object(up(), WIDGETS, key, "to be s1", ({ spec }) => spec.size === "s1");
    await never("kubectl wait to end", async () => (ended ? "it has ended" : undefined), 1_000);
    await act(key, "s1");
    expect(await waiting).toContain("condition met");
    expect((await down().get(WIDGETS, key)).status.phase).toBe("s1");
  });
});

describe("the mirror", () => {
  test("has every field, and loses what the provider takes away", async () => {
    const { key } = await syncedIn(land, WIDGETS, "mirrored");
    const entry = { ...condition(1, "a"), type: "A" };
    await report(key, { phase: "one", observedGeneration: 1, conditions: [entry, { ...entry, type: "B" }] });
    const mine = await object(down(), WIDGETS, key, "to have both", (one) => one.status?.conditions?.length === 2);
    expect(mine.status).toEqual({ phase: "one", observedGeneration: 1, conditions: [entry, { ...entry, type: "B" }] });
    await up().patch(
      WIDGETS,
      key,
      [
        { op: "remove", path: "/status/conditions/0" },
        { op: "remove", path: "/status/phase" },
      ],
      "status",
    );
    const less = await object(down(), WIDGETS, key, "to have one", (one) => one.status?.conditions?.length === 1);
    expect(less.status).toEqual({ observedGeneration: 1, conditions: [{ ...entry, type: "B" }] });
    await up().patch(WIDGETS, key, [{ op: "replace", path: "/status", value: {} }], "status");
    await object(down(), WIDGETS, key, "to have nothing in it", (one) => JSON.stringify(one.status) === "{}");
    await report(key, null);
    await object(down(), WIDGETS, key, "to have none", (one) => one.status === undefined);
  });

  test("is set right when somebody writes another status here", async () => {
    const { key } = await syncedIn(land, WIDGETS, "forged");
    await report(key, { phase: "true" });
    await object(down(), WIDGETS, key, "to show it", (one) => one.status?.phase === "true");
    await down().merge(WIDGETS, key, { status: { phase: "false", observedGeneration: 7 } }, "status");
    const mine = await object(down(), WIDGETS, key, "to show the truth", (one) => one.status.phase === "true");
    expect(mine.status).toEqual({ phase: "true" });
    await down().merge(WIDGETS, key, { status: null }, "status");
    await object(down(), WIDGETS, key, "to show it again", (one) => one.status?.phase === "true");
  });

  test("costs nothing when the provider writes the same again, or something that is no status", async () => {
    const { key } = await syncedIn(land, WIDGETS, "same");
    await report(key, { phase: "one", observedGeneration: 1 });
    await object(down(), WIDGETS, key, "to show it", (one) => one.status?.phase === "one");
    await invariants.check({ quiet: false });
    const heard = await listen(land);
    await report(key, { phase: "one", observedGeneration: 1 });
    await up().merge(WIDGETS, key, { metadata: { annotations: { touched: "1" } } });
    await up().merge(WIDGETS, key, { metadata: { annotations: { touched: "2" } }, spec: { color: "theirs" } });
    await report(key, { phase: "two" });
    await object(down(), WIDGETS, key, "to show two", (one) => one.status?.phase === "two");
    expect(lines(withoutHeartbeat(await heard()))).toEqual(["consumer patch widgets/status same/one"]);
  });
});

describe("a type without a status subresource", () => {
  const edit = (type: Resource, key: Key, body: Body) => up().merge(type, key, body);

  test("shows the status as it is, follows it, loses it, and comes to rest", async () => {
    await makeRoom(land, "plain");
    const key = at("one", "plain");
    await down().create(PLAINS, instance(PLAINS, key.name, "plain"));
    await object(up(), PLAINS, key, "to be there");
    await invariants.check({ quiet: false });
    const heard = await listen(land);
    await edit(PLAINS, key, { status: { phase: "one", observedGeneration: 41 } });
    const mine = await object(down(), PLAINS, key, "to show it", (one) => one.status?.phase === "one");
    expect(mine.status).toEqual({ phase: "one", observedGeneration: 41 });
    await down().merge(PLAINS, key, { spec: { size: "large" } });
    await object(up(), PLAINS, key, "to be large", ({ spec }) => spec.size === "large");
    expect((await up().get(PLAINS, key)).status).toEqual({ phase: "one", observedGeneration: 41 });
    await edit(PLAINS, key, { status: { phase: null } });
    await object(down(), PLAINS, key, "to have no phase", (one) => one.status?.phase === undefined);
    await edit(PLAINS, key, { status: null });
    await object(down(), PLAINS, key, "to have none", (one) => one.status === undefined);
    await invariants.check({ quiet: 1_000 });
    expect(lines(withoutHeartbeat(await heard()))).toEqual([
      "consumer patch plains plain/one",
      "provider patch plains plain/one",
      "consumer patch plains plain/one",
      "consumer patch plains plain/one",
    ]);
  });
});

test("what this cluster prunes of a status is not sent again", async () => {
  const { key } = await syncedIn(land, OLDS, "pruned");
  // The definition here stays as it was (updatePolicy Once), the provider's moves on.
  const { spec } = manifests.apiDefinition(OLDS);
  spec.versions[0].schema.openAPIV3Schema.properties.status = anything;
  await up().merge(CRDS, at(apiName(OLDS)), { spec });
  await eventually("the provider to keep the new field", async () => {
    const { status } = await up().merge(OLDS, key, { status: { phase: "one", fresh: "here" } }, "status");
    return status.fresh === "here";
  });
  const mine = await object(down(), OLDS, key, "to show what it can", (one) => one.status?.phase === "one");
  expect(mine.status).toEqual({ phase: "one" });
  const heard = await listen(land);
  await up().merge(OLDS, key, { status: { phase: "two" } }, "status");
  await object(down(), OLDS, key, "to show two", (one) => one.status?.phase === "two");
  await never(
    "a second write",
    async () => {
      // The provider ends its watches when a definition changes, which is looked into by a list of one.
      const written = lines(withoutHeartbeat(await heard())).filter((line) => line.includes(" patch "));
      return written.length > 1 ? written.join(", ") : undefined;
    },
    1_000,
  );
  // What is left of the difference would look like a copy that is not mirrored.
  await up().merge(OLDS, key, { status: { fresh: null } }, "status");
});
