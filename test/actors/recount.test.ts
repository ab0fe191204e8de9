// How often a syncer counts anew while its objects change. The clock is the test's own.

import { beforeEach, expect, test } from "vitest";

import type { Engine } from "../../actors/engine.ts";
import { recount } from "../../actors/recount.ts";
import { createSyncer, type Syncer } from "../../actors/syncer.ts";
import { manualClock } from "./manual-clock.ts";

let clock: ReturnType<typeof manualClock>;
let syncer: Syncer;
let engine: Engine;
let counts: number;

beforeEach(() => {
  clock = manualClock();
  syncer = createSyncer("acme", "widgets.example.org");
  counts = 0;
  engine = { clock, wake: () => counts++ } as unknown as Engine;
});

test("a change after a quiet moment is counted at once", () => {
  recount(engine, syncer);
  expect(counts).toBe(1);
  clock.advance(100);
  recount(engine, syncer);
  expect(counts).toBe(2);
});

test("a change soon after is counted, too, within a tenth of a second", () => {
  recount(engine, syncer);
  clock.advance(1);
  recount(engine, syncer);
  clock.advance(98);
  expect(counts).toBe(1);
  clock.advance(1);
  expect(counts).toBe(2);
});

test("a thousand changes within a second cost eleven counts, and the last of them is counted", () => {
  for (let change = 0; change < 1_050; change++) {
    recount(engine, syncer);
    clock.advance(1);
  }
  expect(counts).toBe(11);
  clock.advance(100);
  expect(counts).toBe(12);
  clock.advance(1_000);
  expect(counts).toBe(12);
});
