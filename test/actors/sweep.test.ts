// What becomes of the definitions that came through a Connection when it goes: the promises of actors/sweep.ts, on a real
// API server, because what one serves of a definition decides what may be deleted. The engine is a fake with what a
// sweep looks at: the consumer's cluster, the definitions of the Connection, and who else wants them.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../actors/engine.ts";
import { ApiError, type Cluster } from "../../actors/ports.ts";
import { identityOf } from "../../actors/identity.ts";
import { sweep } from "../../actors/sweep.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { type Crd, crdCondition, isEstablished } from "../../crds/definition-object.ts";
import type { KubeObject, Resource } from "../../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { CRDS } from "../../crds/resources.ts";
import { definition } from "../adapters/widgets.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { grant, rule } from "../e2e/rights.ts";
import { eventually } from "../harness/wait.ts";

let plane: ControlPlane;
let cluster: Cluster;

beforeAll(async () => {
  plane = await startControlPlane();
  cluster = createCluster(parseKubeconfig(plane.kubeconfig));
}, 60_000);

afterAll(async () => {
  await cluster?.close();
  await plane?.stop();
});

const typeOf = (plural: string, kind: string): Resource => ({
  group: "sweep.example.org",
  version: "v1",
  resource: plural,
  kind,
  namespaced: true,
});
const keyOf = ({ resource, group }: Resource) => ({ namespace: "", name: `${resource}.${group}` });

interface Making {
  annotations?: Record<string, string>;
  finalizers?: string[];
  until?: (crd: Crd) => boolean;
}

/** A definition of ours, as installed and served. */
async function install(resource: Resource, { annotations, finalizers, until = isEstablished }: Making = {}) {
  const crd = definition(resource) as unknown as Crd;
  Object.assign(crd.metadata, {
    labels: { [LABEL.managed]: "true", team: "a" },
    annotations: { [ANNOTATION.connection]: "acme", [ANNOTATION.schemaHash]: "sha256:0", note: "mine", ...annotations },
    ...(finalizers ? { finalizers } : {}),
  });
  await cluster.create(CRDS, "", crd);
  return eventually(`${resource.resource} to be installed`, async () => {
    const seen = (await cluster.get(CRDS, keyOf(resource))) as Crd;
    return until(seen) ? seen : undefined;
  });
}

const served = (resource: Resource) =>
  eventually(`${resource.resource} to be served`, async () => (await cluster.list(resource)) !== undefined);

const create = (resource: Resource, name = "a") =>
  cluster.create(resource, "default", {
    apiVersion: `${resource.group}/${resource.version}`,
    kind: resource.kind,
    metadata: { name },
    spec: { size: 1 },
  });

/** The Connections there are, by name: where each leads, and which APIs its bindings list. */
const connections: Record<string, { to: string; lists: string[] }> = { acme: { to: "provider", lists: [] } };

const connectionOf = (name: string, pin = "") => {
  const found = connections[name];
  const status = { remoteClusterUID: found?.to, localClusterUID: pin };
  return found && { metadata: { name }, spec: { schema: {} }, status };
};

/** Which cluster this is; the real client asks over and above that whether it still is. */
const identify = async (): Promise<string> => (await identityOf(cluster)).uid;

/** Sweeps what is listed as the Connection's, whatever else is there; the Connection was made for the cluster `pin`. */
const sweepAs = (consumer: Cluster, pin: string, resources: Resource[]) =>
  sweep(
    {
      consumer: { ...consumer, identify },
      directory: {
        crdsOf: () => resources.map((resource) => ({ metadata: { name: keyOf(resource).name } })),
        connections: { values: () => Object.keys(connections).map((name) => connectionOf(name)) },
        connection: (name: string) => connectionOf(name, pin),
        bindingsOf: (name: string) =>
          connections[name]?.lists.map((api) => ({
            metadata: {},
            spec: { connectionRef: { name }, apis: [{ name: api }] },
          })),
      },
    } as unknown as Engine,
    "acme",
  );
const sweepAt = (pin: string, ...resources: Resource[]) => sweepAs(cluster, pin, resources);
const sweepOf = async (...resources: Resource[]) => sweepAt(await identify(), ...resources);

