// Whatever the order in which Secret, Connection, binding and an instance are deleted, nothing of ours is left on either
// side, and nothing foreign is touched. Runs share two clusters and one konnector, each in a lane that no other uses
// meanwhile; a lane is used again, so that coming back after a complete goodbye is tried, too.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_BINDINGS, CRDS, SECRETS } from "../../crds/resources.ts";
import { eventually } from "../harness/wait.ts";
import { absent, object } from "./conditions.ts";
import { endQuietly, invariantsOf, type Invariants } from "./invariants.ts";
import { type BindingKind, lending, type Lane, openLane, orders, paced, PACES, type PieceName } from "./lanes.ts";
import { type Landscape, PATIENCE, served, startLandscape } from "./landscape.ts";
import { apiName, instance, secret, SECRET_NAMESPACE } from "./manifests.ts";
import { at } from "./objects.ts";

const ORDERS = orders(["Secret", "Connection", "binding", "instance"]);
/** As many as tests that vitest runs at a time. */
const WORDS = {
  ClusterBinding: ["amber", "basil", "cedar", "delta", "fjord"],
  Binding: ["gorse", "heath", "ivory", "jolly", "knoll"],
};

const ROUNDS: { kind: BindingKind; pace: string; apart: number }[] = [
  ...PACES.map((pace) => ({ kind: "ClusterBinding" as const, ...pace })),
  { kind: "Binding", pace: "back to back", apart: 0 },
];

let land: Landscape;
let invariants: Invariants;
const lend = new Map<BindingKind, ReturnType<typeof lending>>();

/** What is not ours, on both sides: another user's object of the same API beside our copy, and another Secret. */
async function placeBystanders({ type, word }: Lane): Promise<void> {
  const key = at("bystander", word);
  await land.provider.objects.create(type, instance(type, key.name, word, { size: "theirs" }));
  await invariants.protect("provider", type, key);
}

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await land.consumer.objects.create(SECRETS, secret("bystander", "nothing"));
  await invariants.protect("consumer", SECRETS, at("bystander", SECRET_NAMESPACE));
  for (const kind of ["ClusterBinding", "Binding"] as const) {
    const lanes = await Promise.all(WORDS[kind].map((word) => openLane(land, word, kind)));
    await Promise.all(lanes.map(placeBystanders));
    lend.set(kind, lending(lanes));
  }
});
afterAll(() => endQuietly(land, invariants), 120_000);

async function bringUp({ pieces, type }: Lane): Promise<void> {
  const { objects } = land.consumer;
  for (const name of ["Secret", "Connection", "binding"] as const) {
    await objects.create(pieces[name].resource, pieces[name].body);
  }
  await served(land.consumer, type);
  await objects.create(type, pieces.instance.body);
  await object(land.provider.objects, type, pieces.instance.key, "to be there");
}

/** The instance goes with its definition, so that may have happened already; everything else must still be there. */
async function remove({ pieces }: Lane, name: PieceName): Promise<void> {
  const found = await land.consumer.objects.remove(pieces[name].resource, pieces[name].key);
  if (name !== "instance") expect(found, name).toBe(true);
}

/**
 * A definition goes with its ClusterBinding. One that came for a Binding may hold objects that nobody deletes; where it
 * does when the Connection goes, it stays without our marks, and is the user's.
 */
async function isGoneOrFree({ pieces: { binding }, type }: Lane): Promise<boolean> {
  const { objects } = land.consumer;
  const crd = await objects.get(CRDS, at(apiName(type)));
  if (crd === undefined) return true;
  if (binding.resource === CLUSTER_BINDINGS || JSON.stringify(crd.metadata).includes("kube-bind")) return false;
  await objects.remove(CRDS, at(apiName(type)));
  return false;
}

async function nothingIsLeft(lane: Lane): Promise<void> {
  const { pieces, type, word } = lane;
  const { consumer, provider } = land;
  await Promise.all(Object.values(pieces).map(({ resource, key }) => absent(consumer.objects, resource, key)));
  await eventually("the definition to be let go", () => isGoneOrFree(lane), PATIENCE);
  expect((await provider.objects.list(type)).map(({ metadata }) => metadata.name)).toEqual(["bystander"]);
  await invariants.check({ word });
}

describe.each(ROUNDS)("nothing is left of a $kind after deleting $pace", ({ kind, apart }) => {
  // A loop and not `each`, which would cut the titles.
  for (const { order, title } of ORDERS)
    test.concurrent(title, () => lend.get(kind)?.((lane) => comeAndGo(lane, order, apart)));
});

async function comeAndGo(lane: Lane, order: PieceName[], apart: number): Promise<void> {
  await bringUp(lane);
  await paced(
    apart,
    order.map((name) => () => remove(lane, name)),
  );
  await nothingIsLeft(lane);
}
