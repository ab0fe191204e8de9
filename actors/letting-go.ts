// Bindings whose objects are let go of without the provider's word: since when, what may be left on the provider because of
// it, and the one Event that says so when the binding goes. Which objects that concerns is decided by machines/object.ts.
// What is counted is in memory only; who did not count from the beginning says "at least".
// Rule: docs/reference/behaviour.md, "Letting go without the provider".

import type { AnyBinding } from "../crds/binding.ts";
import { isDeleting, keyOf, keyText, type Resource } from "../crds/kube-object.ts";
import { drainEnd, isReleased } from "../crds/releasing.ts";
import { answeredApis } from "./directory.ts";
import type { Engine, Unasked } from "./engine.ts";
import { peerBindings } from "./governance.ts";
import type { Work } from "./object-work.ts";
import { subjectOf } from "./object-writes.ts";
import { copyName } from "./orphans.ts";
import { relatedLeft } from "./related-report.ts";

/** Milliseconds until its drain has taken as long as it may; null: it has already, or may take for ever. */
export function timeLeft({ settings, clock }: Engine, binding: AnyBinding): number | null {
  const end = drainEnd(binding, settings.drainTimeout);
  return end === null || end <= clock.now() ? null : end - clock.now();
}

/** True once: from now on its objects are let go of. */
export function noteOverdue(engine: Engine, binding: AnyBinding): boolean {
  const { uid } = binding.metadata;
  const end = drainEnd(binding, engine.settings.drainTimeout);
  if (end === null || end > engine.clock.now() || engine.overdue.has(uid)) return false;
  engine.overdue.add(uid);
  return true;
}

/** What has its objects let go of, to be named in a message; "" for nothing. */
export function letGoBy(engine: Engine, binding: AnyBinding): string {
  if (isReleased(binding)) return "the annotation core.kube-bind.io/release";
  return engine.overdue.has(binding.metadata.uid) ? "--drain-timeout, which is over" : "";
}

/** When it would be, in a message; "" for never. */
export function drainEndText({ settings }: Engine, binding: AnyBinding): string {
  const end = drainEnd(binding, settings.drainTimeout);
  return end === null ? "" : new Date(end).toISOString();
}

/** The bindings that go and reach the object: each of them tells of it. */
const going = ({ engine, syncer, key }: Work): AnyBinding[] =>
  peerBindings(engine, syncer.connection).filter(
    (binding) =>
      isDeleting(binding) &&
      answeredApis(binding).includes(syncer.api) &&
      (binding.kind === "ClusterBinding" || binding.metadata.namespace === key.namespace),
  );

const nameOf = ({ engine, syncer, id }: Work): string => copyName(engine)(syncer, id);

/** Its copy may be left; false where no binding goes that will tell. */
export function noteUnasked(work: Work, by: Unasked): boolean {
  const bindings = work.syncer.ruleFor(work.key.namespace).mode === "drain" ? going(work) : [];
  for (const { metadata } of bindings) {
    const known = work.engine.unasked.get(metadata.uid) ?? new Map<string, Unasked>();
    work.engine.unasked.set(metadata.uid, known.set(nameOf(work), by));
  }
  return bindings.length > 0;
}

/** The provider has come to say that its copy is gone, or is not ours. */
export function forgetUnasked(work: Work): void {
  for (const known of work.engine.unasked.values()) known.delete(nameOf(work));
}

/** Milliseconds for which related copies are waited for once nothing else is. */
const PATIENCE = 3_000;

export type RelatedLeft = ReturnType<typeof relatedLeft>;

export const isAnyLeft = ({ copies, waiting }: RelatedLeft): boolean => copies + waiting.length > 0;

/**
 * Is nobody to wait for these any more? Their sources carry no finalizer, so all there is to let go of is the binding: that comes
 * once it waits for nothing else (`alone`) and they have had their time.
 */
export function isPassedOver(engine: Engine, binding: AnyBinding, left: RelatedLeft, alone: boolean): boolean {
  const { uid } = binding.metadata;
  if (letGoBy(engine, binding) === "" || !alone || !isAnyLeft(left)) {
    engine.lingering.delete(uid);
    return false;
  }
  const since = engine.lingering.get(uid) ?? engine.clock.now();
  engine.lingering.set(uid, since);
  return engine.clock.now() - since >= PATIENCE;
}

const MOST_NAMES = 5;

function sentence(names: readonly string[], atLeast: boolean, reasons: readonly string[]): string {
  const count = `${atLeast ? "at least " : ""}${names.length}`;
  const more = names.length > MOST_NAMES ? `; and ${names.length - MOST_NAMES} more` : "";
  return `${count} object(s) were let go without the provider's word, ${reasons.join(", ")}: as many copies may be left there, with the marks of this cluster: ${names.slice(0, MOST_NAMES).join("; ")}${more}`;
}

const UNCOUNTED =
  "the process began anew during the drain: what was let go without the provider's word before that is not counted, and copies may be left there";

/** Milliseconds: deletion times have whole seconds. */
const CUT_OFF = 1_000;

/** The same of related copies, of which no more is known than their number, or not even that. */
function relatedFarewell(engine: Engine, binding: AnyBinding): string {
  const left = relatedLeft(engine, binding);
  if (letGoBy(engine, binding) === "" || !isAnyLeft(left)) return "";
  const unknown = left.waiting.length > 0 ? `, and it is not known how many ${left.waiting.join(", ")}` : "";
  return `copies of related objects may be left, by ${letGoBy(engine, binding)}: ${left.copies}${unknown}`;
}

/** What is to be told of its objects when it goes; "" for nothing. */
function farewell(engine: Engine, binding: AnyBinding): string {
  const { uid, deletionTimestamp = "" } = binding.metadata;
  const left = [...(engine.unasked.get(uid) ?? [])];
  const by = letGoBy(engine, binding);
  const isPartial = Date.parse(deletionTimestamp) + CUT_OFF < engine.startedAt;
  if (left.length === 0) return by !== "" && isPartial ? UNCOUNTED : "";
  const reasons = (["asked", "Orphan"] as const).flatMap((why) => {
    const count = left.filter(([, one]) => one === why).length;
    return count === 0 ? [] : [`${count} by ${why === "asked" ? by : "deletion-policy Orphan"}`];
  });
  return sentence(
    left.map(([name]) => name),
    isPartial,
    reasons,
  );
}

/** Before our finalizer comes off the binding: one Event with the number of copies that may be left. */
export function tellUnasked(engine: Engine, binding: AnyBinding, resource: Resource): void {
  const message = [farewell(engine, binding), relatedFarewell(engine, binding)]
    .filter((part) => part !== "")
    .join("; ");
  if (message === "") return;
  engine.log.warn({ binding: keyText(keyOf(binding)), kind: binding.kind, message }, "let go without the provider");
  const about = subjectOf({ uid: binding.metadata.uid }, resource, keyOf(binding));
  engine.recorder.event(about, "Warning", "FinalizerReleased", message);
}
