// The scripted API servers as a scenario sees them: a process of their own that is started, given orders, and ended.

import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import type { SideName } from "./bodies.ts";

export interface Order {
  do: "report" | "fill" | "fillSynced" | "edit" | "advance" | "remove";
  /** How many objects, and how many of them at a time. */
  count?: number;
  atATime?: number;
  number?: number;
}

export interface Report {
  urls: Record<SideName, string>;
  consumer: { present: number; claimed: number };
  provider: { present: number; claimed: number };
  /** By verb and resource, as "PATCH widgets". */
  requests: Record<SideName, Record<string, number>>;
  cpu: NodeJS.CpuUsage;
}

export interface Script {
  pid: number;
  urls: Report["urls"];
  /** Resolves when it has been carried out. `edit`: the spec here; `advance`: the status there; `remove`: the object. */
  order(order: Order): Promise<Report>;
  stop(): Promise<void>;
}

/** Without any rights to tell apart: everybody is let in. */
export const kubeconfigFor = (url: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "scripted", cluster: { server: url } }],
    users: [{ name: "konnector", user: { token: "scripted" } }],
    contexts: [{ name: "scripted", context: { cluster: "scripted", user: "konnector" } }],
    "current-context": "scripted",
  });

export async function startScript(objects: number): Promise<Script> {
  const child = fork(path.join(import.meta.dirname, "server.ts"), [String(objects)]);
  const [{ urls }] = (await once(child, "message")) as [Report];
  const waiting = new Map<number, (report: Report) => void>();
  let orders = 0;
  child.on("message", ({ order, ...report }: Report & { order: number }) => {
    waiting.get(order)?.(report);
    waiting.delete(order);
  });
  return {
    pid: child.pid ?? 0,
    urls,
    order: (order) =>
      new Promise((resolve) => {
        waiting.set(++orders, resolve);
        child.send({ ...order, number: orders });
      }),
    stop: async () => {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}
