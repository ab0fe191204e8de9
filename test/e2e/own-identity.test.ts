// Another cluster comes to answer where the konnector's own one was, with the same credential, and holds what a copy of it
// might: the same APIs, Connections, bindings and objects, some being deleted and held by our finalizers. Whatever it says or
// lacks, nothing is deleted or released on any of the three clusters, and everything goes on once the old one is back.

import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { FINALIZER } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { type FaultProxy, startFaultProxy } from "../harness/fault-proxy.ts";
import { type Gateway, startGateway } from "../harness/gateway.ts";
import { type Konnector, startKonnector } from "../harness/konnector.ts";
import { guardedDir } from "../harness/process-guard.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { tokenKubeconfig } from "./accounts.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import {
  kubectlAt,
  type Landscape,
  MANIFESTS,
  PATIENCE,
  served,
  type Side,
  startLandscape,
  startSide,
} from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at } from "./objects.ts";
import { CONSUMER_RIGHTS, grant, KONNECTOR_USER, SECRET_RIGHTS } from "./rights.ts";
import { describe, isKonnectors, isWrite, listen } from "./traffic.ts";

const TOKEN = "token-of-both-clusters";
const USER = `${KONNECTOR_USER}-both`;
const WORD = "amber";

let land: Landscape;
let other: Side;
let lane: Lane;
let proxy: FaultProxy;
let gateway: Gateway;
let konnector: Konnector | undefined;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

/** The pins as the first cluster has them, on the other one, which is none of them. */
async function mimic(): Promise<void> {
  const { type, pieces } = lane;
  const there = other.objects;
  await kubectlAt(other, ["apply", "-f", MANIFESTS]);
  const crd = await down().get(CRDS, at(manifests.apiName(type)));
  const { labels, annotations } = crd.metadata;
  await there.create(CRDS, {
    ...manifests.apiDefinition(type),
    metadata: { name: crd.metadata.name, labels, annotations },
  });
  await served(other, type);
  await served(other, CONNECTIONS);
  await there.create(NAMESPACES, { metadata: { name: WORD } });
  const held = (body: { metadata: object }, finalizer: string = FINALIZER.cleanup) => ({
    ...body,
    metadata: { ...body.metadata, finalizers: [finalizer] },
  });
  await there.create(SECRETS, held(pieces.Secret.body));
  await there.create(CONNECTIONS, held(pieces.Connection.body));
  const { status } = await down().get(CONNECTIONS, at(WORD));
  const { remoteClusterUID, localClusterUID } = status;
  await there.merge(CONNECTIONS, at(WORD), { status: { remoteClusterUID, localClusterUID } }, "status");
  await there.create(CLUSTER_BINDINGS, held(pieces.binding.body));
  for (const name of ["one", "two"]) {
    await there.create(type, held(manifests.instance(type, name, WORD), FINALIZER.syncer));
  }
  await there.remove(type, at("one", WORD));
}

beforeAll(async () => {
  const file = path.join(guardedDir(), `tokens-${randomUUID()}.csv`);
  await writeFile(file, `${TOKEN},${USER},both\n`);
  const flags = { "token-auth-file": file };
  [land, other] = await Promise.all([startLandscape({ flags }), startSide("other", { flags })]);
  await land.konnector.stop();
  for (const { plane } of [land.consumer, other]) {
    await grant(plane, USER, CONSUMER_RIGHTS);
    await grant(plane, USER, SECRET_RIGHTS, manifests.SECRET_NAMESPACE);
  }
  lane = await openLane(land, WORD);
  const { url, ca } = land.consumer.plane;
  proxy = await startFaultProxy(url);
  gateway = await startGateway({ url, ca });
  konnector = await begin(proxy.url, `${ca}\n${other.plane.ca}`);
  for (const { resource, body } of Object.values(lane.pieces).slice(0, 3)) await down().create(resource, body);
  await conditions(down(), CLUSTER_BINDINGS, at(WORD), READY);
  await served(land.consumer, lane.type);
  await mimic();
});
afterAll(async () => {
  await konnector?.kill();
  await proxy?.stop();
  await gateway?.stop();
  await other?.plane.stop();
  await land?.stop();
});

const begin = (server: string, authority: string): Promise<Konnector> =>
  startKonnector({ kubeconfig: tokenKubeconfig(land, TOKEN, server, authority) });

const another = async (server: string, authority: string): Promise<Konnector> => {
  await konnector?.stop();
  konnector = await begin(server, authority);
  await konnector.ready();
  return konnector;
};

/** What the other cluster was asked by the konnector, from the `seen`th event on. */
const askedThere = async (seen: number): Promise<string[]> =>
  (await other.plane.auditEvents()).slice(seen).filter(isKonnectors).map(describe);

/** Everything that carries the lane's name, on a side. */
const state = async ({ objects }: Side) => ({
  instances: await objects.list(lane.type),
  crd: (await objects.get(CRDS, at(manifests.apiName(lane.type))))?.metadata.uid,
  secret: (await objects.get(SECRETS, at(WORD, manifests.SECRET_NAMESPACE)))?.metadata.finalizers,
});

