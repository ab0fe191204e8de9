// Objects that come, are edited, get a status and go, at a steady rate, each under a name that was never there before; and what
// is sampled meanwhile.

import { setTimeout as pause } from "node:timers/promises";

import { absent, object } from "../test/e2e/conditions.ts";
import type { Landscape } from "../test/e2e/landscape.ts";
import type { Lane } from "../test/e2e/lanes.ts";
import { instance } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { kilobyte } from "./crowd.ts";
import { quantiles, rounded } from "./measure.ts";

export interface Churn {
  /** Milliseconds. */
  lasting: number;
  /** Objects a second. */
  rate: number;
  /** Bytes. */
  sample: () => number;
}

/** Milliseconds: how long the first minute is, and how long one that is compared. */
const MINUTE = 60_000;
const SECOND = 1_000;

async function life({ consumer, provider }: Landscape, { word, type }: Lane, index: number): Promise<void> {
  const key = at(`passing-${index}`, word);
  await consumer.objects.create(type, instance(type, key.name, word, kilobyte(index)));
  await object(provider.objects, type, key, "to be there");
  await consumer.objects.merge(type, key, { spec: { size: "large" } });
  await provider.objects.merge(type, key, { status: { phase: "Ready" } }, "status");
  await pause(SECOND);
  await consumer.objects.remove(type, key);
  await absent(consumer.objects, type, key);
}

/** Answers with the medians, in megabytes, of a minute after the first one and of the last one, and of every one between. */
export async function churn(land: Landscape, lane: Lane, { lasting, rate, sample }: Churn) {
  const lives: Promise<void>[] = [];
  const samples: number[] = [];
  const sampler = setInterval(() => samples.push(sample()), SECOND);
  const begun = performance.now();
  try {
    while (performance.now() - begun < lasting) {
      const born = life(land, lane, lives.length);
      born.catch(() => undefined); // told below
      lives.push(born);
      await pause(Math.max(0, begun + (lives.length * SECOND) / rate - performance.now()));
    }
  } finally {
    clearInterval(sampler);
  }
  await Promise.all(lives);
  const middle = (part: readonly number[]) => rounded(quantiles(part).p50 / 1e6);
  const span = Math.min(MINUTE, lasting / 4) / SECOND;
  const spans = Array.from({ length: Math.floor(samples.length / span) }, (_, index) =>
    middle(samples.slice(index * span, (index + 1) * span)),
  );
  const [start, end] = [middle(samples.slice(span, 2 * span)), middle(samples.slice(-span))];
  return { objects: lives.length, start, end, ratio: rounded(end / start, 3), spans };
}
