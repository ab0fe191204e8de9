// What is wrong is said where a user looks, with the words of the reference; it recovers by itself once it is mended, and
// nothing that was synced before is lost meanwhile. And whatever went wrong, no credential was ever said. Tests run side by
// side, each in a lane of its own.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { FINALIZER, LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { type FaultMode, kubeconfigAt, startFaultProxy, type FaultProxy } from "../harness/fault-proxy.ts";
import { eventually } from "../harness/wait.ts";
import { BAD_KUBECONFIGS, CANARY, secretsOf } from "./bad-kubeconfigs.ts";
import { absent, conditionOf, conditions, type Expected, NOTHING, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, PROVIDER_RIGHTS } from "./rights.ts";
import { look } from "./world.ts";

const OUTAGES: FaultMode[] = ["refuse", "blackhole", "reset"];
/** Milliseconds: a missing right is asked for again every 30 s. */
const LONG = 60_000;
/** Milliseconds until an outage shows: two heartbeats that fail, a last question, and a moment of doubt. */
const NOTICED = 40_000;
const FREE_WORDS = ["missing", "misplaced", "unlisted", "novice", "guest", "watcher", "planet", "twice"];

/** Cluster-scoped. */
const STARS = manifests.typeOf("planetstar", { cluster: true });

let land: Landscape;
let invariants: Invariants;
const lanes = new Map<string, Lane>();
const proxies = new Map<string, FaultProxy>();
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const lane = (word: string) => lanes.get(word) as Lane;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  const words = [...BAD_KUBECONFIGS.map(({ word }) => word), ...OUTAGES, ...FREE_WORDS];
  await offer(land, STARS);
  for (const opened of await Promise.all(words.map((word) => openLane(land, word)))) lanes.set(opened.word, opened);
  for (const mode of OUTAGES) proxies.set(mode, await startFaultProxy(land.provider.plane.url));
});
afterAll(async () => {
  for (const proxy of proxies.values()) await proxy.stop();
  await land?.stop();
});

const encoded = (data: Record<string, string>) =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString("base64")]));

/** Puts exactly this into the lane's Secret. */
async function write({ word }: Lane, data: Record<string, string>): Promise<void> {
  const key = at(word, manifests.SECRET_NAMESPACE);
  if ((await down().get(SECRETS, key)) === undefined) await down().create(SECRETS, manifests.secret(word, ""));
  await down().patch(SECRETS, key, [{ op: "add", path: "/data", value: encoded(data) }]);
}

const mend = (which: Lane, kubeconfig = land.kubeconfig) => write(which, { kubeconfig });

async function bind({ pieces }: Lane): Promise<void> {
  for (const { resource, body } of [pieces.binding, pieces.Connection]) await down().create(resource, body);
}

const connectionSays = ({ word }: Lane, says: Record<string, Expected>, deadline?: number) =>
  conditions(down(), CONNECTIONS, at(word), says, deadline);

const bindingSays = ({ word }: Lane, says: Record<string, Expected>, deadline?: number) =>
  conditions(down(), CLUSTER_BINDINGS, at(word), says, deadline);

const waiting = (word: string): Record<string, Expected> => ({
  Ready: { status: "False", reason: "Pending", message: new RegExp(word) },
  Connected: { status: "False", reason: "Pending" },
  Synced: { status: "False", reason: "Pending" },
});

/** Waits until the binding is Ready, creates objects and waits for their copies. */
async function sync(which: Lane, names: string[], deadline?: number): Promise<void> {
  const { type, word } = which;
  await bindingSays(which, READY, deadline);
  await served(land.consumer, type);
  for (const name of names) await down().create(type, manifests.instance(type, name, word));
  for (const name of names) await object(up(), type, at(name, word), "to be there");
}

/** While it is broken, users go on working; when it is mended, everything is caught up on and nothing has been lost. */
async function survive(which: Lane, broken: () => Promise<unknown>, mended: () => Promise<unknown>): Promise<void> {
  const { type, word } = which;
  const [kept, going, fresh] = [at("kept", word), at("going", word), at("fresh", word)];
  const before = await up().get(type, kept);
  await broken();
  await down().merge(type, kept, { spec: { size: "large" } });
  await down().remove(type, going);
  await down().create(type, manifests.instance(type, fresh.name, word));
  expect((await down().get(type, going)).metadata.finalizers).toEqual([FINALIZER.syncer]);
  expect((await down().get(type, kept)).metadata.finalizers).toEqual([FINALIZER.syncer]);
  expect((await up().list(type)).map(({ metadata }) => metadata.name)).toEqual(["going", "kept"]);
  expect(await up().get(type, kept)).toEqual(before);

  await mended();
  await connectionSays(which, READY, LONG);
  await bindingSays(which, READY);
  await object(up(), type, kept, "to be large", ({ spec }) => spec.size === "large");
  await object(up(), type, fresh, "to be there");
  await absent(down(), type, going);
  expect((await up().get(type, kept)).metadata.uid).toBe(before.metadata.uid);
  await invariants.check({ word });
}

