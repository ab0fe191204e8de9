// What is known of one synced object, and the questions that its machine and its syncer ask of that knowledge. Pure.
// Rules: docs/reference/behaviour.md, "Objects".

import type { Contest } from "./rules/contest.ts";
import { type Markers, type Ownership, ownership } from "./rules/ownership.ts";
import { type StatusFact, statusOwed } from "./rules/status.ts";

/** The consumer object as last seen. */
export interface ConsumerFact {
  uid: string;
  resourceVersion: string;
  generation: number;
  deleting: boolean;
  /** Carries our finalizer. */
  claimed: boolean;
  /** How many finalizers it has, and the place of ours among them (-1: none). */
  finalizers: { count: number; ours: number };
  /** The user asked to keep the copy on deletion. */
  orphan: boolean;
  /** The user asked that nothing be written for it. */
  paused: boolean;
  /** Value of the conflict annotation, or "". */
  mark: string;
  /** What stands on it of its blocked deletion: the message of our condition, or "". */
  blocked: string;
  /** Hash of the projection. */
  wanted: string;
  status: StatusFact;
}

/** The copy as last seen on the provider, whoever owns it. */
export interface CopyFact extends Markers {
  uid: string;
  resourceVersion: string;
  deleting: boolean;
  /** The finalizers that hold it while it is being deleted, as a list; "" otherwise. */
  heldBy: string;
  /** Hash of the fields our managedFields entry owns. */
  owned: string;
  /** Our manager owns fields of it under Update, which no apply releases. */
  heldByUpdate: boolean;
  status: StatusFact;
}

/** What bindings and the Connection allow for this object. */
export interface Gate {
  /**
   * sync: a live binding governs it. drain: its last binding is going. held: neither; only deletions go on. elsewhere:
   * another Connection acts for it, and this one leaves it alone.
   */
  mode: "sync" | "drain" | "held" | "elsewhere";
  /** A provider client whose cluster identity is verified is at hand. */
  engaged: boolean;
  /** …or will be as soon as it is known what the provider has: it is too early to give up on it. */
  listing?: boolean;
  adopt: boolean;
  /** It is drained, that is blocked, and an operator wants it let go of without the provider's word. */
  letGo?: boolean;
  /** Which binding or Connection stops every write for the object, to be named in a message; "" for none. */
  paused: string;
  clusterUid: string;
}

/** Why a write or read was not carried out. Forbidden: a right is missing on the provider; forbiddenHere: on this cluster. */
export type RefusalCause = "outdated" | "forbidden" | "forbiddenHere" | "terminating" | "rejected" | "fault";

/** Refusals that the same write would meet again: only time or a change of the object is worth another try. */
export const LASTING: ReadonlySet<RefusalCause> = new Set(["forbidden", "forbiddenHere", "terminating", "rejected"]);

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
  /** No watch of this process has ever shown a copy, and it was not this pass that laid claim to the object. */
  unseen: boolean;
  /** A successful apply left these two hashes unequal (server defaults, webhooks): as good as equal. */
  accepted: { wanted: string; owned: string } | null;
  /** The same for status: what was sent, and the shape the server made of it. Failed: it was not written, and is tried when due. */
  acceptedStatus: { sent: string; kept: string; failed?: true } | null;
  /** The write that was refused, by what it carried (`attempted`), so that it is not sent again unchanged. here: by this cluster. */
  refused: { cause: RefusalCause; message: string; wanted: string; isNews: boolean; here?: true } | null;
  /** The refusal that was last said by an Event, so that what has not changed is not said again; "" for none. */
  said: string;
  /** Of an object that was written a moment ago, or is kept from its content by somebody else on the provider. */
  contest: Contest | null;
  attempts: number;
  /** Milliseconds until the next pass is due by itself, or null. */
  retryIn: number | null;
}

export type ObjectEvent =
  | { type: "consumer.seen"; consumer: ConsumerFact }
  | { type: "consumer.gone" }
  | { type: "copy.seen"; copy: CopyFact }
  /** `unseen`: no watch of this process has ever shown one. */
  | { type: "copy.gone"; unseen?: boolean }
  | { type: "gate.seen"; gate: Gate }
  | { type: "pass" }
  | { type: "due" }
  | { type: "claimed"; consumer: ConsumerFact }
  /** `sent`: hash of the projection that was applied, which is that of `consumer`, perhaps newer than the facts were. */
  | { type: "applied"; consumer: ConsumerFact; copy: CopyFact; sent: string }
  | { type: "reowned"; copy: CopyFact }
  | { type: "occupied" }
  | { type: "namespace.missing" }
  | { type: "namespace.ready" }
  | { type: "looked"; found: CopyFact | null }
  /** `sent`: what was shown (`statusShown`), of `copy` where one is mirrored, which is perhaps newer than the facts were. */
  | { type: "mirrored"; consumer: ConsumerFact; copy: CopyFact | null; sent: string }
  | { type: "contest.named"; message: string }
  | { type: "marked"; consumer: ConsumerFact }
  | { type: "unmarked"; consumer: ConsumerFact }
  | { type: "deleted" }
  | { type: "delete.waiting"; copy: CopyFact }
  | { type: "orphaned" }
  | { type: "released" }
  /** `here`: by this cluster, whatever the cause, so that it is no word of the provider's. */
  | { type: "refused"; cause: RefusalCause; message: string; retryAfter?: number; here?: true };

