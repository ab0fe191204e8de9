// Facts about one bound API, as the tests of the syncer machine tell them.

import { type SyncerContext, type SyncerEvent, type SyncerFacts, syncerMachine } from "../../machines/syncer.ts";
import { after } from "./drive.ts";

type Crd = SyncerFacts["crd"];

/** Nothing is on the consumer, and the pull policy asks for it. */
export const absent = (change: Partial<Crd> = {}): Crd => ({
  state: "absent",
  step: "create",
  refusal: null,
  mine: false,
  ours: false,
  ...change,
});

/** Installed by us through this Connection, and served. */
export const served = (change: Partial<Crd> = {}): Crd => ({
  ...absent({ state: "established", step: "leave", mine: true, ours: true }),
  ...change,
});

/** Somebody else's definition of that name. */
export const foreignCrd = (): Crd =>
  absent({
    state: "established",
    step: "refuse",
    refusal: { reason: "ForeignObjectExists", message: "not ours" },
  });

export const NOBODY: SyncerFacts["demand"] = { live: 0, draining: 0, takesCrd: false };
export const WANTED: SyncerFacts["demand"] = { live: 1, draining: 0, takesCrd: false };
/** The last ClusterBinding is being deleted. */
export const ENDING: SyncerFacts["demand"] = { live: 0, draining: 1, takesCrd: true };
/** The last ClusterBinding is being deleted, and another one has just been created. */
export const COMING: SyncerFacts["demand"] = { live: 0, coming: 1, draining: 1, takesCrd: false };
/** No binding lists it; the Connection's policy wants its definition all the same. */
export const EAGER: SyncerFacts["demand"] = { ...NOBODY, eager: true };
/** The only binding that lists it is paused. */
export const PAUSED: SyncerFacts["demand"] = { ...WANTED, paused: true };
/** …or the Connection, whose policy wants it. */
export const EAGER_PAUSED: SyncerFacts["demand"] = { ...EAGER, paused: true };
export const OFFERED: SyncerFacts["offer"] = { exported: true, refusal: null };
export const LISTED: SyncerFacts["lists"] = { consumer: true, provider: true, whole: true };

/** All facts at once; without a change, those of an API that is synced. */
export function told(change: Partial<SyncerFacts> = {}): SyncerEvent[] {
  const facts: SyncerFacts = {
    connection: "ready",
    demand: WANTED,
    offer: OFFERED,
    crd: served(),
    lists: LISTED,
    holding: 0,
    ...change,
  };
  return [
    { type: "connection.seen", connection: facts.connection },
    { type: "demand.seen", demand: facts.demand },
    { type: "offer.seen", offer: facts.offer },
    { type: "crd.seen", crd: facts.crd },
    { type: "lists.seen", lists: facts.lists },
    { type: "holding.counted", holding: facts.holding },
  ];
}

export const PASS = { type: "pass" } as const;
export const DUE = { type: "due" } as const;

export const failed = (lasting = false): SyncerEvent => ({
  type: "failed",
  reason: lasting ? "SchemaRejected" : "Pending",
  message: "not taken",
  lasting,
});

/** Where the syncer machine is after these events. */
export const drive = (...events: readonly SyncerEvent[]) => after<SyncerContext, SyncerEvent>(syncerMachine, events);
