// An edit that somebody waits for while much else is to be done: one object of a Connection is edited again and again while a
// backlog of the same Connection drains. Beside it a bare write to the same provider, from its sending until its own watch
// shows it; both take turns. Writes bench/results/live.json. `npm run bench -- live`; `--backlog 5000 --rate 20` are the defaults.

import { parseArgs } from "node:util";

import { CLUSTER_BINDINGS } from "../crds/resources.ts";
import { typeOf } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";
import { eachOf } from "../test/harness/pool.ts";
import { conclude, CONCURRENCY, quantiles, rounded } from "./measure.ts";
import { observe } from "./observer.ts";
import { bind, bindingOf, manifest, namesOf, offerOnBoth, ROOM, startSetting } from "./setting.ts";

const { values } = parseArgs({
  options: { backlog: { type: "string", default: "5000" }, rate: { type: "string", default: "20" } },
});
const [backlog, rate] = [Number(values.backlog), Number(values.rate)];

const { land } = await startSetting();
const { consumer, provider } = land;
const [LIVE, BARE, MASS] = [typeOf("live"), typeOf("alone"), typeOf("mass")];
const key = at("one", ROOM);

try {
  await bind(land, LIVE);
  await offerOnBoth(land, BARE);
  await offerOnBoth(land, MASS);
  await eachOf(namesOf(backlog), (name) => consumer.objects.create(MASS, manifest(MASS, name)), CONCURRENCY);
  const above = (type: typeof LIVE) => observe(provider.plane.kubeconfig, type, ROOM);
  const [liveAbove, bareAbove, massAbove] = await Promise.all([above(LIVE), above(BARE), above(MASS)]);
  const there = liveAbove.shows(key.name, () => true);
  await consumer.objects.create(LIVE, manifest(LIVE, key.name));
  await provider.objects.create(BARE, manifest(BARE, key.name));
  await there;

  let draining = true;
  const drained = massAbove
    .until(backlog, ({ type }) => type === "ADDED")
    .then((seen) => {
      draining = false;
      return Math.max(...seen.values());
    });
  const began = performance.now();
  await consumer.objects.create(CLUSTER_BINDINGS, bindingOf(MASS));
  const [live, bare]: [number[], number[]] = [[], []];
  for (let turn = 0; draining; turn++) {
    const size = `turn-${turn}`;
    const isThere = ({ object }: { object: { spec: { size: string } } }) => object.spec.size === size;
    const [carried, echo] = [liveAbove.shows(key.name, isThere), bareAbove.shows(key.name, isThere)];
    const next = new Promise((resolve) => setTimeout(resolve, 1_000 / rate));
    await consumer.objects.merge(LIVE, key, { spec: { size } });
    const answered = performance.now();
    live.push(Math.max(0, (await carried) - answered));
    const sent = performance.now();
    await provider.objects.merge(BARE, key, { spec: { size } });
    bare.push((await echo) - sent);
    await next;
  }
  const seconds = ((await drained) - began) / 1_000;
  await Promise.all([liveAbove, bareAbove, massAbove].map((one) => one.stop()));
  const milliseconds = { live: quantiles(live), bare: quantiles(bare) };
  const value = rounded(milliseconds.live.p99 / milliseconds.bare.p99, 2);
  conclude({
    scenario: "live",
    backlog,
    seconds: rounded(seconds),
    edits: live.length,
    milliseconds,
    limits: [{ what: `times a bare write (p99) for an edit while ${backlog} objects wait`, value, most: 3 }],
  });
} finally {
  await land.stop();
}
