// Tests that run side by side on one landscape: each has a lane with a word of its own, which is in the name of everything
// in it (API, Secret, Connection, binding, namespace), so that invariants can be checked lane by lane.

import { setTimeout as pause } from "node:timers/promises";

import type { Key, Resource } from "../../crds/kube-object.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { type Landscape, offer } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom } from "./rooms.ts";

/** An object that a test applies or deletes: what it is called in the test's name, and what it is. */
export interface Piece {
  resource: Resource;
  key: Key;
  body: Body;
}

export type PieceName = "Secret" | "Connection" | "binding" | "instance";

export interface Lane {
  word: string;
  type: Resource;
  pieces: Record<PieceName, Piece>;
}

const piece = (resource: Resource, body: Body): Piece => ({
  resource,
  key: at(body.metadata.name, body.metadata.namespace),
  body,
});

export type BindingKind = "ClusterBinding" | "Binding";

/** Exports an API for the lane and makes its namespace; nothing is applied on the consumer yet. */
export async function openLane(land: Landscape, word: string, kind: BindingKind = "ClusterBinding"): Promise<Lane> {
  const type = manifests.typeOf(word);
  await Promise.all([offer(land, type), makeRoom(land, word)]);
  const binding =
    kind === "ClusterBinding"
      ? piece(CLUSTER_BINDINGS, manifests.clusterBinding(word, [type]))
      : piece(BINDINGS, manifests.binding(word, word, [type]));
  return {
    word,
    type,
    pieces: {
      Secret: piece(SECRETS, manifests.secret(word, land.kubeconfig)),
      Connection: piece(CONNECTIONS, manifests.connection(word)),
      binding,
      instance: piece(type, manifests.instance(type, "one", word)),
    },
  };
}

/** Every order of these, each with its name: "Secret, Connection, binding". */
export const orders = <const Name extends string>(names: readonly Name[]): { order: Name[]; title: string }[] =>
  permutations(names).map((order) => ({ order, title: order.join(", ") }));

const permutations = <T>(items: readonly T[]): T[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item, index) =>
        permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
      );

/** Another way than the order in which things come: how fast. */
export const PACES = [
  { pace: "back to back", apart: 0 },
  { pace: "1 s apart", apart: 1_000 },
];

/** Does each step, in order, `apart` milliseconds after the one before: the pace is what is tested, nothing is awaited. */
export async function paced(apart: number, steps: (() => Promise<unknown>)[]): Promise<void> {
  for (const [index, step] of steps.entries()) {
    if (index > 0 && apart > 0) await pause(apart);
    await step();
  }
}

/**
 * Lends each test a lane that no other uses meanwhile. A lane comes back only from a test that succeeded: what a failed one
 * has left behind must not be blamed on the next.
 */
export function lending(lanes: readonly Lane[]): <T>(run: (lane: Lane) => Promise<T>) => Promise<T> {
  const free = [...lanes];
  return async (run) => {
    const lane = free.shift();
    if (lane === undefined) throw new Error("no lane is left: earlier failures have used them up");
    const result = await run(lane);
    free.push(lane);
    return result;
  };
}
