// Clusters that talk to fake servers, with what such tests need: building blocks of answers, and a look at an error that
// also makes sure it carries no credential.

import { expect } from "vitest";
import type { Cluster } from "../../actors/ports.ts";
import { type ClusterOptions, createCluster } from "../../adapters/kube/client.ts";
import type { ServerAccess } from "../../adapters/kube/server-access.ts";
import { type FakeAnswer, type FakeServer, startFakeServer } from "./fake-server.ts";

/** What no error may ever contain. */
export const TOKEN = "s3cr3t-t0k3n-value";

const servers: FakeServer[] = [];
const clusters: Cluster[] = [];

/** For afterEach. */
export const closeFakes = async (): Promise<void> => {
  for (const cluster of clusters.splice(0)) await cluster.close();
  for (const server of servers.splice(0)) await server.close();
};

export const open = (access: ServerAccess, options: ClusterOptions = {}): Cluster => {
  const cluster = createCluster(access, { requestTimeout: 1_000, ...options });
  clusters.push(cluster);
  return cluster;
};

export const startFake = async (answer: FakeAnswer): Promise<FakeServer> => {
  const server = await startFakeServer(answer);
  servers.push(server);
  return server;
};

export const openFake = async (answer: FakeAnswer, options: ClusterOptions = {}): Promise<Cluster> =>
  open({ server: (await startFake(answer)).url, token: TOKEN }, options);

export const failure = async (promise: Promise<unknown>): Promise<Error> => {
  const error = await promise.then(
    () => new Error("it succeeded"),
    (thrown: Error) => thrown,
  );
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(TOKEN);
  return error;
};

export const status = (code: number, reason: string, message: string, details = {}) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason,
  message,
  details,
});

export const object = (name: string, resourceVersion = "5") => ({
  apiVersion: "example.org/v1",
  kind: "Widget",
  metadata: { name, namespace: "default", uid: `uid-${name}`, resourceVersion },
});
