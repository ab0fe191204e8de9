// Providers that are read by discovery and OpenAPI: one whose credentials may not read definitions at all, one that looks
// like a kcp workspace behind a path, one of whose aggregated servers is down. What is said about downloads is counted in
// the provider's audit log. How schemas are made of the documents is proven in test/crds/openapi.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { kubeconfigAt } from "../harness/fault-proxy.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, type Rule, rule } from "./rights.ts";
import { makeRoom } from "./rooms.ts";

const OPENS = typeOf("open");

/** Everything that a provider must grant under source OpenAPI, beside what every authenticated user may read. */
const RIGHTS: Rule[] = [
  rule("", "namespaces", "get create"),
  rule(manifests.GROUP, "*", "get list watch create patch delete"),
];

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

/** A kubeconfig of a user who may not read definitions. */
async function blind(name: string): Promise<string> {
  const user = `${KONNECTOR_USER}-${name}`;
  const kubeconfig = await land.provider.plane.addUser(user);
  await grant(land.provider.plane, user, RIGHTS);
  return kubeconfigAt(kubeconfig, land.proxy.url);
}

/** Secret, Connection and ClusterBinding of that name. */
async function connect(name: string, kubeconfig: string, types: Body[], schema: Body): Promise<void> {
  await down().create(SECRETS, manifests.secret(name, kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(name, { schema }));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding(name, types as never));
}

beforeAll(async () => {
  land = await startLandscape({ konnector: { args: ["--resync-interval", "1s"] } });
  invariants = invariantsOf(land);
  await offer(land, OPENS, { exported: false });
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

describe("a provider whose credentials may not read definitions at all", () => {
  test("is used by OpenAPI, all the way of an object: spec up, status down, deletion", async () => {
    await connect("open", await blind("open"), [OPENS], { source: "Auto" });
    const connection = await conditions(down(), CONNECTIONS, at("open"), READY);
    expect(connection.status.activeSchemaSource).toBe("OpenAPI");
    expect(connection.status.exportedAPIs).toEqual([
      { name: apiName(OPENS), group: OPENS.group, resource: OPENS.resource, scope: "Namespaced", versions: ["v1"] },
    ]);
    await conditions(down(), CLUSTER_BINDINGS, at("open"), READY);
    await served(land.consumer, OPENS);
    await makeRoom(land, "open");
    await down().create(OPENS, instance(OPENS, "one", "open", { size: "large" }));
    const copy = await object(up(), OPENS, at("one", "open"), "to be there");
    expect(copy.spec).toEqual({ size: "large" });
    await up().merge(OPENS, at("one", "open"), { status: { phase: "Running" } }, "status");
    await object(down(), OPENS, at("one", "open"), "to show it", (one) => one.status?.phase === "Running");
    await down().remove(OPENS, at("one", "open"));
    await absent(down(), OPENS, at("one", "open"));
    await absent(up(), OPENS, at("one", "open"));
  });
});
