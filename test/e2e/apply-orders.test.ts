// Whatever the order in which Secret, Connection and binding come, and however early somebody creates an object of the API,
// the end is the same. Every run has a lane of its own; all runs share two clusters and one konnector, and run side by side.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CONNECTIONS } from "../../crds/resources.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { conditions, object, READY } from "./conditions.ts";
import { endQuietly, invariantsOf, type Invariants } from "./invariants.ts";
import { type BindingKind, type Lane, openLane, orders, paced, PACES, type PieceName } from "./lanes.ts";
import { type Landscape, PATIENCE, startLandscape } from "./landscape.ts";
import { pathOf } from "./objects.ts";

const ORDERS = orders(["Secret", "Connection", "binding"]);
const KINDS: BindingKind[] = ["ClusterBinding", "Binding"];

const RUNS = KINDS.flatMap((kind) =>
  PACES.flatMap(({ pace, apart }) =>
    ORDERS.map(({ order, title }, index) => {
      const word = `${kind.charAt(0).toLowerCase()}${apart}x${index}x`;
      return { word, kind, apart, order, title: `${title} (${kind}), ${pace}` };
    }),
  ),
);

let land: Landscape;
let invariants: Invariants;
const lanes = new Map<string, Lane>();

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  // All at once, and before anything is bound: a Connection lists what is exported, and writes when that changes.
  const opened = await Promise.all(RUNS.map(({ word, kind }) => openLane(land, word, kind)));
  for (const lane of opened) lanes.set(lane.word, lane);
});
afterAll(() => endQuietly(land, invariants), 120_000);

/** As impatient as a user can be: tries again at once until the API takes it. */
const createOnceServed = ({ pieces: { instance }, type, word }: Lane) =>
  eventually(
    `${type.resource} to be accepted`,
    async () => {
      const { admin } = land.consumer.plane;
      const { status, text } = await admin.request("POST", pathOf(type, word), instance.body);
      return status === 201 || new NotYet(text);
    },
    PATIENCE,
  );

describe("an object created the moment its API is served is synced", () => {
  // A loop and not `each`, which would cut the titles.
  for (const { word, order, apart, title } of RUNS) test.concurrent(title, () => applyAll(word, order, apart));
});

async function applyAll(word: string, order: PieceName[], apart: number): Promise<void> {
  const lane = lanes.get(word) as Lane;
  const { objects } = land.consumer;
  const created = createOnceServed(lane);
  await paced(
    apart,
    order.map((name) => () => objects.create(lane.pieces[name].resource, lane.pieces[name].body)),
  );
  await created;
  const { instance, binding } = lane.pieces;
  const copy = await object(land.provider.objects, lane.type, instance.key, "to be there");
  expect(copy.spec).toEqual(instance.body.spec);
  await conditions(objects, binding.resource, binding.key, { ...READY, Synced: { status: "True" } });
  await conditions(objects, CONNECTIONS, lane.pieces.Connection.key, { ...READY, SchemaInSync: { status: "True" } });
  await invariants.check({ word });
}
