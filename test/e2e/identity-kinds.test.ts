// Which of its identities a provider is known by, on a real API server that serves LogicalClusters by a CRD: whatever goes wrong
// with reading one, the other is never taken for it. And a provider that ends each connection, none of which can then be
// known to lead to it.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { CONNECTIONS, CRDS, LOGICAL_CLUSTERS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { type Rewrite, type RewritingProxy, startRewritingProxy } from "../harness/rewriting-proxy.ts";
import { eventually } from "../harness/wait.ts";
import { conditions, type Expected, READY } from "./conditions.ts";
import { type Invariants, invariantsOf } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, PROVIDER_RIGHTS, rule } from "./rights.ts";

const USER = `${KONNECTOR_USER}-kinds`;
const READING = "/apis/core.kcp.io/v1alpha1/logicalclusters/cluster";
/** Milliseconds: a request that is not answered is given up after 30 s. */
const GIVEN_UP = 60_000;

let land: Landscape;
let invariants: Invariants;
let user: string;
const proxies: RewritingProxy[] = [];
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

const logical = async (): Promise<string> => (await up().get(LOGICAL_CLUSTERS, at("cluster"))).metadata.uid;
const system = async (): Promise<string> => (await up().get(NAMESPACES, at("kube-system"))).metadata.uid;

const createLogical = () =>
  up().create(LOGICAL_CLUSTERS, {
    apiVersion: "core.kcp.io/v1alpha1",
    kind: LOGICAL_CLUSTERS.kind,
    metadata: { name: "cluster" },
  });

const onward: Rewrite = (request) => request;
const answering =
  (answer: { status: number; body: unknown } | "silence"): Rewrite =>
  (request) =>
    request.path === READING ? answer : request;
const status = (code: number, message: string) => ({
  status: code,
  body: { kind: "Status", apiVersion: "v1", status: "Failure", code, reason: code === 403 ? "Forbidden" : "", message },
});

/** A way to the provider, with a Secret that leads there. */
async function open(word: string, rewrite: Rewrite): Promise<RewritingProxy> {
  const proxy = await startRewritingProxy(user, rewrite);
  proxies.push(proxy);
  await down().create(SECRETS, manifests.secret(word, proxy.kubeconfig()));
  await down().create(CONNECTIONS, manifests.connection(word));
  return proxy;
}

/** Another kubeconfig to the same place: the identity is read anew. */
async function turn(word: string, proxy: RewritingProxy): Promise<void> {
  const kubeconfig = Buffer.from(`${proxy.kubeconfig()}# again\n`).toString("base64");
  await down().merge(SECRETS, at(word, manifests.SECRET_NAMESPACE), { data: { kubeconfig } });
}

const says = (word: string, Connected: Expected, Ready: Expected = Connected): Promise<Body> =>
  conditions(down(), CONNECTIONS, at(word), { Connected, Ready }, GIVEN_UP);

/** Nothing is pinned while the identity cannot be read, and then the LogicalCluster. */
async function begin(
  word: string,
  answer: Parameters<typeof answering>[0],
  expected: Expected,
): Promise<RewritingProxy> {
  const proxy = await open(word, answering(answer));
  const waiting = await says(word, expected);
  expect(waiting.status.remoteClusterUID ?? "").toBe("");
  proxy.rewrite = onward;
  const ready = await conditions(down(), CONNECTIONS, at(word), READY, GIVEN_UP);
  expect(ready.status.remoteClusterUID).toBe(await logical());
  return proxy;
}

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  user = await land.provider.plane.addUser(USER);
  await grant(land.provider.plane, USER, [...PROVIDER_RIGHTS, rule("core.kcp.io", "logicalclusters", "get")]);
});
afterAll(async () => {
  for (const proxy of proxies) await proxy.stop();
  await land?.stop();
});
afterEach(() => invariants.check({ quiet: false }));

