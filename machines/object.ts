// One synced object: what is owed to a consumer object and its copy on the provider, and in which order.
// Promises: the same facts lead to the same state whatever their order; nothing is written before everything it depends
// on is known; a copy is deleted only for a consumer object seen deleting, or in a drain. Effects are named here and
// carried out by actors/object-actor.ts; no clock, no client, no promise. Rules: docs/reference/behaviour.md, "Objects".

import { assign, setup } from "xstate";
import {
  attempted,
  conflictOf,
  copyOf,
  initialObjectContext,
  isHeldBack,
  isPaused,
  isSyncing,
  mustGo,
  type ObjectContext,
  type ObjectEvent,
  type RefusalCause,
  specInSync,
  statusInSync,
  whose,
} from "./object-facts.ts";
import { conflictRecheckDelay, DENIED_DELAY, faultDelay, NEWS_BACKSTOP, slowRetryDelay } from "./rules/backoff.ts";

const REFUSAL_DELAY: Record<RefusalCause, (attempt: number) => number> = {
  outdated: () => NEWS_BACKSTOP,
  forbidden: () => DENIED_DELAY,
  forbiddenHere: () => DENIED_DELAY,
  terminating: faultDelay,
  rejected: slowRetryDelay,
  fault: faultDelay,
};

/** Refusals that the same write would meet again: only time or a change of the object is worth another try. */
const LASTING: ReadonlySet<RefusalCause> = new Set(["forbidden", "forbiddenHere", "terminating", "rejected"]);

const holdsBack = (context: ObjectContext): boolean => {
  const { consumer, gate } = context;
  return !!consumer && !!gate && (consumer.paused || isHeldBack(consumer, copyOf(context), gate, context));
};

/** A write answered 404: the consumer object went away meanwhile. */
const consumerVanished = {
  "consumer.gone": { target: "#object.deciding", actions: "forgetConsumer" },
} as const;

