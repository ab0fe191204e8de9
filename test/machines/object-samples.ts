// Facts about one object and its copy, as the tests of the object machine tell them.

import {
  type ConsumerFact,
  type CopyFact,
  type Gate,
  type ObjectContext,
  type ObjectEvent,
} from "../../machines/object-facts.ts";
import { objectMachine } from "../../machines/object.ts";
import type { StatusFact } from "../../machines/rules/status.ts";
import { after } from "./drive.ts";

export const CLUSTER = "consumer-cluster";
export const UID = "consumer-object";

export const status = (shape: string): StatusFact => ({ shape, current: [] });

/** A claimed object that wants spec "a" and shows no status. */
export const consumer = (change: Partial<ConsumerFact> = {}): ConsumerFact => ({
  uid: UID,
  resourceVersion: "10",
  generation: 1,
  deleting: false,
  claimed: true,
  finalizers: { count: 1, ours: 0 },
  orphan: false,
  paused: false,
  mark: "",
  blocked: "",
  wanted: "a",
  status: status(""),
  ...change,
});

export const unclaimed = (change: Partial<ConsumerFact> = {}): ConsumerFact =>
  consumer({ claimed: false, finalizers: { count: 0, ours: -1 }, ...change });

/** A copy of that object, in sync with it. */
export const copy = (change: Partial<CopyFact> = {}): CopyFact => ({
  uid: "copy",
  resourceVersion: "20",
  clusterUid: CLUSTER,
  objectUid: UID,
  deleting: false,
  heldBy: "",
  owned: "a",
  heldByUpdate: false,
  status: status(""),
  ...change,
});

/** What somebody else made on the provider. */
export const foreign = (change: Partial<CopyFact> = {}): CopyFact =>
  copy({ uid: "foreign", clusterUid: "", objectUid: "", owned: "", ...change });

/** The copy of another consumer's object, or of an earlier object of that name. */
export const another = (change: Partial<CopyFact> = {}): CopyFact =>
  copy({ uid: "another", objectUid: "earlier-object", owned: "b", ...change });

export const gate = (change: Partial<Gate> = {}): Gate => ({
  mode: "sync",
  engaged: true,
  adopt: false,
  paused: "",
  clusterUid: CLUSTER,
  ...change,
});

export const told = (
  object: ConsumerFact | null,
  provider: CopyFact | null,
  allowed: Gate = gate(),
): readonly ObjectEvent[] => [
  { type: "gate.seen", gate: allowed },
  object ? { type: "consumer.seen", consumer: object } : { type: "consumer.gone" },
  provider ? { type: "copy.seen", copy: provider } : { type: "copy.gone" },
];

export const PASS = { type: "pass" } as const;
export const DUE = { type: "due" } as const;

export const refused = (cause: Extract<ObjectEvent, { type: "refused" }>["cause"] = "fault"): ObjectEvent => ({
  type: "refused",
  cause,
  message: `refused: ${cause}`,
});

/** Where the object machine is after these events. */
export const drive = (...events: readonly ObjectEvent[]) => after<ObjectContext, ObjectEvent>(objectMachine, events);
