// The heartbeat Lease on a real provider: what it says, who renews it, who may not, and when it goes. Its duration is a
// few seconds here, so that renewals can be waited for.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import type { ObjectMeta } from "../../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { leaseName } from "../../crds/lease.ts";
import { CONNECTIONS, EVENTS, LEASES, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { kubeconfigAt, startFaultProxy } from "../harness/fault-proxy.ts";
import { eventually, never, NotYet } from "../harness/wait.ts";
import type { Write } from "./audit-policy.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, PATIENCE, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, LEASE_RIGHTS, PROVIDER_RIGHTS } from "./rights.ts";
import { traffic } from "./traffic.ts";

/** Not one that is there, as that of the sample is. */
const NAMESPACE = "signs-of-life";
/** So that Leases can be put into a namespace that is not there yet, they are granted in all of them. */
const EVERYWHERE = [...PROVIDER_RIGHTS, ...LEASE_RIGHTS];
const SECONDS = 4;
const DURATION = SECONDS * 1_000;
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

let land: Landscape;
let invariants: Invariants;
let consumer: string;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const key = () => at(leaseName(consumer), NAMESPACE);

beforeAll(async () => {
  const lease = ["--lease-namespace", NAMESPACE, "--lease-duration", `${SECONDS}s`];
  land = await startLandscape({ konnector: { args: [...lease, "--log-level", "debug"] } });
  invariants = invariantsOf(land);
  consumer = (await down().get(NAMESPACES, at("kube-system"))).metadata.uid;
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

/** A Connection of that name, whose credential on the provider is a user's of its own, so that it can be told apart. */
async function connect(name: string, rights = EVERYWHERE, address = land.proxy.url): Promise<void> {
  const user = `${KONNECTOR_USER}-${name}`;
  const { plane } = land.provider;
  const kubeconfig = await plane.addUser(user);
  await grant(plane, user, rights);
  await down().create(SECRETS, manifests.secret(name, kubeconfigAt(kubeconfig, address)));
  await down().create(CONNECTIONS, manifests.connection(name));
}

const without = (resource: string) => EVERYWHERE.filter(({ resources }) => !resources.includes(resource));

const disconnect = async (...names: string[]): Promise<void> => {
  await Promise.all(names.map((name) => down().remove(CONNECTIONS, at(name))));
  for (const name of names) await absent(down(), CONNECTIONS, at(name));
};

/** The API servers have Leases of their own. */
const isOurs = (reference: Write["objectRef"]): boolean =>
  reference?.resource === LEASES.resource && reference.name === key().name;

/** Renewals so far, oldest first: who, and when. */
async function renewals(): Promise<{ name: string; at: number }[]> {
  const isRenewal = ({ verb, objectRef, responseStatus }: Write) =>
    verb === "update" && isOurs(objectRef) && responseStatus?.code === 200;
  return (await traffic(land)).provider.filter(isRenewal).map(({ user, requestReceivedTimestamp }) => ({
    name: user.username?.slice(KONNECTOR_USER.length + 1) ?? "",
    at: Date.parse(requestReceivedTimestamp),
  }));
}

/** Waits for that many renewals from now on, and answers them. */
async function next(count: number): Promise<{ name: string; at: number }[]> {
  const before = (await renewals()).length;
  return eventually(
    `${count} renewals`,
    async () => {
      const fresh = (await renewals()).slice(before);
      return fresh.length >= count ? fresh : new NotYet(fresh);
    },
    PATIENCE,
  );
}

const longestGap = (times: number[]): number =>
  Math.max(...times.slice(1).map((time, index) => time - (times[index] as number)));

test("a Lease tells the provider of this consumer, marked as ours, in a namespace that is made for it", async () => {
  await connect("first");
  const { metadata, spec } = await object(up(), LEASES, key(), "to be there");
  expect(metadata.labels).toEqual({ [LABEL.managed]: "true" });
  expect(metadata.annotations).toEqual({ [ANNOTATION.consumerClusterUid]: consumer });
  expect(spec).toEqual({
    holderIdentity: consumer,
    leaseDurationSeconds: SECONDS,
    acquireTime: expect.stringMatching(MICRO_TIME),
    renewTime: expect.stringMatching(MICRO_TIME),
  });
  const namespace: { metadata: ObjectMeta } = await up().get(NAMESPACES, at(NAMESPACE));
  expect(namespace.metadata.labels).toMatchObject({ [LABEL.managed]: "true", [LABEL.consumerClusterUid]: consumer });
  expect(namespace.metadata.annotations).toMatchObject({ [ANNOTATION.consumerClusterUid]: consumer });
});

test("it is renewed three times in its duration, by one request, and stays acquired since when it was", async () => {
  const { metadata, spec } = await up().get(LEASES, key());
  const { provider } = await traffic(land);
  const seen = await next(4);
  expect(longestGap(seen.map(({ at: time }) => time))).toBeLessThan(DURATION);
  const now = await up().get(LEASES, key());
  expect(now.metadata.uid).toBe(metadata.uid);
  expect(now.spec.acquireTime).toBe(spec.acquireTime);
  expect(Date.parse(now.spec.renewTime)).toBeGreaterThan(Date.parse(spec.renewTime));
  const asked = (await traffic(land)).provider.slice(provider.length);
  expect(asked.filter(({ objectRef, verb }) => isOurs(objectRef) && verb !== "update")).toEqual([]);
  const metrics = await (await fetch(`${land.konnector.metricsUrl}/metrics`)).text();
  expect(Number(/^konnector_lease_age_seconds (\S+)$/m.exec(metrics)?.[1])).toBeLessThan(SECONDS);
});

test("Connections to one provider share it: one renews, and when that one goes another goes on without a gap", async () => {
  // As the sample grants it, once the namespace is there.
  await grant(land.provider.plane, `${KONNECTOR_USER}-second`, LEASE_RIGHTS, NAMESPACE);
  await connect("second", PROVIDER_RIGHTS);
  await conditions(down(), CONNECTIONS, at("second"), READY);
  const shared = await next(4);
  expect(new Set(shared.map(({ name }) => name))).toEqual(new Set(["first"]));
  const times = shared.map(({ at: time }) => time);
  expect((times.at(-1) as number) - (times[0] as number)).toBeGreaterThan((times.length - 1) * (DURATION / 3) * 0.8);
  await disconnect("first");
  const after = await eventually(
    "the other one to renew it",
    async () => {
      const all = await renewals();
      return all.filter(({ name }) => name === "second").length >= 2 ? all : new NotYet(all.slice(-3));
    },
    PATIENCE,
  );
  expect(longestGap(after.slice(-4).map(({ at: time }) => time))).toBeLessThan(DURATION);
});

test("it does not expire when the network swallows what the renewing Connection sends: another takes over", async () => {
  const proxy = await startFaultProxy(land.provider.plane.url);
  try {
    await connect("other-way", EVERYWHERE, proxy.url);
    await conditions(down(), CONNECTIONS, at("other-way"), READY);
    await land.proxy.set("blackhole");
    const taken = await eventually("the other one to renew it", async () => {
      const all = await renewals();
      return all.filter(({ name }) => name === "other-way").length >= 2 && all;
    });
    expect(longestGap(taken.slice(-4).map(({ at: time }) => time))).toBeLessThan(DURATION);
    await land.proxy.set("pass");
    await disconnect("other-way");
    await conditions(down(), CONNECTIONS, at("second"), READY);
  } finally {
    await land.proxy.set("pass");
    await proxy.stop();
  }
});

test("it does not wait for discovery: a Connection that may not list exports renews it", async () => {
  await connect("blind", without("customresourcedefinitions"));
  await conditions(down(), CONNECTIONS, at("blind"), { Ready: { status: "False", reason: "Forbidden" } });
  await disconnect("second");
  const seen = await next(3);
  expect(seen.at(-1)?.name).toBe("blind");
});

test("a crash does not end it: the next process goes on renewing what it finds", async () => {
  const { metadata, spec } = await up().get(LEASES, key());
  await land.restart();
  await next(2);
  const now = await up().get(LEASES, key());
  expect([now.metadata.uid, now.spec.acquireTime]).toEqual([metadata.uid, spec.acquireTime]);
});

test("stopping the process leaves it to expire", async () => {
  const { metadata, spec } = await up().get(LEASES, key());
  expect(await land.konnector.stop()).toBe(0);
  const left = await up().get(LEASES, key());
  expect([left.metadata.uid, left.spec.acquireTime]).toEqual([metadata.uid, spec.acquireTime]);
  await land.restart();
  await next(1);
});

test("held by another it is left alone, which the Connection's Events tell, until it is free again", async () => {
  const theirs = "somebody-elses";
  const { metadata } = await up().merge(LEASES, key(), { spec: { holderIdentity: theirs } });
  const told = await eventually(
    "an Event",
    async () => {
      const events = await down().list(EVENTS, "default");
      return events.find(({ reason }: Body) => reason === "LeaseHeldByAnother");
    },
    PATIENCE,
  );
  expect(told).toMatchObject({ type: "Warning", involvedObject: { kind: "Connection", name: "blind" } });
  expect(told.message).toContain(theirs);
  const logged = land.konnector.log().filter(({ msg }) => msg === "the Lease is held by another");
  expect(logged).toMatchObject([{ level: "warn", holder: theirs }]);
  await invariants.protect("provider", LEASES, key());
  const count = (await renewals()).length;
  await never(
    "overwriting the Lease of another",
    async () => ((await renewals()).length > count ? "it was renewed" : undefined),
    DURATION,
  );
  expect((await up().get(LEASES, key())).metadata.resourceVersion).toBe(metadata.resourceVersion);
  invariants.release("provider", LEASES, key());

  await up().merge(LEASES, key(), { spec: { holderIdentity: null } });
  const ours = await object(up(), LEASES, key(), "to be ours", ({ spec }) => spec.holderIdentity === consumer);
  expect(ours.metadata.uid).toBe(metadata.uid);
});

test("removed on the provider it is made anew", async () => {
  const { metadata } = await up().get(LEASES, key());
  await up().remove(LEASES, key());
  await object(up(), LEASES, key(), "to be back", (lease) => lease.metadata.uid !== metadata.uid);
});

test("it outlives a Connection that another one shares it with, and goes with the last ones, together", async () => {
  await connect("third");
  await conditions(down(), CONNECTIONS, at("third"), READY);
  await disconnect("blind");
  await next(1);
  await connect("fourth");
  await conditions(down(), CONNECTIONS, at("fourth"), READY);
  await disconnect("third", "fourth");
  await absent(up(), LEASES, key());
});

test("a missing right is no condition's business, and the Connection ends without the Lease", async () => {
  await connect("mute", without("leases"));
  await eventually("a refused try", () => land.output().includes("Lease not renewed"), PATIENCE);
  await conditions(down(), CONNECTIONS, at("mute"), {
    ...READY,
    PermissionDenied: { status: "False", reason: "AsExpected" },
  });
  expect(land.konnector.log().filter(({ level, msg }) => msg === "Lease not renewed" && level !== "debug")).toEqual([]);
  await disconnect("mute");
});

test("a provider that does not answer keeps no Connection from going, and the Lease is left to expire", async () => {
  await connect("cut-off");
  await object(up(), LEASES, key(), "to be there");
  await land.proxy.set("blackhole");
  await down().remove(CONNECTIONS, at("cut-off"));
  await absent(down(), CONNECTIONS, at("cut-off"), 2_500);
  await land.proxy.set("pass");
  expect((await up().get(LEASES, key())).spec.holderIdentity).toBe(consumer);
});
