// Events on a real API server, and that a recorder never gets in anybody's way.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cluster, type EventSubject, type Log, UnreachableError } from "../../actors/ports.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { createRecorder } from "../../adapters/kube/events.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import type { KubeObject, Resource } from "../../crds/kube-object.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { eventually } from "../harness/wait.ts";

const EVENTS: Resource = { group: "", version: "v1", resource: "events", kind: "Event", namespaced: true };

const createTestLog = (): Log & { warnings: Record<string, unknown>[] } => {
  const warnings: Record<string, unknown>[] = [];
  const ignore = (): void => undefined;
  return { warnings, info: ignore, debug: ignore, error: ignore, warn: (fields) => void warnings.push(fields) };
};
const createTestClock = () => {
  let now = Date.parse("2026-01-02T03:04:05.678Z");
  return { now: () => now, after: () => () => undefined, pass: (ms: number) => (now += ms) };
};
const subject = (name: string, namespace?: string): EventSubject => ({
  apiVersion: "example.org/v1",
  kind: "Widget",
  ...(namespace === undefined ? {} : { namespace }),
  name,
  uid: `uid-${name}`,
});

describe("an Event", () => {
  let plane: ControlPlane;
  let cluster: Cluster;
  beforeAll(async () => {
    plane = await startControlPlane();
    cluster = createCluster(parseKubeconfig(plane.kubeconfig));
  });
  afterAll(async () => {
    await cluster?.close();
    await plane?.stop();
  });
  const about = async (name: string): Promise<KubeObject[]> =>
    cluster.list(EVENTS, { namespace: "default", fieldSelector: `involvedObject.name=${name}` });

  it("is written next to its object, from the konnector", async () => {
    const recorder = createRecorder(cluster, createTestClock(), createTestLog());
    recorder.event(subject("w", "default"), "Warning", "ForeignObjectExists", "another owns it");
    const [event] = await eventually("the Event", async () => {
      const events = await about("w");
      return events.length > 0 && events;
    });
    expect(event).toMatchObject({
      involvedObject: { kind: "Widget", name: "w", namespace: "default", uid: "uid-w" },
      type: "Warning",
      reason: "ForeignObjectExists",
      message: "another owns it",
      source: { component: "kube-bind-konnector" },
      firstTimestamp: "2026-01-02T03:04:05Z",
    });
  });

  it("lands in default for a cluster-scoped object, with its message bounded and its name legal", async () => {
    const recorder = createRecorder(cluster, createTestClock(), createTestLog());
    const name = `${"long-".repeat(50)}x`;
    recorder.event(subject(name), "Normal", "Adopted", "m".repeat(5_000));
    const [event] = await eventually("the Event", async () => {
      const events = await about(name);
      return events.length > 0 && events;
    });
    expect(String(event?.["message"])).toHaveLength(1_024);
  });

  it("is written once an hour for the same object, reason and message", async () => {
    const clock = createTestClock();
    const recorder = createRecorder(cluster, clock, createTestLog());
    const tell = (message: string): void =>
      recorder.event(subject("repeated", "default"), "Normal", "Adopted", message);
    for (let i = 0; i < 5; i++) tell("the same");
    tell("another");
    clock.pass(3_500_000);
    tell("the same");
    clock.pass(200_000);
    tell("the same");
    tell("last");
    const events = await eventually("the last Event", async () => {
      const found = await about("repeated");
      return found.some((event) => event["message"] === "last") && found;
    });
    expect(events.map((event) => event["message"]).toSorted()).toEqual(["another", "last", "the same", "the same"]);
  });

  it("is given up, logged once per cause, where the server refuses it", async () => {
    const log = createTestLog();
    const recorder = createRecorder(cluster, createTestClock(), log);
    for (let i = 0; i < 3; i++) recorder.event(subject(`lost-${i}`, "no-such-namespace"), "Normal", "Forbidden", "x");
    await eventually("the warning", () => log.warnings.length > 0);
    recorder.event(subject("found", "default"), "Normal", "Adopted", "x");
    await eventually("the Event after it", async () => (await about("found")).length === 1);
    expect(log.warnings).toHaveLength(1);
    expect(log.warnings[0]).toMatchObject({ cause: "404 NotFound" });
  });
});

describe("a recorder", () => {
  it("holds a bounded number of Events while the server does not answer, and never throws", async () => {
    const log = createTestLog();
    let attempts = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stuck = {
      create: async () => {
        attempts++;
        await promise;
        throw new UnreachableError("gone");
      },
    } as unknown as Cluster;
    const recorder = createRecorder(stuck, createTestClock(), log);
    for (let i = 0; i < 5_000; i++) recorder.event(subject(`w-${i}`, "default"), "Normal", "Adopted", "x");
    resolve();
    await eventually("the attempts to end", () => attempts > 0 && log.warnings.length === 2);
    expect(attempts).toBeLessThanOrEqual(2_000);
    expect(log.warnings.map(({ cause }) => cause)).toEqual(["too many Events are waiting", "gone"]);
  });
});
