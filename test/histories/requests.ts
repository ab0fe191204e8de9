// What a request of the konnector is, as a proxy sees it: of which sort, and for which object. Decides for each which fault
// it meets, if any: those that name a history's namespace by the seed of that history, all others by that of the batch.

import type { IncomingHttpHeaders } from "node:http";

import { type Fault, faultFor, type Sort } from "./fault-plan.ts";
import type { SideName } from "./step.ts";

export interface Asked {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingHttpHeaders;
}

/** Requests that are asked all the time and by number of times only, wherever they lead. */
const isWatch = ({ path }: Asked): boolean => path.includes("watch=true");

const IN_NAMESPACE = /\/namespaces\/([^/?]+)\/([^?]+)/;

/** Who is there, asked on each new connection: what fails it, fails whatever waits for it. */
const GREETING = /^\/api\/v1\/namespaces\/kube-system$/;

function sortOf(asked: Asked): Sort {
  const { method, headers } = asked;
  if (isWatch(asked)) return "watch";
  if (method === "DELETE") return "delete";
  if (method === "PATCH") return headers["content-type"]?.includes("apply-patch") ? "apply" : "patch";
  return method === "GET" && IN_NAMESPACE.test(asked.path) ? "get" : "other";
}

export interface FaultPlan {
  /** Off: everything passes. */
  on: boolean;
  /** Requests in that namespace fail as the seed says; with undefined, never. */
  enrol(namespace: string, seed: number | undefined): void;
  faultOf(side: SideName, asked: Asked): Fault | undefined;
}

export function faultPlan(batchSeed: number | undefined): FaultPlan {
  const seeds = new Map<string, number | undefined>();
  const counts = new Map<string, number>();
  const placeOf = ({ path }: Asked): { seed: number | string | undefined; place: string } => {
    const [, namespace = "", rest = ""] = IN_NAMESPACE.exec(path) ?? [];
    if (seeds.has(namespace)) return { seed: seeds.get(namespace), place: `${namespace} ${rest}` };
    return { seed: batchSeed === undefined ? undefined : `batch ${batchSeed}`, place: path.replace(/\?.*/, "") };
  };
  return {
    on: false,
    enrol: (namespace, seed) => void seeds.set(namespace, seed),
    faultOf(side, asked) {
      const { seed, place } = placeOf(asked);
      if (!this.on || seed === undefined || GREETING.test(asked.path)) return undefined;
      const sort = sortOf(asked);
      const key = `${side} ${sort} ${place}`;
      const nth = counts.get(key) ?? 0;
      counts.set(key, nth + 1);
      // The namespace of a history has another name each time it is played.
      return faultFor(seed, side, sort, place.slice(place.indexOf(" ") + 1), nth);
    },
  };
}
