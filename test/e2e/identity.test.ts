// Another cluster comes to answer where the pinned one was, with the same API and the same credential, in the midst of
// deletions: nothing is released on its word, nothing of its own is touched, and everything ends once the old one is back. Two
// real API servers change places, behind an address (connections cut, or kept) and behind a gateway that ends TLS.

import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { startFaultProxy, type FaultProxy } from "../harness/fault-proxy.ts";
import { startGateway, type Gateway } from "../harness/gateway.ts";
import { guardedDir } from "../harness/process-guard.ts";
import { tokenKubeconfig } from "./accounts.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { type Invariants, invariantsOf } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, type Side, startLandscape, startSide } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at } from "./objects.ts";
import { grantAccess, KONNECTOR_USER } from "./rights.ts";
import { isKonnectors, isWrite } from "./traffic.ts";

const TOKEN = "token-of-both-clusters";
/** Milliseconds: a Connection looks every 10 s whether the old cluster is back. */
const BACK = 45_000;
const NAMES = ["one", "two", "three", "four"];

let land: Landscape;
let other: Side;
const lanes = new Map<string, Lane>();
const proxies: FaultProxy[] = [];
let gateway: Gateway;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  const file = path.join(guardedDir(), `tokens-${randomUUID()}.csv`);
  await writeFile(file, `${TOKEN},${KONNECTOR_USER}-both,both\n`);
  const flags = { "token-auth-file": file };
  [land, other] = await Promise.all([startLandscape({ flags }), startSide("other", { flags })]);
  invariants = invariantsOf(land);
  for (const { plane } of [land.provider, other]) await grantAccess(plane, `${KONNECTOR_USER}-both`);
  for (const word of ["cutoff", "keeper", "gated", "moved"]) {
    const lane = await openLane(land, word);
    lanes.set(word, lane);
    await other.objects.create(CRDS, manifests.apiDefinition(lane.type));
    await other.objects.create(NAMESPACES, { metadata: { name: word } });
    await served(other, lane.type);
    await other.objects.create(lane.type, manifests.instance(lane.type, "one", word, { size: "theirs" }));
  }
  gateway = await startGateway({ url: land.provider.plane.url, ca: land.provider.plane.ca });
});
afterAll(async () => {
  for (const proxy of proxies) await proxy.stop();
  await gateway?.stop();
  await other?.plane.stop();
  await land?.stop();
});

/** Ready, with four objects that are synced. */
async function engage({ word, type, pieces }: Lane, server: string, authority: string): Promise<void> {
  await down().create(SECRETS, manifests.secret(word, tokenKubeconfig(land, TOKEN, server, authority)));
  for (const { resource, body } of [pieces.Connection, pieces.binding]) await down().create(resource, body);
  await conditions(down(), CLUSTER_BINDINGS, at(word), READY);
  await served(land.consumer, type);
  for (const name of NAMES) await down().create(type, manifests.instance(type, name, word));
  for (const name of NAMES) await object(up(), type, at(name, word), "to be there");
}

/** What the other cluster was asked to change of the lane's. */
const writesThere = async ({ word }: Lane): Promise<string[]> =>
  (await other.plane.auditEvents())
    .filter((event) => isKonnectors(event) && isWrite(event) && event.requestURI.includes(word))
    .map(({ verb, requestURI }) => `${verb} ${requestURI}`);

/** Deletions, an edit and a drain while the other cluster answers; then the old one is back. */
async function survive(lane: Lane, swap: () => Promise<void>, back: () => void): Promise<string[]> {
  const { word, type } = lane;
  const theirs = await other.objects.get(type, at("one", word));
  await swap();
  await down().remove(type, at("one", word));
  await down().remove(type, at("two", word));
  await down().create(type, manifests.instance(type, "fresh", word));
  const changed = { status: "False", reason: "ClusterIdentityChanged" } as const;
  await conditions(down(), CONNECTIONS, at(word), { Ready: changed, Connected: changed });
  await down().remove(CLUSTER_BINDINGS, at(word));
  for (const name of ["three", "four"]) expect(await down().get(type, at(name, word))).toBeDefined();
  expect(await other.objects.get(type, at("one", word))).toEqual(theirs);
  back();
  await absent(down(), CLUSTER_BINDINGS, at(word), BACK);
  for (const name of NAMES) expect(await up().get(type, at(name, word))).toBeUndefined();
  expect(await other.objects.get(type, at("one", word))).toEqual(theirs);
  await invariants.check({ word, quiet: false });
  return writesThere(lane);
}