export const initialObjectContext: ObjectContext = {
  consumer: undefined,
  copy: undefined,
  gate: undefined,
  found: null,
  confirmedAbsent: false,
  unseen: false,
  accepted: null,
  acceptedStatus: null,
  refused: null,
  said: "",
  contest: null,
  attempts: 0,
  retryIn: null,
};

/** The copy to judge: what the watch shows, else what a GET found. */
export const copyOf = (context: ObjectContext): CopyFact | null => context.copy ?? context.found;

/** Whose the copy is; "none" when there is none. */
export const whose = (context: ObjectContext): Ownership | "none" => {
  const copy = copyOf(context);
  if (copy === null || !context.gate || !context.consumer) return "none";
  return ownership(copy, { clusterUid: context.gate.clusterUid, objectUid: context.consumer.uid });
};

/** Do the two sides agree on the spec, or did an apply leave them as they are? */
export const specInSync = (consumer: ConsumerFact, copy: CopyFact, accepted: ObjectContext["accepted"]): boolean =>
  consumer.wanted === copy.owned || (accepted?.wanted === consumer.wanted && accepted.owned === copy.owned);

export const statusInSync = (
  consumer: ConsumerFact,
  copy: CopyFact,
  accepted: ObjectContext["acceptedStatus"],
): boolean =>
  !statusOwed(consumer.status, copy.status) ||
  (accepted?.sent === copy.status.shape && accepted.kept === consumer.status.shape);

/** What the next write would carry: the spec while that differs, else the status. A refusal is of this and no more. */
export function attempted({ consumer, accepted, ...context }: ObjectContext): string {
  const copy = copyOf({ consumer, accepted, ...context });
  const isStatus = !!consumer && copy !== null && specInSync(consumer, copy, accepted);
  return isStatus ? `${consumer.wanted} ${copy.status.shape}` : (consumer?.wanted ?? "");
}

/** Was what the next write would carry refused, and is it not expected to pass by itself? */
export const isStillRefused = (context: ObjectContext): boolean =>
  context.refused !== null && LASTING.has(context.refused.cause) && context.refused.wanted === attempted(context);

const isLive = (copy: CopyFact | null): copy is CopyFact => copy !== null && !copy.deleting;

export const mustGo = ({ consumer, gate }: Pick<ObjectContext, "consumer" | "gate">) =>
  gate?.mode !== "elsewhere" && (consumer?.deleting === true || gate?.mode === "drain");

/** In a drain whose bindings no longer wait for the provider's word. Never what a user merely deletes. */
export const isGivenUp = (gate: Gate | undefined): boolean => gate?.mode === "drain" && gate.letGo === true;

/** The user wants the copy kept, and nobody there can be asked to take our markers off it. */
export const isOrphanedUnasked = ({ consumer, gate }: Pick<ObjectContext, "consumer" | "gate">): boolean =>
  consumer?.orphan === true && gate?.engaged === false && gate.listing !== true;

/** A live binding governs the object, which is to stay, and its provider can be asked. */
export const isSyncing = (context: ObjectContext) =>
  !!context.consumer && !mustGo(context) && !isPaused(context) && context.gate?.mode === "sync" && context.gate.engaged;

/** The reason an object is marked with; "" when nobody else has the name, or the binding adopts what nobody owns. */
export const conflictOf = (context: ObjectContext): "" | "ForeignObjectExists" | "OwnedByAnother" => {
  const owner = whose(context);
  if (owner === "another") return "OwnedByAnother";
  return owner === "foreign" && context.gate?.adopt !== true ? "ForeignObjectExists" : "";
};

/** What stops every write for the object, to be named in a message; "" for nothing. */
export const pausedBy = (consumer: ConsumerFact, gate: Gate): string => (consumer.paused ? "it" : gate.paused);

/** The same of what is known so far. */
export const isPaused = ({ consumer, gate }: Pick<ObjectContext, "consumer" | "gate">): boolean =>
  !!consumer && !!gate && pausedBy(consumer, gate) !== "";

/** Is something owed to an object in these facts, or done against it, that a pause holds back? Not while that cannot be told. */
export function isHeldBack(
  consumer: ConsumerFact,
  copy: CopyFact | null,
  gate: Gate,
  memory: Pick<ObjectContext, "accepted" | "acceptedStatus">,
): boolean {
  if (consumer.deleting || gate.mode === "drain") return consumer.claimed;
  const isKnown = gate.mode === "sync" && gate.engaged;
  return isKnown && (copy === null || !owesNothing(consumer, copy, gate, memory));
}

/** True when an object in these facts owes nothing to either side: no pass is needed. */
export function owesNothing(
  consumer: ConsumerFact,
  copy: CopyFact,
  gate: Gate,
  memory: Pick<ObjectContext, "accepted" | "acceptedStatus">,
): boolean {
  const markers = { clusterUid: gate.clusterUid, objectUid: consumer.uid };
  const idle = !consumer.deleting && consumer.claimed && consumer.mark === "" && isLive(copy);
  const settled = idle && !copy.heldByUpdate && gate.mode === "sync" && ownership(copy, markers) === "ours";
  return settled && specInSync(consumer, copy, memory.accepted) && statusInSync(consumer, copy, memory.acceptedStatus);
}
