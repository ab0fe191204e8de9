// What all actors share: the ports, the caches, the engaged providers, the records of the machines, and `wake`. Holds no
// logic of its own; the supervisor creates it and hands it to each pass.

import type { GroupChoice } from "../crds/denied-groups.ts";
import type { Reason } from "../crds/reasons.ts";
import type { MachineRecord } from "./host.ts";
import type { Directory } from "./directory.ts";
import type { Documents } from "./documents.ts";
import type { Engagement } from "./engagement.ts";
import type { HeldLease } from "./held-lease.ts";
import type { Standing } from "./access-reviews.ts";
import type { Clock, Connect, Log, Priority, Recorder, Telemetry, WorkQueue } from "./ports.ts";
import type { OwnCluster } from "./own-cluster.ts";
import type { Rechecks } from "./rechecks.ts";
import type { RelatedSyncer } from "./related-syncer.ts";
import type { Syncer } from "./syncer.ts";
import type { Timers } from "./timers.ts";
import type { Mapper } from "../machines/rules/mapper.ts";
import type { AutoBindTrouble } from "../machines/rules/auto-bind.ts";
import type { LeaseSettings } from "../machines/rules/lease.ts";
import type { TravelPolicy } from "../machines/rules/projection.ts";
import type { RelatedPolicy } from "../machines/rules/related-rules.ts";

export interface Settings {
  /** The only namespace that Secrets are read from. */
  namespace: string;
  lease: LeaseSettings;
  mapper: Mapper;
  travel: TravelPolicy;
  /** What rules for related objects may not reach. */
  related: RelatedPolicy;
  /** Milliseconds between looks at what cannot be watched. */
  resyncInterval: number;
  /** Whether namespaces that copies brought to a provider go with the binding, if nothing else is in them. */
  deleteEmptyNamespaces: boolean;
  /** Milliseconds after which the drain of a binding goes on without the provider's word; 0: never. */
  drainTimeout: number;
  /** Groups that source OpenAPI leaves out, and those under k8s.io that providers may deliver. */
  groups: Required<GroupChoice>;
}

export interface Ports {
  consumer: OwnCluster;
  connect: Connect;
  queue: WorkQueue;
  recorder: Recorder;
  clock: Clock;
  log: Log;
  telemetry: Telemetry;
}

/**
 * What a Connection allows others: ready: everything; deleting: engaged, but only for deletions; away: no provider at
 * hand; absent: there is no such Connection. `reason` says it in a sentence.
 */
export interface Phase {
  state: "ready" | "deleting" | "away" | "absent";
  /** It has been tried and leads nowhere, as opposed to not being there yet. */
  lost: boolean;
  /** It is being looked at, and nothing has come of that yet. */
  undecided: boolean;
  reason: string;
  /** The same in a word. */
  because: Reason;
}

/** Why an object was let go of without the provider's word: its bindings no longer wait for that, or it is to keep its copy. */
export type Unasked = "asked" | "Orphan";

export interface Engine extends Ports {
  settings: Settings;
  directory: Directory;
  timers: Timers;
  rechecks: Rechecks;
  documents: Documents;
  /** Engaged providers, by Connection. */
  engagements: Map<string, Engagement>;
  /** As the last pass of each Connection left it. */
  phases: Map<string, Phase>;
  /** What each Connection last told those who depend on it. */
  announced: Map<string, string>;
  /** Bound APIs, by actor key. */
  syncers: Map<string, Syncer>;
  /** Routes of related objects, by actor key. */
  related: Map<string, RelatedSyncer>;
  /** Records of Connections, bindings and syncers, by actor key; objects keep theirs in their syncer's table. */
  records: Map<string, MachineRecord<unknown>>;
  /** The heartbeat Leases, by identity of the provider they are on. */
  leases: Map<string, HeldLease>;
  /** What stands in the way of `autoBind`, by Connection. */
  autoBindTroubles: Map<string, AutoBindTrouble>;
  /** What is known of our rights on each provider, by Connection, and on our own cluster (OURSELVES). */
  standings: Map<string, Standing>;
  /** When the process began its work, milliseconds. */
  startedAt: number;
  /** The statuses that we wrote last, by uid: what differs was written by somebody else. */
  shown: Map<string, unknown>;
  /** Since when (milliseconds) a status has been wanted that takes something back, and since when for something learnt; by uid. */
  doubts: Map<string, { since: number; learnt: number | null }>;
  /** Namespaces on the provider in which copies of a binding that goes have been, by its uid. */
  visited: Map<string, Set<string>>;
  /** Bindings whose drain has taken as long as it may, by uid. */
  overdue: Set<string>;
  /** Copies that may be left on the provider, by uid of a binding that goes, each with who wanted it so. */
  unasked: Map<string, Map<string, Unasked>>;
  /** Since when (milliseconds) a binding that lets go waits for nothing but related copies, by uid. */
  lingering: Map<string, number>;
  /** Connections whose status was not written and is about to be looked at again. */
  rewrites: Set<string>;
  /** Objects of our own kinds whose status we lack the right to write, by uid. */
  unwritable: Set<string>;
  /** Puts an actor on the queue. */
  wake(key: string, priority?: Priority): void;
}

/** The present time as conditions and Leases read it from an ISO string. */
export const isoNow = (clock: Clock): string => new Date(clock.now()).toISOString();

export const absentPhase = (connection: string): Phase => ({
  state: "absent",
  lost: true,
  undecided: false,
  because: "Pending",
  reason: `Connection ${connection} does not exist`,
});

export const phaseOf = (engine: Engine, connection: string): Phase =>
  engine.phases.get(connection) ??
  (engine.directory.connection(connection)
    ? {
        state: "away",
        lost: false,
        undecided: true,
        because: "Pending",
        reason: `Connection ${connection} has not been looked at yet`,
      }
    : absentPhase(connection));