describe.concurrent("another cluster that answers at the address of the pinned one", () => {
  test.each([
    ["cutoff", "cut"],
    ["keeper", "keep"],
  ] as const)(
    "(%s: connections %s) gets no write and releases nothing, and is forgotten when the old one is back",
    async (word, how) => {
      const lane = lanes.get(word) as Lane;
      const { type } = lane;
      const { url, ca } = land.provider.plane;
      const proxy = await startFaultProxy(url);
      proxies.push(proxy);
      await engage(lane, proxy.url, `${ca}\n${other.plane.ca}`);
      const swap = async () => {
        proxy.lead(other.plane.url, how);
        if (how === "cut") return;
        // What is open stays with the old cluster; a deletion under way there is as good as any.
        await down().remove(type, at("one", word));
        await absent(down(), type, at("one", word));
        proxy.lead(other.plane.url, "cut");
      };
      expect(await survive(lane, swap, () => proxy.lead(url, "cut"))).toEqual([]);
      expect(await other.objects.list(lane.type)).toHaveLength(1);
    },
    120_000,
  );

  test("behind a gateway, under open connections, releases nothing by saying that nothing is there", async () => {
    const lane = lanes.get("gated") as Lane;
    await engage(lane, gateway.url, gateway.ca);
    const target = ({ plane }: Side) => ({ url: plane.url, ca: plane.ca });
    const writes = await survive(
      lane,
      async () => gateway.lead(target(other)),
      () => gateway.lead(target(land.provider)),
    );
    // Those that were under way are fenced by what they name: a UID, or a version that no live object has.
    for (const write of writes) expect(write).toMatch(/^(delete|patch) /);
  }, 120_000);
});

describe("a Secret that comes to lead to another cluster", () => {
  test("gets no write there and none to the old one, and goes on as before once it leads back", async () => {
    const lane = lanes.get("moved") as Lane;
    const { word, type } = lane;
    await engage(lane, land.provider.plane.url, land.provider.plane.ca);
    const leadTo = async ({ plane }: Side) => {
      const kubeconfig = tokenKubeconfig(land, TOKEN, plane.url, plane.ca);
      const data = { kubeconfig: Buffer.from(kubeconfig).toString("base64") };
      await down().merge(SECRETS, at(word, manifests.SECRET_NAMESPACE), { data });
    };
    const pin = async () => (await down().get(CONNECTIONS, at(word))).status.remoteClusterUID;
    const pinned = await pin();
    const theirs = await other.objects.get(type, at("one", word));
    const copies = await up().list(type, word);

    await leadTo(other);
    const changed = { status: "False", reason: "ClusterIdentityChanged" } as const;
    await conditions(down(), CONNECTIONS, at(word), { Ready: changed, Connected: changed });
    await down().remove(type, at("one", word));
    await down().merge(type, at("two", word), { spec: { size: "changed" } });
    await down().create(type, manifests.instance(type, "fresh", word));
    // Another try, of the same process and of the next, comes to the same.
    await land.restart();
    await conditions(down(), CONNECTIONS, at(word), { Ready: changed, Connected: changed });
    expect(await pin()).toBe(pinned);
    expect((await down().get(type, at("one", word))).metadata.deletionTimestamp).toBeDefined();
    expect(await up().list(type, word)).toEqual(copies);

    await leadTo(land.provider);
    await conditions(down(), CONNECTIONS, at(word), READY);
    await absent(down(), type, at("one", word));
    expect(await up().get(type, at("one", word))).toBeUndefined();
    await object(up(), type, at("fresh", word), "to be there");
    await object(up(), type, at("two", word), "to be changed", ({ spec }) => spec.size === "changed");
    const uids = async () =>
      new Map((await up().list(type, word)).map(({ metadata }) => [metadata.name, metadata.uid]));
    for (const { metadata } of copies.filter((copy) => copy.metadata.name !== "one"))
      expect((await uids()).get(metadata.name)).toBe(metadata.uid);
    expect(await pin()).toBe(pinned);
    expect(await other.objects.list(type)).toEqual([theirs]);
    expect(await writesThere(lane)).toEqual([]);
  }, 120_000);
});
