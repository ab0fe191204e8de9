// Two clusters, each with a konnector of its own, use the same names on one provider: whoever comes second says so, neither
// touches or even sees what is the other's, and one goes without the other noticing.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, FINALIZER, LABEL } from "../../crds/labels.ts";
import { leaseName } from "../../crds/lease.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, EVENTS, LEASES, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { startKonnector, type Konnector } from "../harness/konnector.ts";
import { kubeconfigAt } from "../harness/fault-proxy.ts";
import { eventually } from "../harness/wait.ts";
import type { Write } from "./audit-policy.ts";
import { absent, conditionOf, conditions, object, READY } from "./conditions.ts";
import { counted } from "./counters.ts";
import {
  installOurs,
  kubectlAt,
  type Landscape,
  offer,
  served,
  type Side,
  startLandscape,
  startSide,
} from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { instance, typeOf } from "./manifests.ts";
import { at, type Body, pathOf } from "./objects.ts";
import { consumerUser, providerUser } from "./rights.ts";
import { describe as described, isWrite } from "./traffic.ts";

const SHARED = typeOf("shared");
const PRIZES = typeOf("prize");
const SECOND = "konnector-second";
/** Passes that a status takes: of the object, once more after it was written, and perhaps of what sums it up. */
const FOR_ONE_CHANGE = 3;

let land: Landscape;
let second: Side;
let konnector: Konnector;
const clusterUids: string[] = [];
const up = () => land.provider.objects;
const here = () => land.consumer.objects;
const there = () => second.objects;

/** Secret, Connection and two bindings of one consumer. */
async function bind({ objects }: Side, kubeconfig: string): Promise<void> {
  await objects.create(SECRETS, manifests.secret("one", kubeconfig));
  await objects.create(CONNECTIONS, manifests.connection("one"));
  await objects.create(CLUSTER_BINDINGS, manifests.clusterBinding("one", [SHARED]));
  const adopting = { connection: "one", conflictPolicy: "Adopt" } as const;
  await objects.create(CLUSTER_BINDINGS, manifests.clusterBinding("two", [PRIZES], adopting));
  for (const name of ["one", "two"]) await conditions(objects, CLUSTER_BINDINGS, at(name), READY);
}

beforeAll(async () => {
  const coming = startSide("second-consumer", {});
  [land, second] = await Promise.all([startLandscape(), coming]);
  await Promise.all([SHARED, PRIZES].map((type) => offer(land, type)));
  await installOurs(second);
  konnector = await startKonnector({ kubeconfig: await consumerUser(second.plane) });
  await konnector.ready();
  const kubeconfig = kubeconfigAt(await providerUser(land.provider.plane, SECOND), land.proxy.url);
  await Promise.all([bind(land.consumer, land.kubeconfig), bind(second, kubeconfig)]);
  for (const side of [land.consumer, second]) {
    await Promise.all([SHARED, PRIZES].map((type) => served(side, type)));
    await side.objects.create(NAMESPACES, { metadata: { name: "meeting" } });
    clusterUids.push((await side.objects.get(NAMESPACES, at("kube-system"))).metadata.uid);
  }
});
afterAll(async () => {
  await konnector?.kill();
  await Promise.all([land?.stop(), second?.plane.stop()]);
});

const key = (name: string) => at(name, "meeting");
const make = (side: typeof up, name: string, size: string, type = SHARED) =>
  side().create(type, instance(type, name, "meeting", { size }));
const isConflict = (one: Body) => one.metadata.annotations?.[ANNOTATION.conflict] === "OwnedByAnother";
const sizeIs = (size: string) => (one: Body) => one.spec.size === size;

const asked = async (user: string): Promise<Write[]> =>
  ((await land.provider.plane.auditEvents()) as Write[]).filter((event) => event.user.username === user);

/** Who has written to each copy, by its uid. */
async function writersOf(): Promise<Map<string, Set<string>>> {
  const writers = new Map<string, Set<string>>();
  for (const user of ["konnector", SECOND]) {
    const done = (await asked(user)).filter((event) => isWrite(event) && (event.responseStatus?.code ?? 500) < 300);
    for (const { responseObject } of done) {
      const { uid, annotations } = responseObject?.metadata ?? {};
      if (annotations?.[ANNOTATION.consumerObjectUid] === undefined) continue;
      writers.set(uid, (writers.get(uid) ?? new Set()).add(user));
    }
  }
  return writers;
}

