// The core promises, each on two real API servers with the real process between them. Short on purpose: later suites run
// them under many variants (`npm run e2e -- --core`). Each test lives in a namespace of its own and leaves its objects in
// their end state, so that the check at the end sees all of them settled.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, FINALIZER, LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, NAMESPACES } from "../../crds/resources.ts";
import { eventually } from "../harness/wait.ts";
import { absent, ALL_GRANTED, conditions, object, READY } from "./conditions.ts";
import { counted } from "./counters.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { kubectlAt, type Landscape, offer, served, startLandscape, PATIENCE } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { instance, typeOf, WIDGETS } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom, syncedIn } from "./rooms.ts";
import { isWrite, lines, listen, refusals, withoutHeartbeat } from "./traffic.ts";

const GADGETS = typeOf("gadget");
const TOOLS = typeOf("tool");
const SPACES = typeOf("space", { cluster: true });
const PLAINS = typeOf("plain");

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

const room = (namespace: string) => makeRoom(land, namespace);
const synced = (namespace: string, spec?: Body, metadata?: Body) => syncedIn(land, WIDGETS, namespace, spec, metadata);

const bundle = () => [
  manifests.clusterBinding("core", [WIDGETS, SPACES, PLAINS]),
  manifests.connection("core"),
  manifests.secret("core", land.kubeconfig),
];

const bindingReady = () => conditions(down(), CLUSTER_BINDINGS, at("core"), READY);

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await Promise.all([
    ...[WIDGETS, GADGETS, TOOLS].map((type) => offer(land, type)),
    offer(land, SPACES, { cluster: true }),
    offer(land, PLAINS, { plainStatus: true }),
  ]);
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

describe("a bundle", () => {
  test("becomes Ready from one kubectl apply, whatever the order of its documents", async () => {
    await kubectlAt(land.consumer, ["apply", "-f", "-"], manifests.documents(...bundle()));
    const connection = await conditions(down(), CONNECTIONS, at("core"), {
      ...READY,
      SecretValid: { status: "True", reason: "AsExpected" },
      Connected: { status: "True", reason: "AsExpected" },
      ...ALL_GRANTED,
      SchemaInSync: { status: "True", reason: "AsExpected" },
    });
    const uidOf = async (side: typeof up) => (await side().get(NAMESPACES, at("kube-system"))).metadata.uid;
    expect(connection.status).toMatchObject({
      activeSchemaSource: "CRD",
      remoteClusterUID: await uidOf(up),
      localClusterUID: await uidOf(down),
    });
    const exported = connection.status.exportedAPIs.map(({ name }: Body) => name);
    expect(exported).toEqual([GADGETS, PLAINS, SPACES, TOOLS, WIDGETS].map(manifests.apiName));
    const binding = await bindingReady();
    const bound = binding.status.boundAPIs.map(({ name }: Body) => name);
    expect(bound).toEqual([PLAINS, SPACES, WIDGETS].map(manifests.apiName));
  });

  test("brings the definitions it binds, with our marks, and no others", async () => {
    const { metadata, spec } = await served(land.consumer, WIDGETS);
    const theirs = await up().get(CRDS, at(metadata.name));
    expect(metadata.labels).toEqual({ [LABEL.managed]: "true" });
    expect(metadata.annotations).toEqual({
      [ANNOTATION.connection]: "core",
      [ANNOTATION.schemaHash]: expect.stringMatching(/^sha256:[0-9a-f]{16}$/),
    });
    expect(spec.versions[0].schema).toEqual(theirs.spec.versions[0].schema);
    expect(await down().get(CRDS, at(manifests.apiName(GADGETS)))).toBeUndefined();
  });
});

