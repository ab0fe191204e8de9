// What is known of one related object, and the questions that its machine asks of that knowledge. Pure.
// Rules: docs/reference/behaviour.md, "Related objects".

import { LASTING, type RefusalCause } from "./object-facts.ts";
import { type Contest, isOverspent } from "./rules/contest.ts";
import type { Ownership } from "./rules/ownership.ts";
import type { RelatedMarkers } from "./rules/related-projection.ts";

/** The object that is copied, on the side that it comes from. */
export interface SourceFact {
  uid: string;
  resourceVersion: string;
  /** Hash of what travels. */
  content: string;
  /** Of a Secret; "" otherwise. */
  type: string;
}

/** The copy on the other side as last seen, whoever owns it. */
export interface RelatedCopyFact extends RelatedMarkers {
  uid: string;
  resourceVersion: string;
  deleting: boolean;
  /** Our watch shows it. */
  labelled: boolean;
  /** Hash of the fields our managedFields entry owns. */
  owned: string;
  /** Hash of all that could travel, whoever owns it. */
  whole: string;
  type: string;
  immutable: boolean;
  whose: Ownership;
}

/** What bindings and the Connection allow for this object. */
export interface RelatedGate {
  /**
   * carry: a binding's rule means it. remove: none does, as far as anybody can tell. held: that cannot be told at the moment, or
   * the provider is away. elsewhere: another Connection acts for it.
   */
  mode: "carry" | "remove" | "held" | "elsewhere";
  /** UID of the binding that is to stand on the copy. */
  binding: string;
  adopt: boolean;
  /** Which binding or Connection stops every write for it, to be named in a message; "" for none. */
  paused: string;
  /** It is known what there is on the side of the copy, and it can be written there. */
  open: boolean;
  clusterUid: string;
}

export interface RelatedContext {
  /** undefined: not known yet; null: known to be absent. */
  source: SourceFact | null | undefined;
  copy: RelatedCopyFact | null | undefined;
  gate: RelatedGate | undefined;
  /** Found by a GET where the watch shows nothing. */
  found: RelatedCopyFact | null;
  /** The copy was looked for by GET in this pass and is not there. */
  confirmedAbsent: boolean;
  /** A successful apply left these two hashes unequal (webhooks): as good as equal. */
  accepted: { wanted: string; owned: string } | null;
  /** The write that was refused, by what it carried. */
  refused: { cause: RefusalCause; message: string; wanted: string; isNews: boolean } | null;
  /** What was last said by an Event, so that what has not changed is not said again; "" for none. */
  said: string;
  contest: Contest | null;
  attempts: number;
  /** Milliseconds until the next pass is due by itself, or null. */
  retryIn: number | null;
}

export type RelatedEvent =
  | { type: "source.seen"; source: SourceFact }
  | { type: "source.gone" }
  | { type: "copy.seen"; copy: RelatedCopyFact }
  | { type: "copy.gone" }
  | { type: "gate.seen"; gate: RelatedGate }
  | { type: "pass" }
  | { type: "due" }
  /** `sent`: hash of the content that was applied, which is that of `source`, perhaps newer than the facts were. */
  | { type: "applied"; source: SourceFact; copy: RelatedCopyFact; sent: string }
  | { type: "occupied" }
  | { type: "namespace.missing" }
  | { type: "namespace.ready" }
  | { type: "looked"; found: RelatedCopyFact | null }
  | { type: "deleted" }
  | { type: "delete.waiting"; copy: RelatedCopyFact }
  | { type: "told" }
  | { type: "refused"; cause: RefusalCause; message: string; retryAfter?: number };

export const initialRelatedContext: RelatedContext = {
  source: undefined,
  copy: undefined,
  gate: undefined,
  found: null,
  confirmedAbsent: false,
  accepted: null,
  refused: null,
  said: "",
  contest: null,
  attempts: 0,
  retryIn: null,
};

/** The copy to judge: what the watch shows, else what a GET found. */
export const relatedCopy = (context: Pick<RelatedContext, "copy" | "found">): RelatedCopyFact | null =>
  context.copy ?? context.found;

/** What the next write would carry. */
export const relatedWanted = ({ source, gate }: RelatedContext): string =>
  `${source?.content ?? ""} ${gate?.binding ?? ""}`;

export const isRelatedRefused = (context: RelatedContext): boolean =>
  context.refused !== null && LASTING.has(context.refused.cause) && context.refused.wanted === relatedWanted(context);

/** The reason for which nothing is written; "" when nobody else has the name, or the binding adopts what nobody owns. */
export const relatedConflict = (context: RelatedContext): "" | "ForeignObjectExists" | "OwnedByAnother" => {
  const copy = relatedCopy(context);
  if (copy === null || copy.whose === "ours") return "";
  if (copy.whose === "another") return "OwnedByAnother";
  // What is somebody else's is never deleted to make it anew.
  const mayAdopt = context.gate?.adopt === true && !(context.source && isIrreplaceable(context.source, copy, null));
  return mayAdopt ? "" : "ForeignObjectExists";
};

const hasContent = (source: SourceFact, copy: RelatedCopyFact, accepted: RelatedContext["accepted"]): boolean =>
  copy.owned === source.content || (accepted?.wanted === source.content && accepted.owned === copy.owned);

/** Neither its type nor what is immutable can be changed in place: the copy is made anew. */
export const isIrreplaceable = (
  source: SourceFact,
  copy: RelatedCopyFact,
  accepted: RelatedContext["accepted"],
): boolean =>
  copy.type !== source.type || (copy.immutable && copy.whole !== source.content && !hasContent(source, copy, accepted));

/** Is the copy what it should be, and does it say whose it is? */
const isCarried = (
  source: SourceFact,
  copy: RelatedCopyFact,
  { binding, clusterUid }: Pick<RelatedGate, "binding" | "clusterUid">,
  accepted: RelatedContext["accepted"],
): boolean =>
  copy.labelled && copy.binding === binding && copy.clusterUid === clusterUid && hasContent(source, copy, accepted);

export const differs = (context: RelatedContext): boolean => {
  const { source, gate, accepted } = context;
  const copy = relatedCopy(context);
  if (!source || !gate || copy === null) return !!source && !!gate;
  return !isCarried(source, copy, gate, accepted) || isIrreplaceable(source, copy, accepted);
};

export const overspent = (context: RelatedContext): boolean =>
  differs(context) && isOverspent(context.contest, context.source?.content ?? "");

/** True when an object in these facts owes nothing: no pass is needed. */
export function relatedOwesNothing(
  source: SourceFact | null,
  copy: RelatedCopyFact | null,
  gate: RelatedGate,
  accepted: RelatedContext["accepted"],
): boolean {
  if (gate.mode === "elsewhere") return true;
  if (gate.mode !== "carry") return copy === null || copy.whose !== "ours";
  if (source === null || copy === null || copy.deleting || copy.whose !== "ours") return false;
  return isCarried(source, copy, gate, accepted) && !isIrreplaceable(source, copy, accepted);
}
