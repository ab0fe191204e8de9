// The annotation that stops every write: on an object, a binding, a Connection, for as long as it stands, through a restart
// and a deletion, and what goes on all the same.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { leaseName } from "../../crds/lease.ts";
import {
  BINDINGS,
  CLUSTER_BINDINGS,
  CONNECTIONS,
  CRDS,
  EVENTS,
  LEASES,
  NAMESPACES,
  SECRETS,
} from "../../crds/resources.ts";
import type { Key, Resource } from "../../crds/kube-object.ts";
import { eventually, never } from "../harness/wait.ts";
import { absent, conditionOf, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, PATIENCE, served, startLandscape } from "./landscape.ts";
import { type Lane, openLane } from "./lanes.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { describe as lineOf, isWrite, listen } from "./traffic.ts";

/** Milliseconds in which nothing may happen. */
const QUIET = 1_500;
/** Seconds for which the Lease holds, so that its renewals can be waited for. */
const LEASE = 3;

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape({ konnector: { args: ["--lease-duration", `${LEASE}s`] } });
  invariants = invariantsOf(land);
});
afterAll(async () => {
  try {
    await invariants?.check();
  } finally {
    await land?.stop();
  }
});
afterEach(() => invariants.check({ quiet: false }));

const mark = (value: string | null) => ({ metadata: { annotations: { [ANNOTATION.paused]: value } } });
const pause = (resource: Resource, key: Key) => down().merge(resource, key, mark("true"));
const goOn = (resource: Resource, key: Key) => down().merge(resource, key, mark(null));

const PAUSED = { status: "False", reason: "Paused", message: /core\.kube-bind\.io\/paused/ } as const;
const BOTH_PAUSED = { Ready: PAUSED, Synced: PAUSED };

/** A lane that is applied and Ready, with two objects that are synced. */
async function running(word: string, kind?: "Binding"): Promise<Lane & { one: Key; two: Key }> {
  const lane = await openLane(land, word, kind);
  const { Secret, Connection, binding } = lane.pieces;
  for (const { resource, body } of [Secret, Connection, binding]) await down().create(resource, body);
  await conditions(down(), binding.resource, binding.key, READY);
  await served(land.consumer, lane.type);
  const [one, two] = [at("one", word), at("two", word)];
  for (const { name } of [one, two]) await down().create(lane.type, instance(lane.type, name, word));
  for (const key of [one, two]) await synced(lane.type, key);
  return { ...lane, one, two };
}

const size = (value: string) => ({ spec: { size: value } });
const phase = (value: string) => ({ status: { phase: value } });

const synced = (type: Resource, key: Key, value = "small"): Promise<Body> =>
  object(up(), type, key, `to be ${value}`, ({ spec }) => spec.size === value);
const showing = (type: Resource, key: Key, value: string): Promise<Body> =>
  object(down(), type, key, `to show ${value}`, ({ status }) => status?.phase === value);

const pausedEvents = async (key: Key): Promise<Body[]> =>
  (await down().list(EVENTS, key.namespace)).filter(
    ({ reason, involvedObject }) => reason === "Paused" && involvedObject.name === key.name,
  );
/** Each process says so once. */
const said = (key: Key, times = 1) =>
  eventually("an Event", async () => (await pausedEvents(key)).length >= times, PATIENCE);

/** The konnector writes nothing that names the word, but Events and what is allowed, during that and a moment longer. */
async function writesNothing(word: string, during: () => Promise<unknown>, allowed: string[] = []): Promise<void> {
  const heard = await listen(land);
  await during();
  const written = async (): Promise<string | undefined> => {
    const { consumer, provider } = await heard();
    const lines = [...consumer, ...provider]
      .filter((event) => isWrite(event) && event.objectRef?.resource !== EVENTS.resource)
      .filter(({ requestURI }) => requestURI.includes(word))
      .map(lineOf)
      .filter((line) => !allowed.includes(line));
    return lines.length > 0 ? lines.join(", ") : undefined;
  };
  await never("a write", written, QUIET);
}

/** Waits until the Lease has been renewed twice from now on. */
async function leaseGoesOn(): Promise<void> {
  const { uid } = (await down().get(NAMESPACES, at("kube-system"))).metadata;
  const key = at(leaseName(uid), manifests.LEASE_NAMESPACE);
  for (let renewal = 0; renewal < 2; renewal++) {
    const { renewTime } = (await up().get(LEASES, key)).spec;
    await object(up(), LEASES, key, "to be renewed", ({ spec }) => spec.renewTime !== renewTime);
  }
}

