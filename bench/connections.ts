// What idle Connections cost: 1, 10 and 50 of them in one process, each to a provider of its own (bench/providers.ts) with one
// bound API and ten settled objects. Counts processor time, requests of each side, memory and sockets, of a process that was
// started with all of them. Writes bench/results/connections.json.
// `npm run bench -- connections`; `--connections 1,10,50 --minutes 2` are the defaults.

import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import type { Write } from "../test/e2e/audit-policy.ts";
import type { Lane } from "../test/e2e/lanes.ts";
import { instance } from "../test/e2e/manifests.ts";
import { listen } from "../test/e2e/traffic.ts";
import { eachOf } from "../test/harness/pool.ts";
import { eventually, NotYet } from "../test/harness/wait.ts";
import { bindLane, readyLane } from "./bound-lane.ts";
import { countOf } from "./crowd.ts";
import { conclude, CONCURRENCY, cpuOf, gaugeOf, residentOf, rounded } from "./measure.ts";
import { showProviders } from "./providers.ts";
import { startShipped } from "./shipped.ts";

/** Requests a minute that each Connection may cost each side while nothing happens. */
const BUDGET = 8;
const OBJECTS = 10;
const PATIENCE = 120_000;
/** Milliseconds after which a started process has done everything once and has closed the sockets it needs no more. */
const CALM = 60_000;
const MINUTE = 60_000;

const { values } = parseArgs({
  options: { connections: { type: "string", default: "1,10,50" }, minutes: { type: "string", default: "2" } },
});
const sizes = values.connections.split(",").map(Number);
const minutes = Number(values.minutes);

const socketsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith("socket:");
    } catch {
      return false; // closed meanwhile
    }
  }).length;

/** A minute's requests by what they are; a watch has a line when it is opened and one when it ends. */
const byKind = (events: readonly Write[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { verb, stage, objectRef, requestURI } of events) {
    if (verb === "watch" && stage === "ResponseComplete") continue;
    const kind = `${verb} ${objectRef?.resource ?? requestURI}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(counts).map(([kind, count]) => [kind, rounded(count / minutes)]));
};

const sum = (counts: Record<string, number>): number => rounded(Object.values(counts).reduce((a, b) => a + b, 0));

const land = await startShipped();
const providers = await showProviders(land);
try {
  const lanes: Lane[] = [];

  const settled = async (): Promise<void> => {
    await eachOf(lanes, (lane) => readyLane(land, lane), CONCURRENCY);
    await eventually(
      "everything to be carried",
      async () => {
        const copies = await Promise.all(lanes.map(({ type }) => countOf(land.provider, type)));
        const waiting = await gaugeOf(land.konnector, "queue_depth");
        return (copies.every((count) => count === OBJECTS) && waiting === 0) || new NotYet({ copies, waiting });
      },
      PATIENCE,
    );
  };

  const add = async (word: string): Promise<void> => {
    const lane = await providers.open(word);
    await bindLane(land, lane, providers.kubeconfig(lane));
    for (let index = 0; index < OBJECTS; index++)
      await land.consumer.objects.create(lane.type, instance(lane.type, `object-${index}`, word));
    lanes.push(lane);
  };

  const measure = async (connections: number) => {
    for (let next = lanes.length; next < connections; next++) await add(`lane${next}x`);
    await settled();
    await land.restart();
    await settled();
    await pause(CALM);
    const { pid } = land.konnector;
    const [heard, cpu] = [await listen(land), cpuOf(pid)];
    await pause(minutes * MINUTE);
    const used = (cpuOf(pid) - cpu) / minutes;
    const { consumer, provider } = await heard();
    const requests = { consumer: byKind(consumer), provider: byKind(provider) };
    const point = {
      connections,
      cpuMsPerMinute: rounded(used),
      requestsPerMinute: { consumer: sum(requests.consumer), provider: sum(requests.provider), of: requests },
      residentMB: rounded(residentOf(pid).all / 1e6),
      heapMB: rounded((await gaugeOf(land.konnector, "memory_heap_bytes")) / 1e6),
      sockets: socketsOf(pid),
    };
    console.log(JSON.stringify(point));
    return point;
  };

  const points: Awaited<ReturnType<typeof measure>>[] = [];
  for (const size of sizes) points.push(await measure(size));
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined) throw new Error("nothing was measured");
  const each = (figure: "cpuMsPerMinute" | "residentMB" | "heapMB" | "sockets") =>
    rounded((last[figure] - first[figure]) / Math.max(1, last.connections - first.connections), 2);
  const most = (side: "consumer" | "provider") =>
    rounded(Math.max(...points.map(({ connections, requestsPerMinute }) => requestsPerMinute[side] / connections)), 2);
  conclude({
    scenario: "connections",
    minutes,
    objectsOfEach: OBJECTS,
    points,
    eachMore: {
      cpuMsPerMinute: each("cpuMsPerMinute"),
      residentMB: each("residentMB"),
      heapMB: each("heapMB"),
      sockets: each("sockets"),
    },
    limits: (["consumer", "provider"] as const).map((side) => ({
      what: `requests a minute for each idle Connection, ${side}`,
      value: most(side),
      most: BUDGET,
    })),
  });
} finally {
  await providers.stop();
  await land.stop();
}
