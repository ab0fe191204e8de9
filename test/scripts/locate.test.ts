import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { locate, locateAll } from "../../scripts/control-plane/locate.ts";
import { BINARIES, cacheDir } from "../../scripts/control-plane/recipe.ts";

let dir: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), "konnector-locate-"));
  env = { XDG_CACHE_HOME: path.join(dir, "cache") };
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const fill = (into: string, names: readonly string[]) => {
  mkdirSync(into, { recursive: true });
  for (const name of names) writeFileSync(path.join(into, name), "");
};

test("finds nothing where nothing is, and says what to run", () => {
  expect(locate(env)).toEqual({});
  expect(() => locateAll(env)).toThrow(/no etcd, kube-apiserver.*setup\.mjs/);
});

test("finds all four in the cache", () => {
  fill(cacheDir(env), BINARIES);
  expect(locateAll(env).etcd).toBe(path.join(cacheDir(env), "etcd"));
});

test("prefers KUBEBUILDER_ASSETS, which need not hold kube-controller-manager", () => {
  const assets = path.join(dir, "assets");
  fill(assets, ["etcd", "kube-apiserver", "kubectl"]);
  fill(cacheDir(env), BINARIES);
  expect(locateAll({ ...env, KUBEBUILDER_ASSETS: assets })).toEqual({
    etcd: path.join(assets, "etcd"),
    "kube-apiserver": path.join(assets, "kube-apiserver"),
    kubectl: path.join(assets, "kubectl"),
    "kube-controller-manager": path.join(cacheDir(env), "kube-controller-manager"),
  });
});

test("ignores KUBEBUILDER_ASSETS that lack one of the three, rather than mixing versions", () => {
  const assets = path.join(dir, "assets");
  fill(assets, ["etcd", "kubectl"]);
  fill(cacheDir(env), BINARIES);
  expect(locateAll({ ...env, KUBEBUILDER_ASSETS: assets }).etcd).toBe(path.join(cacheDir(env), "etcd"));
});
