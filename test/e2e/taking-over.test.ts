// What an earlier konnector made is taken over as it is: nothing is deleted or made anew, no status is lost, nothing is told to
// anybody, and no object costs more than three requests.

import { afterAll, beforeAll, expect, test } from "vitest";

import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { leaseName } from "../../crds/lease.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, LEASES, NAMESPACES } from "../../crds/resources.ts";
import type { Write } from "./audit-policy.ts";
import { absent, conditionOf, conditions, object, READY } from "./conditions.ts";
import * as earlier from "./earlier-forms.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { kubectlAt, type Landscape, offer, served, startLandscape } from "./landscape.ts";
import { apiName, instance, LEASE_NAMESPACE, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { describe as line, listen } from "./traffic.ts";

const HEIRLOOMS = typeOf("heirloom");
const ROOM = "inherited";
const MOST = 3;
/** Milliseconds since the epoch: long ago, as a Lease of a process that has ended is. */
const LONG_AGO = Date.parse("2026-01-01T00:00:00Z");

let land: Landscape;
let invariants: Invariants;
let clusterUid: string;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const copies = new Map<string, Body>();

const running = (observedGeneration: number) => ({ phase: "Running", observedGeneration });

/** An object that it had in sync: its copy is of generation 1, and so is the object. */
async function inherit(name: string, operation: "Apply" | "Update", annotations: Body = {}): Promise<void> {
  const mine = await earlier.earlierObject(land, HEIRLOOMS, at(name, ROOM), { status: running(1), annotations });
  copies.set(name, await earlier.earlierCopy(land, HEIRLOOMS, mine, clusterUid, operation, running(1)));
}

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  // An earlier one has been here, and is gone.
  await land.konnector.kill();
  await offer(land, HEIRLOOMS);
  const uidOf = async (side: typeof up) => (await side().get(NAMESPACES, at("kube-system"))).metadata.uid as string;
  clusterUid = await uidOf(down);
  await earlier.earlierDefinition(land, HEIRLOOMS, "inherited");
  await served(land.consumer, HEIRLOOMS);
  await down().create(NAMESPACES, { metadata: { name: ROOM } });
  await earlier.earlierNamespace(land.provider, ROOM, clusterUid);
  await earlier.earlierLease(land.provider, clusterUid, LONG_AGO);
  for (const name of ["applied", "edited", "leaving"]) await inherit(name, "Apply");
  await inherit("posted", "Update");
  await inherit("marked", "Apply", { [ANNOTATION.conflict]: "ForeignObjectExists" });
  // Generations that went their own ways: what was mirrored as it was is not the object's own.
  const astray = await earlier.earlierObject(land, HEIRLOOMS, at("astray", ROOM), { status: running(2) });
  await earlier.earlierCopy(land, HEIRLOOMS, { ...astray, spec: { size: "first" } }, clusterUid, "Apply");
  copies.set("astray", await earlier.earlierCopy(land, HEIRLOOMS, astray, clusterUid, "Apply", running(2)));
  // What happened while nobody was there.
  await down().merge(HEIRLOOMS, at("edited", ROOM), { spec: { size: "large", count: null } });
  await down().remove(HEIRLOOMS, at("leaving", ROOM));
  const remoteClusterUID = await uidOf(up);
  const pins = { localClusterUID: clusterUid, remoteClusterUID };
  await earlier.earlierBundle(land, "inherited", HEIRLOOMS, land.kubeconfig, pins);
});
afterAll(() => land?.stop());

/** The konnector's requests that name it, as lines. */
const about = (events: Write[], name: string, namespace?: string): string[] =>
  events
    .filter(({ objectRef }) => objectRef?.name === name && objectRef.namespace === namespace)
    .map(({ verb, responseStatus, ...rest }) => `${line({ verb, ...rest })} ${responseStatus?.code}`);

