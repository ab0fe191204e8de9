// Finds the control-plane binaries: the directory KUBEBUILDER_ASSETS names, then the project's cache. Only looks; what
// is missing is obtained by obtain.ts. kube-controller-manager is not part of the usual assets, so it may come from the
// cache while the other three come from there.

import { existsSync } from "node:fs";
import path from "node:path";

import { BINARIES, cacheDir, type Binary } from "./recipe.ts";

export type Located = Partial<Record<Binary, string>>;

const ASSETS: readonly Binary[] = ["etcd", "kube-apiserver", "kubectl"];

const filesIn = (dir: string, names: readonly Binary[]): Located =>
  Object.fromEntries(names.map((name) => [name, path.join(dir, name)] as const).filter(([, file]) => existsSync(file)));

/** The path of each binary that is there. `KUBEBUILDER_ASSETS` counts only if it holds etcd, kube-apiserver and kubectl. */
export function locate(env: NodeJS.ProcessEnv = process.env): Located {
  const cached = filesIn(cacheDir(env), BINARIES);
  const assets = env["KUBEBUILDER_ASSETS"];
  if (!assets) return cached;
  const given = filesIn(path.resolve(assets), BINARIES);
  return ASSETS.every((name) => given[name] !== undefined) ? { ...cached, ...given } : cached;
}

/** Like `locate`, but all four or an error that says what to run. */
export function locateAll(env: NodeJS.ProcessEnv = process.env): Record<Binary, string> {
  const located = locate(env);
  const missing = BINARIES.filter((name) => located[name] === undefined);
  if (missing.length > 0) throw new Error(`no ${missing.join(", ")}: run node scripts/setup.mjs`);
  return located as Record<Binary, string>;
}
