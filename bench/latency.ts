// How long a change takes to the other side while the machine has little to do: objects created on the consumer until the
// provider shows them, and statuses changed there until the consumer does, from the answer to the write. Beside it a bare write,
// from its sending until its own watch shows it; both take turns. Writes bench/results/latency.json.
// `npm run bench -- latency`; `--objects 400 --rate 20` are the defaults.

import { parseArgs } from "node:util";

import type { Resource } from "../crds/kube-object.ts";
import { typeOf } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { conclude, quantiles, rounded } from "./measure.ts";
import { type Observer, observe } from "./observer.ts";
import { bind, manifest, namesOf, offerOnBoth, paced, ROOM, startSetting } from "./setting.ts";

const { values } = parseArgs({
  options: { objects: { type: "string", default: "400" }, rate: { type: "string", default: "20" } },
});
const [objects, rate] = [Number(values.objects), Number(values.rate)];
const names = namesOf(objects);

const { land } = await startSetting();
const { consumer, provider } = land;
/** What is synced, and what nobody but this scenario knows. */
const [SYNCED, BARE] = [typeOf("synced"), typeOf("alone")];

type Write = () => Promise<unknown>;

/** Milliseconds from the answer to `write` until the other side shows it. */
async function carried(write: Write, shown: Promise<number>): Promise<number> {
  await write();
  const answered = performance.now();
  // It may be there before the answer to the write is here.
  return Math.max(0, (await shown) - answered);
}

/** Milliseconds from the sending of `write` until its own watch shows it. */
async function echoed(write: Write, shown: Promise<number>): Promise<number> {
  const sent = performance.now();
  await write();
  return (await shown) - sent;
}

const started = ({ object }: { object: { status?: { phase?: string } } }) => object.status?.phase === "Running";

/** One after the other at the pace: half of them carried, half bare. */
async function alternate(
  ofSynced: (name: string) => Promise<number>,
  ofBare: (name: string) => Promise<number>,
): Promise<{ synced: number[]; bare: number[] }> {
  const synced: number[] = [];
  const bare: number[] = [];
  const turns = names.flatMap((name) => [
    async () => synced.push(await ofSynced(name)),
    async () => bare.push(await ofBare(name)),
  ]);
  await paced(turns, 2 * rate, (turn) => turn());
  return { synced, bare };
}

const summary = ({ synced, bare }: { synced: number[]; bare: number[] }) => {
  const [carriedIn, echoIn] = [quantiles(synced), quantiles(bare)];
  return { synced: carriedIn, bare: echoIn, ratio: rounded(carriedIn.p50 / echoIn.p50, 2) };
};

try {
  await bind(land, SYNCED);
  await offerOnBoth(land, BARE);
  const watching = (side: "consumer" | "provider", type: Resource): Promise<Observer> =>
    observe(land[side].plane.kubeconfig, type, ROOM);
  const [syncedAbove, bareAbove, syncedBelow, bareBelow] = await Promise.all([
    watching("provider", SYNCED),
    watching("provider", BARE),
    watching("consumer", SYNCED),
    watching("consumer", BARE),
  ]);
  const isThere = () => true;
  const created = await alternate(
    (name) => carried(() => consumer.objects.create(SYNCED, manifest(SYNCED, name)), syncedAbove.shows(name, isThere)),
    (name) => echoed(() => provider.objects.create(BARE, manifest(BARE, name)), bareAbove.shows(name, isThere)),
  );
  for (const name of names) await consumer.objects.create(BARE, manifest(BARE, name));
  const status = { status: { phase: "Running" } };
  const reported = await alternate(
    (name) =>
      carried(() => provider.objects.merge(SYNCED, at(name, ROOM), status, "status"), syncedBelow.shows(name, started)),
    (name) =>
      echoed(() => consumer.objects.merge(BARE, at(name, ROOM), status, "status"), bareBelow.shows(name, started)),
  );
  await Promise.all([syncedAbove, bareAbove, syncedBelow, bareBelow].map((one) => one.stop()));
  const [create, report] = [summary(created), summary(reported)];
  conclude({
    scenario: "latency",
    objects,
    perSecond: rate,
    milliseconds: { create, report },
    limits: [
      {
        what: "times a bare write and its echo (p50) until a new object is on the provider",
        value: create.ratio,
        most: 2.5,
      },
      { what: "times a bare write and its echo (p50) until a status is back", value: report.ratio, most: 2.5 },
    ],
  });
} finally {
  await land.stop();
}
