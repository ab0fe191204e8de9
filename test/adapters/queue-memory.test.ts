import { describe, expect, it } from "vitest";
import { PRIORITY, type Priority } from "../../actors/ports.ts";
import { createMemoryQueue } from "../../adapters/queue/memory.ts";
import { describeWorkQueue } from "../conformance/work-queue.ts";

const firstSegment = (key: string): string => key.split("/")[0] ?? key;

describeWorkQueue("in memory", () => ({ queue: createMemoryQueue(firstSegment), close: async () => undefined }));

/** Milliseconds for `count` keys from add to the end of the last pass, priorities mixed and raised. */
const timed = async (count: number): Promise<number> => {
  const queue = createMemoryQueue(firstSegment);
  const started = performance.now();
  for (let i = 0; i < count; i++) queue.add(`acme/object/${i}`, (i % 3) as Priority);
  for (let i = 0; i < count; i += 2) queue.add(`acme/object/${i}`, PRIORITY.live);
  let ran = 0;
  await new Promise<void>((resolve) => {
    queue.start(async () => {
      if (++ran === count) resolve();
    }, 16);
  });
  await queue.stop();
  return performance.now() - started;
};

describe("the in-memory queue", () => {
  it("costs the same per key however many wait", async () => {
    await timed(20_000);
    const few = await timed(20_000);
    const many = await timed(200_000);
    expect(many / few).toBeLessThan(50);
    expect(many).toBeLessThan(5_000);
  });

  it("lets timers run while it works through passes that need no request", async () => {
    const queue = createMemoryQueue(firstSegment);
    let left = 20_000;
    let late = 0;
    for (let i = 0; i < left; i++) queue.add(`acme/object/${i}`, PRIORITY.backlog);
    const timer = setInterval(() => late++, 1);
    await new Promise<void>((resolve) => {
      queue.start(async () => {
        const until = performance.now() + 0.01;
        while (performance.now() < until);
        if (--left === 0) resolve();
      }, 16);
    });
    clearInterval(timer);
    expect(late).toBeGreaterThan(10);
  });

  it("goes on after a pass that breaks the rule and rejects", async () => {
    const queue = createMemoryQueue(firstSegment);
    let ran = 0;
    for (let i = 0; i < 5; i++) queue.add(`acme/object/${i}`, PRIORITY.live);
    await new Promise<void>((resolve) => {
      queue.start(async () => {
        if (++ran === 5) resolve();
        throw new Error("against the rule");
      }, 1);
    });
    await queue.stop();
    expect(queue.depth).toBe(0);
  });
});
