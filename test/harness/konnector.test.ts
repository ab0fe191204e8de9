import { existsSync } from "node:fs";
import path from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { startControlPlane, type ControlPlane } from "./control-plane.ts";
import { startKonnector, type Konnector } from "./konnector.ts";

const MANIFESTS = path.join(import.meta.dirname, "..", "..", "crds", "manifests");

let plane: ControlPlane;
const running: Konnector[] = [];
beforeAll(async () => {
  plane = await startControlPlane({ name: "consumer" });
  expect(await plane.kubectl(["apply", "-f", MANIFESTS])).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await Promise.all(running.map((konnector) => konnector.kill()));
  await plane.stop();
});

const start = async () => {
  const konnector = await startKonnector({ kubeconfig: plane.kubeconfig });
  running.push(konnector);
  return konnector;
};

test("the process becomes ready, logs JSON, serves metrics, and ends on SIGTERM with code 0", async () => {
  const konnector = await start();
  await konnector.ready();
  expect(konnector.exitCode()).toBeUndefined();
  expect((await fetch(`${konnector.metricsUrl}/metrics`)).status).toBe(200);
  expect((await fetch(`${konnector.healthUrl}/healthz`)).status).toBe(200);
  expect(await konnector.stop()).toBe(0);
  expect(konnector.log().length).toBeGreaterThan(0);
  expect(existsSync(konnector.logFile)).toBe(true);
});

test("two processes of one test run side by side, and one can be killed as in a crash", async () => {
  const [one, two] = await Promise.all([start(), start()]);
  await Promise.all([one.ready(), two.ready()]);
  await one.kill();
  expect([one.exitCode(), two.exitCode()]).toEqual([-1, undefined]);
});

test("a process that cannot start says so at once", async () => {
  const konnector = await startKonnector({ kubeconfig: plane.kubeconfig, args: ["--no-such-flag"] });
  running.push(konnector);
  await expect(konnector.ready()).rejects.toThrow(/ended with code [1-9]/);
});
