// How a binding lets go of its objects: by what is true of them and not by what a watch has told so far. The konnector
// reaches its own cluster through a proxy that can hold a watch back.

import { afterAll, beforeAll, expect, test } from "vitest";

import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { BINDINGS } from "../../crds/resources.ts";
import { type Konnector, startKonnector } from "../harness/konnector.ts";
import { type RewritingProxy, startRewritingProxy } from "../harness/rewriting-proxy.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, served, startLandscape } from "./landscape.ts";
import { instance } from "./manifests.ts";
import { at } from "./objects.ts";

let land: Landscape;
let invariants: Invariants;
let proxy: RewritingProxy;
let konnector: Konnector;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await land.konnector.stop();
  proxy = await startRewritingProxy(land.ownKubeconfig, (request) => request);
  konnector = await startKonnector({ kubeconfig: proxy.kubeconfig() });
  await konnector.ready();
});
afterAll(async () => {
  await konnector?.kill();
  await proxy?.stop();
  await land?.stop();
});

/** A Binding's lane with these objects, all synced. */
async function lane(word: string, ...names: string[]): Promise<Lane> {
  const opened = await openLane(land, word, "Binding");
  const { pieces, type } = opened;
  for (const { resource, body } of [pieces.Secret, pieces.Connection, pieces.binding])
    await down().create(resource, body);
  await conditions(down(), BINDINGS, pieces.binding.key, READY);
  await served(land.consumer, type);
  await Promise.all(names.map((name) => down().create(type, instance(type, name, word))));
  for (const name of names) await object(up(), type, at(name, word), "to be there");
  await invariants.check({ word, quiet: false });
  return opened;
}

async function leave({ pieces, word, type }: Lane): Promise<void> {
  for (const { metadata } of await down().list(type, word)) await down().remove(type, at(metadata.name, word));
  for (const { resource, key } of [pieces.Connection, pieces.Secret]) await down().remove(resource, key);
  await absent(down(), pieces.Connection.resource, pieces.Connection.key);
  await invariants.check({ word, quiet: false });
}

test("what was said of an object before its binding was deleted counts, though the watch has not told it yet", async () => {
  const which = await lane("unheard", "kept", "gone");
  const { type, pieces } = which;
  const goOn = proxy.stall((path) => path.includes(`/${type.resource}?`) && path.includes("watch=true"));
  const orphan = { metadata: { annotations: { [ANNOTATION.deletionPolicy]: "Orphan" } } };
  await down().merge(type, at("kept", "unheard"), orphan);
  await down().remove(BINDINGS, pieces.binding.key);
  await absent(down(), BINDINGS, pieces.binding.key);
  expect((await up().list(type, "unheard")).map(({ metadata }) => metadata.name)).toEqual(["kept"]);
  const { metadata } = await up().get(type, at("kept", "unheard"));
  expect(Object.keys(metadata.annotations ?? {}), "without our marks").toEqual([]);
  for (const one of await down().list(type, "unheard"))
    expect(one.metadata.finalizers ?? []).not.toContain(FINALIZER.syncer);
  goOn();
  await up().remove(type, at("kept", "unheard"));
  await leave(which);
});
