// How many objects a second: a backlog (objects exist, then the binding is applied), storms of edits and of statuses, and the
// deletion of everything, each beside the bare limit of the same act (bench/bare.ts) on the same servers, in many pairs.
// Writes bench/results/throughput.json. `npm run bench -- throughput`; `--objects 2500 --pairs 8` are the defaults.

import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { parseArgs } from "node:util";

import type { Resource } from "../crds/kube-object.ts";
import { CLUSTER_BINDINGS } from "../crds/resources.ts";
import { absent } from "../test/e2e/conditions.ts";
import { typeOf } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { median } from "../test/e2e/pulse.ts";
import { eachOf } from "../test/harness/pool.ts";
import type { Act, Task } from "./bare.ts";
import { conclude, CONCURRENCY, cpuOf, cpuOfServers, gaugeOf, rounded } from "./measure.ts";
import { observe } from "./observer.ts";
import { bindingOf, manifest, namesOf, offerOnBoth, ROOM, spec, startSetting } from "./setting.ts";
import type { WatchEvent } from "./wire.ts";

const { values } = parseArgs({
  options: { objects: { type: "string", default: "2500" }, pairs: { type: "string", default: "8" } },
});
const [objects, pairs] = [Number(values.objects), Number(values.pairs)];
const names = namesOf(objects);

const ACTS: readonly Act[] = ["backlog", "spec", "status", "deletion"];

/** What one act came to. */
interface Run {
  perSecond: number;
  /** Milliseconds of processor time of whoever did it, for one object. */
  cpu: number;
  /** The same of the two API servers, what is done to the objects included. */
  servers: number;
  /** Milliseconds of the event loop's delay, p99; of the konnector only. */
  delay?: number;
}

/** Who does the work: the konnector, or the bare limit. */
interface Worker {
  pid(act: Act): Promise<number>;
  /** Has a backlog begin; the other acts begin with what is done to the objects. */
  begin(): Promise<unknown>;
  delay?(): Promise<number>;
  end(act: Act): Promise<unknown>;
}

const { land, direct } = await startSetting();
const { consumer, provider } = land;

/** What is done to each object, and how it shows on which side. */
const storms: Record<
  Act,
  {
    side: "consumer" | "provider";
    drive?: (type: Resource, name: string) => Promise<unknown>;
    shows: (event: WatchEvent) => boolean;
  }
> = {
  backlog: { side: "provider", shows: ({ type }) => type === "ADDED" },
  spec: {
    side: "provider",
    drive: (type, name) => consumer.objects.merge(type, at(name, ROOM), { spec: { size: "large" } }),
    shows: ({ object }) => object.spec.size === "large",
  },
  status: {
    side: "consumer",
    drive: (type, name) => provider.objects.merge(type, at(name, ROOM), { status: { phase: "Running" } }, "status"),
    shows: ({ object }) => object.status?.phase === "Running",
  },
  deletion: {
    side: "consumer",
    drive: (type, name) => consumer.objects.remove(type, at(name, ROOM)),
    shows: ({ type }) => type === "DELETED",
  },
};

/**
 * Has both API servers collect their garbage. With a heap of gigabytes they do it once in some seconds and for seconds, and
 * whoever is measured then pays for all (the same status cost them 2.7 to 7.3 ms).
 */
const tidy = (): Promise<unknown> =>
  Promise.all([consumer, provider].map(({ plane }) => plane.kubectl(["get", "--raw", "/debug/pprof/heap?gc=1"])));

async function perform(act: Act, type: Resource, worker: Worker): Promise<Run> {
  const { side, drive, shows } = storms[act];
  const pid = await worker.pid(act);
  const observer = await observe(land[side].plane.kubeconfig, type, ROOM);
  try {
    await tidy();
    await worker.delay?.();
    const [before, ofServers, began] = [cpuOf(pid), cpuOfServers(), performance.now()];
    const done = observer.until(objects, shows);
    if (drive === undefined) await worker.begin();
    else await eachOf(names, (name) => drive(type, name), CONCURRENCY);
    const last = Math.max(...(await done).values());
    const delay = await worker.delay?.();
    return {
      perSecond: rounded((objects / (last - began)) * 1_000),
      cpu: rounded((cpuOf(pid) - before) / objects, 2),
      servers: rounded((cpuOfServers() - ofServers) / objects, 2),
      ...(delay === undefined ? {} : { delay: rounded(delay * 1_000) }),
    };
  } finally {
    await observer.stop();
    await worker.end(act);
  }
}

