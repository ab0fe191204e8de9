// The invariants, proven on planted violations: a check that cannot fail proves nothing. No cluster is needed: a world and
// what was logged are made up, sound at first, and each test spoils one thing.

import { describe, expect, test } from "vitest";

import { ANNOTATION, FINALIZER, LABEL } from "../../crds/labels.ts";
import type { Write } from "./audit-policy.ts";
import { leftovers } from "./leftovers.ts";
import { apiName, clusterBinding, connection, instance, secret, WIDGETS } from "./manifests.ts";
import type { Body } from "./objects.ts";
import { pairing } from "./pairing.ts";
import { KONNECTOR_USER } from "./rights.ts";
import type { Traffic } from "./traffic.ts";
import { misdirectedWrites, unjustifiedDeletes } from "./wire.ts";
import type { World } from "./world.ts";

const API = apiName(WIDGETS);
const CLUSTER = "uid-of-the-cluster";

const widget = (metadata: Body): Body => {
  const body = instance(WIDGETS, "one", "room", { size: "small" });
  return { ...body, metadata: { ...body.metadata, ...metadata } };
};

/** One bound and synced Widget. */
function soundWorld(): World & { mine: Body; copy: Body } {
  const mine = widget({ uid: "mine", finalizers: [FINALIZER.syncer] });
  const copy = widget({
    uid: "copy",
    labels: { [LABEL.managed]: "true", [LABEL.consumerClusterUid]: CLUSTER },
    annotations: { [ANNOTATION.consumerClusterUid]: CLUSTER, [ANNOTATION.consumerObjectUid]: "mine" },
  });
  const status = { boundAPIs: [{ name: API, conditions: [{ type: "Ready", status: "True" }] }] };
  const held = secret("acme", "");
  held.metadata.finalizers = [FINALIZER.cleanup];
  const definition = { metadata: { name: API, labels: { [LABEL.managed]: "true" }, annotations: {} as Body } };
  definition.metadata.annotations[ANNOTATION.connection] = "acme";
  return {
    clusterUid: CLUSTER,
    connections: [connection("acme")],
    bindings: [{ ...clusterBinding("acme", [WIDGETS]), status }],
    secrets: [held],
    definitions: [definition],
    apis: [{ type: WIDGETS, name: API, consumer: [mine], provider: [copy] }],
    mine,
    copy,
  };
}

const EARLY = "2030-01-01T00:00:01.000000Z";
const LATE = "2030-01-01T00:00:02.000000Z";

const logged = (verb: string, more: Partial<Write>, time = EARLY): Write => ({
  auditID: "",
  stage: "ResponseComplete",
  verb,
  requestURI: "",
  user: { username: KONNECTOR_USER },
  objectRef: { apiGroup: WIDGETS.group, resource: WIDGETS.resource, namespace: "room", name: "one" },
  responseStatus: { code: 200 },
  requestReceivedTimestamp: time,
  stageTimestamp: time,
  ...more,
});

/** An apply, and then the delete of that copy because the object was deleted. */
function soundTraffic(): Traffic & { deleted: Write } {
  const { mine, copy } = soundWorld();
  const deleted = logged("delete", {
    user: { username: "admin" },
    responseObject: { ...mine, metadata: { ...mine.metadata, deletionTimestamp: "2030-01-01T00:00:01Z" } },
  });
  const { status: _status, ...applied } = copy;
  return {
    consumer: [logged("patch", { requestObject: [{ op: "add", path: "/metadata/finalizers" }] }), deleted],
    provider: [
      logged("patch", { requestObject: applied, responseObject: copy }),
      logged("delete", { requestObject: { preconditions: { uid: "copy" } } }, LATE),
    ],
    deleted,
  };
}

test("nothing is said of what is sound", () => {
  const world = soundWorld();
  const traffic = soundTraffic();
  expect([...pairing(world), ...leftovers(world)]).toEqual([]);
  expect([...misdirectedWrites(traffic), ...unjustifiedDeletes(traffic)]).toEqual([]);
});

describe("V1 notices", () => {
  const spoilt: Record<string, (world: ReturnType<typeof soundWorld>) => void> = {
    "an object without a copy": ({ apis }) => (apis[0]!.provider = []),
    "an object with two copies": ({ apis, copy }) => apis[0]!.provider.push({ ...copy }),
    "a copy that says something else": ({ copy }) => (copy.spec = { size: "large" }),
    "a copy whose status does not show": ({ copy }) => (copy.status = { phase: "Running" }),
    "a copy in the wrong place": ({ copy }) => (copy.metadata.namespace = "elsewhere"),
    "a copy marked for another cluster": ({ copy }) => (copy.metadata.annotations[ANNOTATION.consumerClusterUid] = "x"),
    "a synced object without our finalizer": ({ mine }) => (mine.metadata.finalizers = []),
  };
  test.each(Object.entries(spoilt))("%s", (_what, spoil) => {
    const world = soundWorld();
    spoil(world);
    expect(pairing(world)).toHaveLength(1);
  });
  test("but not an object that says why it has no copy", () => {
    const world = soundWorld();
    world.apis[0]!.provider = [];
    world.mine.metadata.annotations = { [ANNOTATION.conflict]: "ForeignObjectExists" };
    expect(pairing(world)).toEqual([]);
  });
});

