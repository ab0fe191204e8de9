// What the process needs in memory, bundled as it is shipped: with nothing to do, with more and more settled objects of about
// 1 KB, after the burst they were, and while objects come and go for long. Writes bench/results/memory.json.
// `npm run bench -- memory`; `--objects 1000,10000 --churn 2m` are the defaults, what is promised takes
// `--objects 1000,10000,50000 --churn 30m`.

import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import { bundle } from "../scripts/bundle.ts";
import { startLandscape } from "../test/e2e/landscape.ts";
import { openLane } from "../test/e2e/lanes.ts";
import { instance } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { guardedDir } from "../test/harness/process-guard.ts";
import { eventually, NotYet } from "../test/harness/wait.ts";
import { bindLane } from "./bound-lane.ts";
import { churn } from "./churn.ts";
import { countOf, forEach, kilobyte } from "./crowd.ts";
import { conclude, gaugeOf, quantiles, residentOf, rounded } from "./measure.ts";

const BASE_MB = 120;
const OBJECT_KB = 1.5;
const RATIO = 1.1;
const PATIENCE = 1_200_000;
/** Milliseconds between two samples, and how many of them in a row must be alike (to a hundredth) to be called settled. */
const APART = 1_000;
const ALIKE = 15;
const ROUND = 0.01;

const { values } = parseArgs({
  options: {
    objects: { type: "string", default: "1000,10000" },
    churn: { type: "string", default: "2m" },
    rate: { type: "string", default: "20" },
  },
});
const sizes = values.objects.split(",").map(Number);
const [, count, unit] = /^(\d+)([sm])$/.exec(values.churn) ?? [];
const lasting = Number(count) * (unit === "m" ? 60_000 : 1_000);
const rate = Number(values.rate);
if (![...sizes, lasting, rate].every((number) => number >= 0)) throw new Error("numbers, and a duration such as 5m");

const megabytes = (bytes: number): number => rounded(bytes / 1e6);

const land = await startLandscape({
  konnector: { entry: await bundle(path.join(guardedDir(), "bundle")) },
});
try {
  const lane = await openLane(land, "crowd");
  const { word, type } = lane;
  const nameOf = (index: number) => `object-${index}`;
  let there = 0;

  const carried = () =>
    eventually(
      `${there} copies, and nothing left to do`,
      async () => {
        const [copies, waiting] = [await countOf(land.provider, type), await gaugeOf(land.konnector, "queue_depth")];
        return (copies === there && waiting === 0) || new NotYet({ copies, waiting });
      },
      PATIENCE,
    );

  /** What it comes to once nothing changes any more. */
  const settled = async () => {
    await carried();
    const samples: { all: number; own: number; heap: number }[] = [];
    const last = () => samples.slice(-ALIKE);
    const spread = () => {
      const all = last().map((one) => one.all);
      return all.length < ALIKE ? 1 : Math.max(...all) / Math.min(...all) - 1;
    };
    while (spread() > ROUND) {
      await pause(APART);
      const heap = await gaugeOf(land.konnector, "memory_heap_bytes");
      samples.push({ ...residentOf(land.konnector.pid), heap });
    }
    const middle = (part: "all" | "own" | "heap") => megabytes(quantiles(last().map((one) => one[part])).p50);
    return { resident: middle("all"), own: middle("own"), heap: middle("heap"), seconds: samples.length };
  };

  const grow = async (to: number): Promise<void> => {
    const fresh = Array.from({ length: to - there }, (_, index) => there + index);
    await forEach(fresh, (index) =>
      land.consumer.objects.create(type, instance(type, nameOf(index), word, kilobyte(index))),
    );
    there = to;
  };

  const shrink = async (to: number): Promise<void> => {
    const doomed = Array.from({ length: there - to }, (_, index) => to + index);
    await forEach(doomed, (index) => land.consumer.objects.remove(type, at(nameOf(index), word)));
    there = to;
  };

  /** As it has grown to so many objects, and as a process started with so many. */
  const measure = async (objects: number) => {
    await grow(objects);
    const grown = await settled();
    await land.restart();
    const restarted = await settled();
    console.log(JSON.stringify({ objects, grown, restarted }));
    return { objects, grown, restarted };
  };

  await bindLane(land, lane);
  const points = [await measure(0)];
  for (const size of sizes) points.push(await measure(size));
  const [none, most] = [points[0], points.at(-1)];
  if (none === undefined || most === undefined) throw new Error("nothing was measured");
  const each = (how: "grown" | "restarted") =>
    rounded(((most[how].resident - none[how].resident) * 1_000) / most.objects, 2);
  await shrink(sizes[0] ?? 0);
  const afterBurst = { objects: there, ...(await settled()) };
  await land.restart();
  await settled();
  const during = await churn(land, lane, { lasting, rate, sample: () => residentOf(land.konnector.pid).all });
  const afterChurn = { objects: there, ...(await settled()) };
  const base = Math.max(none.grown.resident, none.restarted.resident);
  conclude({
    scenario: "memory",
    points,
    afterBurst,
    churn: { minutes: lasting / 60_000, perSecond: rate, ...during, after: afterChurn },
    limits: [
      { what: "resident with nothing to do", value: base, most: BASE_MB, unit: "MB" },
      { what: `per object, grown to ${most.objects}`, value: each("grown"), most: OBJECT_KB, unit: "KB" },
      { what: `per object, started with ${most.objects}`, value: each("restarted"), most: OBJECT_KB, unit: "KB" },
      { what: "of its start at the end of the churn", value: during.ratio, most: RATIO },
    ],
  });
} finally {
  await land.stop();
}
