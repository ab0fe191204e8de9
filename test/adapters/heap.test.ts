import { describe, expect, it } from "vitest";

import { ownHeap, tidyAfterBursts } from "../../adapters/heap.ts";
import { manualClock } from "../actors/manual-clock.ts";

const LOOK = 10_000;
const MEGABYTE = 1024 * 1024;

/** A fake, since a process has no other way to be calm or busy for as long as a test wants. `live`: megabytes still needed. */
function start(live = 20) {
  const clock = manualClock();
  const seen = { worked: 0, held: live, collected: 0 };
  const heap = {
    worked: () => seen.worked,
    used: () => live * MEGABYTE,
    held: () => seen.held * MEGABYTE,
    collect: () => {
      seen.collected++;
      seen.held = live;
    },
  };
  tidyAfterBursts(heap, clock);
  return {
    collected: () => seen.collected,
    /** Works so many milliseconds in the time between two looks, and comes to hold so many megabytes more. */
    work: (milliseconds: number, more = 0): void => {
      seen.worked += milliseconds;
      seen.held += more;
      clock.advance(LOOK);
    },
  };
}

describe("memory", () => {
  it("is given back once when little happens after a burst, and again after the next one", () => {
    const { work, collected } = start();
    work(900);
    work(5_000, 60);
    work(3_000, 20);
    expect(collected()).toBe(0);
    for (const milliseconds of [100, 100, 100]) work(milliseconds);
    expect(collected()).toBe(1);
    work(700, 30);
    for (const milliseconds of [100, 100]) work(milliseconds);
    expect(collected()).toBe(2);
  });

  it("is looked through once, but not again where there is nothing to be had, nor while something always happens", () => {
    const [idle, busy] = [start(), start()];
    for (let looks = 0; looks < 100; looks++) {
      idle.work(50);
      busy.work(900, 1);
    }
    expect([idle.collected(), busy.collected()]).toEqual([1, 0]);
  });

  it("is not looked through where there is so much of it that this would take long", () => {
    const { work, collected } = start(500);
    work(5_000, 100);
    work(100);
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