describe("V3 notices", () => {
  const spoilt: Record<string, (world: ReturnType<typeof soundWorld>) => void> = {
    "a copy whose object is gone": ({ apis }) => (apis[0]!.consumer = []),
    "a copy and a finalizer that no binding asks for": (world) => (world.bindings = []),
    "a conflict mark that no binding asks for": (world) => {
      world.bindings = [];
      world.apis[0]!.provider = [];
      world.mine.metadata = { uid: "mine", annotations: { [ANNOTATION.conflict]: "OwnedByAnother" } };
    },
    "an object that waits for us": ({ mine }) => (mine.metadata.deletionTimestamp = EARLY),
    "a Secret that no Connection refers to": ({ connections }) => (connections[0]!.spec.kubeconfigSecretRef.name = "x"),
    "a definition whose Connection is gone": ({ definitions }) =>
      (definitions[0]!.metadata.annotations[ANNOTATION.connection] = "gone"),
    "a binding that does not go": ({ bindings }) => (bindings[0]!.metadata.deletionTimestamp = EARLY),
  };
  test.each(Object.entries(spoilt))("%s", (_what, spoil) => {
    const world = soundWorld();
    spoil(world);
    expect(leftovers(world).length).toBeGreaterThan(0);
  });
});

describe("V4 notices", () => {
  const patched = (path: string, subresource?: string) => {
    const { objectRef } = logged("patch", {});
    return logged("patch", {
      requestObject: [{ op: "add", path }],
      objectRef: { ...objectRef, ...(subresource ? { subresource } : {}) },
    });
  };
  const { copy } = soundWorld();
  test.each([
    ["a spec written on the consumer", "consumer", patched("/spec/size")],
    ["metadata written through the status of the consumer's object", "consumer", patched("/metadata/labels", "status")],
    ["an object created on the consumer", "consumer", logged("create", { requestObject: {} })],
    ["an object deleted on the consumer", "consumer", logged("delete", { requestObject: {} })],
    ["a status applied to a copy", "provider", logged("patch", { requestObject: { ...copy, status: {} } })],
    ["the status of a copy written", "provider", patched("/status", "status")],
    ["a copy's spec written by another way than an apply", "provider", patched("/spec/size")],
  ] as const)("%s", (_what, side, event) => {
    const none: Traffic = { consumer: [], provider: [] };
    expect(misdirectedWrites({ ...none, [side]: [event] })).toHaveLength(1);
  });
});

describe("V8 notices a copy deleted", () => {
  const told = (change: (traffic: ReturnType<typeof soundTraffic>) => void) => {
    const traffic = soundTraffic();
    change(traffic);
    return unjustifiedDeletes(traffic);
  };
  test("for an object that was merely absent", () => {
    expect(told((traffic) => traffic.consumer.splice(1))).toHaveLength(1);
  });
  test("before its object was", () => {
    const tooLate = "2030-01-01T00:00:03Z";
    expect(told(({ deleted }) => (deleted.responseObject.metadata.deletionTimestamp = tooLate))).toHaveLength(1);
  });
  test("for another object of the same name", () => {
    expect(told(({ deleted }) => (deleted.responseObject.metadata.uid = "earlier"))).toHaveLength(1);
  });
  test("that nobody of us has made", () => {
    expect(told(({ provider }) => provider.splice(0, 1))).toHaveLength(1);
  });
  test("but not in the drain of a binding, nor when the API was taken out of one or it uses another provider", () => {
    const binding = { ...clusterBinding("acme", [WIDGETS]), metadata: { uid: "b" } as Body };
    const going = { ...binding, metadata: { uid: "b", deletionTimestamp: "2030-01-01T00:00:01Z" } };
    const without = { ...binding, spec: { ...binding.spec, apis: [{ name: "others.example.org" }] } };
    const bindings = (...states: Body[]) => states.map((state) => logged("patch", { responseObject: state }));
    const drained = (...states: Body[]) => told((traffic) => (traffic.consumer = bindings(...states)));
    expect(drained(going)).toEqual([]);
    expect(drained(binding, without)).toEqual([]);
    const pinned = (name: string, remoteClusterUID: string) => ({
      kind: "Connection",
      metadata: { name },
      status: { remoteClusterUID },
    });
    const pins = [pinned("old", "one"), pinned("twin", "one"), pinned("acme", "two")];
    const moved = (bound: string) => ({
      ...binding,
      metadata: { uid: "b", annotations: { [ANNOTATION.boundConnection]: bound } },
    });
    expect(drained(...pins, moved("old"))).toEqual([]);
    expect(drained(pinned("acme", "one"), pinned("old", "one"), moved("old"))).toHaveLength(1);
    expect(drained(moved("old"))).toHaveLength(1);
    expect(drained(binding)).toHaveLength(1);
    expect(drained(without)).toHaveLength(1);
  });
  test("but not for a binding that was removed by force, once its Connection goes", () => {
    const binding = { ...clusterBinding("acme", [WIDGETS]), metadata: { uid: "b" } as Body };
    const metadata = { name: "acme", deletionTimestamp: "2030-01-01T00:00:01Z" };
    const bound = logged("patch", { responseObject: binding });
    const removed = logged("delete", { responseObject: { kind: "Status", details: { uid: "b" } } });
    const going = logged("patch", { responseObject: { kind: "Connection", metadata } });
    const after = (...events: ReturnType<typeof logged>[]) => told((traffic) => (traffic.consumer = events));
    expect(after(bound, removed, going)).toEqual([]);
    expect(after(bound, removed)).toHaveLength(1);
    expect(after(bound, going)).toHaveLength(1);
  });
});
