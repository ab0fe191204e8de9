// One bound API as the process holds it: its definitions, what is watched of it, and what the bindings mean for each of
// its namespaces. Data only; the watches are in api-watches.ts, the decisions in machines/syncer.ts.

import type { Crd } from "../crds/definition-object.ts";
import { type ApiName, parseKey } from "../crds/kube-object.ts";
import type { AcceptedSpec } from "../crds/ownership.ts";
import type { PulledCrd } from "../crds/pull.ts";
import type { Reason } from "../crds/reasons.ts";
import type { Gate } from "../machines/object-facts.ts";
import type { Blocker } from "../machines/rules/blockers.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import type { Engagement } from "./engagement.ts";
import type { Shape } from "./facts.ts";
import type { Feeds } from "./feeds.ts";
import { syncerKey } from "./keys.ts";
import type { Table } from "./table.ts";

/** What is watched, while it is watched. */
export interface Watching {
  shape: Shape;
  /** Of the consumer CRD it was started for: another one means starting anew. */
  definition: string;
  table: Table;
  consumer: Feeds;
  /**
   * Where it has stopped serving what it no longer exports (`isUnserved`) no list will come, and each copy is looked up instead.
   */
  provider: { engagement: Engagement; feeds: Feeds } | null;
  search: Search;
  /** Namespaces of the Bindings that list the API, through whichever Connection. */
  bound: ReadonlySet<string>;
}

/** The look for objects that carry our finalizer in namespaces that no binding names (strays.ts). */
export interface Search {
  /** idle: another Connection's business. waiting: until it is tried again. */
  state: "idle" | "due" | "under way" | "waiting" | "refused" | "done";
  /** May the whole cluster be listed, as far as was known at the last pass? */
  allowed?: boolean | undefined;
  /** Namespaces that have, or may have, some. */
  found: Set<string>;
  cancel: () => void;
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

/** An object that has to let go of its copy and has not yet. */
export interface Leaving {
  /** Milliseconds. */
  since: number;
  /** What was found to stand in its way; null: nothing, or nothing yet. */
  blocker: Blocker | null;
  /** What was told of it, without what may change with each try. */
  told: string;
  /** Of `telling`: what is said of one object is said in order. */
  line: number;
  /** A request to the provider that it waits for has not been answered for too long. */
  unanswered: boolean;
}

export interface Syncer {
  key: string;
  connection: string;
  api: ApiName;
  watching: Watching | null;
  /** What the bindings mean for objects of a namespace; replaced by each pass of the syncer. */
  ruleFor: (namespace: string) => Pick<Gate, "mode" | "adopt" | "paused" | "letGo">;
  /** The Connection has been tried and leads nowhere; false while it may yet. */
  lost: boolean;
  /** …or it is known what keeps it from being worked with. */
  tried: boolean;
  /** Its lists are still to come, or what they mean is still to be ruled. */
  undecided: boolean;
  /** Passes of objects under way… */
  inFlight: number;
  /** …by namespace. */
  busy: Map<string, number>;
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
  /** Objects that have to go, or only their copies, and still hold our finalizer. */
  leaving: Map<string, Leaving>;
  /** Those of them that are to be looked at once they have waited for a moment, the first to come of age first. */
  ripening: Set<string>;
  /** Of the requests to the provider that deletions wait for: how many are late, and when one was last answered in time. */
  unanswered: number;
  answeredAt: number;
  /** Whether they are answered at all is being watched. */
  listening: boolean;
  /** What is being said of them on themselves, one after the other in each line. */
  telling: Promise<void>[];
  /** When what its objects owe was last counted, and whether it is about to be. */
  recountedAt: number;
  recounting: boolean;
  /** Copies without an object here, as told. */
  orphans: ReadonlySet<string>;
  /** They are about to be looked at again. */
  orphansAwaited: boolean;
  /** The provider has ignored the guard of a first write: look before each first write. */
  unguarded: boolean;
  /** What it last told its Connection and its bindings: of the API ("") and of each namespace. */
  reported: ReadonlyMap<string, string>;
  /**
   * Last verdict on the API. `local`: it may be another one in a single namespace. `undecided`: nothing stands in the way, it is
   * just not known yet.
   */
  verdict: { reason: Reason; message: string; crdHash: string; local?: boolean; undecided?: boolean };
}

export const createSyncer = (connection: string, api: ApiName): Syncer => ({
  key: syncerKey(connection, api),
  connection,
  api,
  watching: null,
  ruleFor: () => ({ mode: "held", adopt: false, paused: "" }),
  lost: false,
  tried: false,
  undecided: true,
  inFlight: 0,
  busy: new Map(),
  crd: null,
  desired: null,
  accepted: undefined,
  failedWith: "",
  triedWith: "",
  wanted: false,
  ruled: "",
  seen: "",
  leaving: new Map(),
  ripening: new Set(),
  unanswered: 0,
  answeredAt: Number.NEGATIVE_INFINITY,
  listening: false,
  recountedAt: Number.NEGATIVE_INFINITY,
  recounting: false,
  telling: [],
  orphans: new Set(),
  orphansAwaited: false,
  unguarded: false,
  reported: new Map(),
  verdict: { reason: "Pending", message: "not looked at yet", crdHash: "", undecided: true },
});

/** Those of one Connection. */
export const syncersOf = (syncers: ReadonlyMap<string, Syncer>, connection: string): Syncer[] =>
  [...syncers.values()].filter((syncer) => syncer.connection === connection);

/** The gate of one object at this moment. */
export function gateFor(syncer: Syncer, key: string): Gate {
  const { namespace } = parseKey(key);
  const { watching } = syncer;
  const engaged = watching !== null && isOpen(watching, namespace);
  const clusterUid = watching?.shape.clusterUid ?? "";
  const { letGo = false, ...ruled } = syncer.ruleFor(namespace);
  const gate = { ...ruled, engaged, listing: !engaged && !syncer.lost, clusterUid };
  return letGo && isBlocked(syncer, key) && (engaged || isTried(syncer, namespace)) ? { ...gate, letGo } : gate;
}

/** Has something been found to stand in the way of its deletion? A pause is none that an operator wants passed over. */
function isBlocked({ leaving }: Syncer, key: string): boolean {
  const blocker = leaving.get(key)?.blocker ?? null;
  return blocker !== null && blocker.cause !== "Paused";
}

/** Has what keeps the copies from being known been met, as opposed to lists that are still to come? */
export const isTried = ({ tried, watching }: Syncer, namespace: string): boolean =>
  tried || (watching?.provider?.feeds.troubleOf(homeOf(watching.shape, namespace) ?? "") ?? null) !== null;

/** May the copies of the namespace's objects be judged: is it known what there is of them, or that nobody will tell? */
function isOpen({ provider, shape }: Watching, namespace: string): boolean {
  const home = homeOf(shape, namespace);
  if (provider === null || home === undefined) return false;
  return provider.feeds.isListed(home) || provider.feeds.isUnserved(home);
}

/** A pass of an object in that namespace begins (1) or has ended (-1). */
export function notePass(syncer: Syncer, namespace: string, change: 1 | -1): void {
  syncer.inFlight += change;
  const busy = (syncer.busy.get(namespace) ?? 0) + change;
  if (busy === 0) syncer.busy.delete(namespace);
  else syncer.busy.set(namespace, busy);
}

/** Passes under way in those namespaces. */
export const busyIn = ({ busy }: Syncer, namespaces: readonly string[]): number =>
  namespaces.reduce((count, namespace) => count + (busy.get(namespace) ?? 0), 0);

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