/** What cannot be used for now is said, and the kubeconfig before it goes on being used. */
async function goOn(which: Lane, data: Record<string, string>, says: Record<string, Expected>): Promise<void> {
  const { type, word } = which;
  await write(which, data);
  await connectionSays(which, says);
  await bindingSays(which, READY);
  await down().merge(type, at("kept", word), { spec: { size: "large" } });
  await object(up(), type, at("kept", word), "to be large", ({ spec }) => spec.size === "large");
  await mend(which);
  await connectionSays(which, { Connected: { status: "True", message: /pinned to$/ } }, LONG);
  await invariants.check({ word });
}

describe.concurrent("a provider that does not answer", () => {
  for (const mode of OUTAGES) {
    test(`(${mode}) is reported in bounded time, and back in use when it answers`, async () => {
      const which = lane(mode);
      const proxy = proxies.get(mode) as FaultProxy;
      const says: Record<string, Expected> = {
        SecretValid: { status: "True", reason: "AsExpected" },
        Connected: { status: "False", reason: "Pending", message: new RegExp(new URL(proxy.url).host) },
        Ready: { status: "False", reason: "Pending" },
      };
      await proxy.set(mode);
      await mend(which, kubeconfigAt(land.kubeconfig, proxy.url));
      await bind(which);
      await connectionSays(which, says, NOTICED);
      await bindingSays(which, waiting(mode));
      await proxy.set("pass");
      await sync(which, ["kept", "going"], LONG);
      const broken = async () => {
        await proxy.set(mode);
        await connectionSays(which, says, NOTICED);
        await bindingSays(which, waiting(mode));
      };
      await survive(which, broken, () => proxy.set("pass"));
    }, 240_000);
  }
});

describe.concurrent("a user of the provider", () => {
  /** A kubeconfig of a new user with these of the konnector's rights, by resource. */
  const user = async (word: string, has: (rule: (typeof PROVIDER_RIGHTS)[number]) => typeof PROVIDER_RIGHTS) => {
    const name = `${KONNECTOR_USER}-${word}`;
    const kubeconfig = await land.provider.plane.addUser(name);
    const rules = PROVIDER_RIGHTS.flatMap(has);
    if (rules.length > 0) await grant(land.provider.plane, name, rules);
    return kubeconfigAt(kubeconfig, land.proxy.url);
  };
  const allow = (word: string) =>
    grant(land.provider.plane, `${KONNECTOR_USER}-${word}`, PROVIDER_RIGHTS, "", `${KONNECTOR_USER}-${word}-more`);

  test("without any right is told which one is missing", async () => {
    const which = lane("novice");
    await mend(which, await user("novice", () => []));
    await bind(which);
    const message = /get namespaces|namespaces .*kube-system/;
    await connectionSays(which, {
      SecretValid: { status: "True" },
      Connected: { status: "False", reason: "Forbidden", message },
      PermissionDenied: { status: "True", reason: "Forbidden", message },
      Ready: { status: "False", reason: "Forbidden", message },
    });
    await bindingSays(which, waiting("novice"));
    await allow("novice");
    await sync(which, ["one"], LONG);
    await connectionSays(which, { ...READY, PermissionDenied: { status: "False", reason: "AsExpected" } });
    await invariants.check({ word: "novice" });
  });

  test("who may not list the instances is told so, and they are synced once it may, without a restart", async () => {
    const which = lane("guest");
    await mend(which, await user("guest", (rule) => (rule.apiGroups[0] === manifests.GROUP ? [] : [rule])));
    await bind(which);
    const message = /guests\.example\.org.*list|list.*guests/;
    await bindingSays(which, {
      Connected: { status: "True" },
      Ready: { status: "False", reason: "Forbidden", message },
      PermissionDenied: { status: "True", reason: "Forbidden", message },
    });
    await allow("guest");
    await sync(which, ["one"], LONG);
    await bindingSays(which, { PermissionDenied: { status: "False", reason: "AsExpected" } });
    await invariants.check({ word: "guest" });
  });

  test("who may only look at instances is told which write was refused, on the object, too", async () => {
    const which = lane("watcher");
    const { type, word, pieces } = which;
    const looking = (rule: (typeof PROVIDER_RIGHTS)[number]) =>
      rule.apiGroups[0] === manifests.GROUP ? [{ ...rule, verbs: ["get", "list", "watch"] }] : [rule];
    await mend(which, await user(word, looking));
    await bind(which);
    await bindingSays(which, READY);
    await served(land.consumer, type);
    await down().create(type, pieces.instance.body);
    const message = /(create|patch).*watchers.*watcher/s;
    await bindingSays(which, {
      Ready: { status: "True" },
      Synced: { status: "False", reason: "SyncFailed", message: /watchers\.example\.org/ },
      PermissionDenied: {
        status: "True",
        reason: "Forbidden",
        message: /create, patch, delete watchers\.example\.org/,
      },
    });
    await conditions(down(), type, pieces.instance.key, { Synced: { status: "False", reason: "Forbidden", message } });
    const [event] = await eventually("an Event", async () => {
      const events = await down().list(EVENTS, word);
      return events.length > 0 && events;
    });
    expect(event).toMatchObject({ type: "Warning", reason: "Forbidden", involvedObject: { name: "one" } });
    await allow(word);
    await object(up(), type, pieces.instance.key, "to be there", () => true, LONG);
    await bindingSays(which, {
      Synced: { status: "True", reason: "AsExpected" },
      PermissionDenied: { status: "False", reason: "AsExpected" },
    });
    await invariants.check({ word });
  });
});

