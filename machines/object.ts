// One synced object: what is owed to a consumer object and its copy on the provider, and in which order.
// Promises: the same facts lead to the same state whatever their order; nothing is written before everything it depends
// on is known; a copy is deleted only for a consumer object seen deleting, or in a drain. Effects are named here and
// carried out by actors/object-actor.ts; no clock, no client, no promise. Rules: docs/reference/behaviour.md, "Objects".

import { assign, setup } from "xstate";
import { conflictRecheckDelay, DENIED_DELAY, faultDelay, NEWS_BACKSTOP, slowRetryDelay } from "./rules/backoff.ts";
import { type Markers, ownership } from "./rules/ownership.ts";
import { type StatusFact, statusOwed } from "./rules/status.ts";

/** The consumer object as last seen. */
export interface ConsumerFact {
  uid: string;
  resourceVersion: string;
  generation: number;
  deleting: boolean;
  /** Carries our finalizer. */
  claimed: boolean;
  /** The user asked to keep the copy on deletion. */
  orphan: boolean;
  /** Value of the conflict annotation, or "". */
  mark: string;
  /** Hash of the projection. */
  wanted: string;
  status: StatusFact;
}

/** The copy as last seen on the provider, whoever owns it. */
export interface CopyFact extends Markers {
  uid: string;
  resourceVersion: string;
  deleting: boolean;
  /** Hash of the fields our managedFields entry owns. */
  owned: string;
  status: StatusFact;
}

/** What bindings and the Connection allow for this object. */
export interface Gate {
  /** sync: a live binding governs it. drain: its last binding is going. held: neither; only deletions go on. */
  mode: "sync" | "drain" | "held";
  /** A provider client whose cluster identity is verified is at hand. */
  engaged: boolean;
  adopt: boolean;
  clusterUid: string;
}

/** Why a write or read was not carried out. */
export type RefusalCause = "outdated" | "forbidden" | "terminating" | "rejected" | "fault";

export interface ObjectContext {
  /** undefined: not known yet; null: known to be absent. */
  consumer: ConsumerFact | null | undefined;
  /** As the provider watch or the last answer shows it; null: not among what we watch. */
  copy: CopyFact | null | undefined;
  gate: Gate | undefined;
  /** Found by a GET where the watch shows nothing: somebody else's object, or one of ours not labelled yet. */
  found: CopyFact | null;
  /** The copy was looked for by GET in this pass and is not there. */
  confirmedAbsent: boolean;
  /** A successful apply left these two hashes unequal (server defaults, webhooks): as good as equal. */
  accepted: { wanted: string; owned: string } | null;
  /** The same for status: what was sent, and the shape the server made of it. */
  acceptedStatus: { sent: string; kept: string } | null;
  /** The write that was refused for good, so that it is not sent again unchanged. */
  refused: { cause: RefusalCause; message: string; wanted: string } | null;
  attempts: number;
  /** Milliseconds until the next pass is due by itself, or null. */
  retryIn: number | null;
}

export type ObjectEvent =
  | { type: "consumer.seen"; consumer: ConsumerFact }
  | { type: "consumer.gone" }
  | { type: "copy.seen"; copy: CopyFact }
  | { type: "copy.gone" }
  | { type: "gate.seen"; gate: Gate }
  | { type: "pass" }
  | { type: "due" }
  | { type: "claimed"; consumer: ConsumerFact }
  | { type: "applied"; copy: CopyFact }
  | { type: "occupied" }
  | { type: "namespace.missing" }
  | { type: "namespace.ready" }
  | { type: "looked"; found: CopyFact | null }
  | { type: "mirrored"; consumer: ConsumerFact }
  | { type: "marked"; consumer: ConsumerFact }
  | { type: "unmarked"; consumer: ConsumerFact }
  | { type: "deleted" }
  | { type: "delete.waiting"; copy: CopyFact }
  | { type: "orphaned" }
  | { type: "released" }
  | { type: "refused"; cause: RefusalCause; message: string; retryAfter?: number };

export const initialObjectContext: ObjectContext = {
  consumer: undefined,
  copy: undefined,
  gate: undefined,
  found: null,
  confirmedAbsent: false,
  accepted: null,
  acceptedStatus: null,
  refused: null,
  attempts: 0,
  retryIn: null,
};

/** The copy to judge: what the watch shows, else what a GET found. */
export const copyOf = (context: ObjectContext): CopyFact | null => context.copy ?? context.found;

const oursIs = (context: ObjectContext) => {
  const copy = copyOf(context);
  if (copy === null || !context.gate || !context.consumer) return "none";
  return ownership(copy, { clusterUid: context.gate.clusterUid, objectUid: context.consumer.uid });
};

