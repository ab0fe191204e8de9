// How long a rotated Secret takes to the other side: from the answer to the edit of a related Secret on the consumer until the
// provider shows it. Writes bench/results/rotation.json. `npm run bench -- rotation`; `--rotations 200` is the default.

import { parseArgs } from "node:util";

import { SECRETS } from "../crds/resources.ts";
import { object } from "../test/e2e/conditions.ts";
import { related } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { bound, secret, startRelated } from "../test/e2e/related-objects.ts";
import { conclude, quantiles } from "./measure.ts";
import { shipped } from "./shipped.ts";

const { values } = parseArgs({ options: { rotations: { type: "string", default: "200" } } });
const rotations = Number(values.rotations);

const land = await startRelated({ konnector: await shipped() });
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
  conclude({ scenario: "rotation", rotations, milliseconds: quantiles(took) });
} finally {
  await land.stop();
}