test("a provider that comes to be known otherwise is another cluster once it is engaged anew, and goes on until then", async () => {
  const proxy = await open("later", onward);
  const before = await conditions(down(), CONNECTIONS, at("later"), READY);
  expect(before.status.remoteClusterUID).toBe(await system());
  await up().create(CRDS, manifests.apiDefinition(LOGICAL_CLUSTERS, { exported: false }));
  await served(land.provider, LOGICAL_CLUSTERS);
  await createLogical();
  // It is engaged, and takes in what is new there.
  await offer(land, manifests.typeOf("novelty"));
  const shows = (object: Body) => object.status.exportedAPIs?.length > 0;
  const exported = await conditions(down(), CONNECTIONS, at("later"), READY);
  expect(exported.status.remoteClusterUID).toBe(await system());
  await turn("later", proxy);
  const changed: Expected = { status: "False", reason: "ClusterIdentityChanged" };
  const stopped = await says("later", changed);
  expect(stopped.status.remoteClusterUID).toBe(await system());
  expect(shows(stopped)).toBe(true);
  await up().remove(LOGICAL_CLUSTERS, at("cluster"));
  const back = await conditions(down(), CONNECTIONS, at("later"), READY);
  expect(back.status.remoteClusterUID).toBe(await system());
  await down().remove(CONNECTIONS, at("later"));
  await createLogical();
});

describe.concurrent("an identity that cannot be read for a moment", () => {
  test.each<[string, Parameters<typeof answering>[0], Expected]>([
    [
      "forbidden",
      status(403, `logicalclusters.core.kcp.io "cluster" is forbidden: User "${USER}" cannot get resource`),
      { status: "False", reason: "Forbidden", message: /get logicalclusters cluster/ },
    ],
    ["broken", status(500, "no luck"), { status: "False", reason: "Pending", message: /no luck/ }],
    ["busy", status(503, "starting"), { status: "False", reason: "Pending", message: /starting/ }],
    ["crowded", status(429, "slow down"), { status: "False", reason: "Pending", message: /slow down/ }],
  ])(
    "(%s) is no other identity: nothing is pinned before it is read, and no pin is doubted after",
    async (word, answer, expected) => {
      const proxy = await begin(word, answer, expected);
      proxy.rewrite = answering(answer);
      await turn(word, proxy);
      const refused = expected.reason === "Forbidden";
      const goesOn: Expected = { status: "True", reason: "AsExpected", message: /still with the previous kubeconfig/ };
      const doubted = await says(word, refused ? expected : goesOn);
      expect(doubted.status.remoteClusterUID).toBe(await logical());
      proxy.rewrite = onward;
      const mended: Expected = { status: "True", reason: "AsExpected", message: /^(?!.*previous kubeconfig)/ };
      expect((await says(word, mended)).status.remoteClusterUID).toBe(await logical());
    },
    150_000,
  );

  test("(silent) is no other identity, either: it is said, and nothing is pinned before it is read", async () => {
    const message = /did not answer in time/;
    await begin("silent", "silence", { status: "False", reason: "Pending", message });
  }, 150_000);

  test("of a provider that ends each connection after one answer keeps it from being used, which is said, until it ends them no more", async () => {
    const proxy = await startRewritingProxy(user, onward);
    proxies.push(proxy);
    proxy.endsEach = true;
    await down().create(SECRETS, manifests.secret("hasty", proxy.kubeconfig()));
    await down().create(CONNECTIONS, manifests.connection("hasty"));
    const told: Expected = { status: "False", reason: "Pending", message: /ends each connection after one answer/ };
    await says("hasty", told);
    const tries = proxy.requests.length;
    // Tried again, it says so all the time.
    const { metadata } = await says("hasty", told);
    await eventually("two more tries", () => proxy.requests.length > tries + 8, GIVEN_UP);
    const { metadata: now, status } = await says("hasty", told);
    expect([now.resourceVersion, status.remoteClusterUID ?? ""]).toEqual([metadata.resourceVersion, ""]);
    proxy.endsEach = false;
    await conditions(down(), CONNECTIONS, at("hasty"), READY, GIVEN_UP);
  }, 150_000);
});
