// What the process needs in memory, bundled as it is shipped: with nothing to do, and with more and more settled objects of about
// 1 KB, both after the burst they were and started with so many. Writes bench/results/memory.json.
// `npm run bench -- memory`; `--objects 1000,10000` is the default, what is promised takes `--objects 1000,10000,50000`.

import { parseArgs } from "node:util";

import { openLane } from "../test/e2e/lanes.ts";
import { bindLane } from "./bound-lane.ts";
import { crowdOf } from "./crowd.ts";
import { conclude, rounded } from "./measure.ts";
import { startShipped } from "./shipped.ts";

const BASE_MB = 120;
const OBJECT_KB = 1.5;

const { values } = parseArgs({ options: { objects: { type: "string", default: "1000,10000" } } });
const sizes = values.objects.split(",").map(Number);
if (!sizes.every((size) => size > 0)) throw new Error("--objects takes numbers with commas between them");

const land = await startShipped();
try {
  const lane = await openLane(land, "crowd");
  const crowd = crowdOf(land, lane);

  /** As it has grown to so many objects, and as a process started with so many. */
  const measure = async (objects: number) => {
    await crowd.grow(objects);
    const grown = await crowd.settled();
    await land.restart();
    const started = await crowd.settled();
    console.log(JSON.stringify({ objects, grown, started }));
    return { objects, grown, started };
  };

  await bindLane(land, lane);
  const none = await measure(0);
  const points = [none];
  for (const size of sizes) points.push(await measure(size));
  const most = points.at(-1) ?? none;
  const each = (how: "grown" | "started") =>
    rounded(((most[how].resident - none[how].resident) * 1_000) / most.objects, 2);
  conclude({
    scenario: "memory",
    points,
    limits: [
      {
        what: "resident with nothing to do",
        value: Math.max(none.grown.resident, none.started.resident),
        most: BASE_MB,
        unit: "MB",
      },
      { what: `per object, grown to ${most.objects}`, value: each("grown"), most: OBJECT_KB, unit: "KB" },
      { what: `per object, started with ${most.objects}`, value: each("started"), most: OBJECT_KB, unit: "KB" },
    ],
  });
} finally {
  await land.stop();
}