describe("a paused object", () => {
  test("is left alone on both sides while the others go on, says so, and is carried when the pause is over", async () => {
    const { type, one, two } = await running("calm");
    await pause(type, one);
    await said(one);
    await writesNothing("/one", async () => {
      await down().merge(type, one, size("large"));
      await up().merge(type, one, phase("Running"), "status");
      await up().merge(type, one, { spec: { count: 7 } });
      // Told after the other by the same watches.
      await down().merge(type, two, size("large"));
      await up().merge(type, two, phase("Running"), "status");
      await Promise.all([synced(type, two, "large"), showing(type, two, "Running")]);
    });
    expect((await up().get(type, one)).spec).toEqual({ size: "small", count: 7 });
    await conditions(down(), CLUSTER_BINDINGS, at("calm"), {
      ...READY,
      Synced: { status: "False", reason: "Paused", message: /1 object/ },
    });
    expect(await pausedEvents(one)).toHaveLength(1);
    await goOn(type, one);
    await Promise.all([synced(type, one, "large"), showing(type, one, "Running")]);
    await conditions(down(), CLUSTER_BINDINGS, at("calm"), { ...READY, Synced: { status: "True" } });
  });

  test("gets no finalizer when it is born paused, and keeps its copy when it is deleted, until the pause is over", async () => {
    const type = manifests.typeOf("calm");
    const [one, two, born] = [at("one", "calm"), at("two", "calm"), at("born", "calm")];
    const { metadata, ...rest } = instance(type, "born", "calm");
    await down().create(type, { ...rest, metadata: { ...metadata, ...mark("true").metadata } });
    await pause(type, one);
    await Promise.all([said(born), said(one)]);
    await writesNothing("/one", async () => {
      await down().remove(type, one);
      await down().remove(type, two);
      await absent(down(), type, two);
    });
    expect((await down().get(type, one)).metadata.finalizers).toEqual([FINALIZER.syncer]);
    expect((await up().get(type, one)).metadata.deletionTimestamp).toBeUndefined();
    expect((await down().get(type, born)).metadata.finalizers).toBeUndefined();
    await goOn(type, one);
    await Promise.all([absent(down(), type, one), absent(up(), type, one)]);
    await goOn(type, born);
    await synced(type, born);
  });

  test('is one whose annotation is exactly "true"', async () => {
    const type = manifests.typeOf("calm");
    for (const value of ["True", "yes", ""]) {
      const name = `not-${value.toLowerCase()}x`;
      const { metadata, ...rest } = instance(type, name, "calm");
      await down().create(type, { ...rest, metadata: { ...metadata, ...mark(value).metadata } });
      await synced(type, at(name, "calm"));
    }
  });
});

test("a paused binding is stopped with all it governs, through a restart, no other takes over, and what changed is carried afterwards", async () => {
  const { type, one } = await running("halted");
  await down().create(BINDINGS, manifests.binding("halted-next", "halted", [type], { connection: "halted" }));
  const covered = { Ready: { status: "False", reason: "CoveredByClusterBinding" } } as const;
  await conditions(down(), BINDINGS, at("halted-next", "halted"), covered);
  await pause(CLUSTER_BINDINGS, at("halted"));
  const { status } = await conditions(down(), CLUSTER_BINDINGS, at("halted"), BOTH_PAUSED);
  expect(conditionOf(status.boundAPIs[0] && { status: status.boundAPIs[0] }, "Ready")).toMatchObject({
    reason: "Paused",
  });
  const definition = await down().get(CRDS, at(apiName(type)));
  await writesNothing("halted", async () => {
    await down().merge(type, one, size("large"));
    await down().create(type, instance(type, "new", "halted"));
    await up().merge(type, one, phase("Running"), "status");
    await down().merge(CLUSTER_BINDINGS, at("halted"), { spec: { conflictPolicy: "Adopt" } });
    const { schema } = (await up().get(CRDS, at(apiName(type)))).spec.versions[0];
    schema.openAPIV3Schema.properties.spec.properties.extra = { type: "string" };
    const change = { op: "replace", path: "/spec/versions/0/schema", value: schema };
    await up().patch(CRDS, at(apiName(type)), [change]);
    // What is held back is said, and the rest need not be.
    await said(at("one", "halted"));
    await said(at("new", "halted"));
    // Also for a process that knows nothing of what was before.
    await land.restart();
    await said(at("one", "halted"), 2);
    await said(at("new", "halted"), 2);
  });
  expect(await pausedEvents(at("two", "halted"))).toEqual([]);
  expect((await down().get(type, at("new", "halted"))).metadata.finalizers).toBeUndefined();
  expect(await down().get(CRDS, at(apiName(type)))).toEqual(definition);
  await conditions(down(), BINDINGS, at("halted-next", "halted"), covered);
  await goOn(CLUSTER_BINDINGS, at("halted"));
  await Promise.all([synced(type, one, "large"), synced(type, at("new", "halted")), showing(type, one, "Running")]);
  await conditions(down(), CLUSTER_BINDINGS, at("halted"), READY);
  const extra = (crd: Body) => crd.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.extra;
  await object(down(), CRDS, at(apiName(type)), "to follow", extra);
});

