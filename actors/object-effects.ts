// The requests of one synced object: carries out what machines/object.ts names and turns each answer into its event. Every
// answer goes into the table at once, so that the next pass does not wait for the watch to tell what is known already. A
// write is made only while the gate it was decided on still stands.
// Rules: docs/reference/behaviour.md, "Objects" and "Fences".

import { hasFinalizer, type KubeObject } from "../crds/kube-object.ts";
import { FINALIZER } from "../crds/labels.ts";
import { copyOf, type ObjectContext, type ObjectEvent, whose } from "../machines/object-facts.ts";
import { copyFact, projectionOf } from "./facts.ts";
import type { Effects } from "./host.ts";
import { applyWhole } from "./emptying.ts";
import { ensureNamespace } from "./namespaces.ts";
import { awaited } from "./leaving.ts";
import { deleteCopy, letGo, removeFinalizer, stripMarkers } from "./object-removal.ts";
import { clearMark, markConflict, nameRivals, reportPause, reportRefusal } from "./object-reports.ts";
import { writeStatus } from "./object-status.ts";
import {
  type Answer,
  consumerBody,
  consumerFactOf,
  copyBody,
  copyFactOf,
  COPY_REPLACED,
  findCopy,
  GATE_MOVED,
  gateMoved,
  kindName,
  onConsumer,
  onProvider,
  patchConsumer,
  provider,
  record,
  type Work,
} from "./object-work.ts";
import * as writes from "./object-writes.ts";
import { isNamespaceMissing, isStatus, judge } from "./refusals.ts";

export const EFFECTS = [
  "addFinalizer",
  "applyCopy",
  "reownFields",
  "createNamespace",
  "lookUpCopy",
  "writeStatus",
  "markConflict",
  "clearMark",
  "deleteCopy",
  "stripMarkers",
  "removeFinalizer",
  "letGo",
  "reportRefusal",
  "reportPause",
  "nameRivals",
] as const;

/** What `runPass` carries out, by the names in EFFECTS. */
export function objectEffects(work: Work): Effects<ObjectContext, ObjectEvent> {
  return {
    addFinalizer: (context) => addFinalizer(work, context),
    applyCopy: (context) => applyCopy(work, context),
    reownFields: (context) => reownFields(work, context),
    createNamespace: (context) => createNamespace(work, context),
    lookUpCopy: () => awaited(work, () => lookUpCopy(work)),
    writeStatus: (context) => writeStatus(work, context),
    markConflict: (context) => markConflict(work, context),
    clearMark: (context) => clearMark(work, context),
    deleteCopy: (context) => awaited(work, () => deleteCopy(work, context)),
    stripMarkers: (context) => awaited(work, () => stripMarkers(work, context)),
    removeFinalizer: (context) => removeFinalizer(work, context),
    letGo: (context) => letGo(work, context),
    reportRefusal: (context) => reportRefusal(work, context),
    reportPause: (context) => reportPause(work, context),
    nameRivals: (context) => nameRivals(work, context),
  };
}

const addFinalizer = (work: Work, { consumer, gate }: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)}`, async () => {
    if (!consumer) return { type: "consumer.gone" };
    if (gateMoved(work, gate)) return GATE_MOVED;
    return { type: "claimed", consumer: await patchConsumer(work, writes.addFinalizer(consumer)) };
  });

async function applyCopy(work: Work, context: ObjectContext): Answer {
  const copy = copyOf(context);
  const { shape, table } = work.watching;
  try {
    const body = await consumerBody(work);
    if (body.metadata.uid !== context.consumer?.uid || gateMoved(work, context.gate)) return GATE_MOVED;
    // The answer to a release may have been lost: nothing is written for an object that we do not hold.
    if (!hasFinalizer(body, FINALIZER.syncer)) return GATE_MOVED;
    if (copy === null && work.syncer.unguarded && !context.confirmedAbsent) return { type: "occupied" };
    const projection = projectionOf(shape, body);
    const applied = await applyWhole(work, context, projection, copy);
    reportFirst(work, context, applied.created);
    table.copySeen(applied.object);
    const consumer = consumerFactOf(work, body);
    return { type: "applied", consumer, copy: copyFactOf(work, applied.object), sent: consumer.wanted };
  } catch (error) {
    return applyFailure(work, context, error);
  }
}

/** What the first write of a copy may have to tell: a guard that was ignored, or an object that was taken over. */
function reportFirst(work: Work, context: ObjectContext, created: boolean): void {
  const uid = context.consumer?.uid ?? "";
  const name = kindName(work);
  if (copyOf(context) === null && !created) {
    work.syncer.unguarded = true;
    record(work, uid, "Warning", "GuardNotHonoured", `the provider ignored the guard of the first write of ${name}`);
  }
  if (whose(context) === "foreign") {
    const message = `${name} existed on the provider and is now kept in sync; it will be deleted with this object`;
    record(work, uid, "Normal", "Adopted", message);
  }
}

function applyFailure(work: Work, context: ObjectContext, error: unknown): ObjectEvent {
  if (isNamespaceMissing(error, work.providerKey.namespace)) return { type: "namespace.missing" };
  const judgement = judge(error, `apply ${kindName(work)} on the provider`);
  if (copyOf(context) !== null || !isStatus(error, 409)) return { type: "refused", ...judgement };
  // Nothing is there, and still 409 (a quota in contention, say): not a matter of whose it is.
  return context.confirmedAbsent ? { type: "refused", ...judgement, cause: "fault" } : { type: "occupied" };
}

const reownFields = (work: Work, context: ObjectContext): Answer =>
  onProvider(
    `patch ${kindName(work)}`,
    async () => {
      const { shape, table } = work.watching;
      const known = copyOf(context);
      const isKnown = ({ metadata: { uid, resourceVersion } }: KubeObject) =>
        uid === known?.uid && resourceVersion === known.resourceVersion;
      const copy = work.looked && isKnown(work.looked) ? work.looked : await copyBody(work);
      if (!isKnown(copy)) return COPY_REPLACED;
      if (gateMoved(work, context.gate)) return GATE_MOVED;
      const patched = await provider(work).patch(shape.resource, work.providerKey, writes.reownFields(copy));
      if (context.copy) table.copySeen(patched);
      return { type: "reowned", copy: copyFact(shape, patched) };
    },
    true,
  );

const createNamespace = (work: Work, { gate }: ObjectContext): Answer =>
  onProvider(`create namespaces ${work.providerKey.namespace}`, async () => {
    if (gateMoved(work, gate)) return GATE_MOVED;
    const { shape } = work.watching;
    await ensureNamespace(provider(work), work.providerKey.namespace, shape.clusterUid);
    return { type: "namespace.ready" };
  });

const lookUpCopy = (work: Work): Answer =>
  onProvider(`get ${kindName(work)}`, async () => {
    const { shape, table } = work.watching;
    const found = await findCopy(work);
    if (found !== null) {
      work.looked = found.object;
      return { type: "looked", found: copyFact(shape, found.object) };
    }
    const known = table.get(work.id)?.copy;
    if (known) table.forgetCopy(work.id, known.uid);
    return { type: "looked", found: null };
  });