describe.concurrent("a kubeconfig that", () => {
  for (const { title, word, data, says, instead } of BAD_KUBECONFIGS) {
    test(`${title} is named, and forgiven once it is mended`, async () => {
      const which = lane(word);
      await write(which, data(land.kubeconfig));
      await bind(which);
      await connectionSays(which, says);
      await bindingSays(which, waiting(word));
      await mend(which);
      await sync(which, ["kept", "going"], LONG);
      if (instead) return goOn(which, data(land.kubeconfig), instead);
      const broken = async () => {
        await write(which, data(land.kubeconfig));
        await connectionSays(which, says);
        await bindingSays(which, waiting(word));
      };
      await survive(which, broken, () => mend(which));
    });
  }
});

describe.concurrent("a Secret", () => {
  test("that does not exist is named, and found when it comes", async () => {
    const which = lane("missing");
    await bind(which);
    const message = /Secret kube-bind\/missing does not exist/;
    await connectionSays(which, {
      SecretValid: { status: "False", reason: "SecretNotFound", message },
      Ready: { status: "False", reason: "SecretNotFound", message },
      Connected: { status: "False", reason: "SecretNotFound" },
    });
    await bindingSays(which, waiting("missing"));
    await mend(which);
    await sync(which, ["one"]);
    await invariants.check({ word: "missing" });
  });

  test("in another namespace is neither read nor touched; a Connection to the right place mends it", async () => {
    const which = lane("misplaced");
    const { pieces, word } = which;
    const astray = manifests.secret(word, land.kubeconfig, { namespace: word });
    const before = await down().create(SECRETS, astray);
    await down().create(CONNECTIONS, manifests.connection(word, { namespace: word }));
    await down().create(CLUSTER_BINDINGS, pieces.binding.body);
    const message = /misplaced\/misplaced; only Secrets in namespace kube-bind/;
    await connectionSays(which, {
      SecretValid: { status: "False", reason: "NamespaceNotAllowed", message },
      Ready: { status: "False", reason: "NamespaceNotAllowed", message },
      Connected: { status: "False", reason: "SecretNotFound" },
    });
    expect(await down().get(SECRETS, at(word, word))).toEqual(before);
    for (const { resource, key } of [pieces.binding, pieces.Connection]) await down().remove(resource, key);
    await absent(down(), CONNECTIONS, at(word));
    await mend(which);
    await bind(which);
    await sync(which, ["one"]);
    expect(await down().get(SECRETS, at(word, word))).toEqual(before);
    await invariants.check({ word });
  });
});