function bareWorker(type: Resource): Worker {
  let child: ReturnType<typeof fork> | undefined;
  return {
    async pid(act) {
      child = fork(path.join(import.meta.dirname, "bare.ts"));
      const task: Task = {
        act,
        consumer: land.ownKubeconfig,
        provider: direct,
        type,
        namespace: ROOM,
        names,
        spec: spec("small"),
        concurrency: CONCURRENCY,
      };
      child.send(task);
      await once(child, "message");
      return child.pid as number;
    },
    begin: () => Promise.resolve(child?.send("go")),
    end: () => Promise.resolve(child?.kill("SIGKILL")),
  };
}

const konnectorWorker = (type: Resource): Worker => ({
  pid: () => Promise.resolve(land.konnector.pid),
  begin: () => consumer.objects.create(CLUSTER_BINDINGS, bindingOf(type)),
  delay: () => gaugeOf(land.konnector, "event_loop_delay_p99_seconds"),
  async end(act) {
    if (act !== "deletion") return;
    await consumer.objects.remove(CLUSTER_BINDINGS, at(type.resource));
    await absent(consumer.objects, CLUSTER_BINDINGS, at(type.resource));
  },
});

const HALVES = ["bare", "konnector"] as const;
type Half = (typeof HALVES)[number];
/** Of each act, one of each pair. */
type Runs = Record<Half, Record<Act, Run[]>>;

/**
 * Every act on many small crowds, by both in turn: what is compared is seconds apart, because a machine that is shared is not as
 * fast in one minute as in the next. Either has types of its own, which the other does not know. They are all there before the
 * first act: a server that learns of a type is busy with that for a while.
 */
async function measure(): Promise<Runs> {
  const crowds: Record<Half, { type: Resource; worker: Worker }>[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const types = { bare: typeOf(`bare${pair}`), konnector: typeOf(`konnector${pair}`) };
    for (const half of HALVES) await offerOnBoth(land, types[half]);
    crowds.push({
      bare: { type: types.bare, worker: bareWorker(types.bare) },
      konnector: { type: types.konnector, worker: konnectorWorker(types.konnector) },
    });
  }
  for (const { type } of crowds.flatMap((crowd) => Object.values(crowd)))
    await eachOf(names, (name) => consumer.objects.create(type, manifest(type, name)), CONCURRENCY);

  const none = (): Record<Act, Run[]> => ({ backlog: [], spec: [], status: [], deletion: [] });
  const runs: Runs = { bare: none(), konnector: none() };
  for (const act of ACTS) {
    for (const [pair, crowd] of crowds.entries()) {
      for (const half of pair % 2 === 0 ? HALVES : HALVES.toReversed()) {
        const run = await perform(act, crowd[half].type, crowd[half].worker);
        runs[half][act].push(run);
        console.log(act, pair, half, JSON.stringify(run));
      }
    }
  }
  return runs;
}

try {
  const measured = await measure();
  const of = (which: Half, act: Act, figure: "perSecond" | "cpu" | "servers") =>
    rounded(median(measured[which][act].map((run) => run[figure])), 2);
  const ratio = (act: Act) => {
    const bare = measured.bare[act];
    const ratios = measured.konnector[act].map((run, pair) => run.perSecond / (bare[pair]?.perSecond ?? Number.NaN));
    return rounded(median(ratios), 2);
  };
  const acts = Object.fromEntries(
    ACTS.map((act) => [
      act,
      {
        perSecond: of("konnector", act, "perSecond"),
        bare: of("bare", act, "perSecond"),
        ratio: ratio(act),
        cpu: of("konnector", act, "cpu"),
        bareCpu: of("bare", act, "cpu"),
        servers: of("konnector", act, "servers"),
        bareServers: of("bare", act, "servers"),
      },
    ]),
  );
  const delay = Math.max(...ACTS.flatMap((act) => measured.konnector[act].map((run) => run.delay ?? Number.NaN)));
  const LABELS: Record<Act, string> = {
    backlog: "a backlog",
    spec: "a storm of edits",
    status: "a storm of statuses",
    deletion: "a deletion",
  };
  conclude({
    scenario: "throughput",
    objects,
    pairs,
    concurrency: CONCURRENCY,
    acts,
    eventLoopDelayP99: delay,
    limits: [
      ...ACTS.map((act) => ({ what: `of the bare limit in ${LABELS[act]}`, value: ratio(act), least: 0.85 })),
      {
        what: "of processor time for each new object",
        value: of("konnector", "backlog", "cpu"),
        most: 1.2,
        unit: "ms",
      },
      { what: "event-loop delay (p99) at full load", value: delay, most: 50, unit: "ms" },
    ],
    measured,
  });
} finally {
  await land.stop();
}
