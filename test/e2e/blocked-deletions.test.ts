// What a blocked deletion tells, where and when: every reason for which a provider cannot be asked by its own words, even
// where a request is merely not answered, once and not again, and no longer than it is so. Tests run side by side,
// each in a lane of its own with its own way to the provider.

import { afterAll, beforeAll, expect, test } from "vitest";

import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, EVENTS, SECRETS } from "../../crds/resources.ts";
import { type FaultProxy, kubeconfigAt, startFaultProxy } from "../harness/fault-proxy.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { tokenKubeconfig } from "./accounts.ts";
import { absent, conditionOf, conditions, type Expected, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import { instance, secret } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { timeToTell } from "./time-to-tell.ts";
import { describe as described, isWrite, listen } from "./traffic.ts";

/** Milliseconds within which a deletion names what blocks it, and what a machine may add on which six such tests run side by side. */
const IN_TIME = 5_000;
const BUSY = 3_000;
const SOON = 15_000;
const HOLD = "example.org/hold";

let land: Landscape;
let invariants: Invariants;
const proxies: FaultProxy[] = [];
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
});
afterAll(async () => {
  for (const proxy of proxies) await proxy.stop();
  await land?.stop();
});

/** A lane with these objects, all synced, and a proxy of its own. */
async function lane(word: string, ...names: string[]): Promise<Lane & { proxy: FaultProxy }> {
  const [opened, proxy] = await Promise.all([openLane(land, word), startFaultProxy(land.provider.plane.url)]);
  proxies.push(proxy);
  const { pieces, type } = opened;
  await down().create(SECRETS, secret(word, kubeconfigAt(land.kubeconfig, proxy.url)));
  for (const name of ["Connection", "binding"] as const) await down().create(pieces[name].resource, pieces[name].body);
  await conditions(down(), CLUSTER_BINDINGS, pieces.binding.key, READY);
  await served(land.consumer, type);
  await Promise.all(names.map((name) => down().create(type, instance(type, name, word))));
  for (const name of names) await object(up(), type, at(name, word), "to be there");
  return { ...opened, proxy };
}

const held = ({ type, word }: Lane, name: string, finalizers: string[] | null) =>
  up().merge(type, at(name, word), { metadata: { finalizers } });

const blocked = (message: RegExp): Expected => ({ status: "False", reason: "DeletionBlocked", message });

/** Says so, in time. */
async function instanceSays({ type, word }: Lane, name: string, message: RegExp): Promise<Body> {
  const expected = { Synced: blocked(message) };
  const told = await conditions(down(), type, at(name, word), expected, SOON);
  const time = await timeToTell(land, word, type, at(name, word), expected);
  expect(time).toBeLessThan(IN_TIME + BUSY);
  return told;
}

const bindingSays = ({ word }: Lane, expected: Record<string, Expected>, deadline = SOON) =>
  conditions(down(), CLUSTER_BINDINGS, at(word), expected, deadline);

const eventsOf = async ({ word }: Lane): Promise<Body[]> =>
  (await down().list(EVENTS, word)).filter(({ reason }) => reason === "DeletionBlocked");

async function leave(which: Lane): Promise<void> {
  const { pieces, word } = which;
  for (const name of ["binding", "Connection", "Secret"] as const)
    await down().remove(pieces[name].resource, pieces[name].key);
  for (const { resource, key } of [pieces.binding, pieces.Connection]) await absent(down(), resource, key);
  await invariants.check({ word, quiet: false });
}

const putSecret = (word: string, kubeconfig: string) =>
  down().merge(SECRETS, at(word, "kube-bind"), { data: secret(word, kubeconfig).data });

const REASONS: { word: string; title: string; kubeconfig: () => string; says: RegExp }[] = [
  {
    word: "unread",
    title: "a Secret that is no kubeconfig",
    kubeconfig: () => "nothing of the kind",
    says: /Secret kube-bind\/unread/,
  },
  {
    word: "elsewh",
    title: "a Secret that leads to another cluster",
    kubeconfig: () => land.consumer.plane.kubeconfig,
    says: /pinned to provider/,
  },
  {
    word: "unauth",
    title: "a credential that is not accepted",
    kubeconfig: () => tokenKubeconfig(land, "of-nobody", land.proxy.url),
    says: /401|nauthorized/,
  },
];

test.concurrent.for(REASONS)("$title is what the deletion of an object and of a binding wait for", async (reason) => {
  const { word, says, kubeconfig } = reason;
  const which = await lane(word, "one", "two");
  const { data } = await down().get(SECRETS, at(word, "kube-bind"));
  await putSecret(word, kubeconfig());
  await conditions(down(), CONNECTIONS, at(word), { Ready: { status: "False" } });
  await down().remove(which.type, at("one", word));
  await instanceSays(which, "one", new RegExp(`^ProviderUnreachable: Connection ${word}.*${says.source}`));
  const one = `1 deletion\\(s\\) blocked, 1 by ProviderUnreachable: ${word}s\\.example\\.org ${word}/one \\(.*`;
  await bindingSays(which, { Synced: blocked(new RegExp(`^${one}`)) });
  await down().remove(CLUSTER_BINDINGS, at(word));
  const two = "^2 object\\(s\\) still have a copy.*2 deletion\\(s\\) blocked, 2 by ProviderUnreachable: .*";
  await bindingSays(which, {
    Ready: { status: "False", reason: "DrainingObjects", message: new RegExp(`${two}${says.source}`) },
  });
  expect(await up().list(which.type, word)).toHaveLength(2);
  await down().merge(SECRETS, at(word, "kube-bind"), { data });
  await leave(which);
  expect(await up().list(which.type, word)).toEqual([]);
});

