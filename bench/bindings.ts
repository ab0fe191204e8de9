// What many namespaced Bindings cost: 300 of them with some objects each, with rights in the whole cluster and with Roles
// alone. Counts the open watches of each side, the requests of a restart until everything that was missed is carried, and the
// memory. Writes bench/results/bindings.json. `npm run bench -- bindings`; `--bindings 300 --objects 5` are the defaults.

import { writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { type Lane, openLane } from "../test/e2e/lanes.ts";
import { type Landscape, served, startLandscape } from "../test/e2e/landscape.ts";
import { GROUP, instance } from "../test/e2e/manifests.ts";
import { bind, connect, GENERAL_HERE, grantIn, ready, streams, watched } from "../test/e2e/namespaced.ts";
import { at } from "../test/e2e/objects.ts";
import { makeRoom } from "../test/e2e/rooms.ts";
import { KONNECTOR_USER } from "../test/e2e/rights.ts";
import { setRules, untilRefused } from "../test/e2e/rules.ts";
import { listen, type Traffic } from "../test/e2e/traffic.ts";
import { eventually, NotYet } from "../test/harness/wait.ts";

const RESULTS = path.join(import.meta.dirname, "results", "bindings.json");
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

/** A few at a time: the API servers share the machine. */
async function forEach<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of rest) await run(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

async function build(land: Landscape, lane: Lane, rights: Rights): Promise<void> {
  await setRules(land.consumer.plane, KONNECTOR_USER, GENERAL_HERE);
  await untilRefused(land.consumer.plane, KONNECTOR_USER, { group: GROUP, resource: lane.type.resource, verb: "list" });
  await forEach(rooms, (room) => makeRoom(land, room));
  await forEach(rights === "roles" ? rooms : [""], (room) => grantIn(land, lane, room));
  await connect(land, lane);
  await forEach(rooms, (room) => bind(land, lane, room));
  await served(land.consumer, lane.type);
  await forEach(rooms, async (room) => {
    for (const name of names) await land.consumer.objects.create(lane.type, instance(lane.type, name, room));
  });
  await eventually(
    "all copies",
    async () => {
      const { length } = await land.provider.objects.list(lane.type);
      return length === bindings * objects || new NotYet(length);
    },
    PATIENCE,
  );
  await forEach(rooms, (room) => ready(land, lane, room));
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

async function gauge({ konnector }: Landscape, name: string): Promise<number> {
  const page = await (await fetch(`${konnector.metricsUrl}/metrics`)).text();
  return Number(new RegExp(`^konnector_${name} (\\S+)$`, "m").exec(page)?.[1]);
}

const megabytes = (bytes: number): number => Math.round(bytes / 100_000) / 10;

async function measure(rights: Rights) {
  const land = await startLandscape();
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
        setUp: Math.round(built / 1000),
        carried: Math.round(carried / 100) / 10,
        complete: Math.round(complete / 100) / 10,
      },
      megabytes: {
        rss: megabytes(await gauge(land, "memory_rss_bytes")),
        heap: megabytes(await gauge(land, "memory_heap_bytes")),
      },
    };
  } finally {
    await land.stop();
  }
}

const [{ model } = { model: "unknown" }] = os.cpus();
const machine = { cpus: os.availableParallelism(), model, node: process.version };
const result = { "cluster-wide": await measure("cluster-wide"), roles: await measure("roles") };
writeFileSync(
  RESULTS,
  `${JSON.stringify({ scenario: "bindings", machine, bindings, objects, ...result }, undefined, 2)}\n`,
);
console.log(`${bindings} Bindings with ${objects} objects each`);
for (const part of ["streams", "requests", "seconds", "megabytes"] as const) {
  console.log(part);
  console.log(
    JSON.stringify(
      Object.fromEntries(Object.entries(result).map(([rights, one]) => [rights, one[part]])),
      undefined,
      2,
    ),
  );
}
