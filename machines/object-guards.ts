// What the object machine asks of the facts before it goes on, by the names in its diagram. Pure.
// Rules: docs/reference/behaviour.md, "Objects".

import {
  conflictOf,
  copyOf,
  isGivenUp,
  isHeldBack,
  isOrphanedUnasked,
  isPaused,
  isStillRefused,
  isSyncing,
  mustGo,
  type ObjectContext,
  specInSync,
  whose,
} from "./object-facts.ts";
import { owesStatus, troubleOf } from "./object-trouble.ts";
import { isOverspent } from "./rules/contest.ts";

/** Both sides differ, and what would be written has been changed back too often for another try at once. */
const overspent = (context: ObjectContext): boolean => {
  const { consumer, contest, accepted } = context;
  const copy = copyOf(context);
  const differs = !!consumer && (copy === null || !specInSync(consumer, copy, accepted));
  return differs && isOverspent(contest, consumer.wanted);
};

const holdsBack = (context: ObjectContext): boolean => {
  const { consumer, gate } = context;
  return !!consumer && !!gate && (consumer.paused || isHeldBack(consumer, copyOf(context), gate, context));
};

/** Only the mark tells of a conflict: nobody has looked since the process began. */
const markedButNotLooked = (context: ObjectContext): boolean =>
  (context.consumer?.mark ?? "") !== "" && copyOf(context) === null && !context.confirmedAbsent;

/**
 * Somebody laid claim to it before this process began, and no copy carries our labels: an earlier konnector may have made one
 * without them, or none was made yet. A first write would tell as well, but then the look would come on top.
 */
const heldButNotLooked = (context: ObjectContext): boolean =>
  context.unseen && context.attempts === 0 && copyOf(context) === null && !context.confirmedAbsent;

/** In conflict, and it says so. */
const isMarkedSo = (context: ObjectContext): boolean =>
  conflictOf(context) !== "" && context.consumer?.mark === conflictOf(context);

/** What a guard is asked of. */
interface Asked {
  context: ObjectContext;
}

export const objectGuards = {
  factsIncomplete: ({ context: { consumer, copy, gate } }: Asked) =>
    consumer === undefined || copy === undefined || gate === undefined,
  consumerAbsent: ({ context }: Asked) => context.consumer === null,
  mustGo: ({ context }: Asked) => mustGo(context),
  noFinalizer: ({ context }: Asked) => context.consumer?.claimed === false,
  othersObject: ({ context }: Asked) => context.gate?.mode === "elsewhere",
  paused: ({ context }: Asked) => isPaused(context),
  // Told when the object itself is paused, or once something is held back: thousands that are in sync have nothing to say.
  worthTelling: ({ context }: Asked) => isPaused(context) && holdsBack(context),
  stillPaused: ({ context: { consumer, copy, gate }, context }: Asked) =>
    !!consumer && copy !== undefined && gate?.mode !== "elsewhere" && isPaused(context),
  notGoverned: ({ context }: Asked) => context.gate?.mode !== "sync",
  notEngaged: ({ context }: Asked) => context.gate?.engaged === false,
  refusedUnchanged: ({ context }: Asked) => isStillRefused(context),
  orphanWanted: ({ context }: Asked) => context.consumer?.orphan === true,
  orphanUnreachable: ({ context }: Asked) => isOrphanedUnasked(context),
  awayAndGivenUp: ({ context: { gate } }: Asked) => gate?.engaged === false && isGivenUp(gate),
  waitingAndGivenUp: ({ context }: Asked) => copyOf(context)?.deleting === true && isGivenUp(context.gate),
  // What merely lost a race, or was refused by this cluster, is tried again.
  refusedAndGivenUp: ({ context: { gate, refused } }: Asked) =>
    refused !== null && refused.cause !== "outdated" && refused.here !== true && isGivenUp(gate),
  copyUnknown: ({ context }: Asked) => copyOf(context) === null && !context.confirmedAbsent,
  copyAbsent: ({ context }: Asked) => copyOf(context) === null,
  markedButNotLooked: ({ context }: Asked) => markedButNotLooked(context),
  heldButNotLooked: ({ context }: Asked) => heldButNotLooked(context),
  copyNotOurs: ({ context }: Asked) => whose(context) !== "ours",
  copyInTheWay: ({ context }: Asked) => conflictOf(context) !== "",
  alreadyMarked: ({ context }: Asked) => context.consumer?.mark === conflictOf(context),
  copyDeleting: ({ context }: Asked) => copyOf(context)?.deleting === true,
  marked: ({ context }: Asked) => (context.consumer?.mark ?? "") !== "",
  // Is what it waits for still the matter, and may it be read?
  stillInTheWay: ({ context }: Asked) =>
    isSyncing(context) && (conflictOf(context) !== "" || markedButNotLooked(context)),
  stillMarked: ({ context }: Asked) => isSyncing(context) && context.consumer?.claimed === true && isMarkedSo(context),
  stillAwaited: ({ context }: Asked) => isSyncing(context) && copyOf(context)?.deleting === true,
  stillLeaving: ({ context }: Asked) => mustGo(context) && !isPaused(context) && context.gate?.engaged === true,
  heldByUpdate: ({ context }: Asked) => copyOf(context)?.heldByUpdate === true,
  specDiffers: ({ context }: Asked) => {
    const copy = copyOf(context);
    return !!context.consumer && copy !== null && !specInSync(context.consumer, copy, context.accepted);
  },
  overspent: ({ context }: Asked) => overspent(context),
  stillOverspent: ({ context }: Asked) =>
    isSyncing(context) &&
    context.consumer?.claimed === true &&
    context.refused === null &&
    conflictOf(context) === "" &&
    copyOf(context)?.deleting !== true &&
    overspent(context),
  unnamed: ({ context }: Asked) => context.contest?.message === "",
  statusDiffers: ({ context }: Asked) => owesStatus(context),
  troubleUnshown: ({ context }: Asked) => troubleOf(context) !== null && owesStatus(context),
};