describe("an object", () => {
  test("reaches the provider with its spec and the user's labels, marked as ours", async () => {
    const { key, copy } = await synced(
      "appears",
      { size: "large", count: 3 },
      {
        labels: { team: "blue", "app.kubernetes.io/managed-by": "Helm", "core.kube-bind.io/exported": "true" },
        annotations: { note: "stays home" },
      },
    );
    const mine = await object(down(), WIDGETS, key, "to be held", (one) => one.metadata.finalizers?.length);
    const { localClusterUID } = (await down().get(CONNECTIONS, at("core"))).status;
    expect(mine.metadata.finalizers).toEqual([FINALIZER.syncer]);
    expect(copy.spec).toEqual({ size: "large", count: 3 });
    expect(copy.metadata.finalizers).toBeUndefined();
    expect(copy.metadata.labels).toEqual({
      team: "blue",
      [LABEL.managed]: "true",
      [LABEL.consumerClusterUid]: localClusterUID,
    });
    expect(copy.metadata.annotations).toEqual({
      [ANNOTATION.consumerClusterUid]: localClusterUID,
      [ANNOTATION.consumerObjectUid]: mine.metadata.uid,
    });
  });

  test("keeps its numbers digit for digit", async () => {
    const digits = '{"count":9007199254740993,"any":{"exact":1.10,"huge":123456789012345678901234567890}}';
    await room("digits");
    const { spec: _spec, ...rest } = instance(WIDGETS, "one", "digits");
    await down().create(WIDGETS, JSON.stringify({ ...rest, spec: "SPEC" }).replace('"SPEC"', digits));
    await object(up(), WIDGETS, at("one", "digits"), "to be there");
    const numbers = (text: string) => text.match(/9007199254740993|"exact":[^,}]*|"huge":[^,}]*/g);
    const [mine, copy] = await Promise.all([down(), up()].map((side) => side.text(WIDGETS, at("one", "digits"))));
    expect(numbers(mine ?? "")).toContain("9007199254740993");
    expect(new Set(numbers(copy ?? ""))).toEqual(new Set(numbers(mine ?? "")));
  });

  test("shows the provider's status, and loses it when the provider takes it away", async () => {
    const { key, copy } = await synced("status");
    const conditions = [
      {
        type: "Ready",
        status: "True",
        reason: "Fine",
        message: "it runs",
        lastTransitionTime: "2030-01-01T00:00:00Z",
        observedGeneration: copy.metadata.generation,
      },
    ];
    const status = { phase: "Running", observedGeneration: copy.metadata.generation, conditions };
    await up().merge(WIDGETS, key, { status }, "status");
    const mine = await object(down(), WIDGETS, key, "to show it", (one) => one.status?.phase === "Running");
    const { generation } = mine.metadata;
    expect(mine.status).toEqual({
      phase: "Running",
      observedGeneration: generation,
      conditions: [{ ...conditions[0], observedGeneration: generation }],
    });
    await up().merge(WIDGETS, key, { status: null }, "status");
    await object(down(), WIDGETS, key, "to show none", (one) => one.status === undefined);
  });

  test("shows the status of a type that has no status subresource", async () => {
    await room("plain");
    const key = at("one", "plain");
    await down().create(PLAINS, instance(PLAINS, "one", "plain"));
    await object(up(), PLAINS, key, "to be there");
    await up().merge(PLAINS, key, { status: { phase: "Running" } });
    await object(down(), PLAINS, key, "to show it", (one) => one.status?.phase === "Running");
  });

  test("sends its edits, and a field that is removed is removed on the provider", async () => {
    const { key } = await synced("edits", { size: "small", color: "red", parts: [{ name: "a" }, { name: "b" }] });
    await down().merge(WIDGETS, key, { spec: { size: "large" } });
    await object(up(), WIDGETS, key, "to be large", ({ spec }) => spec.size === "large");
    await down().merge(WIDGETS, key, {
      spec: { color: null, parts: [{ name: "b" }] },
      metadata: { labels: { a: "b" } },
    });
    const copy = await object(up(), WIDGETS, key, "to be without color", ({ spec }) => spec.color === undefined);
    expect(copy.spec).toEqual({ size: "large", parts: [{ name: "b" }] });
    expect(copy.metadata.labels.a).toBe("b");
  });

  test("has drift of its fields repaired, while what others add to the copy survives", async () => {
    const { key } = await synced("drift", { size: "small" });
    await up().merge(WIDGETS, key, { spec: { color: "added" }, metadata: { labels: { theirs: "yes" } } });
    await up().merge(WIDGETS, key, { spec: { size: "drifted" } });
    const copy = await object(up(), WIDGETS, key, "to be repaired", ({ spec }) => spec.size === "small");
    expect(copy.spec).toEqual({ size: "small", color: "added" });
    expect(copy.metadata.labels.theirs).toBe("yes");
  });

  test("gets a new copy when its copy is deleted on the provider", async () => {
    const { key, copy } = await synced("recreated");
    await up().remove(WIDGETS, key);
    await object(up(), WIDGETS, key, "to be back", ({ metadata }) => metadata.uid !== copy.metadata.uid);
  });

  test("brings its namespace to the provider where that is missing, marked as ours", async () => {
    await down().create(NAMESPACES, { metadata: { name: "brought" } });
    await down().create(WIDGETS, instance(WIDGETS, "one", "brought"));
    await object(up(), WIDGETS, at("one", "brought"), "to be there");
    const { metadata } = await up().get(NAMESPACES, at("brought"));
    const { localClusterUID } = (await down().get(CONNECTIONS, at("core"))).status;
    expect(metadata.labels).toMatchObject({ [LABEL.managed]: "true", [LABEL.consumerClusterUid]: localClusterUID });
    expect(metadata.annotations).toMatchObject({ [ANNOTATION.consumerClusterUid]: localClusterUID });
  });

  test("of a cluster-scoped API is synced under a ClusterBinding", async () => {
    await down().create(SPACES, instance(SPACES, "wide", ""));
    await object(up(), SPACES, at("wide"), "to be there");
    await up().merge(SPACES, at("wide"), { status: { phase: "Running" } }, "status");
    await object(down(), SPACES, at("wide"), "to show it", (one) => one.status?.phase === "Running");
    await down().remove(SPACES, at("wide"));
    await absent(down(), SPACES, at("wide"));
    expect(await up().get(SPACES, at("wide"))).toBeUndefined();
  });

  test("goes from both sides, and waits for a finalizer that the provider has put on its copy", async () => {
    const { key } = await synced("held");
    await up().merge(WIDGETS, key, { metadata: { finalizers: ["example.org/cleanup"] } });
    await down().remove(WIDGETS, key);
    await object(up(), WIDGETS, key, "to be going", ({ metadata }) => metadata.deletionTimestamp);
    const mine = await down().get(WIDGETS, key);
    expect(mine.metadata.finalizers).toEqual([FINALIZER.syncer]);
    await up().merge(WIDGETS, key, { metadata: { finalizers: null } });
    await absent(down(), WIDGETS, key);
    expect(await up().get(WIDGETS, key)).toBeUndefined();
  });

  test("leaves its copy, without our marks, where its deletion policy is Orphan", async () => {
    const { key, copy } = await synced("orphan", { size: "kept" }, { annotations: manifests.orphan });
    await down().remove(WIDGETS, key);
    await absent(down(), WIDGETS, key);
    const kept = await up().get(WIDGETS, key);
    expect(kept.metadata.uid).toBe(copy.metadata.uid);
    expect(kept.spec).toEqual({ size: "kept" });
    expect(JSON.stringify([kept.metadata.labels, kept.metadata.annotations])).not.toContain("core.kube-bind.io");
    await invariants.protect("provider", WIDGETS, key);
  });

  test("costs two requests to create, one per edit, one per status, two to delete, and none while it is settled", async () => {
    await room("costs");
    const key = at("one", "costs");
    const heard = await listen(land);
    await down().create(WIDGETS, instance(WIDGETS, "one", "costs"));
    await object(up(), WIDGETS, key, "to be there");
    await down().merge(WIDGETS, key, { spec: { size: "large" } });
    await object(up(), WIDGETS, key, "to be large", ({ spec }) => spec.size === "large");
    await up().merge(WIDGETS, key, { status: { phase: "Running" } }, "status");
    await object(down(), WIDGETS, key, "to show it", (one) => one.status?.phase === "Running");
    await invariants.check({ quiet: false });
    await down().remove(WIDGETS, key);
    await absent(down(), WIDGETS, key);
    await invariants.check();
    expect(lines(withoutHeartbeat(await heard()))).toEqual([
      "consumer patch widgets costs/one",
      "provider patch widgets costs/one",
      "provider patch widgets costs/one",
      "consumer patch widgets/status costs/one",
      "provider delete widgets costs/one",
      "consumer patch widgets costs/one",
    ]);
  });
});

