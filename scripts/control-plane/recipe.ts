// What the control plane consists of and how it is built: the four binaries, their Go packages, the flags, and the cache
// directory whose name changes whenever any of that does. Versions come from go.mod beside this file and nowhere else.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

export const BINARIES = ["etcd", "kube-apiserver", "kubectl", "kube-controller-manager"] as const;
export type Binary = (typeof BINARIES)[number];

/** Go packages, by binary. */
export const PACKAGES: Record<Binary, string> = {
  etcd: "go.etcd.io/etcd/server/v3",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
};

/** Arguments that make each binary print its version and exit: the proof that it runs on this machine. */
export const VERSION_ARGS: Record<Binary, string[]> = {
  etcd: ["--version"],
  "kube-apiserver": ["--version"],
  kubectl: ["version", "--client"],
  "kube-controller-manager": ["--version"],
};

export const MODULE_DIR = import.meta.dirname;

const goMod = readFileSync(path.join(MODULE_DIR, "go.mod"), "utf8");
const goSum = readFileSync(path.join(MODULE_DIR, "go.sum"), "utf8");

const versionOf = (module: string): string => {
  const version = new RegExp(`^\\s*${module.replaceAll(".", "\\.")} (v\\S+)`, "m").exec(goMod)?.[1];
  if (version === undefined) throw new Error(`scripts/control-plane/go.mod does not require ${module}`);
  return version;
};

/** For example "v1.34.4". */
export const KUBERNETES_VERSION = versionOf("k8s.io/kubernetes");

const [major, minor] = KUBERNETES_VERSION.slice(1).split(".");

/** A `go build` of these modules does not know its own version: unstamped, the API server calls itself v0.0.0. */
const STAMPS = [
  `k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`,
  `k8s.io/component-base/version.gitMajor=${major}`,
  `k8s.io/component-base/version.gitMinor=${minor}`,
];

export const BUILD_ARGS = [
  "build",
  "-v",
  "-trimpath",
  "-buildvcs=false",
  "-mod=readonly",
  `-ldflags=-s -w ${STAMPS.map((stamp) => `-X ${stamp}`).join(" ")}`,
];

export const BUILD_ENV = { CGO_ENABLED: "0", GOWORK: "off" };

const recipe = JSON.stringify([goMod, goSum, PACKAGES, BUILD_ARGS, BUILD_ENV, process.platform, process.arch]);

/** Where the binaries of exactly this recipe are kept, shared by all clones of the project. */
export const cacheDir = (env: NodeJS.ProcessEnv = process.env): string =>
  path.join(
    env["XDG_CACHE_HOME"] || path.join(os.homedir(), ".cache"),
    "konnector",
    "control-plane",
    createHash("sha256").update(recipe).digest("hex").slice(0, 16),
  );
