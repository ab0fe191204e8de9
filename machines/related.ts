// One related object: a Secret or ConfigMap and its copy on the other side, whichever way it goes. The object machine without
// finalizer, marks on the object, and status. Promises: the same facts lead to the same state whatever their order; nothing is
// written before everything it depends on is known; a copy is deleted only once no rule means its source, as far as complete
// lists tell. Effects are carried out by actors/related-effects.ts. Rules: docs/reference/behaviour.md, "Related objects".

import { assign, setup } from "xstate";
import {
  initialRelatedContext,
  isIrreplaceable,
  isRelatedRefused,
  overspent,
  differs,
  relatedConflict,
  type RelatedContext,
  relatedCopy,
  type RelatedEvent,
  relatedWanted,
} from "./related-facts.ts";
import { LASTING } from "./object-facts.ts";
import { REFUSAL_DELAY } from "./object-memory.ts";
import { conflictRecheckDelay, slowRetryDelay } from "./rules/backoff.ts";
import { afterInterval, afterPeace, afterWrite, beforeWrite, REPAIR_INTERVAL } from "./rules/contest.ts";

const isMarkedSo = ({ said, ...context }: RelatedContext): boolean =>
  said === `conflict ${relatedConflict({ said, ...context })}`;

const isSyncing = ({ source, gate }: RelatedContext): boolean =>
  !!source && gate?.mode === "carry" && gate.open && gate.paused === "";

