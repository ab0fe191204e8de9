// The bare limit: a process of its own that sends just the requests which an act costs, to the same API servers with the same
// rights, at the same concurrency, with the same watches open, and decides nothing. Started and told what to do by
// bench/throughput.ts.

import type { Resource } from "../crds/kube-object.ts";
import { pathOf } from "../test/e2e/objects.ts";
import { openWire, type WatchEvent } from "./wire.ts";

export type Act = "backlog" | "spec" | "status" | "deletion";

export interface Task {
  act: Act;
  consumer: string;
  provider: string;
  type: Resource;
  namespace: string;
  /** Of a backlog; the other acts are told by their events. */
  names: readonly string[];
  spec: unknown;
  concurrency: number;
}

const FINALIZER = "bench.example.org/syncer";
const MANAGER = "bench";
const UID = "0b5f1a8e-7a30-4e35-9d0c-2f6f3a1c9d11";
const MERGE = "application/merge-patch+json";

/** What marks a copy is as long as the konnector's own marks, under names that mean nothing to it. */
const marks = {
  labels: { "bench.example.org/managed": "true", "bench.example.org/consumer-cluster-uid": UID },
  annotations: { "bench.example.org/consumer-cluster-uid": UID, "bench.example.org/consumer-object-uid": UID },
};

function run(task: Task): { ready: Promise<unknown>; go: () => void } {
  const { type, namespace } = task;
  const [consumer, provider] = [openWire(task.consumer), openWire(task.provider)];
  const path = (name: string) => pathOf(type, namespace, name);
  const waiting: (() => Promise<void>)[] = [];
  let running = 0;

  const next = async (): Promise<void> => {
    running++;
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) await work();
    running--;
  };
  const enqueue = (work: () => Promise<void>): void => {
    waiting.push(work);
    if (running < task.concurrency) void next();
  };

  const apply = (name: string, spec: unknown) => {
    const body = {
      apiVersion: `${type.group}/${type.version}`,
      kind: type.kind,
      metadata: { name, namespace, ...marks },
      spec,
    };
    return provider.send(
      "PATCH",
      `${path(name)}?fieldManager=${MANAGER}&force=true`,
      body,
      "application/apply-patch+yaml",
    );
  };
  const finalizers = (name: string, value: string[]) =>
    consumer.send("PATCH", path(name), { metadata: { finalizers: value } }, MERGE);

  const acts: Record<Act, (event: WatchEvent, side: "consumer" | "provider") => (() => Promise<void>) | undefined> = {
    backlog: () => undefined,
    spec: ({ type: kind, object }, side) =>
      side === "consumer" && kind === "MODIFIED" ? () => apply(object.metadata.name, object.spec) : undefined,
    status: ({ type: kind, object }, side) =>
      side === "provider" && kind === "MODIFIED"
        ? () => consumer.send("PATCH", `${path(object.metadata.name)}/status`, { status: object.status }, MERGE)
        : undefined,
    deletion: ({ type: kind, object }, side) => {
      if (side !== "consumer" || kind !== "MODIFIED" || object.metadata.deletionTimestamp === undefined)
        return undefined;
      const { name } = object.metadata;
      return async () => {
        await provider.send("DELETE", path(name), { propagationPolicy: "Background" });
        await finalizers(name, []);
      };
    },
  };

  const answered = new Set<string>();
  const follow = (side: "consumer" | "provider") => (event: WatchEvent) => {
    const work = acts[task.act](event, side);
    const once = `${side}/${event.object.metadata?.name}`;
    // Its own finalizer patch comes back, too; what was answered is not answered again.
    if (work === undefined || (task.act === "deletion" && answered.has(once))) return;
    answered.add(once);
    enqueue(work);
  };
  const all = pathOf(type, "");
  const ours = `${all}?labelSelector=${encodeURIComponent("bench.example.org/managed=true")}`;
  return {
    ready: Promise.all([consumer.watch(all, follow("consumer")), provider.watch(ours, follow("provider"))]),
    go() {
      if (task.act !== "backlog") return;
      for (const name of task.names) {
        enqueue(async () => {
          await finalizers(name, [FINALIZER]);
          await apply(name, task.spec);
        });
      }
    },
  };
}

let bare: ReturnType<typeof run> | undefined;
process.on("message", (message: Task | "go") => {
  if (message === "go") return bare?.go();
  bare = run(message);
  void bare.ready.then(() => process.send?.("ready"));
});
