// The scripted API server of the benchmarks beside a real one: the same requests, and what the konnector reads of the answers.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { consumerFact, copyFact, projectionOf, type Shape } from "../../actors/facts.ts";
import * as writes from "../../actors/object-writes.ts";
import type { Cluster } from "../../actors/ports.ts";
import { isNamespaceMissing, judge } from "../../actors/refusals.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import {
  CLUSTER_UID,
  MASS,
  nameOf,
  objectText,
  roomOf,
  statusText,
  uidOf,
  type SideName,
} from "../../bench/scripted/bodies.ts";
import { kubeconfigFor } from "../../bench/scripted/script.ts";
import { startSide } from "../../bench/scripted/side.ts";
import type { KubeObject } from "../../crds/kube-object.ts";
import { FIELD_MANAGER } from "../../crds/labels.ts";
import { CRDS, NAMESPACES } from "../../crds/resources.ts";
import { identityMapper } from "../../machines/rules/mapper.ts";
import { travelPolicy } from "../../machines/rules/projection.ts";
import { createRecordingSink } from "../adapters/recording-sink.ts";
import { apiDefinition } from "../e2e/manifests.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { eventually } from "../harness/wait.ts";

const OBJECTS = 3;
const slots = Array.from({ length: OBJECTS }, (_, slot) => slot);

const shape: Shape = {
  resource: MASS,
  mapper: identityMapper,
  travel: travelPolicy(),
  clusterUid: CLUSTER_UID.consumer,
  hasStatus: true,
  keepsConditions: true,
};

const at = (slot: number) => ({ namespace: roomOf(slot), name: nameOf(slot) });
const numbers = { version: 1, generation: 1, edit: 1, status: 0, observed: 0, claimed: false, deleting: false };
const made = (side: SideName, slot: number, edit = 1) =>
  JSON.parse(objectText(side, { ...numbers, slot, edit })) as KubeObject;

/** As it is written for that object of the consumer, at that edit. */
const projection = (slot: number, edit: number): KubeObject => projectionOf(shape, made("consumer", slot, edit));

let plane: ControlPlane;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  plane = await startControlPlane();
  const cluster = createCluster(parseKubeconfig(plane.kubeconfig));
  stops.push(() => cluster.close());
  await cluster.create(CRDS, "", apiDefinition(MASS));
  for (const slot of slots) await cluster.create(NAMESPACES, "", { metadata: { name: roomOf(slot) } });
  await eventually("the type to be served", async () => (await cluster.list(MASS)).length === 0);
}, 60_000);

afterAll(async () => {
  for (const stop of stops) await stop();
  await plane?.stop();
});

async function scripted(side: SideName): Promise<Cluster> {
  const server = await startSide(side, OBJECTS);
  const cluster = createCluster(parseKubeconfig(kubeconfigFor(server.url), { allowHttp: true }));
  stops.push(
    () => cluster.close(),
    () => server.stop(),
  );
  if (side === "consumer") server.mass.fill();
  else for (const slot of slots) await cluster.create(NAMESPACES, "", { metadata: { name: roomOf(slot) } });
  return cluster;
}

/** With the same objects where it is the consumer's. */
async function real(side: SideName): Promise<Cluster> {
  const cluster = createCluster(parseKubeconfig(plane.kubeconfig));
  stops.push(() => cluster.close());
  for (const slot of side === "consumer" ? slots : []) {
    const { apiVersion, kind, metadata, spec } = made("consumer", slot);
    const { name, namespace, labels } = metadata;
    await cluster.create(MASS, roomOf(slot), { apiVersion, kind, metadata: { name, namespace, labels }, spec });
  }
  return cluster;
}

/** What the konnector makes of an answer, whoever gave it: the uid and the versions are each server's own. */
const consumerGist = (object: KubeObject) => {
  const uid = uidOf("consumer", 0);
  const { resourceVersion: _, ...fact } = consumerFact(shape, { ...object, metadata: { ...object.metadata, uid } });
  return fact;
};
const copyGist = (copy: KubeObject) => {
  const { resourceVersion: _, uid: _uid, ...fact } = copyFact(shape, copy);
  return { ...fact, generation: copy.metadata.generation };
};
const refusal = (request: Promise<unknown>, tested = false) =>
  request.then(
    () => "accepted",
    (error: unknown) => ({
      cause: judge(error, "", tested).cause,
      status: (error as { status?: number }).status,
      namespace: isNamespaceMissing(error, "nowhere"),
    }),
  );
