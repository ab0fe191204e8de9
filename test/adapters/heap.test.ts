import { describe, expect, it } from "vitest";

import { ownHeap, tidyAfterBursts } from "../../adapters/heap.ts";
import { manualClock } from "../actors/manual-clock.ts";

const LOOK = 10_000;
const SMALL = 50 * 1024 * 1024;

/** A fake, since a process has no other way to be calm or busy for as long as a test wants. */
function start(used = SMALL) {
  const clock = manualClock();
  const seen = { worked: 0, collected: 0 };
  tidyAfterBursts({ worked: () => seen.worked, used: () => used, collect: () => seen.collected++ }, clock);
  return {
    collected: () => seen.collected,
    /** Works so many milliseconds in the time between two looks. */
    work: (milliseconds: number): void => {
      seen.worked += milliseconds;
      clock.advance(LOOK);
    },
  };
}

describe("memory", () => {
  it("is given back once when little happens after a burst, and again after the next one", () => {
    const { work, collected } = start();
    for (const milliseconds of [5_000, 3_000]) work(milliseconds);
    expect(collected()).toBe(0);
    for (const milliseconds of [100, 100, 100]) work(milliseconds);
    expect(collected()).toBe(1);
    for (const milliseconds of [2_000, 700, 100, 100]) work(milliseconds);
    expect(collected()).toBe(2);
  });

  it("is left alone while nothing happens, and while something always does", () => {
    const idle = start();
    const busy = start();
    for (let looks = 0; looks < 100; looks++) {
      idle.work(50);
      busy.work(900);
    }
    expect([idle.collected(), busy.collected()]).toEqual([0, 0]);
  });

  it("is not looked through where there is so much of it that this would take long", () => {
    const { work, collected } = start(10 * SMALL);
    for (const milliseconds of [5_000, 100, 100]) work(milliseconds);
    expect(collected()).toBe(0);
  });

  it("of this process is given back at all", () => {
    const heap = ownHeap();
    let garbage: unknown = Array.from({ length: 200_000 }, (_, index) => ({ index }));
    const before = heap.used();
    expect(garbage).toHaveLength(200_000);
    garbage = undefined;
    heap.collect();
    expect(heap.used()).toBeLessThan(before);
    expect(heap.worked()).toBeGreaterThan(0);
  });
});
