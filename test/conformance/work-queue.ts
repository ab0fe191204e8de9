// What every WorkQueue adapter must do, whatever it is made of: the promises of the port in actors/ports.ts.

import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { PRIORITY, type WorkQueue } from "../../actors/ports.ts";
import { eventually } from "../harness/wait.ts";

export interface QueueUnderTest {
  queue: WorkQueue;
  /** Frees what the adapter holds outside the process; `queue.stop()` has been called. */
  close: () => Promise<void>;
}

/** A pass that stays open until it is let go. */
const createGate = () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: () => promise, open: resolve };
};

export const describeWorkQueue = (name: string, create: () => Promise<QueueUnderTest> | QueueUnderTest): void => {
  const opened: QueueUnderTest[] = [];
  const gates: (() => void)[] = [];

  const openQueue = async (): Promise<WorkQueue> => {
    const underTest = await create();
    opened.push(underTest);
    return underTest.queue;
  };
  const gate = () => {
    const made = createGate();
    gates.push(made.open);
    return made;
  };

  afterEach(async () => {
    for (const open of gates.splice(0)) open();
    for (const { queue, close } of opened.splice(0)) {
      await queue.stop();
      await close();
    }
  });

  describe(`WorkQueue: ${name}`, () => {
    it("runs a key that was added before the start, and one that is added after it", async () => {
      const queue = await openQueue();
      const ran: string[] = [];
      queue.add("acme/object/early", PRIORITY.live);
      expect(queue.depth).toBe(1);
      queue.start(async (key) => void ran.push(key), 2);
      queue.add("acme/object/late", PRIORITY.live);
      await eventually("both passes", () => ran.length === 2);
      expect(ran.toSorted()).toEqual(["acme/object/early", "acme/object/late"]);
      await eventually("an empty queue", () => queue.depth === 0);
    });

    it("keeps a key waiting once, however often it is added", async () => {
      const queue = await openQueue();
      const ran: string[] = [];
      for (let i = 0; i < 100; i++) queue.add("acme/object/a", PRIORITY.backlog);
      queue.add("acme/object/b", PRIORITY.backlog);
      expect(queue.depth).toBe(2);
      queue.start(async (key) => void ran.push(key), 1);
      await eventually("both passes", () => ran.length >= 2);
      queue.add("acme/object/end", PRIORITY.resync);
      await eventually("the last pass", () => ran.includes("acme/object/end"));
      expect(ran).toEqual(["acme/object/a", "acme/object/b", "acme/object/end"]);
    });

    it("runs a key that is added during its pass exactly once more, afterwards", async () => {
      const queue = await openQueue();
      const held = gate();
      let started = 0;
      let ended = 0;
      let doubled = false;
      queue.start(async () => {
        doubled ||= started !== ended;
        started++;
        if (started === 1) await held.wait();
        ended++;
      }, 8);
      queue.add("acme/object/a", PRIORITY.live);
      await eventually("the first pass", () => started === 1);
      for (let i = 0; i < 50; i++) queue.add("acme/object/a", PRIORITY.live);
      expect(started).toBe(1);
      held.open();
      await eventually("the second pass", () => ended === 2);
      queue.add("acme/other", PRIORITY.resync);
      await eventually("the other pass", () => started === 3);
      expect(doubled).toBe(false);
    });

    it("takes higher priorities first and equal ones in order of arrival", async () => {
      const queue = await openQueue();
      const ran: string[] = [];
      for (const level of ["resync", "backlog", "live"] as const)
        for (const n of [1, 2, 3]) queue.add(`acme/object/${level}-${n}`, PRIORITY[level]);
      queue.start(async (key) => void ran.push(key.slice("acme/object/".length)), 1);
      await eventually("all passes", () => ran.length === 9);
      const inOrder = (level: string) => [1, 2, 3].map((n) => `${level}-${n}`);
      expect(ran).toEqual([...inOrder("live"), ...inOrder("backlog"), ...inOrder("resync")]);
    });

    it("raises a waiting key to a higher priority and never lowers one", async () => {
      const queue = await openQueue();
      const ran: string[] = [];
      queue.add("acme/a", PRIORITY.backlog);
      queue.add("acme/b", PRIORITY.backlog);
      queue.add("acme/raised", PRIORITY.resync);
      queue.add("acme/kept", PRIORITY.live);
      queue.add("acme/kept", PRIORITY.resync);
      queue.add("acme/raised", PRIORITY.live);
      expect(queue.depth).toBe(4);
      queue.start(async (key) => void ran.push(key), 1);
      await eventually("all passes", () => ran.length === 4);
      expect(ran).toEqual(["acme/kept", "acme/raised", "acme/a", "acme/b"]);
    });

    it("runs a key again at the highest priority that was asked for during its pass", async () => {
      const queue = await openQueue();
      const held = gate();
      const ran: string[] = [];
      queue.start(async (key) => {
        ran.push(key);
        if (ran.length === 1) await held.wait();
      }, 1);
      queue.add("acme/a", PRIORITY.live);
      await eventually("the first pass", () => ran.length === 1);
      queue.add("acme/b", PRIORITY.backlog);
      queue.add("acme/a", PRIORITY.resync);
      queue.add("acme/a", PRIORITY.live);
      held.open();
      await eventually("all passes", () => ran.length === 3);
      expect(ran).toEqual(["acme/a", "acme/a", "acme/b"]);
    });

    it("runs at most as many passes of a lane at once as it was told", async () => {
      const queue = await openQueue();
      const held = gate();
      let running = 0;
      let most = 0;
      queue.start(async () => {
        most = Math.max(most, ++running);
        await held.wait();
        running--;
      }, 3);
      for (let i = 0; i < 10; i++) queue.add(`acme/object/${i}`, PRIORITY.live);
      await eventually("the lane to be full", () => running === 3);
      held.open();
      await eventually("all passes", () => running === 0 && queue.depth === 0);
      expect(most).toBe(3);
    });

    it("lets a stuck lane delay no other", async () => {
      const queue = await openQueue();
      const held = gate();
      const ran: string[] = [];
      queue.start(async (key) => {
        if (key.startsWith("slow/")) await held.wait();
        else ran.push(key);
      }, 2);
      for (let i = 0; i < 20; i++) queue.add(`slow/object/${i}`, PRIORITY.live);
      for (let i = 0; i < 20; i++) queue.add(`quick/object/${i}`, PRIORITY.resync);
      queue.add("single", PRIORITY.resync);
      await eventually("the other lanes", () => ran.length === 21);
    });

    it("never runs two passes of one key at once and loses no key, whatever is added when", async () => {
      const keys = ["a/1", "a/2", "a/3", "b/1", "b/2"];
      const step = fc.record({
        key: fc.constantFrom(...keys),
        priority: fc.constantFrom(PRIORITY.live, PRIORITY.backlog, PRIORITY.resync),
        turns: fc.integer({ min: 0, max: 2 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 60 }),
          fc.integer({ min: 1, max: 4 }),
          async (steps, concurrency) => {
            const queue = await openQueue();
            const running = new Set<string>();
            const owed = new Set<string>();
            let doubled = false;
            queue.start(async (key) => {
              doubled ||= running.has(key);
              running.add(key);
              owed.delete(key);
              await turn();
              running.delete(key);
            }, concurrency);
            for (const { key, priority, turns } of steps) {
              owed.add(key);
              queue.add(key, priority);
              for (let i = 0; i < turns; i++) await turn();
            }
            await eventually("every key to have had its pass", () => owed.size === 0 && running.size === 0);
            expect(doubled).toBe(false);
          },
        ),
        { numRuns: 30 },
      );
    });

    it("stops when the running passes have ended, and takes no key any more", async () => {
      const queue = await openQueue();
      const held = gate();
      let started = 0;
      let stopped = false;
      queue.start(async () => {
        started++;
        await held.wait();
      }, 1);
      queue.add("acme/a", PRIORITY.live);
      queue.add("acme/b", PRIORITY.live);
      await eventually("the first pass", () => started === 1);
      const stopping = queue.stop().then(() => (stopped = true));
      queue.add("acme/c", PRIORITY.live);
      await turn();
      expect(stopped).toBe(false);
      held.open();
      await stopping;
      await turn();
      expect(started).toBe(1);
    });

    it("stops at once when nothing runs", async () => {
      const queue = await openQueue();
      queue.add("acme/a", PRIORITY.live);
      await queue.stop();
      await queue.stop();
    });
  });
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
