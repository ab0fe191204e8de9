// One ClusterBinding or Binding: holds itself by a finalizer before anything is done for it, sums up its APIs, and lets
// go once their objects have. Syncers and objects do the work; this machine decides only when the binding is ready and
// when it may disappear. Conditions: machines/binding-status.ts. Rules: docs/reference/behaviour.md, "Bindings".

import { assign, setup } from "xstate";
import type { Reason } from "../crds/reasons.ts";
import { faultDelay } from "./rules/backoff.ts";
import { type Blocked, NOTHING_BLOCKED } from "./rules/blockers.ts";
import type { RuleProblem } from "./rules/related-rules.ts";

export interface BindingFact {
  uid: string;
  deleting: boolean;
  /** Carries our finalizer. */
  claimed: boolean;
  connection: string;
  /**
   * How its objects come to the Connection that it names. unrecorded: they are there, which its annotation is to say; draining,
   * waiting: they are still with another one, and have to leave it, or do nothing until more is known.
   */
  stage: "settled" | "unrecorded" | "draining" | "waiting";
  /** The Connection that they go through until then. */
  through: string;
  /** What stops every write for it, itself or its Connection, to be named in a message; "" for nothing. */
  paused: string;
  /** Its annotation does not say yet of which related objects it may have copies, or still does of too many. */
  unnoted: boolean;
  /** What has its objects let go of without the provider's word, to be named in a message; "" for nothing. */
  letGoBy?: string;
  /** When that comes by itself, "" for never. */
  drainEnd?: string;
}

/** Copies on the provider that have lost their object here without its having been deleted. */
export interface OrphanedCopies {
  count: number;
  /** The first few, as arguments of kubectl on the provider: "widgets.example.org one -n default". */
  names: string[];
}

/** What its related objects have come to. */
export interface RelatedVerdict {
  /** Rules that are not followed. */
  problems: RuleProblem[];
  conflicts: { foreign: number; another: number };
  /** Copies whose last write was refused or failed, or that somebody keeps changing. */
  failing: string[];
  /** What cannot be listed for want of a right. */
  unlisted: string[];
  /** What is not listed yet, or not at the moment. */
  pending: string[];
  /** What the provider refused for want of a right, and this cluster. */
  denied: string[];
  deniedHere: string[];
}

export const NOTHING_RELATED: RelatedVerdict = {
  problems: [],
  conflicts: { foreign: 0, another: 0 },
  failing: [],
  unlisted: [],
  pending: [],
  denied: [],
  deniedHere: [],
};

/** What one API of the binding has come to. */
export interface ApiVerdict {
  name: string;
  /** AsExpected when its objects are synced. */
  reason: Reason;
  message: string;
  /** Nothing stands in the way; it is just not known yet. */
  undecided?: boolean;
  /** Hash of the CRD installed on the consumer, "" while there is none. */
  crdHash: string;
  /** Objects in scope that are not synced because the name is taken on the provider, by reason. */
  conflicts: { foreign: number; another: number };
  /** What the provider refused for want of a right while its objects were synced, in its own words. */
  denied: string[];
  /** The same of this cluster. */
  deniedHere: string[];
  /** Objects in scope whose last write was refused or failed. */
  failing: number;
  /** Objects in scope that are paused by an annotation of their own. */
  paused: number;
}

export interface BindingContext {
  binding: BindingFact | null | undefined;
  connection: { exists: boolean; ready: boolean; message: string } | undefined;
  apis: ApiVerdict[] | undefined;
  related: RelatedVerdict;
  /** Objects and CRDs still to let go before the binding may; null: cannot be told yet. stuck: related copies whose provider is away. */
  remaining: { objects: number; apis: string[]; message: string; stuck?: boolean } | null | undefined;
  /** Deletions of its objects that are blocked. */
  blocked: Blocked;
  orphaned: OrphanedCopies;
  failed: string | null;
  attempts: number;
  retryIn: number | null;
}

export type BindingEvent =
  | { type: "binding.seen"; binding: BindingFact }
  | { type: "binding.gone" }
  | { type: "connection.seen"; connection: NonNullable<BindingContext["connection"]> }
  | { type: "apis.seen"; apis: ApiVerdict[] }
  | { type: "related.seen"; related: RelatedVerdict }
  | { type: "blocked.seen"; blocked: Blocked }
  | { type: "orphans.seen"; orphaned: OrphanedCopies }
  | { type: "remaining.counted"; remaining: BindingContext["remaining"] }
  | { type: "pass" }
  | { type: "due" }
  | { type: "claimed" }
  | { type: "recorded" }
  | { type: "noted" }
  | { type: "released" }
  | { type: "failed"; message: string; retryAfter?: number };

