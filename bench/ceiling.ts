// The konnector's own ceiling: what it can do where the API servers cost nothing, between two scripted ones (bench/scripted), and
// how that grows with the number of objects. For each number: a backlog, the settled process, edits, a restart with everything in
// sync. Writes bench/results/ceiling.json, prints the figures and their exponents, and fails where a limit is missed.
// With `--synced` the copies are there as well before it begins, so that a million take minutes and not half an hour: what it calls
// a backlog is then the first look at them. `npm run bench -- ceiling`; `--objects 10000,100000 --edits 2000 --into ceiling` are the defaults.

import os from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";

import type { Limit } from "./limits.ts";
import { conclude, cpuOf, gaugesOf, residentOf } from "./measure.ts";
import type { SideName } from "./scripted/bodies.ts";
import { exponentOf } from "./scripted/growth.ts";
import { atRest } from "./scripted/rest.ts";
import { copied, type ScriptedLand, startScripted } from "./scripted/land.ts";
import type { Report } from "./scripted/script.ts";
import { UNSCRIPTED } from "./scripted/side.ts";
import { shipped } from "./shipped.ts";

/** Milliseconds for which a write is remembered, with some to spare: an object is settled once that is over. */
const REMEMBERED = 14_000;
const IDLE = 3_000;
const AT_A_TIME = 16;
const MOST = 1_800_000;

const LIMITS = { exponent: 1.1, edit: 0.1, millisecondsPerObject: 1.2, bytesPerObject: 1_536, delay: 50 };

const { values } = parseArgs({
  options: {
    objects: { type: "string", default: "10000,100000" },
    edits: { type: "string", default: "2000" },
    into: { type: "string", default: "ceiling" },
    synced: { type: "boolean", default: false },
  },
});
const sizes = values.objects.split(",").map(Number);
const edits = Number(values.edits);

const round = (value: number, digits = 3): number => Number(value.toPrecision(digits));

/** Time, CPU of both processes and the event loop while something is done; it may say when it was done (as of `performance.now()`). */
async function metered({ konnector, script }: ScriptedLand, run: () => Promise<unknown>) {
  // To read the delays is to begin anew with them.
  await gaugesOf(konnector);
  const [began, cpu, server] = [performance.now(), cpuOf(konnector.pid), cpuOf(script.pid)];
  const done = await run();
  const [milliseconds, ours, theirs] = [
    (typeof done === "number" ? done : performance.now()) - began,
    cpuOf(konnector.pid) - cpu,
    cpuOf(script.pid) - server,
  ];
  const gauge = await gaugesOf(konnector);
  const delay = { p99: gauge("event_loop_delay_p99_seconds"), max: gauge("event_loop_delay_max_seconds") };
  return { milliseconds, cpu: ours, server: theirs, delay };
}

async function sizeOf({ konnector }: ScriptedLand) {
  await atRest(konnector);
  const gauge = await gaugesOf(konnector);
  return { rss: residentOf(konnector.pid).all, heap: gauge("memory_heap_bytes") };
}

/** N objects exist, then the binding. */
async function backlog(land: ScriptedLand, objects: number) {
  const { milliseconds, cpu, server, delay } = await metered(land, async () => {
    await land.bind();
    await copied(land, objects, MOST);
    return values.synced ? atRest(land.konnector) : undefined;
  });
  return {
    seconds: milliseconds / 1_000,
    perSecond: objects / (milliseconds / 1_000),
    cpu,
    millisecondsPerObject: cpu / objects,
    perSecondAndCore: objects / (cpu / 1_000),
    serverMillisecondsPerObject: server / objects,
    delay,
  };
}

/** The CPU of one, without what the process costs anyway. */
async function edit(land: ScriptedLand, objects: number) {
  if (objects === 0) return undefined;
  const idle = await metered(land, () => pause(IDLE));
  const busy = await metered(land, () => land.script.order({ do: "edit", count: edits, atATime: AT_A_TIME }));
  const share = idle.cpu / idle.milliseconds;
  return { millisecondsPerEdit: (busy.cpu - share * busy.milliseconds) / edits, delay: busy.delay };
}

const WRITES = /^(PATCH|PUT|POST|DELETE) (?!leases|events|self)/;

function requestsSince(before: Report, after: Report) {
  const sides = (["consumer", "provider"] as const).map((side: SideName) => {
    const counts = Object.entries(after.requests[side])
      .map(([what, count]) => [what, count - (before.requests[side][what] ?? 0)] as const)
      .filter(([, count]) => count > 0);
    return [side, Object.fromEntries(counts)] as const;
  });
  const all = sides.flatMap(([, counts]) => Object.entries(counts));
  const sum = (of: typeof all): number => of.reduce((total, [, count]) => total + count, 0);
  return {
    requests: sum(all),
    writes: sum(all.filter(([what]) => WRITES.test(what))),
    unscripted: sum(all.filter(([what]) => what === UNSCRIPTED)),
    by: Object.fromEntries(sides),
  };
}

async function restart(land: ScriptedLand) {
  const before = await land.script.order({ do: "report" });
  const began = performance.now();
  await land.restart();
  await gaugesOf(land.konnector);
  const rested = await atRest(land.konnector);
  const cpu = cpuOf(land.konnector.pid);
  const gauge = await gaugesOf(land.konnector);
  const delay = { p99: gauge("event_loop_delay_p99_seconds"), max: gauge("event_loop_delay_max_seconds") };
  const after = await land.script.order({ do: "report" });
  return { seconds: (rested - began) / 1_000, cpu, delay, ...requestsSince(before, after), ...(await sizeOf(land)) };
}

