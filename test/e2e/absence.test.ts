// Absence deletes nothing: whatever makes objects vanish without having been deleted (a finalizer taken off by force, a
// consumer restored from an older backup), their copies stay, are counted, and the binding says what to do. What the restored
// cluster has counts from then on, though its versions are lower than those that were known.

import { afterAll, beforeAll, expect, test } from "vitest";

import { ANNOTATION } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { NOTHING, absent, conditions, type Expected, object, READY } from "./conditions.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at } from "./objects.ts";
import { makeRoom } from "./rooms.ts";
import { describe as described, listen } from "./traffic.ts";

const WIDGETS = typeOf("relic");
const WORD = "relic";
/** Milliseconds: two restarts of an API server, and watches that come back. */
const LONG = 60_000;

let land: Landscape;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const key = (name: string) => at(name, WORD);

beforeAll(async () => {
  land = await startLandscape({ restorable: true });
  await offer(land, WIDGETS);
  await makeRoom(land, WORD);
  await down().create(SECRETS, manifests.secret(WORD, land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(WORD));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding(WORD, [WIDGETS]));
  await conditions(down(), CLUSTER_BINDINGS, at(WORD), READY);
  await served(land.consumer, WIDGETS);
});
afterAll(() => land?.stop());

async function make(name: string): Promise<string> {
  await down().create(WIDGETS, instance(WIDGETS, name, WORD));
  return (await object(up(), WIDGETS, key(name), "to be there")).metadata.uid;
}

const orphaned = (count: number, ...names: string[]): Expected => ({
  status: "True",
  reason: "OrphanedCopies",
  message: new RegExp(
    `^${count} copies .*${names.map((name) => `${apiName(WIDGETS).replaceAll(".", "\\.")} ${name} -n ${WORD}`).join("; ")}`,
  ),
});

const says = (expected: Expected) => conditions(down(), CLUSTER_BINDINGS, at(WORD), { OrphanedCopies: expected }, LONG);

const deletes = ({ provider }: { provider: Parameters<typeof described>[0][] }): string[] =>
  provider.filter(({ verb }) => verb === "delete").map(described);

test("a copy whose object went because its finalizer was taken off by force stays, and is counted until it goes", async () => {
  const uid = await make("forced");
  const heard = await listen(land);
  // While nobody looks: what the next process finds is an object that is not there.
  await land.konnector.kill();
  await down().remove(WIDGETS, key("forced"));
  await down().patch(WIDGETS, key("forced"), [{ op: "remove", path: "/metadata/finalizers" }]);
  await absent(down(), WIDGETS, key("forced"));
  await land.restart();
  await says(orphaned(1, "forced"));
  expect((await up().get(WIDGETS, key("forced"))).metadata.uid).toBe(uid);
  expect(deletes(await heard())).toEqual([]);
  await up().remove(WIDGETS, key("forced"));
  await says(NOTHING);
});

test("a consumer that is restored from an older backup loses no copy, and goes on with what it has", async () => {
  const [kept, gone] = [await make("kept"), await make("gone")];
  const restore = await land.consumer.plane.backUp();
  await conditions(down(), CLUSTER_BINDINGS, at(WORD), READY, LONG);
  const later = await make("later");
  await down().remove(WIDGETS, key("gone"));
  await absent(down(), WIDGETS, key("gone"));
  await down().merge(WIDGETS, key("kept"), { spec: { size: "large" } });
  await object(up(), WIDGETS, key("kept"), "to be large", ({ spec }) => spec.size === "large");
  const heard = await listen(land);
  await restore();

  await says(orphaned(1, "later"));
  const old = await object(up(), WIDGETS, key("kept"), "to be as it was", ({ spec }) => spec.size === "small", LONG);
  expect(old.metadata.uid).toBe(kept);
  const again = await object(up(), WIDGETS, key("gone"), "to be there again", undefined, LONG);
  expect(again.metadata.uid).not.toBe(gone);
  expect((await up().get(WIDGETS, key("later"))).metadata.uid).toBe(later);
  expect(deletes(await heard())).toEqual([]);

  // The watches go on, though the server counts from the backup.
  await down().merge(WIDGETS, key("kept"), { spec: { size: "medium" } });
  await object(up(), WIDGETS, key("kept"), "to be medium", ({ spec }) => spec.size === "medium", LONG);

  // Made again it is another object: its own old copy is in its way, and the message says how that is let go of.
  await down().create(WIDGETS, instance(WIDGETS, "later", WORD));
  const mine = await object(down(), WIDGETS, key("later"), "to be marked", (one) => one.metadata.annotations, LONG);
  expect(mine.metadata.annotations[ANNOTATION.conflict]).toBe("OwnedByAnother");
  await says(NOTHING);
  expect(deletes(await heard())).toEqual([]);
  await up().remove(WIDGETS, key("later"));
  await object(up(), WIDGETS, key("later"), "to be ours", ({ metadata }) => metadata.uid !== later, LONG);
});
