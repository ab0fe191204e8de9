// When actors are due again: the promises of actors/timers.ts, on a clock that the test moves.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRIORITY, type Priority } from "../../actors/ports.ts";
import { createTimers, setDue } from "../../actors/timers.ts";
import { manualClock } from "./manual-clock.ts";

const KEY = "acme/object/widgets.example.org/default/a";

const wheel = (random: () => number = () => 0) => {
  const clock = manualClock();
  const added: [string, Priority][] = [];
  const timers = createTimers(clock, { add: (key, priority) => added.push([key, priority]) }, random);
  return { clock, added, timers };
};

describe("a due time", () => {
  it("puts its key on the queue once, behind everything live", () => {
    const { clock, added, timers } = wheel();
    timers.set(KEY, 5_000);
    clock.advance(60_000);
    expect(added).toEqual([[KEY, PRIORITY.resync]]);
  });

  it("is told once to the pass that asks", () => {
    const { clock, timers } = wheel();
    timers.set(KEY, 500);
    expect(timers.takeDue(KEY)).toBe(false);
    clock.advance(1_000);
    expect([timers.takeDue(KEY), timers.takeDue(KEY)]).toEqual([true, false]);
  });

  it("never comes early, and late by no more than the jitter and two turns of the wheel", () => {
    const times = fc.record({
      ms: fc.integer({ min: 0, max: 600_000 }),
      random: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      phase: fc.integer({ min: 0, max: 99 }),
    });
    fc.assert(
      fc.property(times, ({ ms, random, phase }) => {
        const { clock, added, timers } = wheel(() => random);
        timers.set("another", 1);
        clock.advance(phase);
        timers.set(KEY, ms);
        const early = Math.max(0, ms - 1);
        clock.advance(early);
        const hits = () => added.filter(([key]) => key === KEY).length;
        expect(hits()).toBe(0);
        clock.advance(ms * 1.2 + 200 - early);
        expect(hits()).toBe(1);
      }),
    );
  });

  it("spreads what failed together over a fifth of the delay", () => {
    const { clock, added, timers } = wheel(Math.random);
    for (let n = 0; n < 200; n++) timers.set(`acme/object/${n}`, 30_000);
    clock.advance(33_000);
    const half = added.length;
    clock.advance(3_200);
    expect(added).toHaveLength(200);
    expect(half).toBeGreaterThan(20);
    expect(half).toBeLessThan(180);
  });
});

describe("the last due time that was set", () => {
  it("wins, be it the later or the earlier one", () => {
    const { clock, added, timers } = wheel();
    timers.set(KEY, 1_000);
    timers.set(KEY, 10_000);
    timers.set("acme/connection", 10_000);
    timers.set("acme/connection", 1_000);
    clock.advance(2_000);
    expect(added.map(([key]) => key)).toEqual(["acme/connection"]);
    clock.advance(20_000);
    expect(added.map(([key]) => key)).toEqual(["acme/connection", KEY]);
  });

  it("takes an earlier one with it where it is null", () => {
    const { clock, added, timers } = wheel();
    timers.set(KEY, 1_000);
    timers.set(KEY, null);
    clock.advance(60_000);
    expect(added).toEqual([]);
    expect(clock.waiting).toBe(0);
  });

  it("holds also against one that came while the pass that set it was under way", () => {
    const { clock, timers } = wheel();
    timers.set(KEY, 1_000);
    clock.advance(2_000);
    timers.set(KEY, 30_000);
    expect(timers.takeDue(KEY)).toBe(false);
    clock.advance(60_000);
    expect(timers.takeDue(KEY)).toBe(true);
  });
});

describe("the wheel", () => {
  it("costs one timer of the clock for a thousand keys, and none while nothing is due", () => {
    const { clock, timers } = wheel();
    for (let n = 0; n < 1_000; n++) timers.set(`acme/object/${n}`, n);
    expect(clock.waiting).toBe(1);
    clock.advance(10_000);
    expect(clock.waiting).toBe(0);
  });

  it("forgets everything when it is stopped", () => {
    const { clock, added, timers } = wheel();
    timers.set(KEY, 1_000);
    timers.stop();
    clock.advance(60_000);
    expect(added).toEqual([]);
    expect(clock.waiting).toBe(0);
  });

  it("lets a pass set its key again from within the queue's call", () => {
    const clock = manualClock();
    let turns = 0;
    const timers = createTimers(clock, { add: (key) => ++turns < 3 && timers.set(key, 100) }, () => 0);
    timers.set(KEY, 100);
    clock.advance(10_000);
    expect(turns).toBe(3);
  });
});

describe("what a rest asks for", () => {
  const rest = (retryIn: number | null, ...tags: string[]) => ({
    context: { retryIn },
    hasTag: (tag: string) => tags.includes(tag),
  });
  const setBy = (...args: [ReturnType<typeof rest>, (number | null)?]) => {
    const set: [string, number | null][] = [];
    setDue({ set: (key, ms) => set.push([key, ms]) }, KEY, ...args);
    return set;
  };

  it("is the time it named in this pass", () => {
    expect(setBy(rest(500), 1_000)).toEqual([[KEY, 500]]);
    expect(setBy(rest(500, "timed"))).toEqual([[KEY, 500]]);
  });

  it("is the caller's time where it named none", () => {
    expect(setBy(rest(null), 1_000)).toEqual([[KEY, 1_000]]);
  });

  it("is nothing at all where nobody named a time", () => {
    expect(setBy(rest(null))).toEqual([[KEY, null]]);
  });

  it("is the time of an earlier pass where it waits for one", () => {
    expect(setBy(rest(null, "timed"))).toEqual([]);
    // Else whoever looks again for another reason would come before the time that a server has asked for.
    expect(setBy(rest(null, "timed"), 1_000)).toEqual([]);
  });
});
