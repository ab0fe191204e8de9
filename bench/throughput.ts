// How many objects a second: a backlog (objects exist, then the binding is applied), storms of edits and of statuses, and the
// deletion of everything, each beside the bare limit of the same act (bench/bare.ts) on the same servers, in pairs one after the
// other. Writes bench/results/throughput.json. `npm run bench -- throughput`; `--objects 2000 --pairs 3` are the defaults.

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
import { conclude, CONCURRENCY, cpuOf, gaugeOf, rounded } from "./measure.ts";
import { observe } from "./observer.ts";
import { bindingOf, manifest, namesOf, offerOnBoth, ROOM, spec, startSetting } from "./setting.ts";
import type { WatchEvent } from "./wire.ts";

const { values } = parseArgs({
  options: { objects: { type: "string", default: "2000" }, pairs: { type: "string", default: "3" } },
});
const [objects, pairs] = [Number(values.objects), Number(values.pairs)];
const names = namesOf(objects);

const ACTS: readonly Act[] = ["backlog", "spec", "status", "deletion"];

/** What one act came to. */
interface Run {
  perSecond: number;
  /** Milliseconds of processor time of whoever did it, for one object. */
  cpu: number;
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

async function perform(act: Act, type: Resource, worker: Worker): Promise<Run> {
  const { side, drive, shows } = storms[act];
  const pid = await worker.pid(act);
  const observer = await observe(land[side].plane.kubeconfig, type, ROOM);
  try {
    await worker.delay?.();
    const [before, began] = [cpuOf(pid), performance.now()];
    const done = observer.until(objects, shows);
    if (drive === undefined) await worker.begin();
    else await eachOf(names, (name) => drive(type, name), CONCURRENCY);
    const last = Math.max(...(await done).values());
    const delay = await worker.delay?.();
    return {
      perSecond: rounded((objects / (last - began)) * 1_000),
      cpu: rounded((cpuOf(pid) - before) / objects, 2),
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

/** All acts, one after the other, on objects of a type of its own. */
async function half(type: Resource, worker: Worker): Promise<Record<Act, Run>> {
  await offerOnBoth(land, type);
  await eachOf(names, (name) => consumer.objects.create(type, manifest(type, name)), CONCURRENCY);
  const runs: Partial<Record<Act, Run>> = {};
  for (const act of ACTS) runs[act] = await perform(act, type, worker);
  return runs as Record<Act, Run>;
}

type Half = "bare" | "konnector";

async function measure(which: Half, pair: number): Promise<Record<Act, Run>> {
  const type = typeOf(`${which}${pair}`);
  if (which === "konnector") {
    await land.restart();
    return half(type, konnectorWorker(type));
  }
  await land.konnector.kill();
  return half(type, bareWorker(type));
}

try {
  const measured: Record<Half, Record<Act, Run>[]> = { bare: [], konnector: [] };
  for (let pair = 0; pair < pairs; pair++) {
    // Which half comes first takes turns.
    const order: Half[] = pair % 2 === 0 ? ["bare", "konnector"] : ["konnector", "bare"];
    for (const which of order) {
      const runs = await measure(which, pair);
      measured[which].push(runs);
      console.log(which, JSON.stringify(runs));
    }
  }
  const of = (which: Half, act: Act, figure: "perSecond" | "cpu") =>
    median(measured[which].map((runs) => runs[act][figure]));
  const ratio = (act: Act) =>
    rounded(
      median(
        measured.konnector.map((runs, pair) => runs[act].perSecond / (measured.bare[pair]?.[act].perSecond ?? NaN)),
      ),
      2,
    );
  const acts = Object.fromEntries(
    ACTS.map((act) => [
      act,
      {
        perSecond: of("konnector", act, "perSecond"),
        bare: of("bare", act, "perSecond"),
        ratio: ratio(act),
        cpu: of("konnector", act, "cpu"),
        bareCpu: of("bare", act, "cpu"),
      },
    ]),
  );
  const delay = Math.max(...measured.konnector.flatMap((runs) => ACTS.map((act) => runs[act].delay ?? NaN)));
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
