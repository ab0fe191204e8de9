// Rotation and expiry of the credential of a provider that is in use, with real credentials: client certificates, bound tokens of
// ServiceAccounts, authorities. A credential that follows another one is noticed by nobody but the API servers' logs; one that ends
// is named, and forgiven once the Secret is mended, without a restart. Tests run side by side, each in a lane of its own.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { kubeconfigAt, startFaultProxy, type FaultProxy } from "../harness/fault-proxy.ts";
import { startGateway, type Gateway } from "../harness/gateway.ts";
import { eventually } from "../harness/wait.ts";
import { conditions, type Expected, object, READY } from "./conditions.ts";
import { counted } from "./counters.ts";
import { type Account, createAccount, tokenKubeconfig } from "./accounts.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grantAccess, KONNECTOR_USER } from "./rights.ts";

/** Milliseconds: an API server remembers for 10 s that it has accepted a token, and a heartbeat comes every 10 s. */
const NOTICED = 45_000;
const WORDS = ["turning", "authority", "early", "denied", "unknown", "brief", "bound"];

let land: Landscape;
let invariants: Invariants;
let gateway: Gateway;
let away: FaultProxy;
const lanes = new Map<string, Lane>();
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const lane = (word: string) => lanes.get(word) as Lane;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  for (const opened of await Promise.all(WORDS.map((word) => openLane(land, word)))) lanes.set(opened.word, opened);
  const { url, ca } = land.provider.plane;
  gateway = await startGateway({ url, ca });
  away = await startFaultProxy(url);
});
afterAll(async () => {
  await gateway?.stop();
  await away?.stop();
  await land?.stop();
});

/** A kubeconfig of a user of the provider's with the konnector's rights there. */
async function user(name: string, until?: Date): Promise<string> {
  const who = `${KONNECTOR_USER}-${name}`;
  const kubeconfig = await land.provider.plane.addUser(who, [], until);
  await grantAccess(land.provider.plane, who);
  return kubeconfigAt(kubeconfig, land.proxy.url);
}

async function write({ word }: Lane, kubeconfig: string): Promise<void> {
  const data = { kubeconfig: Buffer.from(kubeconfig).toString("base64") };
  await down().merge(SECRETS, at(word, manifests.SECRET_NAMESPACE), { data });
}

/** The lane's bundle with that kubeconfig, Ready, and an object of it that is synced. */
async function engage(which: Lane, kubeconfig: string): Promise<void> {
  const { pieces, type, word } = which;
  await down().create(SECRETS, manifests.secret(word, kubeconfig));
  for (const { resource, body } of [pieces.Connection, pieces.binding]) await down().create(resource, body);
  await conditions(down(), CLUSTER_BINDINGS, at(word), READY);
  await served(land.consumer, type);
  await sync(which, "first");
}

async function sync({ type, word }: Lane, name: string): Promise<void> {
  await down().create(type, manifests.instance(type, name, word));
  await object(up(), type, at(name, word), "to be there");
}

const says = ({ word }: Lane, expected: Record<string, Expected>, deadline?: number) =>
  conditions(down(), CONNECTIONS, at(word), expected, deadline);

const logged = (word: string, message: string): number =>
  land.konnector.log().filter(({ connection, msg }) => connection === word && msg === message).length;

/** Until the client of another kubeconfig has taken over, for the so-manieth time. */
const takenOver = ({ word }: Lane, times = 1) =>
  eventually(
    "another kubeconfig to be in use",
    () => logged(word, "goes on with another kubeconfig") >= times,
    NOTICED,
  );

/** What is to stay as it is while a credential is followed by another, to the last digit. */
async function versions({ word }: Lane): Promise<string[]> {
  const [connection, binding] = await Promise.all([
    down().get(CONNECTIONS, at(word)),
    down().get(CLUSTER_BINDINGS, at(word)),
  ]);
  return [connection, binding].map(({ metadata }: Body) => metadata.resourceVersion);
}

/** The lane's requests to the provider, by user: its log tells everybody apart. Of a watch its beginning counts. */
async function requests({ type }: Lane): Promise<Body[]> {
  return (await land.provider.plane.auditEvents()).filter(
    ({ objectRef, user: by, verb, stage }) =>
      objectRef?.resource === type.resource &&
      by.username?.includes(KONNECTOR_USER) &&
      (stage === "ResponseStarted") === (verb === "watch"),
  );
}

