// What a restart costs with everything in sync: the time until all is known, the processor time, and how long an edit takes
// that was made while the process was away, or is made as soon as it is back. Writes bench/results/restart.json.
// `npm run bench -- restart`; `--objects 10000` is the default.

import { parseArgs } from "node:util";

import { typeOf } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { eachOf } from "../test/harness/pool.ts";
import { eventually, NotYet } from "../test/harness/wait.ts";
import { conclude, CONCURRENCY, cpuOf, gaugeOf, rounded } from "./measure.ts";
import { observe } from "./observer.ts";
import { bind, manifest, namesOf, ROOM, startSetting } from "./setting.ts";

const { values } = parseArgs({ options: { objects: { type: "string", default: "10000" } } });
const objects = Number(values.objects);
const names = namesOf(objects);
const TYPE = typeOf("restarted");
const WRITES = /_requests_total\{.*verb="(?:create|update|patch|apply|delete)"/;
/** What is asked of a server, and nothing is kept of it; and the sign of life. */
const NO_CHANGE = /resource="(?:selfsubject\w+|leases)"/;

const { land } = await startSetting();

async function counted(pattern: RegExp): Promise<number> {
  const page = await (await fetch(`${land.konnector.metricsUrl}/metrics`)).text();
  return page
    .split("\n")
    .filter((line) => pattern.test(line) && !NO_CHANGE.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** Until nothing has been asked or done for two seconds. */
const atRest = async (): Promise<void> => {
  let before = -1;
  await eventually(
    "nothing more to be done",
    async () => {
      const now = (await counted(/_requests_total\{/)) + (await counted(/_passes_total\{/));
      const isSame = now === before && (await gaugeOf(land.konnector, "queue_depth")) === 0;
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return isSame || new NotYet(now);
    },
    600_000,
  );
};

try {
  const { consumer, provider } = land;
  await bind(land, TYPE);
  const above = await observe(provider.plane.kubeconfig, TYPE, ROOM);
  const copied = above.until(objects, () => true);
  await eachOf(names, (name) => consumer.objects.create(TYPE, manifest(TYPE, name)), CONCURRENCY);
  await copied;
  await atRest();

  await land.konnector.kill();
  const edit = async (name: string, size: string) => {
    const shown = above.shows(name, ({ object }) => object.spec.size === size);
    await consumer.objects.merge(TYPE, at(name, ROOM), { spec: { size } });
    return { answered: performance.now(), shown };
  };
  const missed = await edit("object-0", "missed");
  const started = performance.now();
  await land.restart();
  const live = await edit("object-1", "live");
  const [missedShown, liveShown] = await Promise.all([missed.shown, live.shown]);
  await atRest();
  const cpu = cpuOf(land.konnector.pid);
  const writes = await counted(WRITES);
  const requests = await counted(/_requests_total\{/);
  await above.stop();
  conclude({
    scenario: "restart",
    objects,
    milliseconds: { missedEdit: Math.round(missedShown - started), liveEdit: Math.round(liveShown - live.answered) },
    requests,
    cpuMilliseconds: Math.round(cpu),
    cpuPerObject: rounded(cpu / objects, 3),
    limits: [{ what: "writes beyond those of the two edits", value: writes - 2, most: 0 }],
  });
} finally {
  await land.stop();
}
