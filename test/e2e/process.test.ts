// The life of the process: it waits for what it needs, says what it waits for, and ends when it is told to.

import path from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CONNECTIONS, NAMESPACES } from "../../crds/resources.ts";
import { startControlPlane, type ControlPlane } from "../harness/control-plane.ts";
import { startKonnector, type Konnector } from "../harness/konnector.ts";
import { eventually } from "../harness/wait.ts";
import { conditions } from "./conditions.ts";
import { kubectlAt } from "./landscape.ts";
import { clusterBinding, connection, WIDGETS } from "./manifests.ts";
import { at, objectsOf } from "./objects.ts";

const MANIFESTS = path.join(import.meta.dirname, "..", "..", "crds", "manifests");

let plane: ControlPlane;
const running: Konnector[] = [];
beforeAll(async () => {
  plane = await startControlPlane({ name: "consumer" });
});
afterAll(async () => {
  for (const konnector of running) await konnector.kill();
  await plane?.stop();
});

const start = async () => {
  const konnector = await startKonnector({ kubeconfig: plane.kubeconfig });
  running.push(konnector);
  return konnector;
};

const readiness = async ({ healthUrl }: Konnector) => {
  const answer = await fetch(`${healthUrl}/readyz?verbose`);
  return { status: answer.status, text: await answer.text() };
};

test("started before its CRDs and its namespace exist, it says what it waits for, and goes on by itself", async () => {
  const konnector = await start();
  const missing = await eventually("readyz to name the CRDs", async () => {
    const { status, text } = await readiness(konnector);
    return status === 503 && /CRD \w+\.core\.kube-bind\.io is not installed/.test(text) && text;
  });
  expect(missing).toContain("connections.core.kube-bind.io");
  expect((await fetch(`${konnector.healthUrl}/healthz`)).status).toBe(200);

  const objects = objectsOf(plane);
  await kubectlAt({ plane, objects }, ["apply", "-f", MANIFESTS]);
  await konnector.ready();
  await objects.create(NAMESPACES, { metadata: { name: "kube-bind" } });
  await objects.create(CONNECTIONS, connection("early"));
  await objects.create(CLUSTER_BINDINGS, clusterBinding("early", [WIDGETS]));
  await conditions(objects, CONNECTIONS, at("early"), { Ready: { status: "False", reason: "SecretNotFound" } });
  await conditions(objects, CLUSTER_BINDINGS, at("early"), { Ready: { status: "False", reason: "Pending" } });
  expect(konnector.exitCode()).toBeUndefined();
});

test("SIGTERM ends it within 10 s with code 0, whether it is at work or still waiting for its cluster", async () => {
  const [atWork] = running as [Konnector];
  expect(await atWork.stop()).toBe(0);
  const justStarted = await start();
  await eventually("its first words", () => justStarted.output().includes("starting"));
  expect(await justStarted.stop()).toBe(0);
});
