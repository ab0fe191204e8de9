// When something shows: a watch of one type on one side that notes when each object is first as asked. The same for the
// konnector and for the bare limit, and outside both.

import type { Resource } from "../crds/kube-object.ts";
import { pathOf } from "../test/e2e/objects.ts";
import { openWire, type WatchEvent } from "./wire.ts";

export interface Observer {
  /** From now on: resolves when so many objects have been seen like this, with the time of each (performance.now()). */
  until(count: number, holds: (event: WatchEvent) => boolean): Promise<ReadonlyMap<string, number>>;
  /** Resolves at the first event of that object that is like this, to its time. */
  shows(name: string, holds: (event: WatchEvent) => boolean): Promise<number>;
  stop(): Promise<void>;
}

const PATIENCE = 600_000;

/** In one namespace, "" for all. */
export async function observe(kubeconfig: string, type: Resource, namespace: string): Promise<Observer> {
  const wire = openWire(kubeconfig);
  const listeners = new Set<(event: WatchEvent) => void>();
  const deadlines = new Set<NodeJS.Timeout>();
  const tell = (event: WatchEvent): void => {
    for (const listener of [...listeners]) listener(event);
  };
  // What was there before is nobody's news, and a server hangs up on who still reads that when the storm has begun.
  await wire.watch(pathOf(type, namespace), tell, "now");

  /** Until `take` answers something other than undefined. */
  const listen = <T>(what: () => string, take: (event: WatchEvent) => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${what()} within ${PATIENCE} ms`)), PATIENCE);
      deadlines.add(late);
      const listener = (event: WatchEvent): void => {
        const result = take(event);
        if (result === undefined) return;
        listeners.delete(listener);
        clearTimeout(late);
        deadlines.delete(late);
        resolve(result);
      };
      listeners.add(listener);
    });

  return {
    until(count, holds) {
      const seen = new Map<string, number>();
      return listen(
        () => `saw ${seen.size} of ${count}`,
        (event) => {
          const { name } = event.object.metadata;
          if (!seen.has(name) && holds(event)) seen.set(name, performance.now());
          return seen.size < count ? undefined : seen;
        },
      );
    },
    shows: (name, holds) =>
      listen(
        () => `did not see ${name}`,
        (event) => (event.object.metadata.name === name && holds(event) ? performance.now() : undefined),
      ),
    async stop() {
      for (const late of deadlines) clearTimeout(late);
      await wire.close();
    },
  };
}