test.concurrent(
  "a provider that does not answer is named for every object that waits for it, once, and asked no more often",
  async () => {
    const names = [...Array(20).keys()].map((index) => `n${index}`);
    const which = await lane("silent", ...names);
    await which.proxy.set("blackhole");
    const heard = await listen(land);
    await Promise.all(names.map((name) => down().remove(which.type, at(name, "silent"))));
    await bindingSays(which, {
      Synced: blocked(/^20 deletion\(s\) blocked, 20 by ProviderUnreachable: .* and 15 more/),
    });
    await Promise.all(names.map((name) => instanceSays(which, name, /^ProviderUnreachable: /)));
    await which.proxy.set("reset");
    await which.proxy.set("pass");
    await Promise.all(names.map((name) => absent(down(), which.type, at(name, "silent"))));
    await bindingSays(which, { Synced: { status: "True" } }, 30_000);
    expect(await up().list(which.type, "silent")).toEqual([]);
    expect(await eventsOf(which)).toHaveLength(20);
    const { consumer } = await heard();
    const statuses = consumer.filter((event) => isWrite(event) && described(event).startsWith("patch silents/status"));
    expect(statuses).toHaveLength(20);
    await leave(which);
  },
);

test.concurrent("what was said of a blocked deletion is taken back when it goes on", async () => {
  const which = await lane("backon", "one");
  const key = at("one", "backon");
  await held(which, "one", [HOLD]);
  await down().merge(which.type, key, { metadata: { finalizers: [FINALIZER.syncer, "example.org/mine"] } });
  await down().remove(which.type, key);
  const message = /^ProviderFinalizer: the copy waits for example\.org\/hold on the provider\. /;
  const told = await instanceSays(which, "one", message);
  await bindingSays(which, { Synced: blocked(/^1 deletion\(s\) blocked, 1 by ProviderFinalizer/) });
  expect(await eventually("an Event", async () => (await eventsOf(which)).length > 0 && eventsOf(which))).toHaveLength(
    1,
  );
  await held(which, "one", null);
  const freed = await object(
    down(),
    which.type,
    key,
    "to be let go",
    ({ metadata }) => metadata.finalizers.length === 1,
  );
  expect(conditionOf(freed, "Synced")).toBeUndefined();
  expect(freed.metadata.uid).toBe(told.metadata.uid);
  await bindingSays(which, { Synced: { status: "True", reason: "AsExpected" } });
  await down().merge(which.type, key, { metadata: { finalizers: null } });
  await leave(which);
});

test.concurrent("a drain counts down what it waits for, and Orphan unblocks what is held for ever", async () => {
  const names = ["one", "two", "three"];
  const which = await lane("counts", ...names);
  for (const name of names) await held(which, name, [HOLD]);
  await down().remove(CLUSTER_BINDINGS, at("counts"));
  const left = (count: number) => ({
    Ready: {
      status: "False" as const,
      reason: "DrainingObjects",
      message: new RegExp(`^${count} object\\(s\\) still have a copy.*; ${count} deletion\\(s\\) blocked`),
    },
  });
  await bindingSays(which, left(3));
  await held(which, "one", null);
  await bindingSays(which, left(2));
  await down().merge(which.type, at("two", "counts"), {
    metadata: { annotations: { [ANNOTATION.deletionPolicy]: "Orphan" } },
  });
  await bindingSays(which, left(1));
  await held(which, "three", null);
  await absent(down(), CLUSTER_BINDINGS, at("counts"));
  await eventually("the held copy alone to be left, without our marks", async () => {
    const copies = await up().list(which.type, "counts");
    return (
      (copies.length === 1 && !JSON.stringify(copies[0].metadata.annotations ?? {}).includes("kube-bind")) ||
      new NotYet(copies)
    );
  });
  await held(which, "two", null);
  await leave(which);
});

test("a blocked deletion that was told of is not told of again by a new process", async () => {
  const which = await lane("restarts", "one");
  await held(which, "one", [HOLD]);
  await down().remove(which.type, at("one", "restarts"));
  const told = await instanceSays(which, "one", /^ProviderFinalizer/);
  await eventually("an Event", async () => (await eventsOf(which)).length === 1);
  await land.restart();
  await bindingSays(which, { Synced: blocked(/1 by ProviderFinalizer/) }, 30_000);
  // Past the time after which a new process would have said it again.
  await invariants.check({ word: "nothing", quiet: 4_000 });
  expect((await down().get(which.type, at("one", "restarts"))).metadata.resourceVersion).toBe(
    told.metadata.resourceVersion,
  );
  expect(await eventsOf(which)).toHaveLength(1);
  await held(which, "one", null);
  await absent(down(), which.type, at("one", "restarts"));
  await leave(which);
});
