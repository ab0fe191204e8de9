// Facts about one related object, as the tests of its machine tell them.

import type { RefusalCause } from "../../machines/object-facts.ts";
import type {
  RelatedContext,
  RelatedCopyFact,
  RelatedEvent,
  RelatedGate,
  SourceFact,
} from "../../machines/related-facts.ts";
import { relatedMachine } from "../../machines/related.ts";
import { after } from "./drive.ts";

export const CLUSTER = "consumer-cluster";
const BINDING = "binding";

export const source = (change: Partial<SourceFact> = {}): SourceFact => ({
  uid: "source",
  resourceVersion: "10",
  content: "a",
  type: "Opaque",
  ...change,
});

/** Ours, in sync with `source()` unless changed. */
export const copy = (change: Partial<RelatedCopyFact> = {}): RelatedCopyFact => ({
  uid: "copy",
  resourceVersion: "20",
  clusterUid: CLUSTER,
  binding: BINDING,
  deleting: false,
  labelled: true,
  owned: "a",
  whole: "",
  type: "Opaque",
  immutable: false,
  whose: "ours",
  ...change,
});

const nobodys = { clusterUid: "", binding: "", labelled: false, owned: "" };
export const foreign = (): RelatedCopyFact => copy({ uid: "foreign", ...nobodys, whose: "foreign" });
export const another = (): RelatedCopyFact => copy({ uid: "another", binding: "theirs", whose: "another" });

export const gate = (change: Partial<RelatedGate> = {}): RelatedGate => ({
  mode: "carry",
  binding: BINDING,
  adopt: false,
  paused: "",
  open: true,
  clusterUid: CLUSTER,
  ...change,
});

export const PASS: RelatedEvent = { type: "pass" };
export const DUE: RelatedEvent = { type: "due" };

export const refused = (cause: RefusalCause): RelatedEvent => ({ type: "refused", cause, message: "no" });

/** What a pass is told. */
export const told = (
  of: SourceFact | null,
  its: RelatedCopyFact | null,
  allowed: RelatedGate = gate(),
): RelatedEvent[] => [
  of ? { type: "source.seen", source: of } : { type: "source.gone" },
  its ? { type: "copy.seen", copy: its } : { type: "copy.gone" },
  { type: "gate.seen", gate: allowed },
];

export const drive = (...events: RelatedEvent[]) => after<RelatedContext, RelatedEvent>(relatedMachine, events);
