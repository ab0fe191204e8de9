// Many settled objects of about 1 KB in one bound lane: made a few at a time, because the API servers share the machine, and
// counted; and what the konnector that carries them needs in memory once nothing changes any more.

import { setTimeout as pause } from "node:timers/promises";

import type { Resource } from "../crds/kube-object.ts";
import type { Landscape, Side } from "../test/e2e/landscape.ts";
import type { Lane } from "../test/e2e/lanes.ts";
import { instance } from "../test/e2e/manifests.ts";
import { type Body, pathOf } from "../test/e2e/objects.ts";
import { eachOf } from "../test/harness/pool.ts";
import { eventually, NotYet } from "../test/harness/wait.ts";
import { CONCURRENCY, gaugeOf, quantiles, residentOf, rounded } from "./measure.ts";

const PATIENCE = 1_200_000;
/**
 * Milliseconds between two samples, and how many of them in a row must be alike (to a hundredth) to be called settled:
 * what a burst has left behind is given back after some quiet.
 */
const APART = 1_000;
const ALIKE = 30;
const ROUND = 0.01;

/** How many objects of a type there are, without listing them. */
export async function countOf({ plane }: Side, type: Resource): Promise<number> {
  const { body } = await plane.admin.request("GET", `${pathOf(type, "")}?limit=1`);
  return body.items.length + (body.metadata.remainingItemCount ?? 0);
}

const LINES = 10;
const LINE = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(2);

/** A spec of about 1 KB, in many fields as users have them, another one for each `turn`. */
export const kilobyte = (turn: number): Body => ({
  size: "small",
  count: turn,
  color: `#${turn}`,
  any: Object.fromEntries(Array.from({ length: LINES }, (_, line) => [`field-${line}`, `${turn} ${LINE}`])),
});

export interface Footprint {
  /** Megabytes: of everything in memory, of what is the process's own, and of the heap. */
  resident: number;
  own: number;
  heap: number;
}

export interface Crowd {
  /** Creates objects until there are so many. */
  grow(objects: number): Promise<void>;
  /** Waits until everything is carried and the process's memory stays as it is. */
  settled(): Promise<Footprint>;
}

export function crowdOf(land: Landscape, { word, type }: Lane): Crowd {
  const nameOf = (index: number) => `object-${index}`;
  const create = (index: number) =>
    land.consumer.objects.create(type, instance(type, nameOf(index), word, kilobyte(index)));
  let there = 0;

  const carried = () =>
    eventually(
      `${there} objects on both sides, and nothing left to do`,
      async () => {
        const [made, copies] = await Promise.all([land.consumer, land.provider].map((side) => countOf(side, type)));
        const waiting = await gaugeOf(land.konnector, "queue_depth");
        return (made === there && copies === there && waiting === 0) || new NotYet({ made, copies, waiting });
      },
      PATIENCE,
    );

  return {
    async grow(objects) {
      const fresh = Array.from({ length: objects - there }, (_, index) => there + index);
      await eachOf(fresh, create, CONCURRENCY);
      there = objects;
    },
    async settled() {
      await carried();
      const samples: Footprint[] = [];
      const last = () => samples.slice(-ALIKE);
      const isSteady = () => {
        const all = last().map(({ resident }) => resident);
        return all.length === ALIKE && Math.max(...all) / Math.min(...all) < 1 + ROUND;
      };
      while (!isSteady()) {
        await pause(APART);
        const { all, own } = residentOf(land.konnector.pid);
        samples.push({ resident: all, own, heap: await gaugeOf(land.konnector, "memory_heap_bytes") });
      }
      const middle = (part: keyof Footprint) => rounded(quantiles(last().map((one) => one[part])).p50 / 1e6);
      return { resident: middle("resident"), own: middle("own"), heap: middle("heap") };
    },
  };
}