describe("a name that is taken on the provider", () => {
  test("is left alone, marked and reported under Fail, and syncs once it is free", async () => {
    await room("taken");
    const key = at("one", "taken");
    await up().create(WIDGETS, instance(WIDGETS, "one", "taken", { size: "theirs" }));
    await invariants.protect("provider", WIDGETS, key);
    await down().create(WIDGETS, instance(WIDGETS, "one", "taken", { size: "mine" }));
    const mine = await object(down(), WIDGETS, key, "to be marked", (one) => one.metadata.annotations);
    expect(mine.metadata.annotations[ANNOTATION.conflict]).toBe("ForeignObjectExists");
    await object(down(), WIDGETS, key, "to say so", (one) => one.status?.conditions?.[0]?.type === "Synced");
    const binding = await conditions(down(), CLUSTER_BINDINGS, at("core"), {
      Conflicts: { status: "True", reason: "ForeignObjectExists", message: /1 object/ },
      Ready: { status: "True" },
    });
    expect(binding.status.boundAPIs.find(({ name }: Body) => name === manifests.apiName(WIDGETS)).conflictCount).toBe(
      1,
    );
    const events = await eventually("an Event", async () => {
      const found = await down().list(EVENTS, "taken");
      return found.length > 0 && found;
    });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      type: "Warning",
      reason: "ForeignObjectExists",
      involvedObject: { name: "one" },
    });
    expect(events[0].message).toContain("taken/one");
    await invariants.check({ quiet: false });

    invariants.release("provider", WIDGETS, key);
    await up().remove(WIDGETS, key);
    await object(up(), WIDGETS, key, "to be ours", ({ spec }) => spec.size === "mine");
    const healed = await object(down(), WIDGETS, key, "to be unmarked", (one) => !one.metadata.annotations);
    expect(healed.metadata.finalizers).toEqual([FINALIZER.syncer]);
    await object(down(), WIDGETS, key, "to complain no more", (one) => !one.status?.conditions?.length);
    await conditions(down(), CLUSTER_BINDINGS, at("core"), { Conflicts: { status: "False", reason: "AsExpected" } });
  });

  test("is taken over under Adopt, unless another konnector's object has it", async () => {
    await room("adopted");
    const [free, owned] = [at("one", "adopted"), at(manifests.FOREIGN, "adopted")];
    await up().create(GADGETS, instance(GADGETS, free.name, "adopted", { size: "theirs", color: "kept" }));
    const theirs = instance(GADGETS, owned.name, "adopted", { size: "theirs" });
    theirs.metadata.annotations = { [ANNOTATION.consumerClusterUid]: "x", [ANNOTATION.consumerObjectUid]: "y" };
    await up().create(GADGETS, theirs);
    await invariants.protect("provider", GADGETS, owned);
    const options = { connection: "core", conflictPolicy: "Adopt" } as const;
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("core-adopts", [GADGETS], options));
    await served(land.consumer, GADGETS);
    for (const { name } of [free, owned])
      await down().create(GADGETS, instance(GADGETS, name, "adopted", { size: "mine" }));

    const copy = await object(up(), GADGETS, free, "to be ours", ({ spec }) => spec.size === "mine");
    expect(copy.spec.color).toBe("kept");
    await object(down(), GADGETS, owned, "to be marked", (one) => one.metadata.annotations?.[ANNOTATION.conflict]);
    await conditions(down(), CLUSTER_BINDINGS, at("core-adopts"), {
      Conflicts: { status: "True", reason: "OwnedByAnother" },
    });
  });
});

