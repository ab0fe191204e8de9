// The pulse of a healthy Connection: one object of it is edited again and again, and how long each edit takes to reach the
// copy is measured, whatever else happens to the process meanwhile.

import { setTimeout as pause } from "node:timers/promises";

import { CONNECTIONS } from "../../crds/resources.ts";
import { conditionOf, object } from "./conditions.ts";
import type { Landscape } from "./landscape.ts";
import type { Lane } from "./lanes.ts";
import { instance } from "./manifests.ts";
import { at, type Body } from "./objects.ts";

export interface Pulse {
  /** Milliseconds of each edit so far. */
  readonly beats: readonly number[];
  /** Every other state of the Connection than Ready that was seen. */
  flaps(): readonly unknown[];
  stop(): Promise<void>;
}

/** Milliseconds between two looks at the copy, and between two beats. */
const LOOK = 10;
const REST = 100;
const LONGEST = 60_000;

/** Makes one edit and waits for it; answers with the milliseconds from the API server's answer to the copy. */
async function beat(land: Landscape, { type, word }: Lane, size: string): Promise<number> {
  const key = at("pulse", word);
  const sent = land.consumer.objects.merge(type, key, { spec: { size } });
  await sent;
  const started = performance.now();
  while (performance.now() - started < LONGEST) {
    const copy: Body = await land.provider.objects.get(type, key);
    if (copy?.spec.size === size) break;
    await pause(LOOK);
  }
  return performance.now() - started;
}

/** The lane's binding is Ready. */
export async function createPulse(land: Landscape, { type, word }: Lane): Promise<void> {
  await land.consumer.objects.create(type, instance(type, "pulse", word));
  await object(land.provider.objects, type, at("pulse", word), "to be there");
}

export async function startPulse(land: Landscape, lane: Lane): Promise<Pulse> {
  await createPulse(land, lane);
  const beats: number[] = [];
  const flaps: unknown[] = [];
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) {
      beats.push(await beat(land, lane, `beat-${beats.length}`));
      const ready = conditionOf(await land.consumer.objects.get(CONNECTIONS, at(lane.word)), "Ready");
      if (ready?.status !== "True") flaps.push(ready);
      await pause(REST);
    }
  };
  const running = run();
  return {
    beats,
    flaps: () => flaps,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/** Milliseconds of the beats of one interleaved pair, in order: while the other provider is well, and while it is not. */
export interface Pair {
  well: number[];
  ill: number[];
}

/** Measures pairs one after the other, so that whatever else the machine does falls on both halves alike. */
export async function interleaved(
  land: Landscape,
  lane: Lane,
  { pairs, beats }: { pairs: number; beats: number },
  turn: (ill: boolean, pair: number) => Promise<unknown>,
): Promise<Pair[]> {
  const measured: Pair[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const half = async (ill: boolean): Promise<number[]> => {
      await turn(ill, pair);
      const took: number[] = [];
      for (let index = 0; index < beats; index++) took.push(await beat(land, lane, `pair-${pair}-${ill}-${index}`));
      return took.toSorted((a, b) => a - b);
    };
    // Which half comes first takes turns as well.
    const first = pair % 2 === 1;
    const [one, other] = [await half(first), await half(!first)];
    measured.push(first ? { ill: one, well: other } : { well: one, ill: other });
  }
  return measured;
}

/** `sorted`: in ascending order. */
export const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;

/** Of an even number the middle of both in the middle. */
export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.floor(sorted.length / 2))) / 2;
};
