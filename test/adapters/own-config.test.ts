// Where the konnector finds its own cluster; whether it gets in there is asked of a real API server.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { parse, stringify } from "yaml";
import { KubeconfigError } from "../../actors/ports.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { loadOwnConfig, type OwnConfigSources } from "../../adapters/kube/own-config.ts";
import { currentToken, type ServerAccess } from "../../adapters/kube/server-access.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";

let plane: ControlPlane;
let dir: string;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane?.stop());
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), "own-config-"));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(dir, { recursive: true });
});

const write = (name: string, text: string): string => {
  const file = path.join(dir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
};

const reaches = async (access: ServerAccess): Promise<boolean> => {
  const cluster = createCluster(access);
  try {
    return (await cluster.groups()).includes("apps");
  } finally {
    await cluster.close();
  }
};

const load = (sources: OwnConfigSources) => loadOwnConfig({ env: {}, home: dir, ...sources });
const problem = (sources: OwnConfigSources): string => {
  try {
    load(sources);
  } catch (error) {
    expect(error).toBeInstanceOf(KubeconfigError);
    return (error as Error).message;
  }
  return "accepted";
};

interface Config {
  clusters: { cluster: Record<string, unknown> }[];
  users: { user: Record<string, unknown> }[];
}

describe("the konnector's own configuration", () => {
  it("is looked for in --kubeconfig, KUBECONFIG, the pod, and the home directory, in this order", () => {
    const flag = write("flag", plane.kubeconfig);
    const variable = write("variable", plane.kubeconfig);
    const pod = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" };
    write("pod/ca.crt", "ca");
    write("pod/token", "t");
    const serviceAccountDir = path.join(dir, "pod");
    expect(problem({})).toContain("no configuration found");
    write(".kube/config", plane.kubeconfig);
    expect(load({}).source).toBe("~/.kube/config");
    expect(load({ env: pod, serviceAccountDir }).source).toBe("in-cluster configuration");
    expect(load({ env: { ...pod, KUBECONFIG: variable } }).source).toBe("KUBECONFIG");
    expect(load({ env: { ...pod, KUBECONFIG: variable }, kubeconfig: flag }).source).toBe("--kubeconfig");
  });

  it("may name files, relative to its own place", async () => {
    const config = parse(plane.kubeconfig) as Config;
    const cluster = config.clusters[0]?.cluster ?? {};
    const user = config.users[0]?.user ?? {};
    const moved = (from: Record<string, unknown>, field: string, file: string): void => {
      write(file, Buffer.from(String(from[`${field}-data`]), "base64").toString());
      delete from[`${field}-data`];
      from[field] = path.basename(file);
    };
    moved(cluster, "certificate-authority", "conf/ca.pem");
    moved(user, "client-certificate", "conf/cert.pem");
    moved(user, "client-key", "conf/key.pem");
    const { access } = load({ kubeconfig: write("conf/config", stringify(config)) });
    expect(await reaches(access)).toBe(true);
    expect(access.guardAddress).toBe(false);
  });

  it("reads a token file again once a minute, and keeps the last token while it cannot", () => {
    const file = write("token", "first\n");
    const config = parse(plane.kubeconfig) as Config;
    config.users[0]!.user = { tokenFile: "token" };
    vi.useFakeTimers({ toFake: ["performance"] });
    const { access } = load({ kubeconfig: write("config", stringify(config)) });
    expect(currentToken(access)).toBe("first");
    writeFileSync(file, "second");
    expect(currentToken(access)).toBe("first");
    vi.advanceTimersByTime(61_000);
    expect(currentToken(access)).toBe("second");
    rmSync(file);
    vi.advanceTimersByTime(61_000);
    expect(currentToken(access)).toBe("second");
  });

  it("is the pod's service account in a cluster", async () => {
    const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "konnector" } };
    await plane.admin.request("POST", "/api/v1/namespaces/default/serviceaccounts", account);
    const tokens = "/api/v1/namespaces/default/serviceaccounts/konnector/token";
    const { body } = await plane.admin.request("POST", tokens, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: 600 },
    });
    const { clusters } = parse(plane.kubeconfig) as Config;
    write("ca.crt", Buffer.from(String(clusters[0]?.cluster["certificate-authority-data"]), "base64").toString());
    write("token", body.status.token);
    const { hostname, port } = new URL(plane.url);
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const { access } = load({ env, serviceAccountDir: dir });
    expect(await reaches(access)).toBe(true);
  });

  it.each([
    ["exec", { command: "aws" }],
    ["auth-provider", { name: "gcp" }],
  ])("says that it does not run plugins: %s", (plugin, value) => {
    const config = parse(plane.kubeconfig) as Config;
    config.users[0]!.user = { [plugin]: value };
    const kubeconfig = write("config", stringify(config));
    expect(problem({ kubeconfig })).toMatch(new RegExp(`users\\[0\\]\\.user\\.${plugin} is not supported: give`));
  });

  it("says what is wrong with it", () => {
    expect(problem({ kubeconfig: path.join(dir, "nowhere") })).toMatch(/nowhere cannot be read \(ENOENT\)/);
    expect(problem({ kubeconfig: write("empty", "") })).toContain("the kubeconfig is empty");
    expect(problem({ env: { KUBECONFIG: ["a", "b"].join(path.delimiter) } })).toContain("several files");
    expect(problem({ env: { KUBERNETES_SERVICE_HOST: "10.0.0.1" }, serviceAccountDir: dir })).toContain(
      "ca.crt cannot",
    );
    const config = parse(plane.kubeconfig) as Config;
    config.users[0]!.user = { "client-certificate": "gone.pem" };
    expect(problem({ kubeconfig: write("config", stringify(config)) })).toMatch(
      /users\[0\]\.user\.client-certificate: /,
    );
  });
});