describe("a namespaced Binding", () => {
  test("syncs the objects of its own namespace and no others", async () => {
    await Promise.all([room("inside"), room("outside")]);
    await down().create(BINDINGS, manifests.binding("core-tools", "inside", [TOOLS], { connection: "core" }));
    await conditions(down(), BINDINGS, at("core-tools", "inside"), READY);
    await served(land.consumer, TOOLS);
    for (const namespace of ["outside", "inside"]) await down().create(TOOLS, instance(TOOLS, "one", namespace));
    await object(up(), TOOLS, at("one", "inside"), "to be there");
    expect(await up().list(TOOLS, "outside")).toEqual([]);
    expect((await down().get(TOOLS, at("one", "outside"))).metadata.finalizers).toBeUndefined();
  });

  test("takes its copies along when it goes, and leaves the objects", async () => {
    await down().remove(BINDINGS, at("core-tools", "inside"));
    await absent(down(), BINDINGS, at("core-tools", "inside"));
    expect(await up().list(TOOLS)).toEqual([]);
    expect((await down().get(TOOLS, at("one", "inside"))).metadata.finalizers).toBeUndefined();
  });
});

describe("a provider that cannot be reached", () => {
  test("turns the Connection not Ready and is left in peace; what was missed is caught up on", async () => {
    const { key } = await synced("away", { size: "small" });
    const going = at("going", "away");
    await down().create(WIDGETS, instance(WIDGETS, going.name, "away"));
    await object(up(), WIDGETS, going, "to be there");
    await land.proxy.set("refuse");
    const away = { status: "False", reason: "Pending", message: /provider/ } as const;
    await conditions(down(), CONNECTIONS, at("core"), { Ready: away, Connected: away });
    await conditions(down(), CLUSTER_BINDINGS, at("core"), { Ready: away, Connected: away });
    const sent = () => counted(land.konnector, "requests_total", { side: "core", resource: "widgets" });
    const passes = () => counted(land.konnector, "passes_total", { kind: "object" });
    const [sentBefore, passesBefore] = [await sent(), await passes()];
    expect(sentBefore).toBeGreaterThan(0);
    await down().merge(WIDGETS, key, { spec: { size: "large" } });
    await down().create(WIDGETS, instance(WIDGETS, "new", "away"));
    await down().remove(WIDGETS, going);
    // The last of the three is told last, and the only one that there would be anything to do for.
    await eventually("each change to be looked at", async () => (await passes()) > passesBefore);
    expect(await sent()).toBe(sentBefore);
    expect((await down().get(WIDGETS, going)).metadata.finalizers).toEqual([FINALIZER.syncer]);

    await land.proxy.set("pass");
    await bindingReady();
    await object(up(), WIDGETS, key, "to be large", ({ spec }) => spec.size === "large");
    await object(up(), WIDGETS, at("new", "away"), "to be there");
    await absent(down(), WIDGETS, going);
    expect(await up().get(WIDGETS, going)).toBeUndefined();
  });
});

