// Obtains the control-plane binaries that are not there yet, cheapest way first: the official release, else a build from
// Go modules. Each binary is proven by letting it print its version, then renamed into the cache, so that a file in the
// cache is always whole; an interrupted set-up goes on where it stopped, and two at once do the work once.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

import { withLock } from "../lock.mjs";
import { build, hasGo } from "./build.ts";
import { download } from "./download.ts";
import { locate } from "./locate.ts";
import { say } from "./progress.ts";
import { BINARIES, cacheDir, VERSION_ARGS, type Binary } from "./recipe.ts";

const STAGING = ".staging-";

const missing = (): Binary[] => {
  const located = locate();
  return BINARIES.filter((name) => located[name] === undefined);
};

async function place(binary: Binary, file: string): Promise<void> {
  const { stdout } = await promisify(execFile)(file, VERSION_ARGS[binary]);
  await rename(file, path.join(cacheDir(), binary));
  say(`${binary} is ready: ${stdout.trim().split("\n")[0]}`);
}

/** Removes what an interrupted set-up left behind; only called under the lock, so nobody is using it. */
async function clear(dir: string): Promise<void> {
  const left = (await readdir(dir)).filter((name) => name.startsWith(STAGING));
  await Promise.all(left.map((name) => rm(path.join(dir, name), { recursive: true, force: true })));
}

async function obtain(staging: string): Promise<void> {
  for (const [binary, file] of await download(missing(), staging)) {
    await place(binary, file).catch(() => say(`the downloaded ${binary} does not run here`));
  }
  const left = missing();
  if (left.length === 0) return;
  if (!(await hasGo())) {
    throw new Error(`cannot obtain ${left.join(", ")}: no release could be downloaded and there is no Go to build it`);
  }
  for (const binary of left) await place(binary, await build(binary, staging));
}

async function main(): Promise<void> {
  if (missing().length === 0) return;
  const dir = cacheDir();
  await mkdir(dir, { recursive: true });
  const onWait = () => say("another set-up is obtaining the control plane, waiting for it");
  await withLock(`${dir}.lock`, onWait, async () => {
    if (missing().length === 0) return;
    await clear(dir);
    const staging = await mkdtemp(path.join(dir, STAGING));
    try {
      await obtain(staging);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  });
  say(`control plane in ${dir}`);
}

try {
  await main();
  process.exit(0); // a download that was given up may still be open
} catch (error) {
  console.error(`setup: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
