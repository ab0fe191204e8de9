// The bare limit: a process of its own that sends just the requests which an act costs, with the same fences, to the same API
// servers with the same rights, at the same concurrency, with the same watches open, and decides nothing. Started and told what to do by
// bench/throughput.ts.

import type { Resource } from "../crds/kube-object.ts";
import { type Body, pathOf } from "../test/e2e/objects.ts";
import { openWire, type WatchEvent } from "./wire.ts";

export type Act = "backlog" | "spec" | "status" | "deletion";

export interface Task {
  act: Act;
  consumer: string;
  provider: string;
  type: Resource;
  namespace: string;
  /** All objects. */
  names: readonly string[];
  spec: unknown;
  concurrency: number;
}

const FINALIZER = "bench.example.org/syncer";
const MANAGER = "bench";
const UID = "0b5f1a8e-7a30-4e35-9d0c-2f6f3a1c9d11";
const JSON_PATCH = "application/json-patch+json";
/** Of no live object: an apply with it creates, as the konnector's first one does. */
const FIRST_WRITE = { resourceVersion: "1" };

/** What marks a copy is as long as the konnector's own marks, under names that mean nothing to it. */
const marks = {
  labels: { "bench.example.org/managed": "true", "bench.example.org/consumer-cluster-uid": UID },
  annotations: { "bench.example.org/consumer-cluster-uid": UID, "bench.example.org/consumer-object-uid": UID },
};

type Side = "consumer" | "provider";
/** What makes a write one of the very state that was seen. */
type Fence = Pick<Body["metadata"], "uid" | "resourceVersion">;

/** What the watches have shown of each object; `complete` once one of the sides has shown all. */
function fencesOf(names: readonly string[]) {
  const seen: Record<Side, Map<string, Fence>> = { consumer: new Map(), provider: new Map() };
  const waiting = new Map<Side, () => void>();
  return {
    of: (side: Side, name: string): Fence | undefined => seen[side].get(name),
    note(side: Side, { object: { metadata } }: WatchEvent) {
      if (metadata?.name === undefined) return;
      seen[side].set(metadata.name, { uid: metadata.uid, resourceVersion: metadata.resourceVersion });
      if (seen[side].size === names.length) waiting.get(side)?.();
    },
    complete: (side: Side) => new Promise<void>((resolve) => waiting.set(side, resolve)),
  };
}

function run(task: Task): { ready: Promise<unknown>; go: () => void } {
  const { type, namespace } = task;
  const [consumer, provider] = [openWire(task.consumer), openWire(task.provider)];
  const path = (name: string) => pathOf(type, namespace, name);
  const waiting: (() => Promise<void>)[] = [];
  const fences = fencesOf(task.names);
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
      metadata: { name, namespace, ...marks, ...(fences.of("provider", name) ?? FIRST_WRITE) },
      spec,
    };
    return provider.send(
      "PATCH",
      `${path(name)}?fieldManager=${MANAGER}&force=true`,
      body,
      "application/apply-patch+yaml",
    );
  };
  const patch = (name: string, change: object, subresource = "") => {
    const tests = Object.entries(fences.of("consumer", name) ?? {}).map(([field, value]) => ({
      op: "test",
      path: `/metadata/${field}`,
      value,
    }));
    return consumer.send("PATCH", `${path(name)}${subresource}`, [...tests, change], JSON_PATCH);
  };

  const acts: Record<Act, (event: WatchEvent, side: Side) => (() => Promise<void>) | undefined> = {
    backlog: () => undefined,
    spec: ({ type: kind, object }, side) =>
      side === "consumer" && kind === "MODIFIED" ? () => apply(object.metadata.name, object.spec) : undefined,
    status: ({ type: kind, object }, side) =>
      side === "provider" && kind === "MODIFIED"
        ? () => patch(object.metadata.name, { op: "add", path: "/status", value: object.status }, "/status")
        : undefined,
    deletion: ({ type: kind, object }, side) => {
      if (side !== "consumer" || kind !== "MODIFIED" || object.metadata.deletionTimestamp === undefined)
        return undefined;
      const { name } = object.metadata;
      return async () => {
        await provider.send("DELETE", path(name), { propagationPolicy: "Background" });
        await patch(name, { op: "remove", path: "/metadata/finalizers/0" });
      };
    },
  };

  const answered = new Set<string>();
  const follow = (side: Side) => (event: WatchEvent) => {
    fences.note(side, event);
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
    ready: Promise.all([
      fences.complete("consumer"),
      task.act === "backlog" ? undefined : fences.complete("provider"),
      consumer.watch(all, follow("consumer")),
      provider.watch(ours, follow("provider")),
    ]),
    go() {
      if (task.act !== "backlog") return;
      for (const name of task.names) {
        enqueue(async () => {
          await patch(name, { op: "add", path: "/metadata/finalizers", value: [FINALIZER] });
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