describe("the konnector", () => {
  test("writes nothing while everything is settled", () => invariants.check());

  test("writes nothing after a crash when everything was in sync, and goes on working", async () => {
    const heard = await listen(land);
    await land.restart();
    await synced("restarted");
    await invariants.check();
    const { consumer, provider } = await heard();
    const writes = { consumer: consumer.filter(isWrite), provider: provider.filter(isWrite) };
    expect(lines(writes)).toEqual(["consumer patch widgets restarted/one", "provider patch widgets restarted/one"]);
  });
});

test("kubectl delete -f of everything, in an awkward order, leaves nothing on either side", async () => {
  await down().remove(CLUSTER_BINDINGS, at("core-adopts"));
  await kubectlAt(land.consumer, ["delete", "--timeout=30s", "-f", "-"], manifests.documents(...bundle().reverse()));
  for (const type of [WIDGETS, GADGETS, TOOLS, SPACES, PLAINS]) {
    await eventually(
      `${type.resource} to be let go`,
      async () => {
        const crd = await down().get(CRDS, at(manifests.apiName(type)));
        return crd === undefined || !crd.metadata.labels?.[LABEL.managed];
      },
      PATIENCE,
    );
  }
  expect(await down().get(CRDS, at(manifests.apiName(WIDGETS)))).toBeUndefined();
  await invariants.check();
  expect(await refusals(land), "a right that the documented rules do not grant").toEqual([]);
});
