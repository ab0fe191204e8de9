// How long a rotated Secret takes to the other side: from the answer to the edit of a related Secret on the consumer until the
// provider shows it. Writes bench/results/rotation.json. `npm run bench -- rotation`; `--rotations 200` is the default.

import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { SECRETS } from "../crds/resources.ts";
import { object } from "../test/e2e/conditions.ts";
import { related } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { quantile } from "../test/e2e/pulse.ts";
import { bound, secret, startRelated } from "../test/e2e/related-objects.ts";

const RESULTS = path.join(import.meta.dirname, "results", "rotation.json");

const { values } = parseArgs({ options: { rotations: { type: "string", default: "200" } } });
const rotations = Number(values.rotations);

const land = await startRelated();
try {
  const [down, up] = [land.consumer.objects, land.provider.objects];
  await bound(land, "rotated", related("secrets", "FromConsumer", { names: ["db"] }));
  const key = at("db", "rotated");
  const data = (turn: number) => ({ password: Buffer.from(`turn ${turn}`).toString("base64") });
  await down.create(SECRETS, secret(key, { data: data(0) }));
  await object(up, SECRETS, key, "to be copied");
  const took: number[] = [];
  for (let turn = 1; turn <= rotations; turn++) {
    await down.merge(SECRETS, key, { data: data(turn) });
    const answered = performance.now();
    while ((await up.get(SECRETS, key)).data.password !== data(turn).password);
    took.push(performance.now() - answered);
  }
  const [{ model } = { model: "unknown" }] = os.cpus();
  const machine = { cpus: os.availableParallelism(), model, node: process.version };
  const sorted = took.toSorted((a, b) => a - b);
  const ms = (part: number) => Math.round(quantile(sorted, part) * 10) / 10;
  const milliseconds = { p50: ms(0.5), p99: ms(0.99), most: Math.round(Math.max(...took) * 10) / 10 };
  writeFileSync(
    RESULTS,
    `${JSON.stringify({ scenario: "rotation", machine, rotations, milliseconds }, undefined, 2)}\n`,
  );
  console.log(`${rotations} rotations of a related Secret until the other side shows them, milliseconds:`);
  console.log(JSON.stringify(milliseconds));
} finally {
  await land.stop();
}
