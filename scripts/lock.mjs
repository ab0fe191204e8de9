// A lock between processes: a directory that its holder touches every second. Plain JavaScript without dependencies,
// because the set-up uses it before anything is installed. A holder that died is noticed by the age of its directory.
// Promises that one process at a time gets through; should a holder freeze for 15 s it may be doubled, so what is done
// under the lock still ends in an atomic rename.

import { mkdir, rm, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const BEAT_MS = 1000;
const STALE_MS = 15_000;
const POLL_MS = 250;

/**
 * Runs `work` while holding the lock `dir`; `onWait` is called once if another process holds it.
 * @template T
 * @param {string} dir
 * @param {() => void} onWait
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(dir, onWait, work) {
  await mkdir(path.dirname(dir), { recursive: true });
  for (let waited = false; !(await tryTake(dir)); waited = true) {
    if (!waited) onWait();
    await sleep(POLL_MS);
  }
  const beat = setInterval(() => void touch(dir), BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(dir, { recursive: true, force: true });
  }
}

/** @param {string} dir */
async function tryTake(dir) {
  try {
    await mkdir(dir);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EEXIST") throw error;
  }
  const held = await stat(dir).catch(() => undefined);
  if (held && Date.now() - held.mtimeMs > STALE_MS) await rm(dir, { recursive: true, force: true });
  return false;
}

/** @param {string} dir */
async function touch(dir) {
  const now = new Date();
  await utimes(dir, now, now).catch(() => undefined);
}
