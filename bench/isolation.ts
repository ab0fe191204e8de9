// What a provider that has become a black hole costs the others: the time from an edit on the consumer to the copy of a
// healthy Connection, with the bad one well and ill in turn. Writes bench/results/isolation.json, prints a table.
// `npm run bench -- isolation`; `--pairs 5 --beats 50` are the defaults.

import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { CLUSTER_BINDINGS, CONNECTIONS } from "../crds/resources.ts";
import { conditions, READY } from "../test/e2e/conditions.ts";
import { type Lane, openLane } from "../test/e2e/lanes.ts";
import { type Landscape, served, startLandscape } from "../test/e2e/landscape.ts";
import { instance, secret } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { createPulse, interleaved, median, type Pair, quantile } from "../test/e2e/pulse.ts";
import { kubeconfigAt, startFaultProxy } from "../test/harness/fault-proxy.ts";

/** Objects of the bad Connection that are edited while it is away, so that there are requests to hang. */
const OBJECTS = 50;
const PATIENCE = 90_000;
const RESULTS = path.join(import.meta.dirname, "results", "isolation.json");

const { values } = parseArgs({
  options: { pairs: { type: "string", default: "5" }, beats: { type: "string", default: "50" } },
});
const [pairs, beats] = [Number(values.pairs), Number(values.beats)];

async function ready(land: Landscape, { word, type }: Lane): Promise<void> {
  const { objects } = land.consumer;
  await conditions(objects, CONNECTIONS, at(word), READY, PATIENCE);
  await conditions(objects, CLUSTER_BINDINGS, at(word), READY, PATIENCE);
  await served(land.consumer, type);
}

async function bind(land: Landscape, lane: Lane, kubeconfig: string): Promise<void> {
  const { Secret, Connection, binding } = lane.pieces;
  await land.consumer.objects.create(Secret.resource, secret(lane.word, kubeconfig));
  for (const { resource, body } of [Connection, binding]) await land.consumer.objects.create(resource, body);
  await ready(land, lane);
}

const milliseconds = (value: number): number => Math.round(value * 10) / 10;

function summary(measured: readonly Pair[]) {
  const of = (half: keyof Pair, part: number) => measured.map((pair) => milliseconds(quantile(pair[half], part)));
  const line = (part: number) => {
    const [well, ill] = [of("well", part), of("ill", part)];
    const ratio = median(ill.map((value, index) => value / (well[index] ?? Number.NaN)));
    return { well: median(well), ill: median(ill), ratio: Math.round(ratio * 1_000) / 1_000, pairs: { well, ill } };
  };
  return { p50: line(0.5), p99: line(0.99) };
}

async function measure(land: Landscape): Promise<readonly Pair[]> {
  const [healthy, bad] = await Promise.all([openLane(land, "healthy"), openLane(land, "bad")]);
  const proxy = await startFaultProxy(land.provider.plane.url);
  try {
    await bind(land, healthy, land.kubeconfig);
    await bind(land, bad, kubeconfigAt(land.kubeconfig, proxy.url));
    await createPulse(land, healthy);
    const names = Array.from({ length: OBJECTS }, (_, index) => `object-${index}`);
    for (const name of names) await land.consumer.objects.create(bad.type, instance(bad.type, name, bad.word));
    return await interleaved(land, healthy, { pairs, beats }, async (ill, pair) => {
      await proxy.set(ill ? "blackhole" : "pass");
      if (!ill) return ready(land, bad);
      for (const name of names)
        await land.consumer.objects.merge(bad.type, at(name, bad.word), { spec: { size: `ill-${pair}` } });
    });
  } finally {
    await proxy.stop();
  }
}

const land = await startLandscape();
try {
  const result = summary(await measure(land));
  const [{ model } = { model: "unknown" }] = os.cpus();
  const machine = { cpus: os.availableParallelism(), model, node: process.version };
  writeFileSync(
    RESULTS,
    `${JSON.stringify({ scenario: "isolation", machine, pairs, beats, ...result }, undefined, 2)}\n`,
  );
  console.log("milliseconds from an edit to the copy, of a healthy Connection (median of the pairs)");
  console.table({ p50: result.p50, p99: result.p99 }, ["well", "ill", "ratio"]);
} finally {
  await land.stop();
}
