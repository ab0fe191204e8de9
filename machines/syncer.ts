// One bound API of one Connection: the CRD on the consumer, the two watches, and the way back when its bindings go.
// While a state is tagged "watching" the actor keeps the watches on both sides open (the provider's only while the
// Connection is engaged); anywhere else they are closed. Rules: docs/reference/behaviour.md, "APIs".

import { assign, setup } from "xstate";
import type { Reason } from "../crds/reasons.ts";
import { faultDelay, slowRetryDelay } from "./rules/backoff.ts";

export interface Refusal {
  reason: Reason;
  message: string;
}

export interface SyncerFacts {
  /** ready: engaged for everything. deleting: engaged for deletions only. away: not engaged. */
  connection: "ready" | "deleting" | "away" | "absent";
  demand: {
    /** Live bindings that list the API and may have it. */
    live: number;
    /** Bindings that list it and do not carry our finalizer yet. */
    coming?: number;
    /** Deleting bindings that list it and wait for their objects. */
    draining: number;
    /** The last ClusterBinding is going, so a CRD of ours goes with it. */
    takesCrd: boolean;
    /** The Connection's policy wants the CRD here, whether or not a binding lists it. */
    eager?: boolean;
    /** Whoever asks for it is paused: its definition is neither written nor removed, everything else goes on. */
    paused?: boolean;
  };
  /** Does the provider offer the API, and may we take it? null: not known before the Connection is ready. */
  offer: { exported: boolean; refusal: Refusal | null } | null;
  crd: {
    state: "absent" | "deleting" | "installing" | "established";
    /** What the pull policy and the CRD's owner ask for; "unknown" while the provider's definition is not at hand. */
    step: "create" | "update" | "leave" | "refuse" | "unknown";
    refusal: Refusal | null;
    /** It came through this Connection. */
    mine: boolean;
    /** …and we created it, so it is ours to remove. */
    ours: boolean;
  };
  /** Some of what is watched on that side is known completely. whole: all that matters here, so that nothing can be overlooked. */
  lists: {
    consumer: boolean;
    provider: boolean;
    whole: boolean;
    /** …as far as we may look: something may be in a namespace that no right of ours reaches. */
    blind?: boolean;
  };
  /** Objects that carry our finalizer and must let go of it, plus passes under way. */
  holding: number;
}

export interface SyncerContext extends Partial<SyncerFacts> {
  /** The step that failed last, until it is due again or no longer asked for. */
  failed: (Refusal & { step: "install" | "remove"; lasting: boolean }) | null;
  /** Nothing of ours is left on the objects: no need to look again while no binding wants the API. */
  emptied: boolean;
  /** …as far as we were able to look at the time. */
  unseen: boolean;
  attempts: number;
  retryIn: number | null;
}

export type SyncerEvent =
  | { type: "connection.seen"; connection: SyncerFacts["connection"] }
  | { type: "demand.seen"; demand: SyncerFacts["demand"] }
  | { type: "offer.seen"; offer: SyncerFacts["offer"] }
  | { type: "crd.seen"; crd: SyncerFacts["crd"] }
  | { type: "lists.seen"; lists: SyncerFacts["lists"] }
  | { type: "holding.counted"; holding: number }
  | { type: "pass" }
  | { type: "due" }
  | { type: "installed"; crd: SyncerFacts["crd"] }
  | { type: "removed"; crd: SyncerFacts["crd"] }
  | { type: "failed"; reason: Reason; message: string; lasting: boolean; retryAfter?: number };

export const initialSyncerContext: SyncerContext = {
  failed: null,
  emptied: false,
  unseen: false,
  attempts: 0,
  retryIn: null,
};

type Failed = Extract<SyncerEvent, { type: "failed" }>;

const failure = (step: "install" | "remove", attempts: number, event: Failed) => {
  const delay = event.lasting ? slowRetryDelay(attempts) : faultDelay(attempts);
  return {
    attempts,
    failed: { step, reason: event.reason, message: event.message, lasting: event.lasting },
    retryIn: Math.max(delay, (event.retryAfter ?? 0) * 1000),
  };
};

const wanted = ({ demand }: SyncerContext): boolean => (demand?.live ?? 0) > 0;
/** Only objects of a served CRD that came through this Connection can carry a finalizer of its making. */
const mayHold = ({ crd }: SyncerContext): boolean => crd?.state === "established" && crd.mine;

/** More may be looked at by now than when nothing was found. */
const isWorthALook = ({ unseen, lists }: SyncerContext): boolean => unseen && lists?.blind !== true;

const isPullOwed = ({ crd }: SyncerContext): boolean => crd?.step === "create" || crd?.step === "update";

/** The same whether a binding or the Connection's policy asks for it. */
const pulling = {
  description: "Creates or updates the consumer's CRD from the provider's.",
  entry: "installCrd",
  on: {
    installed: { target: "#syncer.deciding", actions: "noteCrd" },
    failed: { target: "#syncer.deciding", actions: "noteFailure" },
  },
} as const;

