// Whether memory comes back: beside a thousand settled objects others come, are edited, get a status and go, at a steady rate
// and for long, each under a name that was never there before. Writes bench/results/soak.json.
// `npm run bench -- soak`; `--churn 2m --rate 10` (a second) are the defaults, what is promised takes `--churn 30m`: a run of
// less than ten minutes shows how a process warms up, and is held to no limit.

import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import { absent, object } from "../test/e2e/conditions.ts";
import { openLane } from "../test/e2e/lanes.ts";
import { instance } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { bindLane } from "./bound-lane.ts";
import { crowdOf, kilobyte } from "./crowd.ts";
import { conclude, quantiles, residentOf, rounded } from "./measure.ts";
import { startShipped } from "./shipped.ts";

const SETTLED = 1_000;
const RATIO = 1.1;
/** Milliseconds that one object may take, on a machine that others use as well. */
const PATIENCE = 180_000;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Until then everything happens for the first time, and code is still being compiled. */
const WARM = 5 * MINUTE;

const { values } = parseArgs({
  options: { churn: { type: "string", default: "2m" }, rate: { type: "string", default: "10" } },
});
const [, count, unit] = /^(\d+)([sm])$/.exec(values.churn) ?? [];
const lasting = Number(count) * (unit === "m" ? MINUTE : SECOND);
const rate = Number(values.rate);
if (!(lasting > 0 && rate > 0)) throw new Error("--churn takes a duration such as 5m, --rate a number");

const land = await startShipped();
try {
  const lane = await openLane(land, "crowd");
  const { word, type } = lane;
  const [down, up] = [land.consumer.objects, land.provider.objects];
  const crowd = crowdOf(land, lane);

  const life = async (index: number): Promise<void> => {
    const key = at(`passing-${index}`, word);
    await down.create(type, instance(type, key.name, word, kilobyte(index)));
    await object(up, type, key, "to be there", undefined, PATIENCE);
    await down.merge(type, key, { spec: { size: "large" } });
    await up.merge(type, key, { status: { phase: "Ready" } }, "status");
    await object(down, type, key, "to have its status", ({ status }) => status?.phase === "Ready", PATIENCE);
    await down.remove(type, key);
    await absent(down, type, key, PATIENCE);
  };

  const churn = async (): Promise<{ lives: number; samples: number[] }> => {
    const lives: Promise<void>[] = [];
    const samples: number[] = [];
    const sampler = setInterval(() => samples.push(residentOf(land.konnector.pid).all), SECOND);
    const begun = performance.now();
    try {
      while (performance.now() - begun < lasting) {
        const born = life(lives.length);
        born.catch(() => undefined); // told below
        lives.push(born);
        await pause(Math.max(0, begun + (lives.length * SECOND) / rate - performance.now()));
      }
    } finally {
      clearInterval(sampler);
    }
    await Promise.all(lives);
    return { lives: lives.length, samples };
  };

  await bindLane(land, lane);
  await crowd.grow(SETTLED);
  await crowd.settled();
  await land.restart();
  const before = await crowd.settled();
  const { lives, samples } = await churn();
  const after = await crowd.settled();
  const median = (part: readonly number[]) => rounded(quantiles(part).p50 / 1e6);
  const span = Math.round(Math.min(MINUTE, lasting / 4) / SECOND);
  const minutes = Array.from({ length: Math.floor(samples.length / span) }, (_, index) =>
    median(samples.slice(index * span, (index + 1) * span)),
  );
  const isLong = lasting >= 2 * WARM;
  const first = isLong ? WARM / SECOND : span;
  const [start, end] = [median(samples.slice(first, first + span)), median(samples.slice(-span))];
  const limit = { what: "of its start at the end of the churn", value: rounded(end / start, 3), most: RATIO };
  conclude({
    scenario: "soak",
    settled: SETTLED,
    perSecond: rate,
    lasting: values.churn,
    lives,
    residentMB: { before: before.resident, start, end, after: after.resident, minutes },
    limits: isLong ? [limit] : [],
  });
} finally {
  await land.stop();
}
