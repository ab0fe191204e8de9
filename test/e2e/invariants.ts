// The promises that hold whatever happens, checked on both clusters by one function after a test: every live object has
// exactly one copy or says why not (V1); nothing foreign was changed (V2); nothing of ours stays without a reason (V3);
// spec goes only up, status only down (V4); a settled system sends no write (V5); a copy is deleted only for an object
// that was seen deleting, or in a drain (V8). What the API servers logged is the witness of V4, V5 and V8.

import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import type { Key, Resource } from "../../crds/kube-object.ts";
import { keyText } from "../../crds/kube-object.ts";
import { CONNECTIONS } from "../../crds/resources.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import type { Landscape } from "./landscape.ts";
import { PATIENCE } from "./landscape.ts";
import { leftovers } from "./leftovers.ts";
import { pairing } from "./pairing.ts";
import { misdirectedWrites, unjustifiedDeletes } from "./wire.ts";
import { describe, idleRequests, isWrite, listen, traffic, type Traffic } from "./traffic.ts";
import { look } from "./world.ts";

/** Milliseconds a settled system is watched for writes: after each test, and once at the end of a file. */
const QUIET = 3_000;
const QUIET_AT_THE_END = 60_000;

export interface Invariants {
  /** Somebody else's object: from now on nothing of it may change. */
  protect(side: "consumer" | "provider", type: Resource, key: Key): Promise<void>;
  /** The test itself is about to change it. */
  release(side: "consumer" | "provider", type: Resource, key: Key): void;
  /**
   * Waits until the state is as it must be, then checks everything. `word`: only what carries it in its name, for tests
   * that run side by side. `quiet`: also watch for writes (V5), for so many milliseconds or the usual time.
   */
  check(options?: { word?: string; quiet?: boolean | number }): Promise<void>;
}

/** The most requests a minute, watches and instances aside, that a settled Connection costs each side. */
const IDLE_BUDGET = 8;

/** The end of a file: what all its tests left behind is in order, and stays without a write for a minute, within the idle budget. */
export async function endQuietly(landscape: Landscape | undefined, invariants: Invariants | undefined): Promise<void> {
  try {
    await invariants?.check({ quiet: QUIET_AT_THE_END });
  } finally {
    await landscape?.stop();
  }
}

export function invariantsOf(landscape: Landscape): Invariants {
  const foreign = new Map<string, { read: () => Promise<unknown>; before: unknown }>();
  const idOf = (side: string, type: Resource, key: Key) => `${side} ${type.resource} ${keyText(key)}`;

  const settled = (word: string) =>
    eventually(
      "every object to be synced or accounted for, and nothing to be left over",
      async () => {
        const world = await look(landscape, word);
        const wrong = [...pairing(world), ...leftovers(world)];
        return wrong.length === 0 || new NotYet(wrong.join("\n"));
      },
      PATIENCE,
    );

  const touchedForeign = async (): Promise<string[]> => {
    const found = [...foreign].map(async ([id, { read, before }]) => {
      const now = await read();
      return isDeepStrictEqual(now, before) ? [] : [`V2: ${id} was changed: ${JSON.stringify(now)}`];
    });
    return (await Promise.all(found)).flat();
  };

  const lateWrites = async (word: string, milliseconds: number): Promise<string[]> => {
    const heard = await listen(landscape);
    await pause(milliseconds); // no waiting for anything: this is the time in which nothing may happen
    const { consumer, provider } = await heard();
    const late = [...consumer, ...provider]
      .filter((event) => isWrite(event) && event.requestURI.includes(word))
      .map((event) => `V5: written after everything was settled: ${describe(event)}`);
    return milliseconds < QUIET_AT_THE_END ? late : [...late, ...(await overBudget({ consumer, provider }))];
  };

  const overBudget = async ({ consumer, provider }: Traffic): Promise<string[]> => {
    const connections = (await landscape.consumer.objects.list(CONNECTIONS)).length;
    const budgets = [
      { side: "consumer", budget: IDLE_BUDGET, asked: idleRequests(consumer) },
      { side: "provider", budget: IDLE_BUDGET * connections, asked: idleRequests(provider) },
    ];
    return budgets
      .filter(({ budget, asked }) => asked.length > budget)
      .map(({ side, budget, asked }) => `V5: the ${side} was asked more than ${budget} times: ${asked.join(", ")}`);
  };

  return {
    async protect(side, type, key) {
      const read = () => landscape[side].objects.get(type, key);
      foreign.set(idOf(side, type, key), { read, before: await read() });
    },
    release: (side, type, key) => void foreign.delete(idOf(side, type, key)),
    async check({ word = "", quiet = true } = {}) {
      await settled(word);
      const late = quiet === false ? [] : await lateWrites(word, quiet === true ? QUIET : quiet);
      const logged = await traffic(landscape);
      const wrong = [...late, ...(await touchedForeign()), ...misdirectedWrites(logged), ...unjustifiedDeletes(logged)];
      if (wrong.length > 0) throw new Error(wrong.join("\n"));
    },
  };
}