/** Do the two sides agree on the spec, or did an apply leave them as they are? */
export const specInSync = (consumer: ConsumerFact, copy: CopyFact, accepted: ObjectContext["accepted"]): boolean =>
  consumer.wanted === copy.owned || (accepted?.wanted === consumer.wanted && accepted.owned === copy.owned);

const statusInSync = (consumer: ConsumerFact, copy: CopyFact, accepted: ObjectContext["acceptedStatus"]): boolean =>
  !statusOwed(consumer.status, copy.status) ||
  (accepted?.sent === copy.status.shape && accepted.kept === consumer.status.shape);

const isLive = (copy: CopyFact | null): copy is CopyFact => copy !== null && !copy.deleting;

const mustGo = ({ consumer, gate }: ObjectContext) => consumer?.deleting === true || gate?.mode === "drain";

const conflictOf = (context: ObjectContext): "" | "ForeignObjectExists" | "OwnedByAnother" => {
  const whose = oursIs(context);
  if (whose === "another") return "OwnedByAnother";
  return whose === "foreign" && context.gate?.adopt !== true ? "ForeignObjectExists" : "";
};

/** The reason a conflicted object is marked with; "" when there is no conflict. */
export const conflictReason = conflictOf;

/** True when an object in these facts owes nothing to either side: no pass is needed. */
export function owesNothing(
  consumer: ConsumerFact,
  copy: CopyFact,
  gate: Gate,
  memory: Pick<ObjectContext, "accepted" | "acceptedStatus">,
): boolean {
  const markers = { clusterUid: gate.clusterUid, objectUid: consumer.uid };
  const idle = !consumer.deleting && consumer.claimed && consumer.mark === "" && isLive(copy);
  const settled = idle && gate.mode === "sync" && ownership(copy, markers) === "ours";
  return settled && specInSync(consumer, copy, memory.accepted) && statusInSync(consumer, copy, memory.acceptedStatus);
}

const REFUSAL_DELAY: Record<RefusalCause, (attempt: number) => number> = {
  outdated: () => NEWS_BACKSTOP,
  forbidden: () => DENIED_DELAY,
  terminating: faultDelay,
  rejected: slowRetryDelay,
  fault: faultDelay,
};

/** Refusals that the same write would meet again: only time or a change of the object is worth another try. */
const LASTING: ReadonlySet<RefusalCause> = new Set(["forbidden", "terminating", "rejected"]);

/** A write answered 404: the consumer object went away meanwhile. */
const consumerVanished = {
  "consumer.gone": { target: "#object.deciding", actions: "forgetConsumer" },
} as const;

