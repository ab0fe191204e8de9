// What a provider that has become a black hole costs the others: the time from an edit on the consumer to the copy of a
// healthy Connection, with the bad one well and ill in turn. Writes bench/results/isolation.json.
// `npm run bench -- isolation`; `--pairs 5 --beats 50` are the defaults.

import { parseArgs } from "node:util";

import { openLane } from "../test/e2e/lanes.ts";
import type { Landscape } from "../test/e2e/landscape.ts";
import { instance } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { createPulse, interleaved, median, type Pair, quantile } from "../test/e2e/pulse.ts";
import { kubeconfigAt, startFaultProxy } from "../test/harness/fault-proxy.ts";
import { bindLane, readyLane } from "./bound-lane.ts";
import { conclude, rounded } from "./measure.ts";
import { startShipped } from "./shipped.ts";

/** Objects of the bad Connection that are edited while it is away, so that there are requests to hang. */
const OBJECTS = 50;
/** What an ill provider may make of the time of a healthy Connection. */
const [P50, P99] = [1.1, 1.5];

const { values } = parseArgs({
  options: { pairs: { type: "string", default: "5" }, beats: { type: "string", default: "50" } },
});
const [pairs, beats] = [Number(values.pairs), Number(values.beats)];

function summary(measured: readonly Pair[]) {
  const of = (half: keyof Pair, part: number) => measured.map((pair) => rounded(quantile(pair[half], part)));
  const line = (part: number) => {
    const [well, ill] = [of("well", part), of("ill", part)];
    const ratio = median(ill.map((value, index) => value / (well[index] ?? Number.NaN)));
    return { well: median(well), ill: median(ill), ratio: rounded(ratio, 3), pairs: { well, ill } };
  };
  return { p50: line(0.5), p99: line(0.99) };
}

async function measure(land: Landscape): Promise<readonly Pair[]> {
  const [healthy, bad] = await Promise.all([openLane(land, "healthy"), openLane(land, "bad")]);
  const proxy = await startFaultProxy(land.provider.plane.url);
  try {
    await bindLane(land, healthy);
    await bindLane(land, bad, kubeconfigAt(land.kubeconfig, proxy.url));
    await createPulse(land, healthy);
    const names = Array.from({ length: OBJECTS }, (_, index) => `object-${index}`);
    for (const name of names) await land.consumer.objects.create(bad.type, instance(bad.type, name, bad.word));
    return await interleaved(land, healthy, { pairs, beats }, async (ill, pair) => {
      await proxy.set(ill ? "blackhole" : "pass");
      if (!ill) return readyLane(land, bad);
      for (const name of names)
        await land.consumer.objects.merge(bad.type, at(name, bad.word), { spec: { size: `ill-${pair}` } });
    });
  } finally {
    await proxy.stop();
  }
}

const land = await startShipped();
try {
  const milliseconds = summary(await measure(land));
  const { p50, p99 } = milliseconds;
  conclude({
    scenario: "isolation",
    pairs,
    beats,
    milliseconds,
    limits: [
      { what: "of the others' p50 with one provider that is a black hole", value: p50.ratio, most: P50 },
      { what: "of the others' p99 with one provider that is a black hole", value: p99.ratio, most: P99 },
    ],
  });
} finally {
  await land.stop();
}
