// A consumer that is restored from a backup which is only a few versions old, so that its API server has soon counted as far as
// we had been: with the konnector running on, and with one that is started afterwards. No copy is deleted, nothing that was
// in sync is written, and everything else is carried as it is now. Rule: docs/reference/behaviour.md, "Objects".

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { instance, WIDGETS } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { isKonnectors, isWrite, traffic } from "./traffic.ts";

let land: Landscape;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape({ restorable: true });
  await offer(land, WIDGETS);
  await down().create(SECRETS, manifests.secret("acme", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("acme"));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("acme", [WIDGETS]));
  await conditions(down(), CLUSTER_BINDINGS, at("acme"), READY);
  await served(land.consumer, WIDGETS);
  for (const side of [up(), down()]) await side.create(NAMESPACES, { metadata: { name: "room" } });
});
afterAll(() => land?.stop());

const here = (name: string) => at(name, "room");

/** Makes an object and answers its copy. */
async function make(name: string): Promise<Body> {
  await down().create(WIDGETS, instance(WIDGETS, name, "room"));
  return object(up(), WIDGETS, here(name), "to be there");
}

const resize = async (name: string, size: string): Promise<void> => {
  await down().merge(WIDGETS, here(name), { spec: { size } });
  await object(up(), WIDGETS, here(name), `to be ${size}`, ({ spec }) => spec.size === size);
};

const remove = async (name: string): Promise<void> => {
  await down().remove(WIDGETS, here(name));
  await absent(down(), WIDGETS, here(name));
};

const orphans = (expected: RegExp) =>
  conditions(down(), CLUSTER_BINDINGS, at("acme"), {
    ...READY,
    OrphanedCopies: { status: "True", reason: "OrphanedCopies", message: expected },
  });

/** The konnector's deletes on the provider so far. */
const deletes = async (): Promise<string[]> =>
  (await traffic(land)).provider
    .filter((event) => isKonnectors(event) && event.verb === "delete")
    .map(({ requestURI }) => requestURI);

describe.each([
  ["while the konnector runs", false],
  ["and then the konnector is started", true],
])("a cluster is restored from a backup, %s:", (_when, restarted) => {
  const word = restarted ? "second" : "first";
  const named = (what: string) => `${word}-${what}`;
  let before: string[];
  let copies: Record<string, Body>;
  let uidOfAgain: string;

  beforeAll(async () => {
    copies = {};
    for (const what of ["kept", "edited", "deleted", "again"]) copies[what] = await make(named(what));
    uidOfAgain = (await down().get(WIDGETS, here(named("again")))).metadata.uid;
    const restore = await land.consumer.plane.backUp();
    await resize(named("edited"), "large");
    await remove(named("deleted"));
    await remove(named("again"));
    copies["again"] = await make(named("again"));
    copies["created"] = await make(named("created"));
    await conditions(down(), CLUSTER_BINDINGS, at("acme"), READY);
    before = await deletes();
    if (restarted) await land.konnector.kill();
    await restore();
    if (restarted) await land.restart();
  }, 120_000);

  test("no copy is deleted, and the one whose object is not there any more is named", async () => {
    await orphans(new RegExp(`widgets.example.org ${named("created")} -n room`));
    expect((await up().get(WIDGETS, here(named("created")))).metadata.uid).toBe(copies["created"].metadata.uid);
    expect(await deletes()).toEqual(before);
  });

  test("an object that is back as it was is carried as it is now", async () => {
    await object(up(), WIDGETS, here(named("edited")), "to be small again", ({ spec }) => spec.size === "small");
    const again = await object(up(), WIDGETS, here(named("deleted")), "to have a copy again");
    expect(again.metadata.uid).not.toBe(copies["deleted"].metadata.uid);
    const mine = await down().get(WIDGETS, here(named("deleted")));
    expect(mine.metadata.finalizers).toEqual([FINALIZER.syncer]);
  });

  test("an object that is back under its earlier UID does not take the copy of the later one", async () => {
    const mine = await object(
      down(),
      WIDGETS,
      here(named("again")),
      "to be marked",
      ({ metadata }) => metadata.annotations,
    );
    expect(mine.metadata.uid).toBe(uidOfAgain);
    expect(mine.metadata.annotations[ANNOTATION.conflict]).toBe("OwnedByAnother");
    expect((await up().get(WIDGETS, here(named("again")))).metadata.uid).toBe(copies["again"].metadata.uid);
  });

  test("what was in sync costs nothing, and everything works from there", async () => {
    const { provider } = await traffic(land);
    const about = provider.filter(
      (event) => isKonnectors(event) && isWrite(event) && event.objectRef?.name === named("kept"),
    );
    expect(about).toHaveLength(1);
    await make(named("fresh"));
    await resize(named("kept"), "large");
    await remove(named("kept"));
    await remove(named("fresh"));
    for (const what of ["kept", "fresh"]) expect(await up().get(WIDGETS, here(named(what)))).toBeUndefined();
  });
});
