import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

import { afterAll, expect, test } from "vitest";

import { startControlPlane } from "./control-plane.ts";
import { guardedDir } from "./process-guard.ts";
import { eventually } from "./wait.ts";

const FIXTURE = path.join(import.meta.dirname, "fixtures", "start-and-wait.ts");
const children: ChildProcess[] = [];
// At the end: whichever of them is done first must not end those that are still starting.
afterAll(() => children.forEach((child) => child.kill("SIGKILL")));

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** The last three processes recorded in `dir`: etcd, kube-apiserver, kube-controller-manager, all of them running. */
const running = (dir: string) =>
  eventually("three running servers", () => {
    const pids = readFileSync(path.join(dir, "pids"), "utf8").trim().split("\n").map(Number);
    return pids.filter(isAlive).length === 3 && pids.slice(-3);
  });

const startDoomed = async () => {
  const child = spawn(process.execPath, [FIXTURE], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [dir] = (await once(createInterface(child.stdout), "line")) as [string];
  return { child, dir, pids: await running(dir) };
};

test.concurrent.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
  "no server and no file outlives a process ended by %s",
  async (signal) => {
    const { child, dir, pids } = await startDoomed();
    child.kill(signal);
    await eventually("every server to be gone", () => pids.filter(isAlive).length === 0);
    await eventually("the directory to be gone", () => !existsSync(dir));
  },
  60_000,
);

test("no server outlives stop()", async () => {
  const plane = await startControlPlane({ controllerManager: true });
  const pids = await running(guardedDir());
  await plane.stop();
  expect(pids.filter(isAlive)).toEqual([]);
  expect(existsSync(path.dirname(plane.kubeconfigPath))).toBe(false);
});