/** Anything but the small requests that go on while nothing happens: who lives, and who is who. */
const isQuestion = ({ requestURI, objectRef, verb }: Write): boolean =>
  verb !== "watch" && objectRef?.resource !== LEASES.resource && !/^\/version|kube-system$/.test(requestURI);

const settled = (side: typeof up, count: number) =>
  conditions(side(), CLUSTER_BINDINGS, at("one"), {
    Ready: { status: "True" },
    Conflicts:
      count === 0
        ? { status: "False" }
        : { status: "True", reason: "OwnedByAnother", message: new RegExp(`^${count} object`) },
  });

describe("two consumers that use the same names", () => {
  test("share the namespaces on the provider, and each has a Lease of its own", async () => {
    await make(here, "only-first", "first");
    await object(up(), SHARED, key("only-first"), "to be there");
    await make(there, "only-second", "second");
    await object(up(), SHARED, key("only-second"), "to be there");
    const { metadata } = await up().get(NAMESPACES, at("meeting"));
    expect(metadata.labels).toMatchObject({ [LABEL.managed]: "true", [LABEL.consumerClusterUid]: clusterUids[0] });
    for (const uid of clusterUids) {
      const lease = await object(up(), LEASES, at(leaseName(uid), manifests.LEASE_NAMESPACE), "to be there");
      expect(lease.spec.holderIdentity).toBe(uid);
    }
  });

  test("do not touch what is the other's: the second says so, and what it does with its object changes nothing", async () => {
    await make(here, "same", "first");
    const copy = await object(up(), SHARED, key("same"), "to be there");
    await make(there, "same", "second");
    await object(there(), SHARED, key("same"), "to be in conflict", isConflict);
    await settled(there, 1);
    await settled(here, 0);
    const events = await eventually("an Event", async () => {
      const found = await there().list(EVENTS, "meeting");
      return found.length > 0 && found;
    });
    expect(events).toHaveLength(1);
    expect(events[0].reason).toBe("OwnedByAnother");
    expect(events[0].message).toContain("kubectl annotate shareds.example.org same -n meeting");
    await there().merge(SHARED, key("same"), { spec: { size: "edited" } });
    await there().remove(SHARED, key("same"));
    await absent(there(), SHARED, key("same"));
    expect(await up().get(SHARED, key("same"))).toEqual(copy);
  });

  test("do not even see what is the other's: each lists and watches its own copies", async () => {
    for (const [index, user] of ["konnector", SECOND].entries()) {
      const looks = (await asked(user)).filter(
        ({ verb, objectRef }) => ["list", "watch"].includes(verb) && objectRef?.apiGroup === manifests.GROUP,
      );
      expect(looks.length).toBeGreaterThan(0);
      const selectors = looks.map(({ requestURI }) =>
        new URL(requestURI, "https://p").searchParams.get("labelSelector"),
      );
      expect(new Set(selectors)).toEqual(
        new Set([`${LABEL.managed}=true,${LABEL.consumerClusterUid}=${clusterUids[index]}`]),
      );
    }
    // And that is what the provider shows under each selector.
    for (const [index, names] of [["only-first", "same"], ["only-second"]].entries()) {
      const selector = encodeURIComponent(`${LABEL.managed}=true,${LABEL.consumerClusterUid}=${clusterUids[index]}`);
      const { body } = await land.provider.plane.admin.request(
        "GET",
        `${pathOf(SHARED, "")}?labelSelector=${selector}`,
      );
      expect(body.items.map(({ metadata }: Body) => metadata.name).sort()).toEqual(names);
    }
  });

  test("are not woken by each other: whatever one does costs the other no pass and no request", async () => {
    await Promise.all([settled(here, 0), settled(there, 0)]);
    const passes = () => counted(konnector, "passes_total", {});
    const questions = async () => (await asked(SECOND)).filter(isQuestion).map(described);
    const before = { passes: await passes(), questions: await questions() };
    const names = ["n1", "n2", "n3", "n4", "n5"];
    for (const name of names) {
      await make(here, name, "first");
      await object(up(), SHARED, key(name), "to be there");
      await up().merge(SHARED, key(name), { status: { phase: "up" } }, "status");
      await object(here(), SHARED, key(name), "to be up", ({ status }) => status?.phase === "up");
      await here().merge(SHARED, key(name), { spec: { size: "edited" } });
      await object(up(), SHARED, key(name), "to be edited", sizeIs("edited"));
    }
    await Promise.all(names.map((name) => here().remove(SHARED, key(name))));
    await Promise.all(names.map((name) => absent(here(), SHARED, key(name))));
    // What a server sends of a type comes in order: had any of that been sent, it would be here before the second's own change.
    await up().merge(SHARED, key("only-second"), { status: { phase: "up" } }, "status");
    await object(there(), SHARED, key("only-second"), "to be up", ({ status }) => status?.phase === "up");
    expect(before.passes).toBeGreaterThan(0);
    expect((await passes()) - before.passes).toBeLessThanOrEqual(FOR_ONE_CHANGE);
    expect(await questions()).toEqual(before.questions);
  });

  test("that both adopt get one owner, and when that one lets go the other follows", async () => {
    await up().create(PRIZES, instance(PRIZES, "cup", "meeting", { size: "nobody's", color: "kept" }));
    await Promise.all([make(here, "cup", "first", PRIZES), make(there, "cup", "second", PRIZES)]);
    const copy = await object(up(), PRIZES, key("cup"), "to be somebody's", (one) => one.spec.size !== "nobody's");
    const isFirst = copy.spec.size === "first";
    const [winner, loser] = isFirst ? [here, there] : [there, here];
    await object(loser(), PRIZES, key("cup"), "to be in conflict", isConflict);
    expect(copy.spec.color).toBe("kept");
    await winner().remove(PRIZES, key("cup"));
    await absent(winner(), PRIZES, key("cup"));
    const next = await object(up(), PRIZES, key("cup"), "to be the other's", sizeIs(isFirst ? "second" : "first"));
    expect(next.metadata.uid).not.toBe(copy.metadata.uid);
    await object(loser(), PRIZES, key("cup"), "to complain no more", (one) => !isConflict(one));
  });

  test("let go of a name as soon as the other's marks are off it, by the command that the object tells", async () => {
    const marks = { [ANNOTATION.consumerClusterUid]: "gone", [ANNOTATION.consumerObjectUid]: "gone" };
    for (const type of [SHARED, PRIZES]) {
      const left = instance(type, manifests.FOREIGN, "meeting", { size: "left" });
      await up().create(type, { ...left, metadata: { ...left.metadata, annotations: marks } });
      await make(here, manifests.FOREIGN, "first", type);
    }
    const place = key(manifests.FOREIGN);
    for (const type of [SHARED, PRIZES]) {
      await object(here(), type, place, "to be in conflict", isConflict);
      const told = await object(here(), type, place, "to say so", (one) => one.status?.conditions?.length);
      const [, command = ""] = /"kubectl ([^"]*)" there/.exec(conditionOf(told, "Synced").message) ?? [];
      await kubectlAt(land.provider, command.split(" "));
    }
    const isForeign = (one: Body) => one.metadata.annotations?.[ANNOTATION.conflict] === "ForeignObjectExists";
    // Nobody's now: taken over under Adopt, under Fail still in the way.
    await object(up(), PRIZES, place, "to be taken over", sizeIs("first"));
    await object(here(), SHARED, place, "to be in conflict with nobody's", isForeign);
    await up().remove(SHARED, place);
    await object(up(), SHARED, place, "to be ours", sizeIs("first"));
    for (const type of [SHARED, PRIZES]) {
      await object(here(), type, place, "to complain no more", (one) => !isConflict(one) && !isForeign(one));
    }
  });

  test("go one without the other: what is the second's stays, and what it waited for becomes its", async () => {
    await make(there, "same", "second");
    await object(there(), SHARED, key("same"), "to be in conflict", isConflict);
    const kept = (await up().get(SHARED, key("only-second"))).metadata.uid;
    await here().remove(CLUSTER_BINDINGS, at("one"));
    await there().merge(SHARED, key("only-second"), { spec: { size: "busy" } });
    await absent(here(), CLUSTER_BINDINGS, at("one"));
    const mine = await object(up(), SHARED, key("same"), "to be the second's", sizeIs("second"));
    expect(mine.metadata.annotations[ANNOTATION.consumerClusterUid]).toBe(clusterUids[1]);
    const other = await object(up(), SHARED, key("only-second"), "to follow", sizeIs("busy"));
    expect(other.metadata.uid).toBe(kept);
    expect(await up().get(SHARED, key("only-first"))).toBeUndefined();
    expect((await there().get(SHARED, key("same"))).metadata.finalizers).toEqual([FINALIZER.syncer]);
    expect((await up().get(NAMESPACES, at("meeting"))).metadata.deletionTimestamp).toBeUndefined();
    await settled(there, 0);
    const writers = await writersOf();
    expect(writers.size).toBeGreaterThan(3);
    for (const [uid, users] of writers) expect([...users], uid).toHaveLength(1);
  });
});