const program = await shipped();

async function measure(objects: number) {
  const land = await startScripted(objects, program);
  try {
    await land.script.order({ do: values.synced ? "fillSynced" : "fill" });
    const filled = await land.script.order({ do: "report" });
    const first = await backlog(land, objects);
    await pause(REMEMBERED);
    const settled = await sizeOf(land);
    const edited = await edit(land, objects);
    const restarted = await restart(land);
    const { unscripted } = requestsSince(filled, await land.script.order({ do: "report" }));
    return { objects, backlog: first, settled, edit: edited, restart: restarted, unscripted };
  } finally {
    await land.stop();
  }
}

type Measured = Awaited<ReturnType<typeof measure>>;

/** What each object adds to what there is without any. */
function growthOf(base: Measured, measured: readonly Measured[]) {
  const fit = (read: (one: Measured) => number | undefined): number =>
    round(exponentOf(measured.map((one) => [one.objects, read(one) ?? Number.NaN] as const)));
  const above = (read: (one: Measured) => number) => fit((one) => read(one) - read(base));
  return {
    backlogSeconds: above(({ backlog: { seconds } }) => seconds),
    backlogCpu: above(({ backlog: { cpu } }) => cpu),
    settledBytes: above(({ settled: { rss } }) => rss),
    restartSeconds: above(({ restart: { seconds } }) => seconds),
    restartCpu: above(({ restart: { cpu } }) => cpu),
    restartBytes: above(({ restart: { rss } }) => rss),
    edit: fit((one) => one.edit?.millisecondsPerEdit),
  };
}

const bytesPerObject = (base: Measured, one: Measured, when: "settled" | "restart"): number =>
  (one[when].rss - base[when].rss) / one.objects;

const GROWTH: Record<keyof ReturnType<typeof growthOf>, string> = {
  backlogSeconds: "the time of a backlog",
  backlogCpu: "the processor time of a backlog",
  settledBytes: "the memory of settled objects",
  restartSeconds: "the time of a restart",
  restartCpu: "the processor time of a restart",
  restartBytes: "the memory of a process that began with them",
  edit: "the cost of an edit",
};

/** Memory is held to its limit where there are most objects: the fewer, the more of it is the process's own. */
function limitsOf(base: Measured, measured: readonly Measured[], growth: ReturnType<typeof growthOf>): Limit[] {
  const exponents = Object.entries(GROWTH).map(([what, said]) => ({
    what: `is the exponent of ${said} in the number of objects`,
    value: growth[what as keyof typeof growth],
    most: what === "edit" ? LIMITS.edit : LIMITS.exponent,
  }));
  const at = ({ objects, backlog: first, restart: then, unscripted }: Measured): Limit[] => [
    {
      what: `of processor time for each of ${objects} new objects`,
      value: round(first.millisecondsPerObject),
      most: LIMITS.millisecondsPerObject,
      unit: "ms",
    },
    ...[
      { delay: first.delay, when: `a backlog of ${objects}` },
      { delay: then.delay, when: `a restart with ${objects}` },
    ].map(({ delay, when }) => ({
      what: `event-loop delay (p99) in ${when}`,
      value: round(delay.p99 * 1_000),
      most: LIMITS.delay,
      unit: "ms",
    })),
    { what: `writes in a restart with ${objects} in sync`, value: then.writes, most: 0 },
    { what: `requests that nobody has scripted, with ${objects}`, value: unscripted, most: 0 },
  ];
  const memory = measured.slice(-1).map((largest) => ({
    what: `of memory for each of ${largest.objects} settled objects`,
    value: Math.round(bytesPerObject(base, largest, "settled")),
    most: LIMITS.bytesPerObject,
    unit: "bytes",
  }));
  return [...(measured.length > 1 ? exponents : []), ...measured.flatMap(at), ...memory];
}

const line = (base: Measured, one: Measured) => ({
  "objects/s": Math.round(one.backlog.perSecond),
  "objects/s and core": Math.round(one.backlog.perSecondAndCore),
  "ms CPU/object": round(one.backlog.millisecondsPerObject),
  "settled MB": Math.round(one.settled.rss / 1e6),
  "bytes/object": Math.round(bytesPerObject(base, one, "settled")),
  "ms CPU/edit": round(one.edit?.millisecondsPerEdit ?? 0),
  "restart s": round(one.restart.seconds),
  "restart MB": Math.round(one.restart.rss / 1e6),
  "bytes/object then": Math.round(bytesPerObject(base, one, "restart")),
  "delay p99 ms": round(one.backlog.delay.p99 * 1_000),
  "…at restart": round(one.restart.delay.p99 * 1_000),
});

const [loadBefore] = os.loadavg();
const base = await measure(0);
const measured: Measured[] = [];
for (const objects of sizes) measured.push(await measure(objects));
const growth = growthOf(base, measured);
/** Of the machine, by whatever else ran: times and delays say little where it is above two. */
const load = { before: loadBefore, after: os.loadavg()[0] };
conclude({
  scenario: values.synced ? "ceiling --synced" : "ceiling",
  into: values.into,
  load,
  flags: { synced: values.synced, edits },
  summary: Object.fromEntries(measured.map((one) => [one.objects, line(base, one)])),
  growth,
  limits: limitsOf(base, measured, growth),
  base,
  measured,
});