describe("a binding", () => {
  test.concurrent(
    "to an API that is not exported names it, syncs its other APIs, and takes it once it is",
    async () => {
      const which = lane("unlisted");
      const hidden = manifests.typeOf("unlistedhidden");
      await up().create(CRDS, manifests.apiDefinition(hidden, { exported: false }));
      const binding = manifests.clusterBinding("unlisted", [which.type, hidden]);
      await mend(which);
      await down().create(CONNECTIONS, which.pieces.Connection.body);
      await down().create(CLUSTER_BINDINGS, binding);
      const message = new RegExp(manifests.apiName(hidden));
      const said = await bindingSays(which, {
        Ready: { status: "False", reason: "APINotExported", message },
        Connected: { status: "True", reason: "AsExpected" },
      });
      const apis = said.status.boundAPIs.map((api: Body) => [api.name, conditionOf({ status: api }, "Ready").reason]);
      expect(apis).toContainEqual([manifests.apiName(hidden), "APINotExported"]);
      await served(land.consumer, which.type);
      await down().create(which.type, which.pieces.instance.body);
      await object(up(), which.type, which.pieces.instance.key, "to be there");
      expect(await down().get(CRDS, at(manifests.apiName(hidden)))).toBeUndefined();

      await up().merge(CRDS, at(manifests.apiName(hidden)), { metadata: { labels: { [LABEL.exported]: "true" } } });
      await bindingSays(which, READY);
      await served(land.consumer, hidden);
      await down().create(hidden, manifests.instance(hidden, "late", "unlisted"));
      await object(up(), hidden, at("late", "unlisted"), "to be there");
      await invariants.check({ word: "unlisted" });
    },
  );

  /** A Binding in the lane's namespace; answers it once it says so and an object of the lane's API has its copy. */
  async function bindHere(which: Lane, types: Resource[], says: Record<string, Expected>): Promise<Body> {
    const { word, type, pieces } = which;
    await mend(which);
    await down().create(CONNECTIONS, pieces.Connection.body);
    await down().create(BINDINGS, manifests.binding(word, word, types));
    await conditions(down(), BINDINGS, at(word, word), says);
    await served(land.consumer, type);
    await down().create(type, pieces.instance.body);
    await object(up(), type, pieces.instance.key, "to be there");
    const binding = await conditions(down(), BINDINGS, at(word, word), says);
    // What others export meanwhile is in the status of every Connection.
    await invariants.check({ word, quiet: false });
    return binding;
  }
  const reasonsIn = ({ status }: Body) =>
    status.boundAPIs.map((api: Body) => [api.name, conditionOf({ status: api }, "Ready").reason]);

  test.concurrent(
    "of a namespace to a cluster-scoped API names it, pulls nothing for it, syncs its others",
    async () => {
      const { type, ...which } = lane("planet");
      const [star, own] = [manifests.apiName(STARS), manifests.apiName(type)];
      const refused = { status: "False", reason: "ClusterScopedAPI", message: new RegExp(star) } as const;
      const said = await bindHere({ ...which, type }, [STARS, type], { Ready: refused, PermissionDenied: NOTHING });
      expect(reasonsIn(said)).toEqual(
        expect.arrayContaining([
          [star, "ClusterScopedAPI"],
          [own, "AsExpected"],
        ]),
      );
      expect(await down().get(CRDS, at(star))).toBeUndefined();
    },
  );

  test.concurrent("that lists an API twice counts it once", async () => {
    const which = lane("twice");
    const said = await bindHere(which, [which.type, which.type], READY);
    expect(reasonsIn(said)).toEqual([[manifests.apiName(which.type), "AsExpected"]]);
  });
});

test("no credential is in any log line, condition, Event, object or metric", async () => {
  const everything = await look(land);
  const metrics = await (await fetch(`${land.konnector.metricsUrl}/metrics`)).text();
  const events = [...(await down().list(EVENTS)), ...(await up().list(EVENTS)), ...(await up().list(NAMESPACES))];
  const { secrets: _secrets, ...world } = everything;
  const said = [land.output(), metrics, JSON.stringify(events), JSON.stringify(world)].join("\n");
  expect(land.output().length).toBeGreaterThan(1_000);
  const secret = [CANARY, ...secretsOf(land.kubeconfig), ...secretsOf(land.ownKubeconfig)];
  expect(secret.length).toBeGreaterThan(5);
  for (const text of secret) expect(said.includes(text), "a credential was said").toBe(false);
});