export const syncerMachine = setup({
  types: { context: {} as SyncerContext, events: {} as SyncerEvent, tags: {} as "resting" | "watching" | "timed" },
  guards: {
    factsIncomplete: ({ context: { connection, demand, crd, lists, holding } }) =>
      [connection, demand, crd, lists, holding].includes(undefined),
    crdTerminating: ({ context }) => context.crd?.state === "deleting" && context.crd.mine,
    notWanted: ({ context }) => !wanted(context),
    soonWanted: ({ context }) => !wanted(context) && (context.demand?.coming ?? 0) > 0,
    nothingToDrain: ({ context }) => !mayHold(context) || context.emptied,
    unlisted: ({ context }) => context.lists?.whole === false,
    holding: ({ context }) => (context.holding ?? 0) > 0,
    crdGoesToo: ({ context }) => context.demand?.takesCrd === true && context.crd?.ours === true,
    connectionAway: ({ context }) => context.connection === "away" || context.connection === "absent",
    connectionDeleting: ({ context }) => context.connection === "deleting",
    offerUnknown: ({ context }) => !context.offer,
    notExported: ({ context }) => context.offer?.exported === false,
    refused: ({ context }) => !!context.offer?.refusal || context.crd?.step === "refuse",
    failedRecently: ({ context }) => context.failed !== null,
    removalFailed: ({ context }) => context.failed?.step === "remove",
    wantedHere: ({ context }) => context.demand?.eager === true,
    notOffered: ({ context }) => context.connection !== "ready" || context.offer?.exported !== true,
    failedForLong: ({ context }) => context.failed?.lasting === true,
    pullOwed: ({ context }) => isPullOwed(context) && context.demand?.paused !== true,
    pullHeldBack: ({ context }) => isPullOwed(context) && context.crd?.state === "absent",
    notEstablished: ({ context }) => context.crd?.state !== "established",
    notListed: ({ context }) => !context.lists?.consumer || !context.lists.provider,
  },
  actions: {
    // Effects: carried out by the actor, each answered with one event.
    installCrd: () => {},
    removeCrd: () => {},
    // Memory.
    noteFacts: assign(({ event }) => {
      const { type: _type, ...facts } = event as { type: string } & Partial<SyncerFacts>;
      return facts;
    }),
    noteCrd: assign(({ event }) => ("crd" in event ? { crd: event.crd, failed: null, attempts: 0 } : {})),
    noteFailure: assign(({ context, event }) =>
      event.type === "failed" ? failure("install", context.attempts + 1, event) : {},
    ),
    noteRemovalFailure: assign(({ context, event }) =>
      event.type === "failed" ? failure("remove", context.attempts + 1, event) : {},
    ),
    startOver: assign({ retryIn: null }),
    // Only a rest that is tagged "timed" keeps the time of the next try, so a failure is remembered nowhere else.
    forgetFailure: assign({ failed: null }),
    noteWanted: assign(({ context }) => {
      const step = wanted(context) || context.demand?.eager ? "install" : "remove";
      const isMoot = context.failed !== null && context.failed.step !== step;
      const isToBeLookedAt = wanted(context) || isWorthALook(context);
      return {
        ...(isToBeLookedAt ? { emptied: false, unseen: false } : {}),
        ...(isMoot ? { failed: null, attempts: 0 } : {}),
      };
    }),
    // What is not there has not been looked at.
    noteEmptied: assign(({ context: { crd, emptied, lists } }) => {
      if (crd?.state === "absent") return { emptied: false, unseen: false };
      return emptied ? {} : { emptied: true, unseen: lists?.blind === true };
    }),
    succeed: assign({ attempts: 0, failed: null }),
  },
}).createMachine({
  id: "syncer",
  description: "One API of one Connection: its CRD on the consumer and the watches that feed its objects.",
  context: initialSyncerContext,
  initial: "engaging",
  on: {
    "connection.seen": { actions: "noteFacts" },
    "demand.seen": { actions: "noteFacts" },
    "offer.seen": { actions: "noteFacts" },
    "crd.seen": { actions: "noteFacts" },
    "lists.seen": { actions: "noteFacts" },
    "holding.counted": { actions: "noteFacts" },
    pass: { target: ".deciding", actions: ["startOver", "noteWanted"] },
    due: { target: ".deciding", actions: ["startOver", "noteWanted", "forgetFailure"] },
  },
  states: {
    deciding: {
      description: "Weighs the facts; the first rule that holds wins.",
      always: [
        { guard: "factsIncomplete", target: "engaging.waiting" },
        { guard: "crdTerminating", target: "cleaningUp.crdTerminating" },
        { guard: "soonWanted", target: "engaging.awaitingClaim" },
        { guard: "notWanted", target: "cleaningUp" },
        { guard: "connectionAway", target: "disengaged" },
        { guard: "connectionDeleting", target: "cleaningUp.deletionsOnly" },
        { guard: "offerUnknown", target: "engaging.waiting" },
        { guard: "notExported", target: "engaging.notExported" },
        { guard: "refused", target: "conflicted" },
        { guard: "failedForLong", target: "conflicted" },
        { guard: "failedRecently", target: "engaging.failing" },
        { guard: "pullOwed", target: "engaging.pulling" },
        { guard: "pullHeldBack", target: "engaging.paused" },
        { guard: "notEstablished", target: "engaging.establishing" },
        { guard: "notListed", target: "engaging.listing" },
        { target: "ready" },
      ],
    },
    engaging: {
      initial: "waiting",
      states: {
        waiting: {
          tags: "resting",
          entry: "forgetFailure",
          description: "Until bindings, Connection and CRD are known.",
        },
        awaitingClaim: {
          tags: ["resting", "watching"],
          entry: "forgetFailure",
          description: "A binding that lists it is about to be claimed: nothing is done for it, nothing against it.",
        },
        notExported: {
          tags: ["resting", "watching"],
          entry: "forgetFailure",
          description: "The provider does not offer it (any more): its copies stay, deletions go on working.",
        },
        pulling,
        paused: { tags: "resting", description: "Whoever asks for the CRD is paused, so it is not made." },
        establishing: { tags: "resting", description: "Until the consumer serves the API." },
        listing: {
          tags: ["resting", "watching"],
          description: "Until both sides of some namespace are listed completely.",
        },
        failing: { tags: ["resting", "watching", "timed"], description: "A step failed; tried again when due." },
      },
    },
    ready: { tags: ["resting", "watching"], entry: "succeed", description: "Objects are synced." },
    conflicted: {
      tags: ["resting", "watching", "timed"],
      description: "The API may not be delivered here: somebody else's CRD, a refused definition, a critical group.",
    },
    disengaged: {
      tags: ["resting", "watching"],
      entry: "forgetFailure",
      description: "The Connection is not engaged: objects wait; only the consumer's side is watched.",
    },
    cleaningUp: {
      description: "No live binding wants it.",
      initial: "weighing",
      states: {
        weighing: {
          always: [
            { guard: "nothingToDrain", target: "leaving" },
            { guard: "unlisted", target: "listing" },
            { guard: "holding", target: "draining" },
            { target: "leaving" },
          ],
        },
        listing: {
          tags: ["resting", "watching"],
          entry: "forgetFailure",
          description: "Which objects still carry our finalizer?",
        },
        draining: {
          tags: ["resting", "watching"],
          entry: "forgetFailure",
          description: "Objects still carry our finalizer: each lets go once its copy is gone.",
        },
        leaving: {
          entry: "noteEmptied",
          always: [
            { guard: "removalFailed", target: "failing" },
            { guard: "crdGoesToo", target: "removingCrd" },
            { guard: "wantedHere", target: "#syncer.unbound" },
            { target: "idle" },
          ],
        },
        removingCrd: {
          description: "The CRD that came with the ClusterBinding goes with it, remaining objects included.",
          entry: "removeCrd",
          on: {
            removed: { target: "#syncer.deciding", actions: "noteCrd" },
            failed: { target: "failing", actions: "noteRemovalFailure" },
          },
        },
        crdTerminating: {
          tags: ["resting", "watching"],
          entry: "forgetFailure",
          description: "The CRD is going: its objects let go one by one.",
        },
        deletionsOnly: {
          tags: ["resting", "watching"],
          entry: "forgetFailure",
          description: "The Connection is being deleted while bindings remain: only deletions go on.",
        },
        failing: { tags: ["resting", "timed"], description: "The CRD could not be removed; tried again when due." },
        idle: { tags: "resting", entry: "forgetFailure", description: "Nothing of ours is left to do." },
      },
    },
    unbound: {
      description: "No binding lists it, but the Connection's policy wants its CRD here; no object is watched.",
      initial: "weighing",
      states: {
        weighing: {
          always: [
            { guard: "notOffered", target: "waiting" },
            { guard: "refused", target: "conflicted" },
            { guard: "failedForLong", target: "conflicted" },
            { guard: "failedRecently", target: "failing" },
            { guard: "pullOwed", target: "pulling" },
            { guard: "pullHeldBack", target: "paused" },
            { guard: "notEstablished", target: "establishing" },
            { target: "installed" },
          ],
        },
        pulling,
        paused: { tags: "resting", description: "The Connection is paused, so the CRD is not made." },
        waiting: { tags: "resting", entry: "forgetFailure", description: "Until the provider offers it." },
        establishing: { tags: "resting", description: "Until the consumer serves the API." },
        failing: { tags: ["resting", "timed"], description: "The CRD could not be installed; tried again when due." },
        conflicted: { tags: ["resting", "timed"], description: "The API may not be delivered here." },
        installed: { tags: "resting", entry: "succeed", description: "Installed and served." },
      },
    },
  },
});
