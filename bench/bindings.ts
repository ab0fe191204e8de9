// What many namespaced Bindings cost: 300 of them with some objects each, with rights in the whole cluster and with Roles
// alone. Counts the open watches of each side, the requests of a restart until everything that was missed is carried, and the
// memory. Writes bench/results/bindings.json. `npm run bench -- bindings`; `--bindings 300 --objects 5` are the defaults.

import { parseArgs } from "node:util";

import { type Lane, openLane } from "../test/e2e/lanes.ts";
import { type Landscape, served } from "../test/e2e/landscape.ts";
import { GROUP, instance } from "../test/e2e/manifests.ts";
import { bind, connect, GENERAL_HERE, grantIn, ready, streams, watched } from "../test/e2e/namespaced.ts";
import { at } from "../test/e2e/objects.ts";
import { makeRoom } from "../test/e2e/rooms.ts";
import { KONNECTOR_USER } from "../test/e2e/rights.ts";
import { setRules, untilRefused } from "../test/e2e/rules.ts";
import { listen, type Traffic } from "../test/e2e/traffic.ts";
import { eachOf } from "../test/harness/pool.ts";
import { eventually, NotYet } from "../test/harness/wait.ts";
import { conclude, CONCURRENCY, gaugeOf, rounded } from "./measure.ts";
import { startShipped } from "./shipped.ts";

const PATIENCE = 240_000;
const AFTERWARDS = 10_000;

const { values } = parseArgs({
  options: { bindings: { type: "string", default: "300" }, objects: { type: "string", default: "5" } },
});
const [bindings, objects] = [Number(values.bindings), Number(values.objects)];
const rooms = Array.from({ length: bindings }, (_, index) => `room-${index + 1}`);
const names = Array.from({ length: objects }, (_, index) => `object-${index + 1}`);
/** What is edited while the konnector is away. */
const [LAST, FIRST] = [rooms.at(-1) as string, names[0] as string];

type Rights = "cluster-wide" | "roles";

async function build(land: Landscape, lane: Lane, rights: Rights): Promise<void> {
  await setRules(land.consumer.plane, KONNECTOR_USER, GENERAL_HERE);
  await untilRefused(land.consumer.plane, KONNECTOR_USER, { group: GROUP, resource: lane.type.resource, verb: "list" });
  await eachOf(rooms, (room) => makeRoom(land, room), CONCURRENCY);
  await eachOf(rights === "roles" ? rooms : [""], (room) => grantIn(land, lane, room), CONCURRENCY);
  await connect(land, lane);
  await eachOf(rooms, (room) => bind(land, lane, room), CONCURRENCY);
  await served(land.consumer, lane.type);
  await eachOf(
    rooms,
    async (room) => {
      for (const name of names) await land.consumer.objects.create(lane.type, instance(lane.type, name, room));
    },
    CONCURRENCY,
  );
  await eventually(
    "all copies",
    async () => {
      const { length } = await land.provider.objects.list(lane.type);
      return length === bindings * objects || new NotYet(length);
    },
    PATIENCE,
  );
  await eachOf(rooms, (room) => ready(land, lane, room), CONCURRENCY);
}

const byVerb = (events: Traffic["consumer"]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { verb, stage, objectRef } of events) {
    // A watch has a line when it is opened and one when it ends.
    if (verb === "watch" && stage === "ResponseComplete") continue;
    const what = objectRef?.apiGroup === "authorization.k8s.io" ? "review" : verb;
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
};

async function measure(rights: Rights) {
  const land = await startShipped();
  try {
    const lane = await openLane(land, "bound", "Binding");
    const begun = performance.now();
    await build(land, lane, rights);
    const built = performance.now() - begun;
    const expected = rights === "roles" ? rooms : [""];
    await watched(land, lane.type, expected);
    await land.konnector.kill();
    await land.consumer.objects.merge(lane.type, at(FIRST, LAST), { spec: { size: "large" } });
    const heard = await listen(land);
    const started = performance.now();
    await land.restart();
    await eventually(
      "what was missed",
      async () => (await land.provider.objects.get(lane.type, at(FIRST, LAST))).spec.size === "large",
      PATIENCE,
    );
    const carried = performance.now() - started;
    await watched(land, lane.type, expected);
    const complete = performance.now() - started;
    // A status that were taken back, because it takes long until all is known, would be by then.
    await new Promise((resolve) => setTimeout(resolve, AFTERWARDS));
    const { consumer, provider } = await heard();
    const open = await Promise.all([land.consumer, land.provider].map((side) => streams(side, lane.type)));
    return {
      streams: { consumer: open[0]?.length, provider: open[1]?.length },
      requests: { consumer: byVerb(consumer), provider: byVerb(provider) },
      seconds: {
        setUp: rounded(built / 1000, 0),
        carried: rounded(carried / 1000),
        complete: rounded(complete / 1000),
      },
      megabytes: {
        rss: rounded((await gaugeOf(land.konnector, "memory_rss_bytes")) / 1e6),
        heap: rounded((await gaugeOf(land.konnector, "memory_heap_bytes")) / 1e6),
      },
    };
  } finally {
    await land.stop();
  }
}

const result = { "cluster-wide": await measure("cluster-wide"), roles: await measure("roles") };
conclude({ scenario: "bindings", bindings, objects, ...result });