export const objectMachine = setup({
  types: {
    context: {} as ObjectContext,
    events: {} as ObjectEvent,
    tags: {} as "resting",
  },
  guards: {
    factsIncomplete: ({ context: { consumer, copy, gate } }) =>
      consumer === undefined || copy === undefined || gate === undefined,
    consumerAbsent: ({ context }) => context.consumer === null,
    mustGo: ({ context }) => mustGo(context),
    noFinalizer: ({ context }) => context.consumer?.claimed === false,
    notGoverned: ({ context }) => context.gate?.mode !== "sync",
    notEngaged: ({ context }) => context.gate?.engaged === false,
    refusedUnchanged: ({ context: { refused, consumer } }) =>
      refused !== null && LASTING.has(refused.cause) && refused.wanted === consumer?.wanted,
    orphanWanted: ({ context }) => context.consumer?.orphan === true,
    orphanUnreachable: ({ context }) => context.consumer?.orphan === true && context.gate?.engaged === false,
    copyUnknown: ({ context }) => copyOf(context) === null && !context.confirmedAbsent,
    copyAbsent: ({ context }) => copyOf(context) === null,
    copyNotOurs: ({ context }) => oursIs(context) !== "ours",
    copyInTheWay: ({ context }) => conflictOf(context) !== "",
    alreadyMarked: ({ context }) => context.consumer?.mark === conflictOf(context),
    copyDeleting: ({ context }) => copyOf(context)?.deleting === true,
    marked: ({ context }) => (context.consumer?.mark ?? "") !== "",
    specDiffers: ({ context }) => {
      const copy = copyOf(context);
      return !!context.consumer && copy !== null && !specInSync(context.consumer, copy, context.accepted);
    },
    statusDiffers: ({ context }) => {
      const copy = copyOf(context);
      return !!context.consumer && copy !== null && !statusInSync(context.consumer, copy, context.acceptedStatus);
    },
  },
  actions: {
    // Effects: carried out by the actor, each answered with one event.
    addFinalizer: () => {},
    applyCopy: () => {},
    createNamespace: () => {},
    lookUpCopy: () => {},
    writeStatus: () => {},
    markConflict: () => {},
    clearMark: () => {},
    deleteCopy: () => {},
    stripMarkers: () => {},
    removeFinalizer: () => {},
    reportRefusal: () => {},
    // Memory.
    noteConsumer: assign(({ event }) => ("consumer" in event ? { consumer: event.consumer } : {})),
    forgetConsumer: assign({ consumer: null }),
    noteCopy: assign(({ event }) => ("copy" in event ? { copy: event.copy, found: null } : {})),
    forgetCopy: assign({ copy: null }),
    noteGate: assign(({ event }) => (event.type === "gate.seen" ? { gate: event.gate } : {})),
    noteDeleted: assign({ copy: null, found: null, confirmedAbsent: true }),
    noteApplied: assign(({ context, event }) => {
      if (event.type !== "applied") return {};
      const wanted = context.consumer?.wanted ?? "";
      const accepted = event.copy.owned === wanted ? null : { wanted, owned: event.copy.owned };
      return { copy: event.copy, found: null, accepted, refused: null, attempts: 0, retryIn: null };
    }),
    noteMirrored: assign(({ context, event }) => {
      if (event.type !== "mirrored") return {};
      const sent = copyOf(context)?.status.shape ?? "";
      const kept = event.consumer.status.shape;
      return { consumer: event.consumer, acceptedStatus: sent === kept ? null : { sent, kept } };
    }),
    noteLooked: assign(({ context, event }) => {
      if (event.type !== "looked") return {};
      const attempts = event.found === null ? 0 : context.attempts + 1;
      return { found: event.found, copy: null, confirmedAbsent: event.found === null, attempts };
    }),
    noteRefusal: assign(({ context, event }) => {
      if (event.type !== "refused") return {};
      const attempts = context.attempts + 1;
      const retryIn = Math.max(REFUSAL_DELAY[event.cause](attempts), (event.retryAfter ?? 0) * 1000);
      const wanted = context.consumer?.wanted ?? "";
      return { attempts, retryIn, refused: { cause: event.cause, message: event.message, wanted } };
    }),
    scheduleRecheck: assign(({ context }) => ({ retryIn: conflictRecheckDelay(context.attempts) })),
    startOver: assign({ confirmedAbsent: false, retryIn: null }),
    forgetRefusal: assign({ refused: null }),
    settle: assign({ attempts: 0, retryIn: null, refused: null, found: null }),
  },
}).createMachine({
  id: "object",
  description: "One object of a bound API: the consumer's object and its copy on the provider.",
  context: initialObjectContext,
  initial: "engaging",
  on: {
    "consumer.seen": { actions: "noteConsumer" },
    "consumer.gone": { actions: "forgetConsumer" },
    "copy.seen": { actions: "noteCopy" },
    "copy.gone": { actions: "forgetCopy" },
    "gate.seen": { actions: "noteGate" },
    pass: { target: ".deciding", actions: "startOver" },
    due: { target: ".deciding", actions: ["startOver", "forgetRefusal"] },
  },
  states: {
    deciding: {
      description: "Weighs the facts; the first rule that holds wins.",
      always: [
        { guard: "factsIncomplete", target: "engaging.waiting" },
        { guard: "consumerAbsent", target: "gone" },
        { guard: "mustGo", target: "cleaningUp" },
        { guard: "notGoverned", target: "unbound" },
        { guard: "notEngaged", target: "disengaged" },
        { guard: "noFinalizer", target: "engaging.claiming" },
        { guard: "copyInTheWay", target: "conflicted" },
        { guard: "refusedUnchanged", target: "refused" },
        { guard: "copyDeleting", target: "engaging.awaitingRemoval" },
        { guard: "copyAbsent", target: "engaging.applying" },
        { guard: "specDiffers", target: "engaging.applying" },
        { guard: "marked", target: "ready.unmarking" },
        { guard: "statusDiffers", target: "ready.mirroring" },
        { target: "ready.settled" },
      ],
    },
    engaging: {
      initial: "waiting",
      states: {
        waiting: { tags: "resting", description: "Until both sides and the governing binding are known." },
        claiming: {
          description: "Our finalizer goes on first, before anything is written to the provider.",
          entry: "addFinalizer",
          on: { claimed: { target: "#object.deciding", actions: "noteConsumer" }, ...consumerVanished },
        },
        applying: {
          description: "Guarded apply: the first one creates, later ones name the copy as last seen.",
          entry: "applyCopy",
          on: {
            applied: { target: "#object.deciding", actions: "noteApplied" },
            occupied: "lookingUp",
            "namespace.missing": "creatingNamespace",
            ...consumerVanished,
          },
        },
        creatingNamespace: {
          entry: "createNamespace",
          on: { "namespace.ready": "applying" },
        },
        lookingUp: {
          description: "Something has the name that our watch does not show: read it and judge.",
          entry: "lookUpCopy",
          on: { looked: { target: "#object.deciding", actions: "noteLooked" } },
        },
        awaitingRemoval: { tags: "resting", description: "The copy is being deleted; a new one follows its removal." },
      },
      on: { refused: { target: "refused", actions: ["noteRefusal", "reportRefusal"] } },
    },
    ready: {
      initial: "settled",
      states: {
        settled: { tags: "resting", entry: "settle", description: "Both sides agree; nothing is owed." },
        unmarking: {
          description: "Takes the conflict annotation off again.",
          entry: "clearMark",
          on: { unmarked: { target: "#object.deciding", actions: "noteConsumer" }, ...consumerVanished },
        },
        mirroring: {
          description: "Brings the copy's status to the consumer.",
          entry: "writeStatus",
          on: { mirrored: { target: "#object.deciding", actions: "noteMirrored" }, ...consumerVanished },
        },
      },
      on: { refused: { target: "refused", actions: ["noteRefusal", "reportRefusal"] } },
    },
    conflicted: {
      description: "Somebody else's object has the name: nothing is written to the provider.",
      initial: "weighing",
      states: {
        weighing: { always: [{ guard: "alreadyMarked", target: "resting" }, { target: "marking" }] },
        marking: {
          description: "Says so once, on the object and by an Event.",
          entry: "markConflict",
          on: { marked: { target: "resting", actions: "noteConsumer" }, ...consumerVanished },
        },
        resting: {
          tags: "resting",
          entry: "scheduleRecheck",
          description: "Read again with back-off, so that removing the foreign object heals by itself.",
          on: { due: { target: "rechecking", actions: "startOver" } },
        },
        rechecking: {
          entry: "lookUpCopy",
          on: { looked: { target: "#object.deciding", actions: "noteLooked" } },
        },
      },
      on: { refused: { target: "refused", actions: ["noteRefusal", "reportRefusal"] } },
    },
    refused: {
      tags: "resting",
      description: "The last write was refused or failed; tried again when due, or when something changes.",
    },
    unbound: { tags: "resting", description: "No live binding governs it: nothing is written." },
    disengaged: { tags: "resting", description: "Its Connection is not engaged: waits without a request." },
    cleaningUp: {
      description: "The object is being deleted, or the last binding that governs it is.",
      initial: "weighing",
      states: {
        weighing: {
          always: [
            { guard: "noFinalizer", target: "released" },
            { guard: "orphanUnreachable", target: "releasing" },
            { guard: "notEngaged", target: "blocked" },
            { guard: "copyUnknown", target: "lookingUp" },
            { guard: "copyNotOurs", target: "releasing" },
            { guard: "orphanWanted", target: "stripping" },
            { guard: "copyDeleting", target: "awaitingRemoval" },
            { target: "deleting" },
          ],
        },
        lookingUp: {
          description: "The watch shows no copy: one GET makes sure before anything is released.",
          entry: "lookUpCopy",
          on: { looked: { target: "weighing", actions: "noteLooked" } },
        },
        deleting: {
          description: "Deletes the copy, by uid.",
          entry: "deleteCopy",
          on: {
            deleted: { target: "releasing", actions: "noteDeleted" },
            "delete.waiting": { target: "awaitingRemoval", actions: "noteCopy" },
          },
        },
        stripping: {
          description: "deletion-policy Orphan: takes our markers off the copy and leaves it.",
          entry: "stripMarkers",
          on: { orphaned: { target: "releasing", actions: "noteDeleted" } },
        },
        awaitingRemoval: { tags: "resting", description: "The copy waits for finalizers of the provider's side." },
        releasing: {
          description: "Takes our finalizer (and a conflict mark) off the consumer object.",
          entry: "removeFinalizer",
          on: { released: "released", ...consumerVanished },
        },
        released: { tags: "resting", entry: "settle", description: "Nothing of ours holds the object any more." },
        blocked: { tags: "resting", description: "Cannot go on: the provider is away or refuses; tried again when due." },
      },
      on: { refused: { target: ".blocked", actions: ["noteRefusal", "reportRefusal"] } },
    },
    gone: { tags: "resting", description: "The consumer object is not there; absence deletes nothing." },
  },
});