const moved = (before: KubeObject, after: KubeObject): boolean =>
  before.metadata.resourceVersion !== after.metadata.resourceVersion;

async function playConsumer(cluster: Cluster) {
  const told: unknown[] = [];
  const sink = createRecordingSink();
  const watch = cluster.watch(MASS, {}, sink);
  await eventually("the list", () => sink.calls.some(({ call }) => call === "listed"));
  told.push(sink.story.toSorted());
  sink.forget();
  const listed = await cluster.list(MASS, { limit: 500 });
  told.push(listed.map(consumerGist));
  const first = await cluster.get(MASS, at(0));
  const fact = (object: KubeObject) => consumerFact(shape, object);
  const claimed = await cluster.patch(MASS, at(0), writes.addFinalizer(fact(first)));
  told.push(consumerGist(claimed), moved(first, claimed));
  told.push(await refusal(cluster.patch(MASS, at(0), writes.addFinalizer(fact(first))), true));
  const status = JSON.parse(statusText(1, 1)) as KubeObject["status"];
  const shown = await cluster.patch(MASS, at(0), writes.putStatus(fact(claimed), status), "status");
  told.push(consumerGist(shown));
  const leaving = await cluster.delete(MASS, at(0), first.metadata.uid);
  told.push(typeof leaving === "string" ? leaving : consumerGist(leaving));
  const last = await cluster.get(MASS, at(0));
  await cluster.patch(MASS, at(0), writes.removeFinalizer(fact(last)));
  told.push(await refusal(cluster.get(MASS, at(0))));
  told.push(await refusal(cluster.patch(MASS, at(0), writes.removeFinalizer(fact(last))), true));
  await eventually("the end of it", () => sink.story.at(-1)?.startsWith("gone"));
  told.push(sink.story);
  const versions = sink.calls.map((call) => ("object" in call ? Number(call.object.metadata.resourceVersion) : 0));
  told.push(versions.every((version, index) => version > (versions[index - 1] ?? 0)));
  watch.stop();
  return told;
}

async function playProvider(cluster: Cluster) {
  const told: unknown[] = [];
  const write = (slot: number, edit: number, copy: KubeObject | null) =>
    cluster.apply(
      MASS,
      at(slot),
      writes.guardedApply(projection(slot, edit), copy && copyFact(shape, copy)),
      FIELD_MANAGER,
    );
  const nowhere = { ...projection(1, 1), metadata: { ...projection(1, 1).metadata, namespace: "nowhere" } };
  const away = { namespace: "nowhere", name: nameOf(1) };
  told.push(await refusal(cluster.apply(MASS, away, writes.guardedApply(nowhere, null), FIELD_MANAGER)));
  const first = await write(1, 1, null);
  told.push(first.created, copyGist(first.object));
  told.push(await refusal(write(1, 1, null)));
  const same = await write(1, 1, first.object);
  told.push(same.created, moved(first.object, same.object));
  const edited = await write(1, 2, first.object);
  told.push(edited.created, copyGist(edited.object), moved(first.object, edited.object));
  told.push(await refusal(write(1, 3, first.object)));
  const sink = createRecordingSink();
  const labelSelector = Object.entries(first.object.metadata.labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
  const watch = cluster.watch(MASS, { labelSelector, namespace: roomOf(1) }, sink);
  await eventually("the list", () => sink.story.at(-1)?.startsWith("listed"));
  told.push(await refusal(cluster.delete(MASS, at(1), uidOf("consumer", 2))));
  told.push(await cluster.delete(MASS, at(1), edited.object.metadata.uid));
  told.push(await cluster.delete(MASS, at(1), edited.object.metadata.uid));
  told.push(await refusal(write(1, 3, edited.object)));
  await eventually("the end of it", () => sink.story.at(-1)?.startsWith("gone"));
  told.push(sink.story);
  watch.stop();
  return told;
}

describe("the scripted API server tells the konnector the same as a real one", () => {
  it("of copies: first writes and their guards, edits, fields that are ours, deletions", async () => {
    expect(await playProvider(await scripted("provider"))).toEqual(await playProvider(await real("provider")));
  });

  it("of a consumer's objects: lists, watches, claims, statuses, their end", async () => {
    expect(await playConsumer(await scripted("consumer"))).toEqual(await playConsumer(await real("consumer")));
  });
});
