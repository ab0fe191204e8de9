// Every state and transition of the syncer machine can be reached the way the host drives it.

import { expect, test } from "vitest";

import { type SyncerEvent, type SyncerFacts, syncerMachine } from "../../machines/syncer.ts";
import {
  absent,
  COMING,
  DUE,
  EAGER,
  EAGER_PAUSED,
  ENDING,
  failed,
  foreignCrd,
  LISTED,
  NOBODY,
  OFFERED,
  PASS,
  PAUSED,
  served,
  WANTED,
} from "./syncer-samples.ts";
import { unreached, walk } from "./traversal.ts";

/** One namespace of several. */
const SOME_LISTED: SyncerFacts["lists"] = { consumer: true, provider: true, whole: false };
const NOTHING_LISTED: SyncerFacts["lists"] = { consumer: false, provider: false, whole: false };

const facts: SyncerEvent[] = [
  ...(["ready", "deleting", "away"] as const).map((connection): SyncerEvent => ({
    type: "connection.seen",
    connection,
  })),
  ...[WANTED, COMING, ENDING, NOBODY, EAGER, PAUSED, EAGER_PAUSED].map((demand): SyncerEvent => ({
    type: "demand.seen",
    demand,
  })),
  ...[null, OFFERED, { exported: false, refusal: null }].map((offer): SyncerEvent => ({ type: "offer.seen", offer })),
  ...[absent(), served(), served({ state: "installing" }), served({ state: "deleting" }), foreignCrd()].map(
    (crd): SyncerEvent => ({ type: "crd.seen", crd }),
  ),
  ...[NOTHING_LISTED, SOME_LISTED, LISTED].map((lists): SyncerEvent => ({ type: "lists.seen", lists })),
  ...[0, 1].map((holding): SyncerEvent => ({ type: "holding.counted", holding })),
];

const answers: SyncerEvent[] = [
  { type: "installed", crd: served() },
  { type: "removed", crd: absent() },
  failed(),
  failed(true),
];

const left = unreached(syncerMachine, walk(syncerMachine, { facts, starts: [PASS, DUE], answers }));

test("every state is reached", () => expect(left.states).toEqual([]));

test("every transition is taken", () => expect(left.transitions).toEqual([]));