export const initialBindingContext: BindingContext = {
  binding: undefined,
  connection: undefined,
  apis: undefined,
  related: NOTHING_RELATED,
  remaining: undefined,
  blocked: NOTHING_BLOCKED,
  orphaned: { count: 0, names: [] },
  failed: null,
  attempts: 0,
  retryIn: null,
};

const CONFLICTS: ReadonlySet<Reason> = new Set(["ForeignObjectExists", "OwnedByAnother"]);

const isDrained = ({ remaining }: BindingContext): boolean =>
  !!remaining && remaining.objects === 0 && remaining.apis.length === 0;

const isConflicted = (api: ApiVerdict): boolean =>
  CONFLICTS.has(api.reason) || api.conflicts.foreign + api.conflicts.another > 0;

export const bindingMachine = setup({
  types: { context: {} as BindingContext, events: {} as BindingEvent, tags: {} as "resting" },
  guards: {
    factsIncomplete: ({ context: { binding, connection, apis } }) =>
      binding === undefined || (binding !== null && (connection === undefined || apis === undefined)),
    absent: ({ context }) => context.binding === null,
    released: ({ context }) => context.binding?.deleting === true && !context.binding.claimed,
    paused: ({ context }) => !!context.binding?.paused,
    deleting: ({ context }) => context.binding?.deleting === true,
    drained: ({ context }) => isDrained(context),
    unclaimed: ({ context }) => context.binding?.claimed === false,
    unrecorded: ({ context }) => context.binding?.stage === "unrecorded",
    undecided: ({ context }) => context.binding?.stage === "waiting",
    moving: ({ context }) => context.binding?.stage === "draining",
    hasMoved: ({ context }) => context.binding?.stage === "draining" && isDrained(context),
    connectionNotReady: ({ context }) => context.connection?.ready === false,
    unnoted: ({ context }) => context.binding?.unnoted === true,
    conflicted: ({ context: { apis, related } }) =>
      apis?.some(isConflicted) === true || related.conflicts.foreign + related.conflicts.another > 0,
    apiPending: ({ context }) => context.apis?.some((api) => api.reason !== "AsExpected") === true,
    relatedPending: ({ context: { related } }) =>
      related.problems.length + related.unlisted.length + related.pending.length > 0,
  },
  actions: {
    // Effects: carried out by the actor, each answered with one event.
    claim: () => {},
    record: () => {},
    note: () => {},
    release: () => {},
    // Memory.
    noteBinding: assign(({ event }) => (event.type === "binding.seen" ? { binding: event.binding } : {})),
    forgetBinding: assign({ binding: null }),
    noteConnection: assign(({ event }) => (event.type === "connection.seen" ? { connection: event.connection } : {})),
    noteApis: assign(({ event }) => (event.type === "apis.seen" ? { apis: event.apis } : {})),
    noteOrphans: assign(({ event }) => (event.type === "orphans.seen" ? { orphaned: event.orphaned } : {})),
    noteRelated: assign(({ event }) => (event.type === "related.seen" ? { related: event.related } : {})),
    noteNoted: assign(({ context: { binding } }) => ({
      binding: binding && { ...binding, unnoted: false },
      attempts: 0,
    })),
    noteBlocked: assign(({ event }) => (event.type === "blocked.seen" ? { blocked: event.blocked } : {})),
    noteRemaining: assign(({ event }) => (event.type === "remaining.counted" ? { remaining: event.remaining } : {})),
    noteClaimed: assign(({ context: { binding } }) => ({
      binding: binding && { ...binding, claimed: true },
      attempts: 0,
    })),
    noteRecorded: assign(({ context: { binding } }) => ({
      binding: binding && { ...binding, stage: "settled" as const, through: binding.connection },
      attempts: 0,
    })),
    noteFailure: assign(({ context, event }) => {
      if (event.type !== "failed") return {};
      const attempts = context.attempts + 1;
      const retryIn = Math.max(faultDelay(attempts), (event.retryAfter ?? 0) * 1000);
      return { attempts, retryIn, failed: event.message };
    }),
    startOver: assign({ retryIn: null, failed: null }),
  },
}).createMachine({
  id: "binding",
  description: "One ClusterBinding or Binding.",
  context: initialBindingContext,
  initial: "engaging",
  on: {
    "binding.seen": { actions: "noteBinding" },
    "binding.gone": { actions: "forgetBinding" },
    "connection.seen": { actions: "noteConnection" },
    "apis.seen": { actions: "noteApis" },
    "orphans.seen": { actions: "noteOrphans" },
    "related.seen": { actions: "noteRelated" },
    "blocked.seen": { actions: "noteBlocked" },
    "remaining.counted": { actions: "noteRemaining" },
    pass: { target: ".deciding", actions: "startOver" },
    due: { target: ".deciding", actions: "startOver" },
  },
  states: {
    deciding: {
      description: "Weighs the facts; the first rule that holds wins.",
      always: [
        { guard: "factsIncomplete", target: "engaging.waiting" },
        { guard: "absent", target: "gone" },
        { guard: "released", target: "gone" },
        { guard: "paused", target: "paused" },
        { guard: "deleting", target: "cleaningUp" },
        { guard: "unclaimed", target: "engaging.claiming" },
        { guard: "unrecorded", target: "moving.recording" },
        { guard: "undecided", target: "moving.waiting" },
        { guard: "hasMoved", target: "moving.recording" },
        { guard: "moving", target: "moving.draining" },
        { guard: "connectionNotReady", target: "disengaged" },
        { guard: "unnoted", target: "engaging.noting" },
        { guard: "conflicted", target: "conflicted" },
        { guard: "apiPending", target: "engaging.awaitingApis" },
        { guard: "relatedPending", target: "engaging.awaitingRelated" },
        { target: "ready" },
      ],
    },
    engaging: {
      initial: "waiting",
      states: {
        waiting: { tags: "resting", description: "Until the binding, its Connection and its APIs are known." },
        claiming: {
          description: "Our finalizer goes on before anything is done for the binding.",
          entry: "claim",
          on: {
            claimed: { target: "#binding.deciding", actions: "noteClaimed" },
            "binding.gone": { target: "#binding.gone", actions: "forgetBinding" },
            failed: { target: "failing", actions: "noteFailure" },
          },
        },
        noting: {
          description: "Notes on the binding of which related objects it may have copies, before there are any.",
          entry: "note",
          on: {
            noted: { target: "#binding.deciding", actions: "noteNoted" },
            "binding.gone": { target: "#binding.gone", actions: "forgetBinding" },
            failed: { target: "failing", actions: "noteFailure" },
          },
        },
        awaitingRelated: {
          tags: "resting",
          description: "Its related objects are not all followed; everything else is.",
        },
        awaitingApis: { tags: "resting", description: "Some API is not synced yet; the others are." },
        failing: { tags: "resting", description: "A step failed; tried again when due." },
      },
    },
    moving: {
      description: "The Connection that it names is not the one that its objects went through so far.",
      initial: "draining",
      states: {
        waiting: {
          tags: "resting",
          description: "It is not known where the one that it names leads: nothing is written, and nothing deleted.",
        },
        draining: {
          tags: "resting",
          description:
            "It leads to another provider: the objects leave the one before, and nothing is done through it yet.",
        },
        recording: {
          description: "Notes on the binding through which Connection its objects go from now on.",
          entry: "record",
          on: {
            recorded: { target: "#binding.deciding", actions: "noteRecorded" },
            "binding.gone": { target: "#binding.gone", actions: "forgetBinding" },
            failed: { target: "#binding.engaging.failing", actions: "noteFailure" },
          },
        },
      },
    },
    ready: { tags: "resting", description: "Every API it lists is synced." },
    conflicted: { tags: "resting", description: "Some API or object is somebody else's; the others are synced." },
    paused: {
      tags: "resting",
      description:
        "The annotation on it or on its Connection stops every write, that of its end included; it still governs.",
    },
    disengaged: { tags: "resting", description: "Its Connection is missing or not ready." },
    cleaningUp: {
      description: "Being deleted: objects it governs alone are drained first.",
      initial: "weighing",
      states: {
        weighing: { always: [{ guard: "drained", target: "releasing" }, { target: "draining" }] },
        draining: { tags: "resting", description: "Objects still hold our finalizer, or a CRD is still going." },
        releasing: {
          description: "Takes our finalizer off the binding.",
          entry: "release",
          on: {
            released: "#binding.gone",
            "binding.gone": { target: "#binding.gone", actions: "forgetBinding" },
            failed: { target: "draining", actions: "noteFailure" },
          },
        },
      },
    },
    gone: { tags: "resting", description: "Nothing of ours holds it any more." },
  },
});