export const objectMachine = setup({
  types: {
    context: {} as ObjectContext,
    events: {} as ObjectEvent,
    tags: {} as "resting" | "timed",
  },
  guards: {
    factsIncomplete: ({ context: { consumer, copy, gate } }) =>
      consumer === undefined || copy === undefined || gate === undefined,
    consumerAbsent: ({ context }) => context.consumer === null,
    mustGo: ({ context }) => mustGo(context),
    noFinalizer: ({ context }) => context.consumer?.claimed === false,
    othersObject: ({ context }) => context.gate?.mode === "elsewhere",
    paused: ({ context }) => isPaused(context),
    // Told when the object itself is paused, or once something is held back: thousands that are in sync have nothing to say.
    worthTelling: ({ context }) => isPaused(context) && holdsBack(context),
    stillPaused: ({ context: { consumer, copy, gate }, context }) =>
      !!consumer && copy !== undefined && gate?.mode !== "elsewhere" && isPaused(context),
    notGoverned: ({ context }) => context.gate?.mode !== "sync",
    notEngaged: ({ context }) => context.gate?.engaged === false,
    refusedUnchanged: ({ context }) =>
      context.refused !== null && LASTING.has(context.refused.cause) && context.refused.wanted === attempted(context),
    orphanWanted: ({ context }) => context.consumer?.orphan === true,
    orphanUnreachable: ({ context: { consumer, gate } }) =>
      consumer?.orphan === true && gate?.engaged === false && gate.listing !== true,
    copyUnknown: ({ context }) => copyOf(context) === null && !context.confirmedAbsent,
    copyAbsent: ({ context }) => copyOf(context) === null,
    markedButNotLooked: ({ context }) =>
      (context.consumer?.mark ?? "") !== "" && copyOf(context) === null && !context.confirmedAbsent,
    copyNotOurs: ({ context }) => whose(context) !== "ours",
    copyInTheWay: ({ context }) => conflictOf(context) !== "",
    alreadyMarked: ({ context }) => context.consumer?.mark === conflictOf(context),
    copyDeleting: ({ context }) => copyOf(context)?.deleting === true,
    marked: ({ context }) => (context.consumer?.mark ?? "") !== "",
    // Is what it waits for still the matter, and may it be read?
    stillInTheWay: ({ context }) => isSyncing(context) && conflictOf(context) !== "",
    stillAwaited: ({ context }) => isSyncing(context) && copyOf(context)?.deleting === true,
    stillLeaving: ({ context }) => mustGo(context) && !isPaused(context) && context.gate?.engaged === true,
    heldByUpdate: ({ context }) => copyOf(context)?.heldByUpdate === true,
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
    reownFields: () => {},
    createNamespace: () => {},
    lookUpCopy: () => {},
    writeStatus: () => {},
    markConflict: () => {},
    clearMark: () => {},
    deleteCopy: () => {},
    stripMarkers: () => {},
    removeFinalizer: () => {},
    reportRefusal: () => {},
    reportPause: () => {},
    // Memory.
    noteConsumer: assign(({ event }) => ("consumer" in event ? { consumer: event.consumer } : {})),
    forgetConsumer: assign({ consumer: null }),
    noteCopy: assign(({ event }) => ("copy" in event ? { copy: event.copy, found: null } : {})),
    forgetCopy: assign({ copy: null }),
    noteGate: assign(({ event }) => (event.type === "gate.seen" ? { gate: event.gate } : {})),
    noteDeleted: assign({ copy: null, found: null, confirmedAbsent: true }),
    noteApplied: assign(({ event }) => {
      if (event.type !== "applied") return {};
      const { consumer, copy, sent } = event;
      const accepted = copy.owned === sent ? null : { wanted: sent, owned: copy.owned };
      return { consumer, copy, found: null, accepted, refused: null, attempts: 0, retryIn: null };
    }),
    // Asked for once in a pass, whatever the server has made of it.
    noteReowned: assign(({ context, event }) => {
      if (event.type !== "reowned") return {};
      const copy = { ...event.copy, heldByUpdate: false };
      return context.copy ? { copy } : { found: copy };
    }),
    noteMirrored: assign(({ event }) => {
      if (event.type !== "mirrored") return {};
      const { consumer, copy, sent } = event;
      const kept = consumer.status.shape;
      return { consumer, copy, found: null, acceptedStatus: sent === kept ? null : { sent, kept } };
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
      const wanted = attempted(context);
      const { cause, message } = event;
      const said = LASTING.has(cause) ? `${cause} ${wanted}` : context.said;
      const refused = { cause, message, wanted, isNews: said !== context.said };
      // What a GET found is no longer so, and no watch will tell: look again.
      return { attempts, retryIn, refused, said, ...(cause === "outdated" ? { found: null } : {}) };
    }),
    scheduleLook: assign(({ context: { copy, attempts } }) => ({
      retryIn: copy ? slowRetryDelay(attempts) : conflictRecheckDelay(attempts),
    })),
    scheduleRecheck: assign(({ context }) => ({ retryIn: conflictRecheckDelay(context.attempts) })),
    startOver: assign({ confirmedAbsent: false, retryIn: null }),
    // A write that failed may have been carried out all the same: what was read before it proves nothing any more.
    forgetFound: assign({ found: null }),
    forgetRefusal: assign({ refused: null }),
    settle: assign({ attempts: 0, retryIn: null, refused: null, said: "", found: null }),
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
        { guard: "othersObject", target: "elsewhere" },
        { guard: "paused", target: "paused" },
        { guard: "mustGo", target: "cleaningUp" },
        { guard: "notGoverned", target: "unbound" },
        { guard: "notEngaged", target: "disengaged" },
        { guard: "refusedUnchanged", target: "refused" },
        { guard: "noFinalizer", target: "engaging.claiming" },
        { guard: "copyInTheWay", target: "conflicted" },
        { guard: "copyDeleting", target: "engaging.awaitingRemoval" },
        { guard: "markedButNotLooked", target: "engaging.lookingUp" },
        { guard: "copyAbsent", target: "engaging.applying" },
        { guard: "heldByUpdate", target: "engaging.reowning" },
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
          on: {
            claimed: { target: "#object.deciding", actions: ["noteConsumer", "forgetRefusal"] },
            ...consumerVanished,
          },
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
        reowning: {
          description:
            "We own fields of the copy under Update, which no apply releases: they become those of our applies.",
          entry: "reownFields",
          on: { reowned: { target: "#object.deciding", actions: "noteReowned" } },
        },
        creatingNamespace: {
          description: "The apply's 404 named the namespace: it is created, once for all that wait for it.",
          entry: "createNamespace",
          on: { "namespace.ready": "applying" },
        },
        lookingUp: {
          description: "Something has, or had, the name that our watch does not show: read it and judge.",
          entry: "lookUpCopy",
          on: { looked: { target: "#object.deciding", actions: "noteLooked" } },
        },
        awaitingRemoval: {
          tags: "resting",
          entry: ["scheduleLook", "forgetRefusal"],
          description:
            "The copy is being deleted; a new one follows its removal, which the watch tells, or else a look now and then.",
          on: { due: { guard: "stillAwaited", target: "lookingUp", actions: ["startOver", "forgetRefusal"] } },
        },
      },
      on: { refused: { target: "refused", actions: ["noteRefusal", "forgetFound", "reportRefusal"] } },
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
      on: { refused: { target: "refused", actions: ["noteRefusal", "forgetFound", "reportRefusal"] } },
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
          entry: ["scheduleRecheck", "forgetRefusal"],
          description: "Read again with back-off, so that removing the foreign object heals by itself.",
          on: { due: { guard: "stillInTheWay", target: "rechecking", actions: ["startOver", "forgetRefusal"] } },
        },
        rechecking: {
          description: "One read, never a write: is the name still taken?",
          entry: "lookUpCopy",
          on: { looked: { target: "#object.deciding", actions: "noteLooked" } },
        },
      },
      on: { refused: { target: "refused", actions: ["noteRefusal", "reportRefusal"] } },
    },
    refused: {
      tags: ["resting", "timed"],
      description: "The last write was refused or failed; tried again when due, or when something changes.",
    },
    paused: {
      description:
        "The annotation on it, on its binding or on its Connection stops every write, that of its end included.",
      initial: "weighing",
      entry: "forgetRefusal",
      states: {
        weighing: {
          always: [{ guard: "worthTelling", target: "told", actions: "reportPause" }, { target: "silent" }],
        },
        silent: { tags: "resting", description: "Nothing is held back so far." },
        told: {
          tags: "resting",
          description: "Said by an Event once, for as long as it lasts.",
          on: {
            pass: { guard: "stillPaused", actions: "startOver" },
            due: { guard: "stillPaused", actions: "startOver" },
          },
        },
      },
    },
    unbound: {
      tags: "resting",
      entry: "forgetRefusal",
      description: "No live binding governs it: nothing is written.",
    },
    elsewhere: {
      tags: "resting",
      entry: "settle",
      description: "Another Connection acts for it: this one leaves it alone.",
    },
    disengaged: {
      tags: "resting",
      entry: "forgetRefusal",
      description: "Its Connection is not engaged: waits without a request.",
    },
    cleaningUp: {
      description: "The object is being deleted, or the last binding that governs it is.",
      entry: "forgetRefusal",
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
        awaitingRemoval: {
          tags: "resting",
          entry: "scheduleLook",
          description:
            "The copy waits for finalizers of the provider's side; the watch tells when it is gone, or else a look now and then.",
          on: { due: { guard: "stillLeaving", target: "lookingUp", actions: ["startOver", "forgetRefusal"] } },
        },
        releasing: {
          description: "Takes our finalizer (and a conflict mark) off the consumer object.",
          entry: "removeFinalizer",
          on: { released: "released", ...consumerVanished },
        },
        released: { tags: "resting", entry: "settle", description: "Nothing of ours holds the object any more." },
        blocked: {
          tags: "resting",
          description: "Cannot go on: the provider is away or refuses; tried again when due.",
        },
      },
      on: { refused: { target: ".blocked", actions: ["noteRefusal", "forgetFound", "reportRefusal"] } },
    },
    gone: {
      tags: "resting",
      entry: "forgetRefusal",
      description: "The consumer object is not there; absence deletes nothing.",
    },
  },
});