/** Until the process says of its Connection that the cluster has changed. */
const noticed = (process: Konnector, seen: number): Promise<unknown> =>
  eventually(
    "the konnector to notice",
    () => {
      const news = process.log().slice(seen);
      const found = news.find(({ reason }) => /not Ready: pinned to provider/.test(String(reason)));
      return found ?? new NotYet(news);
    },
    PATIENCE,
  );

const NAMES = ["one", "two", "three"];

/** Three synced objects; the answer is the provider as it is then. */
async function settle(): Promise<Awaited<ReturnType<typeof state>>> {
  for (const name of NAMES) await down().create(lane.type, manifests.instance(lane.type, name, WORD));
  for (const name of NAMES) await object(up(), lane.type, at(name, WORD), "to be there");
  await invariantsOf(land).check({ word: WORD, quiet: false });
  return state(land.provider);
}

/** They are gone, here and there, and so is what was waited for. */
async function goesOn(): Promise<void> {
  await conditions(down(), CONNECTIONS, at(WORD), READY);
  await absent(down(), lane.type, at("one", WORD));
  expect(await up().get(lane.type, at("one", WORD))).toBeUndefined();
  await object(up(), lane.type, at("two", WORD), "to follow", ({ spec }) => spec.size === "large");
  for (const name of NAMES.slice(1)) await down().remove(lane.type, at(name, WORD));
  for (const name of NAMES.slice(1)) await absent(down(), lane.type, at(name, WORD));
  await invariantsOf(land).check({ word: WORD, quiet: false });
}

test("another cluster at its own cluster's address is asked who it is and nothing else, and what it lacks counts nowhere", async () => {
  const process = konnector as Konnector;
  const before = await settle();
  const theirs = await state(other);
  const [heard, seen, logged] = [await listen(land), (await other.plane.auditEvents()).length, process.log().length];
  proxy.lead(other.plane.url, "cut");
  await noticed(process, logged);
  await down().remove(lane.type, at("one", WORD));
  await down().merge(lane.type, at("two", WORD), { spec: { size: "large" } });
  // It has looked again, and still nothing has come of it.
  const looks = (await askedThere(seen)).length;
  const asked = await eventually(
    "more looks",
    async () => {
      const found = await askedThere(seen);
      return found.length > looks + 10 && found;
    },
    PATIENCE,
  );
  expect(new Set(asked)).toEqual(new Set(["get namespaces kube-system/kube-system"]));
  expect((await fetch(`${process.healthUrl}/readyz`)).status).toBe(503);
  expect(await state(land.provider)).toEqual(before);
  expect((await heard()).provider.filter(isWrite).map(describe)).toEqual([]);
  expect(await state(other)).toEqual(theirs);
  proxy.lead(land.consumer.plane.url, "cut");
  await goesOn();
  await process.ready();
}, 120_000);

test("under open connections, behind a gateway, nothing is deleted or released once another cluster answers there", async () => {
  // A new process, for which no look counts that was made before.
  const process = await another(gateway.url, gateway.ca);
  const before = await settle();
  const theirs = await state(other);
  const [heard, logged] = [await listen(land), process.log().length];
  gateway.lead({ url: other.plane.url, ca: other.plane.ca });
  await down().remove(lane.type, at("one", WORD));
  await down().merge(lane.type, at("two", WORD), { spec: { size: "large" } });
  await noticed(process, logged);
  expect((await state(land.provider)).instances).toHaveLength(before.instances.length);
  expect((await heard()).provider.filter(({ verb }) => verb === "delete").map(describe)).toEqual([]);
  const { instances, ...rest } = await state(other);
  expect(rest).toEqual({ crd: theirs.crd, secret: theirs.secret });
  expect(instances.map(({ metadata }) => metadata)).toEqual(theirs.instances.map(({ metadata }) => metadata));
  gateway.lead({ url: land.consumer.plane.url, ca: land.consumer.plane.ca });
  await goesOn();
}, 120_000);

test("a process that begins on another cluster than the pinned one says so there, and touches nothing until it is back", async () => {
  await settle();
  const [heard, theirs] = [await listen(land), await state(other)];
  await konnector?.stop();
  gateway.lead({ url: other.plane.url, ca: other.plane.ca });
  await another(gateway.url, gateway.ca);
  const changed = { status: "False", reason: "ClusterIdentityChanged" } as const;
  await conditions(other.objects, CONNECTIONS, at(WORD), { Ready: changed, Connected: changed });
  expect((await heard()).provider.filter(isWrite).map(describe)).toEqual([]);
  const { instances, secret } = await state(other);
  expect(instances.map(({ metadata }) => metadata)).toEqual(theirs.instances.map(({ metadata }) => metadata));
  expect(secret).toEqual(theirs.secret);
  gateway.lead({ url: land.consumer.plane.url, ca: land.consumer.plane.ca });
  await another(gateway.url, gateway.ca);
  await down().remove(lane.type, at("one", WORD));
  await down().merge(lane.type, at("two", WORD), { spec: { size: "large" } });
  await goesOn();
}, 120_000);