const find = async (resource: Resource): Promise<KubeObject | undefined> => {
  try {
    return await cluster.get(CRDS, keyOf(resource));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
};
const gone = (resource: Resource) =>
  eventually(`${resource.resource} to be gone`, async () => (await find(resource)) === undefined);

const expectStripped = async (resource: Resource) => {
  const crd = await find(resource);
  expect(crd?.metadata.labels).toEqual({ team: "a" });
  expect(crd?.metadata.annotations).toEqual({ note: "mine" });
};

describe("a definition of ours", () => {
  it("goes when it holds no object", async () => {
    const resource = typeOf("empties", "Empty");
    await install(resource);
    await served(resource);
    await sweepOf(resource);
    await gone(resource);
  });

  it("stays as it is on another cluster than the one its Connection was made for", async () => {
    const strays = typeOf("strays", "Stray");
    const before = await install(strays);
    await sweepAt("the cluster it was restored from", strays);
    expect(await find(strays)).toEqual(before);
    await sweepAt("", strays);
    await gone(strays);
  });

  it("stays with its objects when it holds some, without our marks and with everything else", async () => {
    const resource = typeOf("fulls", "Full");
    await install(resource);
    await served(resource);
    await create(resource);
    await sweepOf(resource);
    await expectStripped(resource);
    expect(await cluster.list(resource)).toHaveLength(1);
  });

  it("stays when it cannot be told what it holds, because none of its versions is served any more", async () => {
    const resource = typeOf("hiddens", "Hidden");
    const installed = await install(resource);
    await served(resource);
    await create(resource);
    const versions = installed.spec.versions.map((version) => ({ ...version, served: false }));
    const { managedFields: _managedFields, ...metadata } = (await cluster.get(CRDS, keyOf(resource))).metadata;
    await cluster.replace(CRDS, keyOf(resource), { ...installed, metadata, spec: { ...installed.spec, versions } });
    await sweepOf(resource);
    await expectStripped(resource);
  });

  it("that was handed over to another Connection meanwhile is left to that one", async () => {
    const resource = typeOf("shareds", "Shared");
    await install(resource, { annotations: { [ANNOTATION.connection]: "other" } });
    await served(resource);
    await sweepOf(resource);
    expect((await find(resource))?.metadata.annotations).toMatchObject({ [ANNOTATION.connection]: "other" });
  });

  it("is handed over, spec and objects as they are, to another Connection to the same provider that wants it", async () => {
    const resource = typeOf("heirlooms", "Heirloom");
    const before = await install(resource);
    await served(resource);
    await create(resource);
    connections["elsewhere"] = { to: "another provider", lists: [keyOf(resource).name] };
    connections["heir"] = { to: "provider", lists: [keyOf(resource).name] };
    await sweepOf(resource);
    const after = (await find(resource)) as Crd;
    expect(after.metadata.annotations).toEqual({
      ...before.metadata.annotations,
      [ANNOTATION.connection]: "heir",
    });
    expect(after.metadata.labels).toEqual(before.metadata.labels);
    expect(after.spec).toEqual(before.spec);
    expect(await cluster.list(resource)).toHaveLength(1);
  });

  it("goes when it was never served, because its names were taken", async () => {
    const taken = typeOf("takens", "Taken");
    await install(taken);
    const resource = typeOf("latecomers", "Taken");
    const refused = (crd: Crd) => crdCondition(crd, "NamesAccepted")?.status === "False";
    await install(resource, { until: refused });
    await sweepOf(resource);
    await gone(resource);
    expect(await find(taken)).toBeDefined();
  });

  it("that may not be looked into stays, without our marks, and keeps no other from being swept", async () => {
    const kubeconfig = await plane.addUser("sweeper");
    await grant(plane, "sweeper", [
      rule("apiextensions.k8s.io", "customresourcedefinitions", "get update delete"),
      rule("sweep.example.org", "opens", "list"),
    ]);
    const limited = createCluster(parseKubeconfig(kubeconfig));
    const [closed, open] = [typeOf("closeds", "Closed"), typeOf("opens", "Open")];
    for (const resource of [closed, open]) await install(resource).then(() => served(resource));
    await sweepAs(limited, await identify(), [closed, open]).finally(() => limited.close());
    await expectStripped(closed);
    await gone(open);
  });

  it("whose deletion fails keeps no other from being swept, and is owed", async () => {
    const [held, open] = [typeOf("kepts", "Kept"), typeOf("others", "Other")];
    for (const resource of [held, open]) await install(resource).then(() => served(resource));
    const failing: Cluster = {
      ...cluster,
      delete: (resource, key, uid, version) =>
        key.name === keyOf(held).name
          ? Promise.reject(new ApiError("changed", { status: 409 }))
          : cluster.delete(resource, key, uid, version),
    };
    await expect(sweepAs(failing, await identify(), [held, open])).rejects.toThrow("changed");
    await gone(open);
    expect((await find(held))?.metadata.labels).toEqual({ team: "a", [LABEL.managed]: "true" });
  });

  it("that is going already is left to it", async () => {
    const resource = typeOf("leavers", "Leaver");
    const { metadata } = await install(resource, { finalizers: ["example.org/hold"] });
    await cluster.delete(CRDS, keyOf(resource), metadata.uid);
    const before = await find(resource);
    await sweepOf(resource);
    expect((await find(resource))?.metadata.labels).toEqual(before?.metadata.labels);
    await cluster.patch(CRDS, keyOf(resource), [{ op: "replace", path: "/metadata/finalizers", value: [] }]);
  });

  it("that has gone meanwhile does not keep the others from being swept", async () => {
    const resource = typeOf("lasts", "Last");
    await install(resource);
    await served(resource);
    await sweepOf(typeOf("nothings", "Nothing"), resource);
    await gone(resource);
  });
});

describe("a definition that somebody else made", () => {
  it("only loses our marks, however empty it is", async () => {
    const resource = typeOf("users", "User");
    await install(resource, { annotations: { [ANNOTATION.crdOrigin]: "user" } });
    await served(resource);
    await sweepOf(resource);
    await expectStripped(resource);
  });
});