export const relatedMachine = setup({
  types: { context: {} as RelatedContext, events: {} as RelatedEvent, tags: {} as "resting" | "timed" },
  guards: {
    factsIncomplete: ({ context: { source, copy, gate } }) =>
      source === undefined || copy === undefined || gate === undefined,
    othersObject: ({ context }) => context.gate?.mode === "elsewhere",
    nothingThere: ({ context }) => context.gate?.mode !== "carry" && relatedCopy(context) === null,
    held: ({ context }) => context.gate?.mode === "held",
    shut: ({ context }) => context.gate?.open === false,
    paused: ({ context }) => !!context.gate?.paused,
    mustGo: ({ context }) => context.gate?.mode === "remove",
    sourceAbsent: ({ context }) => context.source === null,
    refusedUnchanged: ({ context }) => isRelatedRefused(context),
    copyInTheWay: ({ context }) => relatedConflict(context) !== "",
    copyDeleting: ({ context }) => relatedCopy(context)?.deleting === true,
    overspent: ({ context }) => overspent(context),
    stillOverspent: ({ context }) =>
      isSyncing(context) &&
      context.refused === null &&
      relatedConflict(context) === "" &&
      relatedCopy(context)?.deleting !== true &&
      overspent(context),
    unnamed: ({ context }) => context.contest?.message === "",
    copyAbsent: ({ context }) => relatedCopy(context) === null,
    irreplaceable: ({ context }) => {
      const copy = relatedCopy(context);
      return !!context.source && copy !== null && isIrreplaceable(context.source, copy, context.accepted);
    },
    differs: ({ context }) => differs(context),
    alreadyTold: ({ context }) => isMarkedSo(context),
    copyNotOurs: ({ context }) => relatedCopy(context)?.whose !== "ours",
    stillInTheWay: ({ context }) => isSyncing(context) && relatedConflict(context) !== "",
    stillDeleting: ({ context }) =>
      context.gate?.open === true && !context.gate.paused && relatedCopy(context)?.deleting === true,
  },
  actions: {
    // Effects: carried out by the actor, each answered with one event.
    applyCopy: () => {},
    createNamespace: () => {},
    lookUpCopy: () => {},
    deleteCopy: () => {},
    reportConflict: () => {},
    reportRefusal: () => {},
    reportContest: () => {},
    // Memory.
    noteSource: assign(({ event }) => (event.type === "source.seen" ? { source: event.source } : {})),
    forgetSource: assign({ source: null }),
    noteCopy: assign(({ event }) => ("copy" in event ? { copy: event.copy, found: null } : {})),
    forgetCopy: assign({ copy: null }),
    noteGate: assign(({ event }) => (event.type === "gate.seen" ? { gate: event.gate } : {})),
    noteDeleted: assign({ copy: null, found: null, confirmedAbsent: true }),
    noteApplied: assign(({ context, event }) => {
      if (event.type !== "applied") return {};
      const { source, copy, sent } = event;
      const accepted = copy.owned === sent ? null : { wanted: sent, owned: copy.owned };
      const contest = afterWrite(context.contest, sent);
      return { source, copy, found: null, accepted, contest, refused: null, said: "", attempts: 0, retryIn: null };
    }),
    spendRepair: assign(({ context }) => ({ contest: beforeWrite(context.contest, context.source?.content ?? "") })),
    allowRepair: assign(({ context }) => ({ contest: afterInterval(context.contest) })),
    makePeace: assign(({ context }) => ({ contest: afterPeace(context.contest) })),
    nameContest: assign(({ context: { contest } }) => ({ contest: contest && { ...contest, message: "told" } })),
    scheduleRepair: assign({ retryIn: REPAIR_INTERVAL }),
    noteLooked: assign(({ context, event }) => {
      if (event.type !== "looked") return {};
      const attempts = event.found === null ? 0 : context.attempts + 1;
      return { found: event.found, copy: null, confirmedAbsent: event.found === null, attempts };
    }),
    noteTold: assign(({ context }) => ({ said: `conflict ${relatedConflict(context)}` })),
    noteRefusal: assign(({ context, event }) => {
      if (event.type !== "refused") return {};
      const attempts = context.attempts + 1;
      const retryIn = Math.max(REFUSAL_DELAY[event.cause](attempts), (event.retryAfter ?? 0) * 1000);
      const wanted = relatedWanted(context);
      const said = LASTING.has(event.cause) ? `${event.cause} ${wanted}` : context.said;
      const refused = { cause: event.cause, message: event.message, wanted, isNews: said !== context.said };
      // A write that failed may have been carried out all the same: what was read before it proves nothing any more.
      return { attempts, retryIn, refused, said, found: null };
    }),
    scheduleLook: assign(({ context: { copy, attempts } }) => ({
      retryIn: copy ? slowRetryDelay(attempts) : conflictRecheckDelay(attempts),
    })),
    scheduleRecheck: assign(({ context: { attempts } }) => ({ retryIn: conflictRecheckDelay(attempts) })),
    startOver: assign({ confirmedAbsent: false, retryIn: null }),
    forgetRefusal: assign({ refused: null }),
    forgetContest: assign({ contest: null }),
    settle: assign(({ context: { contest } }) => ({
      attempts: 0,
      retryIn: contest === null ? null : REPAIR_INTERVAL,
      refused: null,
      said: "",
      found: null,
    })),
  },
}).createMachine({
  id: "related",
  description: "One Secret or ConfigMap that a binding brings along, and its copy on the other side.",
  context: initialRelatedContext,
  initial: "engaging",
  on: {
    "source.seen": { actions: "noteSource" },
    "source.gone": { actions: "forgetSource" },
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
        { guard: "othersObject", target: "elsewhere" },
        { guard: "nothingThere", target: "gone" },
        { guard: "paused", target: "paused" },
        { guard: "held", target: "unbound" },
        { guard: "shut", target: "disengaged" },
        { guard: "mustGo", target: "cleaningUp" },
        { guard: "sourceAbsent", target: "gone" },
        { guard: "refusedUnchanged", target: "refused" },
        { guard: "copyInTheWay", target: "conflicted" },
        { guard: "copyDeleting", target: "engaging.awaitingRemoval" },
        { guard: "overspent", target: "contested" },
        { guard: "copyAbsent", target: "engaging.applying" },
        { guard: "irreplaceable", target: "engaging.replacing" },
        { guard: "differs", target: "engaging.applying" },
        { target: "ready" },
      ],
    },
    engaging: {
      initial: "waiting",
      states: {
        waiting: { tags: "resting", description: "Until both sides and what the bindings mean are known." },
        applying: {
          description: "Guarded apply: the first one creates, later ones name the copy as last seen.",
          entry: ["spendRepair", "applyCopy"],
          on: {
            applied: { target: "#related.deciding", actions: "noteApplied" },
            occupied: "lookingUp",
            "namespace.missing": "creatingNamespace",
          },
        },
        creatingNamespace: {
          description: "The apply's 404 named the namespace: it is created, once for all that wait for it.",
          entry: "createNamespace",
          on: { "namespace.ready": "applying" },
        },
        lookingUp: {
          description: "Something has the name that our watch does not show: read it and judge.",
          entry: "lookUpCopy",
          on: { looked: { target: "#related.deciding", actions: "noteLooked" } },
        },
        replacing: {
          description:
            "Type and what is immutable cannot be changed in place: our copy goes, by uid, and is made anew.",
          entry: "deleteCopy",
          on: {
            deleted: { target: "#related.deciding", actions: "noteDeleted" },
            "delete.waiting": { target: "#related.deciding", actions: "noteCopy" },
          },
        },
        awaitingRemoval: {
          tags: "resting",
          entry: ["scheduleLook", "forgetRefusal"],
          description: "The copy is being deleted; a new one follows its removal.",
          on: { due: { guard: "stillDeleting", target: "lookingUp", actions: ["startOver", "forgetRefusal"] } },
        },
      },
      on: { refused: { target: "refused", actions: ["noteRefusal", "reportRefusal"] } },
    },
    ready: {
      tags: "resting",
      entry: "settle",
      description: "The copy is what the source says; nothing is owed.",
      on: { due: { target: "deciding", actions: ["startOver", "forgetRefusal", "makePeace"] } },
    },
    conflicted: {
      description: "Somebody else's object has the name: nothing is written.",
      initial: "weighing",
      states: {
        weighing: { always: [{ guard: "alreadyTold", target: "resting" }, { target: "telling" }] },
        telling: {
          description: "Says so once, by an Event.",
          entry: "reportConflict",
          on: { told: { target: "resting", actions: "noteTold" } },
        },
        resting: {
          tags: ["resting", "timed"],
          entry: ["scheduleRecheck", "forgetRefusal"],
          description: "Read again with back-off, so that removing the foreign object heals by itself.",
          on: {
            pass: { guard: "stillInTheWay", actions: "startOver" },
            due: { guard: "stillInTheWay", target: "rechecking", actions: ["startOver", "forgetRefusal"] },
          },
        },
        rechecking: {
          description: "One read, never a write: is the name still taken?",
          entry: "lookUpCopy",
          on: { looked: { target: "#related.deciding", actions: "noteLooked" } },
        },
      },
      on: { refused: { target: "refused", actions: ["noteRefusal", "reportRefusal"] } },
    },
    contested: {
      description: "Somebody keeps changing the copy back: repaired slowly, and said.",
      entry: "scheduleRepair",
      initial: "weighing",
      states: {
        weighing: { always: [{ guard: "unnamed", target: "telling" }, { target: "resting" }] },
        telling: {
          description: "Says so once, by an Event.",
          entry: "reportContest",
          on: { told: { target: "resting", actions: "nameContest" } },
        },
        resting: {
          tags: ["resting", "timed"],
          description: "Until one more repair may be made.",
          on: {
            pass: { guard: "stillOverspent", actions: "startOver" },
            due: { target: "#related.deciding", actions: ["startOver", "forgetRefusal", "allowRepair"] },
          },
        },
      },
    },
    refused: {
      tags: ["resting", "timed"],
      description: "The last write was refused or failed: tried again when due, or when something changes.",
    },
    paused: {
      tags: "resting",
      entry: ["forgetRefusal", "forgetContest"],
      description: "The annotation on its binding or Connection stops every write.",
    },
    unbound: {
      tags: "resting",
      entry: ["forgetRefusal", "forgetContest"],
      description: "Whether any rule means it cannot be told at the moment: nothing is written, and nothing deleted.",
    },
    elsewhere: {
      tags: "resting",
      entry: ["forgetContest", "settle"],
      description: "Another Connection acts for it: this one leaves it alone.",
    },
    disengaged: {
      tags: "resting",
      entry: ["forgetRefusal", "forgetContest"],
      description: "The side of the copy cannot be asked: waits without a request.",
    },
    cleaningUp: {
      description: "No rule means it any more.",
      entry: ["forgetRefusal", "forgetContest"],
      initial: "weighing",
      states: {
        weighing: {
          always: [
            { guard: "copyNotOurs", target: "#related.gone" },
            { guard: "copyDeleting", target: "awaitingRemoval" },
            { target: "deleting" },
          ],
        },
        deleting: {
          description: "Deletes the copy, by uid.",
          entry: "deleteCopy",
          on: {
            deleted: { target: "#related.gone", actions: "noteDeleted" },
            "delete.waiting": { target: "awaitingRemoval", actions: "noteCopy" },
          },
        },
        awaitingRemoval: {
          tags: "resting",
          entry: "scheduleLook",
          description: "The copy waits for somebody's finalizers; the watch tells when it is gone.",
        },
        blocked: { tags: ["resting", "timed"], description: "Cannot go on: refused or failed; tried again when due." },
      },
      on: { refused: { target: ".blocked", actions: ["noteRefusal", "reportRefusal"] } },
    },
    gone: {
      tags: "resting",
      entry: "settle",
      description: "There is no copy of ours.",
    },
  },
});
