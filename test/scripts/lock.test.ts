import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, beforeEach, expect, test } from "vitest";

import { withLock } from "../../scripts/lock.mjs";

let dir: string;
let lock: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), "konnector-lock-"));
  lock = path.join(dir, "the.lock");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("lets one through at a time and tells the others that they wait", async () => {
  let inside = 0;
  let waiting = 0;
  const enter = () =>
    withLock(
      lock,
      () => (waiting += 1),
      async () => {
        inside += 1;
        expect(inside).toBe(1);
        await sleep(50);
        inside -= 1;
      },
    );
  await Promise.all([enter(), enter(), enter()]);
  expect(waiting).toBe(2);
  expect(existsSync(lock)).toBe(false);
});

test("is given back when the work fails", async () => {
  await expect(
    withLock(
      lock,
      () => undefined,
      () => Promise.reject(new Error("broken")),
    ),
  ).rejects.toThrow("broken");
  expect(existsSync(lock)).toBe(false);
});

test("is taken from a holder that died", async () => {
  mkdirSync(lock);
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(lock, longAgo, longAgo);
  expect(
    await withLock(
      lock,
      () => undefined,
      () => Promise.resolve("mine"),
    ),
  ).toBe("mine");
});
