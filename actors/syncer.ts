// One bound API as the process holds it: its definitions, what is watched of it, and what the bindings mean for each of
// its namespaces. Data only; the watches are in api-watches.ts, the decisions in machines/syncer.ts.

import type { Crd } from "../crds/definition-object.ts";
import { type ApiName, parseKey } from "../crds/kube-object.ts";
import type { AcceptedSpec } from "../crds/ownership.ts";
import type { PulledCrd } from "../crds/pull.ts";
import type { Reason } from "../crds/reasons.ts";
import type { Refusal } from "../machines/syncer.ts";
import type { Gate } from "../machines/object-facts.ts";
import type { Engagement } from "./engagement.ts";
import type { Shape } from "./facts.ts";
import { syncerKey } from "./keys.ts";
import type { Watch } from "./ports.ts";
import type { Table } from "./table.ts";

/** What is watched, while it is watched. */
export interface Watching {
  shape: Shape;
  /** Of the consumer CRD it was started for: another one means starting anew. */
  definition: string;
  table: Table;
  consumer: Watch;
  consumerListed: boolean;
  provider: {
    engagement: Engagement;
    watch: Watch;
    listed: boolean;
    /** The provider has stopped serving what it no longer exports: no list will come, and each copy is looked up instead. */
    unserved: boolean;
  } | null;
  /** Why a side is not listed yet, as far as its watch has said. */
  trouble: { consumer: Refusal | null; provider: Refusal | null };
}

/** The provider's definition turned into ours. */
export interface Desired {
  /** The states it was built from: another one means building it anew. */
  from: string;
  pulled: PulledCrd;
  /** It was made up from what the provider publishes, so it may be something that this cluster refuses. */
  made: boolean;
  /** Of the offer it was built from. */
  version: string;
  /** Why its fields accept anything: what this cluster said to the schema. "": it has the schema. */
  openedFor: string;
  /** What is not as the provider has it, each as half a sentence. */
  notes: string[];
}

export interface Syncer {
  key: string;
  connection: string;
  api: ApiName;
  watching: Watching | null;
  /** What the bindings mean for objects of a namespace; replaced by each pass of the syncer. */
  ruleFor: (namespace: string) => Pick<Gate, "mode" | "adopt" | "paused">;
  /** The Connection has been tried and leads nowhere; false while it may yet. */
  lost: boolean;
  /** Passes of objects under way. */
  inFlight: number;
  /** The consumer's CRD, whole, as last read; its resourceVersion says whether it is still the one of the watch. */
  crd: Crd | null;
  desired: Desired | null;
  accepted: AcceptedSpec | undefined;
  /** `desired.from` of the definition that could not be installed, or "". */
  failedWith: string;
  /** `desired.from` of the definition that objects were last tried with, or "". */
  triedWith: string;
  /** A live binding, or the Connection's policy, wants the API. */
  wanted: boolean;
  /** What its last pass found to decide over the objects. */
  ruled: string;
  /** The bindings that its last pass looked at. */
  seen: string;
  /** The provider has ignored the guard of a first write: look before each first write. */
  unguarded: boolean;
  /** What it last told its bindings and its Connection. */
  reported: string;
  /** Last verdict on the API, for bindings to report. */
  verdict: { reason: Reason; message: string; crdHash: string };
}

export const createSyncer = (connection: string, api: ApiName): Syncer => ({
  key: syncerKey(connection, api),
  connection,
  api,
  watching: null,
  ruleFor: () => ({ mode: "held", adopt: false, paused: "" }),
  lost: false,
  inFlight: 0,
  crd: null,
  desired: null,
  accepted: undefined,
  failedWith: "",
  triedWith: "",
  wanted: false,
  ruled: "",
  seen: "",
  unguarded: false,
  reported: "",
  verdict: { reason: "Pending", message: "not looked at yet", crdHash: "" },
});

/** Those of one Connection. */
export const syncersOf = (syncers: ReadonlyMap<string, Syncer>, connection: string): Syncer[] =>
  [...syncers.values()].filter((syncer) => syncer.connection === connection);

/** The gate of one object at this moment. */
export function gateFor(syncer: Syncer, key: string): Gate {
  const ruling = syncer.ruleFor(parseKey(key).namespace);
  const { provider, shape } = syncer.watching ?? {};
  const engaged = provider?.listed === true || provider?.unserved === true;
  return { ...ruling, engaged, listing: !engaged && !syncer.lost, clusterUid: shape?.clusterUid ?? "" };
}

/** Objects this syncer acts for that carry our finalizer. */
export function claimed({ watching, ruleFor }: Syncer): number {
  let count = 0;
  for (const namespace of watching?.table.namespaces() ?? []) {
    if (ruleFor(namespace).mode !== "elsewhere") count += watching?.table.tally(namespace).claimed ?? 0;
  }
  return count;
}

/** Where a syncer comes to rest when no object of its API holds our finalizer any more (`path` as of `statePath`). */
export const isAtRest = (path: string): boolean => path === "cleaningUp.idle" || path.startsWith("unbound.");