test("a paused Connection writes nothing for anything that goes through it but its Lease, which goes on", async () => {
  const { type, one } = await running("still", "Binding");
  await pause(CONNECTIONS, at("still"));
  await conditions(down(), CONNECTIONS, at("still"), { Ready: PAUSED, Connected: { status: "True" } });
  await conditions(down(), BINDINGS, at("still", "still"), BOTH_PAUSED);
  const later = manifests.clusterBinding("still-later", [type], { connection: "still" });
  const idle = async () => {
    await down().merge(type, one, size("large"));
    await up().remove(type, at("two", "still"));
    await down().create(CLUSTER_BINDINGS, later);
    await conditions(down(), CLUSTER_BINDINGS, at("still-later"), BOTH_PAUSED);
    // Also after a start, and though it is called upon.
    await land.restart();
    await down().merge(CONNECTIONS, at("still"), { metadata: { labels: { touched: "true" } } });
    await said(one, 2);
    await leaseGoesOn();
  };
  // The status of the one that came says why nothing is done for it; that is all.
  await writesNothing("still", idle, ["patch clusterbindings/status still-later"]);
  expect((await down().get(CLUSTER_BINDINGS, at("still-later"))).metadata.finalizers).toBeUndefined();
  expect(await up().get(type, at("two", "still"))).toBeUndefined();
  await goOn(CONNECTIONS, at("still"));
  await Promise.all([synced(type, one, "large"), synced(type, at("two", "still"))]);
  await conditions(down(), CONNECTIONS, at("still"), READY);
  await conditions(down(), CLUSTER_BINDINGS, at("still-later"), READY);
});

test("what is deleted while its Connection is paused waits and says why, and goes once the pause is over", async () => {
  const { type, one, pieces } = await running("asleep");
  const [connection, binding] = [pieces.Connection, pieces.binding];
  await pause(CONNECTIONS, connection.key);
  await conditions(down(), CLUSTER_BINDINGS, binding.key, BOTH_PAUSED);
  await down().remove(type, one);
  for (const { resource, key } of [binding, connection]) await down().remove(resource, key);
  const waits = (reason: string) => ({ Ready: { status: "False", reason, message: /^Paused: / } as const });
  await conditions(down(), CLUSTER_BINDINGS, binding.key, waits("DrainingObjects"));
  await conditions(down(), CONNECTIONS, connection.key, waits("DrainingBindings"));
  await writesNothing("asleep", async () => {
    await land.restart();
    await leaseGoesOn();
  });
  expect(await up().list(type, "asleep")).toHaveLength(2);
  await goOn(CONNECTIONS, connection.key);
  for (const { resource, key } of [binding, connection]) await absent(down(), resource, key);
  expect(await up().list(type, "asleep")).toEqual([]);
  expect(await down().get(CRDS, at(apiName(type)))).toBeUndefined();
});

test("a Connection that is born paused touches neither its Secret nor the provider before the pause is over", async () => {
  const name = "unborn";
  const { metadata, ...rest } = manifests.connection(name);
  const born = async () => {
    await down().create(SECRETS, manifests.secret(name, land.kubeconfig));
    await down().create(CONNECTIONS, { ...rest, metadata: { ...metadata, ...mark("true").metadata } });
    await conditions(down(), CONNECTIONS, at(name), { Ready: PAUSED });
  };
  await writesNothing(name, born, ["patch connections/status unborn"]);
  const { metadata: left, status } = await down().get(CONNECTIONS, at(name));
  expect([left.finalizers, status.remoteClusterUID]).toEqual([undefined, undefined]);
  await goOn(CONNECTIONS, at(name));
  await conditions(down(), CONNECTIONS, at(name), READY);
});
