// The life of the process: it waits for what it needs, says what it waits for, ends when it is told to, and does what only
// its flags allow.

import path from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";

import { CLUSTER_BINDINGS, CONNECTIONS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { startControlPlane, type ControlPlane } from "../harness/control-plane.ts";
import { freePort } from "../harness/free-port.ts";
import { startKonnector, type Konnector } from "../harness/konnector.ts";
import { eventually } from "../harness/wait.ts";
import { conditions, READY } from "./conditions.ts";
import { kubectlAt, PATIENCE } from "./landscape.ts";
import { clusterBinding, connection, secret, WIDGETS } from "./manifests.ts";
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

const start = async (args: string[] = []) => {
  const konnector = await startKonnector({ kubeconfig: plane.kubeconfig, args });
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
  await eventually("its first words", () => justStarted.output().includes("starting"), PATIENCE);
  expect(await justStarted.stop()).toBe(0);
});

test("http and unchecked TLS, which a kubeconfig asks for, are refused until a flag of the process allows them", async () => {
  const objects = objectsOf(plane);
  const asking = async (name: string, cluster: object) => {
    const config = parse(plane.kubeconfig);
    config.clusters[0].cluster = cluster;
    await objects.create(SECRETS, secret(name, stringify(config)));
    await objects.create(CONNECTIONS, connection(name));
  };
  await asking("unchecked", { server: plane.url, "insecure-skip-tls-verify": true });
  await asking("checked", { server: plane.url });
  await asking("plain", { server: `http://127.0.0.1:${await freePort()}` });
  const strict = await start();
  const refused = (message: RegExp) => ({ SecretValid: { status: "False", message } as const });
  await conditions(objects, CONNECTIONS, at("unchecked"), refused(/--allow-insecure-skip-tls-verify/));
  await conditions(objects, CONNECTIONS, at("plain"), refused(/--allow-http/));
  await strict.stop();

  await start(["--allow-http", "--allow-insecure-skip-tls-verify"]);
  await conditions(objects, CONNECTIONS, at("unchecked"), READY);
  const valid = {
    SecretValid: { status: "True" },
    Connected: { status: "False", message: /http:.* the connection was refused/ },
  } as const;
  await conditions(objects, CONNECTIONS, at("plain"), valid);
  // The flag only allows: who does not ask for it is checked all the same.
  const untrusted = { Connected: { status: "False", message: /certificate/ } } as const;
  await conditions(objects, CONNECTIONS, at("checked"), untrusted);
});
