// The in-process WorkQueue: the default, and the engine of a replica that owns its Connections alone. Promises what the
// port promises (actors/ports.ts) at a constant cost per operation; nothing survives the process, because everything
// can be queued again from the two clusters. Rules: docs/reference/behaviour.md, "Queue".

import { setImmediate } from "node:timers";
import { PRIORITY, type Priority, type WorkQueue } from "../../actors/ports.ts";
import { createFifo, type Fifo, type FifoNode } from "./fifo.ts";

interface Entry {
  priority: Priority;
  /** Its place in the waiting line of its priority; undefined while its pass runs. */
  place: FifoNode | undefined;
  /** Added again while its pass runs. */
  again: Priority | undefined;
}

interface Lane {
  entries: Map<string, Entry>;
  waiting: Record<Priority, Fifo>;
  running: number;
  scheduled: boolean;
}

const PRIORITIES = Object.values(PRIORITY).toSorted((a, b) => a - b);

const createLane = (): Lane => ({
  entries: new Map(),
  waiting: { 0: createFifo(), 1: createFifo(), 2: createFifo() },
  running: 0,
  scheduled: false,
});

/** `laneOf` names the lane of a key. */
export const createMemoryQueue = (laneOf: (key: string) => string): WorkQueue => {
  const lanes = new Map<string, Lane>();
  let run: { pass: (key: string) => Promise<void>; concurrency: number } | undefined;
  let stopped: (() => void) | undefined;
  let stopping: Promise<void> | undefined;
  let depth = 0;
  let running = 0;

  const wait = (lane: Lane, key: string, entry: Entry, priority: Priority): void => {
    if (entry.place === undefined) depth++;
    else lane.waiting[entry.priority].remove(entry.place);
    entry.priority = priority;
    entry.place = lane.waiting[priority].push(key);
  };

  const take = (lane: Lane): string | undefined => {
    for (const priority of PRIORITIES) {
      const key = lane.waiting[priority].shift();
      if (key !== undefined) return key;
    }
    return undefined;
  };

  const ended = (name: string, lane: Lane, key: string, entry: Entry): void => {
    lane.running--;
    running--;
    if (entry.again === undefined) lane.entries.delete(key);
    else wait(lane, key, entry, entry.again);
    entry.again = undefined;
    if (lane.entries.size === 0) lanes.delete(name);
    else schedule(name, lane);
    if (running === 0) stopped?.();
  };

  const begin = async (name: string, lane: Lane, key: string, pass: (key: string) => Promise<void>): Promise<void> => {
    const entry = lane.entries.get(key) as Entry;
    entry.place = undefined;
    depth--;
    lane.running++;
    running++;
    try {
      await pass(key);
    } catch {
      // The port forbids it; a lane must not lose a slot over it.
    } finally {
      ended(name, lane, key, entry);
    }
  };

  const pump = (name: string, lane: Lane): void => {
    lane.scheduled = false;
    while (run !== undefined && stopping === undefined && lane.running < run.concurrency) {
      const key = take(lane);
      if (key === undefined) return;
      void begin(name, lane, key, run.pass);
    }
  };

  // A turn of the event loop between bursts: passes that need no request must not starve sockets and timers.
  const schedule = (name: string, lane: Lane): void => {
    if (lane.scheduled || run === undefined || stopping !== undefined) return;
    lane.scheduled = true;
    setImmediate(pump, name, lane);
  };

  const laneNamed = (name: string): Lane => {
    let lane = lanes.get(name);
    if (lane === undefined) lanes.set(name, (lane = createLane()));
    return lane;
  };

  const addTo = (lane: Lane, key: string, priority: Priority): void => {
    const entry = lane.entries.get(key);
    if (entry === undefined) {
      const fresh: Entry = { priority, place: undefined, again: undefined };
      lane.entries.set(key, fresh);
      wait(lane, key, fresh, priority);
    } else if (entry.place === undefined) {
      if (entry.again === undefined || priority < entry.again) entry.again = priority;
    } else if (priority < entry.priority) wait(lane, key, entry, priority);
  };

  return {
    add: (key, priority) => {
      if (stopping !== undefined) return;
      const name = laneOf(key);
      const lane = laneNamed(name);
      addTo(lane, key, priority);
      schedule(name, lane);
    },
    start: (pass, concurrency) => {
      run = { pass, concurrency };
      for (const [name, lane] of lanes) schedule(name, lane);
    },
    stop: () => {
      stopping ??= new Promise((resolve) => {
        stopped = resolve;
        if (running === 0) resolve();
      });
      return stopping;
    },
    get depth() {
      return depth;
    },
  };
};
