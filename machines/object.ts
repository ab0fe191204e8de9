// One synced object: what is owed to a consumer object and its copy on the provider, and in which order.
// Promises: the same facts lead to the same state whatever their order; nothing is written before everything it depends
// on is known; a copy is deleted only for a consumer object seen deleting, or in a drain. Effects are named here and
// carried out by actors/object-actor.ts; no clock, no client, no promise. Rules: docs/reference/behaviour.md, "Objects".

import { assign, setup } from "xstate";
import { initialObjectContext, type ObjectContext, type ObjectEvent } from "./object-facts.ts";
import { objectGuards } from "./object-guards.ts";
import { objectMemory as memory } from "./object-memory.ts";

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
  guards: objectGuards,
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
    letGo: () => {},
    reportRefusal: () => {},
    reportPause: () => {},
    nameRivals: () => {},
    // Memory.
    noteConsumer: assign(memory.noteConsumer),
    forgetConsumer: assign(memory.forgetConsumer),
    noteClaimed: assign(memory.noteClaimed),
    noteCopy: assign(memory.noteCopy),
    forgetCopy: assign(memory.forgetCopy),
    noteGate: assign(memory.noteGate),
    noteDeleted: assign(memory.noteDeleted),
    noteApplied: assign(memory.noteApplied),
    noteReowned: assign(memory.noteReowned),
    noteMirrored: assign(memory.noteMirrored),
    noteUnshown: assign(memory.noteUnshown),
    spendRepair: assign(memory.spendRepair),
    allowRepair: assign(memory.allowRepair),
    makePeace: assign(memory.makePeace),
    nameContest: assign(memory.nameContest),
    scheduleRepair: assign(memory.scheduleRepair),
    noteLooked: assign(memory.noteLooked),
    noteRefusal: assign(memory.noteRefusal),
    scheduleLook: assign(memory.scheduleLook),
    scheduleRecheck: assign(memory.scheduleRecheck),
    startOver: assign(memory.startOver),
    forgetFound: assign(memory.forgetFound),
    forgetRefusal: assign(memory.forgetRefusal),
    forgetContest: assign(memory.forgetContest),
    settle: assign(memory.settle),
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
        { guard: "markedButNotLooked", target: "conflicted.resting" },
        { guard: "heldButNotLooked", target: "engaging.lookingUp" },
        { guard: "overspent", target: "contested" },
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
            claimed: { target: "#object.deciding", actions: ["noteClaimed", "forgetRefusal"] },
            ...consumerVanished,
          },
        },
        applying: {
          description: "Guarded apply: the first one creates, later ones name the copy as last seen.",
          entry: ["spendRepair", "applyCopy"],
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
        settled: {
          tags: "resting",
          entry: "settle",
          description: "Both sides agree; nothing is owed.",
          on: { due: { target: "#object.deciding", actions: ["startOver", "forgetRefusal", "makePeace"] } },
        },
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
          tags: ["resting", "timed"],
          entry: ["scheduleRecheck", "forgetRefusal"],
          description:
            "Read again with back-off, so that removing the foreign object heals by itself; what else is new does not put that off.",
          on: {
            pass: { guard: "stillMarked", actions: "startOver" },
            due: { guard: "stillInTheWay", target: "rechecking", actions: ["startOver", "forgetRefusal"] },
          },
        },
        rechecking: {
          description: "One read, never a write: is the name still taken?",
          entry: "lookUpCopy",
          on: { looked: { target: "#object.deciding", actions: "noteLooked" } },
        },
      },
      on: { refused: { target: "refused", actions: ["noteRefusal", "reportRefusal"] } },
    },
    contested: {
      description: "Somebody on the provider keeps changing our fields back: repaired slowly, and said.",
      entry: "scheduleRepair",
      initial: "weighing",
      states: {
        weighing: {
          always: [
            { guard: "unnamed", target: "naming" },
            { guard: "troubleUnshown", target: "mirroring" },
            { target: "resting" },
          ],
        },
        naming: {
          description: "Finds out who it is, and says so once.",
          entry: "nameRivals",
          on: { "contest.named": { target: "weighing", actions: "nameContest" } },
        },
        mirroring: {
          description: "The provider's status goes on being shown, and why the spec is not in sync beside it.",
          entry: "writeStatus",
          on: {
            mirrored: { target: "resting", actions: "noteMirrored" },
            refused: { target: "resting", actions: "noteUnshown" },
            ...consumerVanished,
          },
        },
        resting: {
          tags: ["resting", "timed"],
          description: "Until one more repair may be made; what else is new of the object does not put that off.",
          on: {
            pass: { guard: "stillOverspent", target: "weighing", actions: "startOver" },
            due: { target: "#object.deciding", actions: ["startOver", "forgetRefusal", "allowRepair"] },
          },
        },
      },
    },
    refused: {
      description: "The last write was refused or failed.",
      initial: "weighing",
      states: {
        weighing: { always: [{ guard: "troubleUnshown", target: "mirroring" }, { target: "resting" }] },
        mirroring: {
          description: "What is not acceptable of the spec keeps no status from the object.",
          entry: "writeStatus",
          on: {
            mirrored: { target: "resting", actions: "noteMirrored" },
            refused: { target: "resting", actions: "noteUnshown" },
            ...consumerVanished,
          },
        },
        resting: { tags: ["resting", "timed"], description: "Tried again when due, or when something changes." },
      },
    },
    paused: {
      description:
        "The annotation on it, on its binding or on its Connection stops every write, that of its end included.",
      initial: "weighing",
      entry: ["forgetRefusal", "forgetContest"],
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
      entry: ["forgetRefusal", "forgetContest"],
      description: "No live binding governs it: nothing is written.",
    },
    elsewhere: {
      tags: "resting",
      entry: ["forgetContest", "settle"],
      description: "Another Connection acts for it: this one leaves it alone.",
    },
    disengaged: {
      tags: "resting",
      entry: ["forgetRefusal", "forgetContest"],
      description: "Its Connection is not engaged: waits without a request.",
    },
    cleaningUp: {
      description: "The object is being deleted, or the last binding that governs it is.",
      entry: ["forgetRefusal", "forgetContest"],
      initial: "weighing",
      states: {
        weighing: {
          always: [
            { guard: "noFinalizer", target: "released" },
            { guard: "orphanUnreachable", target: "lettingGo" },
            { guard: "awayAndGivenUp", target: "lettingGo" },
            { guard: "notEngaged", target: "blocked" },
            { guard: "copyUnknown", target: "lookingUp" },
            { guard: "copyNotOurs", target: "releasing" },
            { guard: "orphanWanted", target: "stripping" },
            { guard: "waitingAndGivenUp", target: "lettingGo" },
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
          description: "Deletes the copy, by uid; in a drain, only after one more look at the object that stays.",
          entry: "deleteCopy",
          on: {
            deleted: { target: "releasing", actions: "noteDeleted" },
            "delete.waiting": { target: "waiting", actions: "noteCopy" },
            ...consumerVanished,
          },
        },
        stripping: {
          description: "deletion-policy Orphan: takes our markers off the copy and leaves it.",
          entry: "stripMarkers",
          on: { orphaned: { target: "releasing", actions: "noteDeleted" } },
        },
        waiting: { always: [{ guard: "waitingAndGivenUp", target: "lettingGo" }, { target: "awaitingRemoval" }] },
        refused: { always: [{ guard: "refusedAndGivenUp", target: "lettingGo" }, { target: "blocked" }] },
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
        lettingGo: {
          description:
            "Takes our finalizer off without the provider's word, because an operator said so; what may be left there is counted.",
          entry: "letGo",
          on: { released: "released", ...consumerVanished },
        },
        released: { tags: "resting", entry: "settle", description: "Nothing of ours holds the object any more." },
        blocked: {
          tags: "resting",
          description: "Cannot go on: the provider is away or refuses; tried again when due.",
        },
      },
      on: { refused: { target: ".refused", actions: ["noteRefusal", "forgetFound", "reportRefusal"] } },
    },
    gone: {
      tags: "resting",
      entry: "forgetRefusal",
      description: "The consumer object is not there; absence deletes nothing.",
    },
  },
});