describe.concurrent("a credential that follows another one of the same cluster", () => {
  test("takes over in the midst of work: nothing is listed again, no request fails, no status changes", async () => {
    const which = lane("turning");
    const { type, word } = which;
    await engage(which, await user("turning"));
    const account = await createAccount(land, word);
    const successors = [
      await user("turning-second"),
      tokenKubeconfig(land, account, land.proxy.url),
      await user("turning-third"),
    ];
    const before = await versions(which);
    const answered = await requests(which);
    const names = Array.from({ length: 90 }, (_, index) => `n${index}`);
    for (const [index, name] of names.entries()) {
      await down().create(type, manifests.instance(type, name, word));
      const next = successors[index / 30];
      if (next === undefined) continue;
      // One that is followed before it is in use need never be.
      await takenOver(which, index / 30);
      await write(which, next);
    }
    for (const name of names) await object(up(), type, at(name, word), "to be there");
    await takenOver(which, successors.length);
    await sync(which, "last");

    expect(await versions(which)).toEqual(before);
    expect(logged(word, "engaged")).toBe(1);
    const since = (await requests(which)).slice(answered.length);
    expect(since.filter(({ requestURI, verb }) => verb === "list" || requestURI.includes("sendInitialEvents"))).toEqual(
      [],
    );
    expect(since.filter(({ responseStatus }) => (responseStatus?.code ?? 200) >= 400)).toEqual([]);
    const writers = since.filter(({ verb }) => verb === "patch").map(({ user: by }) => by.username);
    expect(new Set(writers).size).toBeGreaterThanOrEqual(3);
    expect(writers.at(-1)).toBe(`${KONNECTOR_USER}-turning-third`);
    for (const code of ["0", "401", "403", "409"]) {
      expect(await counted(land.konnector, "requests_total", { side: word, verb: "apply", code })).toBe(0);
    }
    await invariants.check({ word });
  });

  test("may trust another authority: that of a server that changes its certificate, before and after it does", async () => {
    const which = lane("authority");
    const account = await createAccount(land, "authority");
    const trusting = (...authorities: string[]) => tokenKubeconfig(land, account, gateway.url, authorities.join("\n"));
    await engage(which, trusting(gateway.ca));
    const before = await versions(which);
    await write(which, trusting(gateway.ca, gateway.nextCa));
    await takenOver(which);
    gateway.rotate();
    gateway.cut();
    await sync(which, "second");
    await write(which, trusting(gateway.ca));
    await says(which, { Connected: { status: "True", message: /pinned to$/ } });
    await takenOver(which, 2);
    await sync(which, "third");
    expect(await versions(which)).toEqual(before);
    expect(logged("authority", "engaged")).toBe(1);
    // The watches that were cut are back, and that has been said.
    await says(which, { Ready: { status: "True", message: /provider$/ }, SchemaInSync: { status: "True" } });
    await invariants.check({ word: "authority" });
  });

  test("and does not lead anywhere yet is told of, while the one before goes on, and is used once it does", async () => {
    const which = lane("early");
    await engage(which, await user("early"));
    await away.set("refuse");
    await write(which, kubeconfigAt(await user("early-next"), away.url));
    const message = /still with the previous kubeconfig.*refused/;
    await says(which, {
      SecretValid: { status: "True", reason: "AsExpected" },
      Connected: { status: "True", reason: "AsExpected", message },
      Ready: { status: "True", reason: "AsExpected", message },
    });
    await conditions(down(), CLUSTER_BINDINGS, at("early"), READY);
    await sync(which, "meanwhile");
    await away.set("pass");
    await takenOver(which);
    await says(which, { Ready: { status: "True", message: /^engaged with the provider$/ } });
    await sync(which, "after");
    expect(logged("early", "engaged")).toBe(1);
    await invariants.check({ word: "early" });
  });
});

describe.concurrent("a credential that is refused", () => {
  test.each([
    ["denied", "Forbidden", () => land.provider.plane.addUser(`${KONNECTOR_USER}-denied-next`)],
    ["unknown", "Unauthorized", () => tokenKubeconfig(land, "no.such.token", land.proxy.url)],
  ] as const)("(%s) is the end of the one before, whatever that may still do", async (word, reason, next) => {
    const which = lane(word);
    const good = await user(word);
    await engage(which, good);
    await write(which, kubeconfigAt(await next(), land.proxy.url));
    await says(which, { Connected: { status: "False", reason }, Ready: { status: "False", reason } });
    await down().create(which.type, manifests.instance(which.type, "waiting", word));
    await write(which, good);
    await says(which, READY, NOTICED);
    await object(up(), which.type, at("waiting", word), "to be there");
    await invariants.check({ word });
  });
});

describe.concurrent("a credential that ends", () => {
  /** It is named without anybody's doing; what is done meanwhile is caught up on once the Secret is mended. */
  async function ends(which: Lane, end: () => Promise<unknown>): Promise<void> {
    const { type, word } = which;
    await end();
    const refused = { status: "False", reason: "Unauthorized", message: /[Uu]nauthorized|401/ } as const;
    await says(which, { Connected: refused, Ready: refused, SecretValid: { status: "True" } }, NOTICED);
    await conditions(down(), CLUSTER_BINDINGS, at(word), { Ready: { status: "False", reason: "Pending" } });
    await down().remove(type, at("first", word));
    await down().create(type, manifests.instance(type, "waiting", word));
    expect((await down().get(type, at("first", word))).metadata.finalizers).toHaveLength(1);
    await write(which, await user(`${word}-mended`));
    await says(which, READY, NOTICED);
    await object(up(), type, at("waiting", word), "to be there");
    await eventually("the other one to be gone", async () => (await up().get(type, at("first", word))) === undefined);
    await invariants.check({ word });
  }

  test("by its own time (a client certificate) is named, and forgiven once the Secret is mended", async () => {
    const until = new Date(Date.now() + 20_000);
    await engage(lane("brief"), await user("brief", until));
    await ends(lane("brief"), async () => undefined);
    expect(Date.now()).toBeGreaterThan(until.getTime());
  }, 120_000);

  test("with what it is bound to (a token) is named, and forgiven once the Secret is mended", async () => {
    const account: Account = await createAccount(land, "bound");
    await engage(lane("bound"), tokenKubeconfig(land, account, land.proxy.url));
    await ends(lane("bound"), () => up().remove(SECRETS, at(account.anchor, account.namespace)));
  }, 120_000);
});
