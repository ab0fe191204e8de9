// A provider that is read by discovery and OpenAPI, because its credentials may not read definitions at all: the whole path
// of an object, what is downloaded (counted in the provider's audit log), and an aggregated group whose server is down. How
// schemas are made of the documents is proven in test/crds/openapi, a provider like a kcp workspace in kcp.test.ts.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import { kubeconfigAt } from "../harness/fault-proxy.ts";
import { eventually, never } from "../harness/wait.ts";
import { absent, conditions, type Expected, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, type Rule, rule } from "./rights.ts";
import { makeRoom } from "./rooms.ts";
import { listen } from "./traffic.ts";

const OPENS = typeOf("open");
/** In a group of its own, whose server will be down. */
const SHUTS = { ...typeOf("shut"), group: "shut.example.net" };

/** Everything that a provider must grant under source OpenAPI, beside what every authenticated user may read. */
const RIGHTS: Rule[] = [
  rule("", "namespaces", "get create"),
  rule(manifests.GROUP, "*", "get list watch create patch delete"),
  rule(SHUTS.group, "*", "get list watch create patch delete"),
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

const isIndex = (uri: string): boolean => uri === "/openapi/v3";
const isDocument = (uri: string): boolean => uri.startsWith("/openapi/v3/");

beforeAll(async () => {
  land = await startLandscape({ konnector: { args: ["--resync-interval", "1s"] } });
  invariants = invariantsOf(land);
  await grant(land.consumer.plane, KONNECTOR_USER, [rule(SHUTS.group, "*", "get list watch patch")], "", "shut");
  await Promise.all([OPENS, SHUTS].map((type) => offer(land, type, { exported: false })));
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

describe("a provider whose credentials may not read definitions at all", () => {
  test("is used by OpenAPI, all the way of an object: spec up, status down, deletion", async () => {
    await connect("open", await blind("open"), [OPENS, SHUTS], { source: "Auto" });
    const connection = await conditions(down(), CONNECTIONS, at("open"), READY);
    expect(connection.status.activeSchemaSource).toBe("OpenAPI");
    expect(connection.status.exportedAPIs).toEqual(
      [OPENS, SHUTS].map(({ group, resource }) => ({
        name: `${resource}.${group}`,
        group,
        resource,
        scope: "Namespaced",
        versions: ["v1"],
      })),
    );
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

  test("costs one look at the index for each two resync intervals while it is unchanged, and no download", async () => {
    const heard = await listen(land);
    const requests = async () => (await heard()).provider.map(({ requestURI }) => requestURI ?? "");
    await eventually("three looks", async () => (await requests()).filter(isIndex).length >= 3);
    const { length } = (await requests()).filter(isIndex);
    expect(length).toBeLessThan(5);
    expect((await requests()).filter(isDocument)).toEqual([]);
    expect((await requests()).filter((uri) => uri === "/apis").length).toBeLessThanOrEqual(1);
  });

  test("costs no download either when its credential is renewed", async () => {
    const heard = await listen(land);
    const secret = await down().get(SECRETS, at("open", manifests.SECRET_NAMESPACE));
    const old = Buffer.from(secret.data.kubeconfig, "base64").toString();
    const data = { kubeconfig: Buffer.from(`${old}\n# renewed\n`).toString("base64") };
    await down().merge(SECRETS, at("open", manifests.SECRET_NAMESPACE), { data });
    const requests = async () => (await heard()).provider.map(({ requestURI }) => requestURI ?? "");
    // Only a client that is new asks who is there.
    await eventually("a new client", async () => (await requests()).some((uri) => uri.includes("kube-system")));
    await eventually("it to have looked twice", async () => (await requests()).filter(isIndex).length >= 3);
    await conditions(down(), CLUSTER_BINDINGS, at("open"), READY);
    expect((await requests()).filter(isDocument)).toEqual([]);
  });

  test("has a change of its schema followed, for one download", async () => {
    const heard = await listen(land);
    const path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/added";
    await up().patch(CRDS, at(apiName(OPENS)), [{ op: "add", path, value: { type: "string", enum: ["a", "b"] } }]);
    await down().create(OPENS, instance(OPENS, "two", "open", { size: "small" }));
    const follows = ({ spec }: Body) => spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.added;
    await object(down(), CRDS, at(apiName(OPENS)), "to follow", follows);
    await eventually("the field to be kept", async () => {
      const answer = await down().merge(OPENS, at("two", "open"), { spec: { added: "b" } });
      return answer.spec.added === "b";
    });
    await object(up(), OPENS, at("two", "open"), "to follow", ({ spec }) => spec.added === "b");
    const downloads = (await heard()).provider.map(({ requestURI }) => requestURI ?? "").filter(isDocument);
    expect(downloads).toEqual([expect.stringContaining(OPENS.group)]);
  });
});

describe("a group whose server is down", () => {
  const apiService = `/apis/apiregistration.k8s.io/v1/apiservices/v1.${SHUTS.group}`;
  const ask = async (method: string, body?: Body): Promise<void> => {
    const answer = await land.provider.plane.admin.request(method, apiService, body, "application/merge-patch+json");
    expect(answer.status).toBe(200);
  };
  /** The group is a definition's; now it is a server's, behind a Service that does not exist. */
  const shut = () =>
    ask("PATCH", {
      metadata: { labels: { "kube-aggregator.kubernetes.io/automanaged": null } },
      spec: { service: { name: "nothing", namespace: "default", port: 443 }, insecureSkipTLSVerify: true },
    });
  /** The API server makes it anew, for the definition. */
  const reopened = () => ask("DELETE");

  test("keeps its APIs exported, is named, and stops nothing else, also after a restart", async () => {
    await down().create(SHUTS, instance(SHUTS, "one", "open"));
    await object(up(), SHUTS, at("one", "open"), "to be there");
    await shut();
    const named: Record<string, Expected> = {
      ...READY,
      SchemaInSync: { status: "False", reason: "Pending", message: new RegExp(`${SHUTS.group}/v1`) },
    };
    const kept = [OPENS, SHUTS].map(apiName);
    const exported = (connection: Body) => connection.status.exportedAPIs.map(({ name }: Body) => name);
    expect(exported(await conditions(down(), CONNECTIONS, at("open"), named))).toEqual(kept);
    await down().merge(OPENS, at("two", "open"), { spec: { size: "changed" } });
    await object(up(), OPENS, at("two", "open"), "to follow", ({ spec }) => spec.size === "changed");
    await land.restart();
    await conditions(down(), CONNECTIONS, at("open"), named);
    await never(
      "an API that is no longer exported",
      async () => {
        const [connection, binding] = await Promise.all([
          down().get(CONNECTIONS, at("open")),
          down().get(CLUSTER_BINDINGS, at("open")),
        ]);
        const said = JSON.stringify(binding.status);
        if (said.includes("APINotExported")) return said;
        return exported(connection).join() === kept.join() ? undefined : exported(connection).join();
      },
      3_000,
    );
    await down().merge(OPENS, at("two", "open"), { spec: { size: "again" } });
    await object(up(), OPENS, at("two", "open"), "to follow", ({ spec }) => spec.size === "again");
    await reopened();
    await conditions(down(), CONNECTIONS, at("open"), { ...READY, SchemaInSync: { status: "True" } });
    await conditions(down(), CLUSTER_BINDINGS, at("open"), READY);
    await down().merge(SHUTS, at("one", "open"), { spec: { size: "changed" } });
    await object(up(), SHUTS, at("one", "open"), "to follow", ({ spec }) => spec.size === "changed");
  });
});