test("what an earlier konnector made is taken over: nothing is made anew, no status is lost, nothing costs more than three requests", async () => {
  const events = async () =>
    (await Promise.all([ROOM, "default"].map((room) => down().list(EVENTS, room)))).flat().length;
  const [eventsBefore, heard] = [await events(), await listen(land)];
  const definition = await down().get(CRDS, at(apiName(HEIRLOOMS)));
  const lease = await up().get(LEASES, at(leaseName(clusterUid), LEASE_NAMESPACE));
  const room = await up().get(NAMESPACES, at(ROOM));
  await land.restart();
  await conditions(down(), CONNECTIONS, at("inherited"), { ...READY, SchemaInSync: { status: "True" } });
  await conditions(down(), CLUSTER_BINDINGS, at("inherited"), { ...READY, Synced: { status: "True" } });
  const isOurs = ({ metadata }: Body) => metadata.labels?.[LABEL.consumerClusterUid] === clusterUid;
  for (const name of copies.keys()) {
    if (name !== "leaving") await object(up(), HEIRLOOMS, at(name, ROOM), "to be watched from now on", isOurs);
  }
  await absent(down(), HEIRLOOMS, at("leaving", ROOM));
  await object(
    down(),
    HEIRLOOMS,
    at("marked", ROOM),
    "to lose its mark",
    (one) => !one.metadata.annotations?.[ANNOTATION.conflict],
  );
  await object(
    down(),
    HEIRLOOMS,
    at("astray", ROOM),
    "to say what it observes of itself",
    (one) => one.status.observedGeneration === 1,
  );
  await invariants.check();

  const asked = await heard();
  const all = [...asked.consumer, ...asked.provider];
  for (const [name, before] of copies) {
    const requests = about(all, name, ROOM);
    expect(requests.length, requests.join("\n")).toBeLessThanOrEqual(MOST);
    if (name === "leaving") continue;
    expect(requests.filter((one) => one.startsWith("delete"))).toEqual([]);
    const [mine, copy] = await Promise.all([down(), up()].map((side) => side.get(HEIRLOOMS, at(name, ROOM))));
    expect(copy.metadata.uid).toBe(before.metadata.uid);
    expect([mine.status.phase, copy.status.phase]).toEqual(["Running", "Running"]);
    expect(copy.spec).toEqual(name === "edited" ? { size: "large" } : { size: "small", count: 3 });
  }
  expect(await up().get(HEIRLOOMS, at("leaving", ROOM))).toBeUndefined();
  // At no time was a status shown that had nothing of the provider's.
  const shown = asked.consumer.filter(
    ({ verb, objectRef }) => verb === "patch" && objectRef?.subresource === "status" && objectRef.namespace === ROOM,
  );
  expect(shown.filter(({ responseObject }) => responseObject.status?.phase !== "Running").map(line)).toEqual([]);
  expect(await events()).toBe(eventsBefore);

  const { metadata } = await down().get(CRDS, at(apiName(HEIRLOOMS)));
  expect(metadata.uid).toBe(definition.metadata.uid);
  const writes = about(asked.consumer, apiName(HEIRLOOMS)).filter((one) => !one.startsWith("get"));
  expect(writes.length, writes.join("\n")).toBeLessThanOrEqual(1);
  expect(about(asked.provider, ROOM)).toEqual([]);
  expect((await up().get(NAMESPACES, at(ROOM))).metadata.resourceVersion).toBe(room.metadata.resourceVersion);
  const renewed = await up().get(LEASES, at(leaseName(clusterUid), LEASE_NAMESPACE));
  expect(renewed.metadata.uid).toBe(lease.metadata.uid);
  expect(renewed.spec).toMatchObject({ holderIdentity: clusterUid, acquireTime: lease.spec.acquireTime });
  expect(Date.parse(renewed.spec.renewTime)).toBeGreaterThan(LONG_AGO);
});

test("an object that is made anew meets its own old copy, says how to have that handed over, and goes on with it", async () => {
  const key = at("applied", ROOM);
  const { uid } = (await up().get(HEIRLOOMS, key)).metadata;
  // As after a restore, or a finalizer that was removed by force; while nobody is there to put it back.
  await land.konnector.kill();
  await down().merge(HEIRLOOMS, key, { metadata: { finalizers: null } });
  await down().remove(HEIRLOOMS, key);
  await down().create(HEIRLOOMS, instance(HEIRLOOMS, key.name, ROOM, { size: "anew" }));
  await land.restart();
  const isMarked = ({ metadata }: Body) => metadata.annotations?.[ANNOTATION.conflict] === "OwnedByAnother";
  const mine = await object(down(), HEIRLOOMS, key, "to be in conflict", isMarked);
  const { message } = conditionOf(await object(down(), HEIRLOOMS, key, "to say so", (one) => one.status), "Synced");
  const command = /"kubectl ([^"]*)" there/.exec(message)?.[1] ?? "";
  expect(command).toContain(mine.metadata.uid);
  await kubectlAt(land.provider, command.split(" "));
  const copy = await object(up(), HEIRLOOMS, key, "to be its", ({ spec }) => spec.size === "anew");
  expect(copy.metadata.uid).toBe(uid);
  await object(
    down(),
    HEIRLOOMS,
    key,
    "to complain no more",
    (one) => !isMarked(one) && one.status?.phase === "Running",
  );
});

test("and lives on like anything else: a field that is removed goes, also of a copy that was made by POST", async () => {
  await down().merge(HEIRLOOMS, at("posted", ROOM), { spec: { count: null } });
  await object(up(), HEIRLOOMS, at("posted", ROOM), "to be without it", ({ spec }) => spec.count === undefined);
  await up().merge(HEIRLOOMS, at("applied", ROOM), { status: { phase: "Done" } }, "status");
  await object(down(), HEIRLOOMS, at("applied", ROOM), "to show it", ({ status }) => status.phase === "Done");
  // What it took along with the definition is not ours to judge: it stays until somebody takes it off.
  const definition = await down().get(CRDS, at(apiName(HEIRLOOMS)));
  expect(definition.metadata.finalizers).toContain(earlier.BAGGAGE.finalizers[0]);
  await down().merge(CRDS, at(apiName(HEIRLOOMS)), { metadata: { finalizers: null } });
  await down().remove(CLUSTER_BINDINGS, at("inherited"));
  await absent(down(), CLUSTER_BINDINGS, at("inherited"));
  expect(await up().list(HEIRLOOMS)).toEqual([]);
});
