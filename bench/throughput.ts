// How many objects a second: a backlog (objects exist, then the binding is applied), storms of edits and of statuses, and the
// deletion of everything, each beside the bare limit of the same act (bench/bare.ts) on the same servers, act by act and
// in pairs. Writes bench/results/throughput.json. `npm run bench -- throughput`; `--objects 4000 --pairs 5` are the defaults.

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
  options: { objects: { type: "string", default: "4000" }, pairs: { type: "string", default: "5" } },
});
const [objects, pairs] = [Number(values.objects), Number(values.pairs)];
const names = namesOf(objects);
/** How often there is each act in a pair: a shared machine's servers are half as fast again from one minute to the next. */
const ROUNDS: Record<Act, number> = { backlog: 1, spec: 3, status: 3, deletion: 1 };

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

/** What is done to each object in which round, and how it shows on which side. */
const storms: Record<
  Act,
  {
    side: "consumer" | "provider";
    drive?: (type: Resource, name: string, round: number) => Promise<unknown>;
    shows: (event: WatchEvent, round: number) => boolean;
  }
> = {
  backlog: { side: "provider", shows: ({ type }) => type === "ADDED" },
  spec: {
    side: "provider",
    drive: (type, name, round) => consumer.objects.merge(type, at(name, ROOM), { spec: { size: `large-${round}` } }),
    shows: ({ object }, round) => object.spec.size === `large-${round}`,
  },
  status: {
    side: "consumer",
    drive: (type, name, round) =>
      provider.objects.merge(type, at(name, ROOM), { status: { phase: `Running-${round}` } }, "status"),
    shows: ({ object }, round) => object.status?.phase === `Running-${round}`,
  },
  deletion: {
    side: "consumer",
    drive: (type, name) => consumer.objects.remove(type, at(name, ROOM)),
    shows: ({ type }) => type === "DELETED",
  },
};

async function perform(act: Act, round: number, type: Resource, worker: Worker): Promise<Run> {
  const { side, drive, shows } = storms[act];
  const pid = await worker.pid(act);
  const observer = await observe(land[side].plane.kubeconfig, type, ROOM);
  try {
    await worker.delay?.();
    const [before, ofServers, began] = [cpuOf(pid), cpuOfServers(), performance.now()];
    const done = observer.until(objects, (event) => shows(event, round));
    if (drive === undefined) await worker.begin();
    else await eachOf(names, (name) => drive(type, name, round), CONCURRENCY);
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

type Half = "bare" | "konnector";
type Runs = Record<Half, Record<Act, Run[]>>;

/**
 * All acts, one after the other, each by both: by either on objects of a type of its own, which the other does not know. Side
 * by side, because a machine that is shared is not as fast in one minute as in the next; who comes first takes turns.
 */
async function measurePair(pair: number): Promise<Runs> {
  const none = (): Record<Act, Run[]> => ({ backlog: [], spec: [], status: [], deletion: [] });
  const runs: Runs = { bare: none(), konnector: none() };
  const types = { bare: typeOf(`bare${pair}`), konnector: typeOf(`konnector${pair}`) };
  const workers = { bare: bareWorker(types.bare), konnector: konnectorWorker(types.konnector) };
  for (const type of Object.values(types)) {
    await offerOnBoth(land, type);
    await eachOf(names, (name) => consumer.objects.create(type, manifest(type, name)), CONCURRENCY);
  }
  const rounds = ACTS.flatMap((act) => Array.from({ length: ROUNDS[act] }, (_, round) => ({ act, round })));
  for (const [index, { act, round }] of rounds.entries()) {
    const order: Half[] = (pair + index) % 2 === 0 ? ["bare", "konnector"] : ["konnector", "bare"];
    for (const which of order) {
      const run = await perform(act, round, types[which], workers[which]);
      runs[which][act].push(run);
      console.log(pair, act, which, JSON.stringify(run));
    }
  }
  return runs;
}

try {
  const measured: Runs[] = [];
  for (let pair = 0; pair < pairs; pair++) measured.push(await measurePair(pair));
  const runsOf = (which: Half, act: Act): Run[] => measured.flatMap((runs) => runs[which][act]);
  const of = (which: Half, act: Act, figure: "perSecond" | "cpu" | "servers") =>
    rounded(median(runsOf(which, act).map((run) => run[figure])), 2);
  const ratio = (act: Act) => {
    const bare = runsOf("bare", act);
    const ratios = runsOf("konnector", act).map((run, index) => run.perSecond / (bare[index]?.perSecond ?? Number.NaN));
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
  const delay = Math.max(
    ...measured.flatMap(({ konnector }) => ACTS.flatMap((act) => konnector[act].map((run) => run.delay ?? NaN))),
  );
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
