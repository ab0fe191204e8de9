import { describe, expect, test } from "vitest";

import { createRechecks } from "../../actors/rechecks.ts";
import { manualClock } from "./manual-clock.ts";

/** Each asks when it is due and again when its turn has come, as objects do, and is due again a while after its turn. */
function run(names: readonly string[], seconds: number, again: number) {
  const clock = manualClock();
  const start = clock.now();
  const rechecks = createRechecks(clock);
  const turns: { name: string; at: number }[] = [];
  const ask = (name: string): void => {
    const wait = rechecks.turn("acme", name);
    if (wait > 0) return void clock.after(wait, () => ask(name));
    turns.push({ name, at: clock.now() - start });
    clock.after(again, () => ask(name));
  };
  names.forEach(ask);
  clock.advance(seconds * 1_000);
  return turns;
}

const many = (count: number) => Array.from({ length: count }, (_one, index) => `object-${index}`);

describe("turns of one Connection", () => {
  test("are at most five in any second, and nearly as many as that while somebody waits", () => {
    const turns = run(many(300), 60, 2_000);
    const within = turns.map(({ at }) => turns.filter((one) => one.at >= at && one.at < at + 1_000).length);
    expect(Math.max(...within)).toBeLessThanOrEqual(5);
    expect(turns.length).toBeGreaterThan(60 * 4);
  });

  test("go round: nobody has a second one before everybody who waited longer had one", () => {
    const turns = run(many(100), 60, 2_000);
    const first = turns.slice(0, 100).map(({ name }) => name);
    expect(new Set(first).size).toBe(100);
    expect(turns.slice(100, 200).map(({ name }) => name)).toEqual(first);
  });

  test("are at once where few ask", () => {
    expect(run(["a"], 10, 2_000).map(({ at }) => at)).toEqual([0, 2_000, 4_000, 6_000, 8_000, 10_000]);
  });

  test("are none of another Connection's", () => {
    const rechecks = createRechecks(manualClock());
    expect([rechecks.turn("acme", "a"), rechecks.turn("acme", "b"), rechecks.turn("other", "c")]).toEqual([0, 220, 0]);
  });

  test("are kept for who asks too early, and forgotten where nobody comes", () => {
    const clock = manualClock();
    const rechecks = createRechecks(clock);
    rechecks.turn("acme", "a");
    expect(rechecks.turn("acme", "b")).toBe(220);
    clock.advance(100);
    expect(rechecks.turn("acme", "b")).toBe(120);
    clock.advance(120_000);
    expect(rechecks.turn("acme", "c")).toBe(0);
    expect(rechecks.turn("acme", "b")).toBe(220);
  });
});
