// The requests of one related object: carries out what machines/related.ts names and turns each answer into its event. Promises
// that nothing of what a Secret holds, nor anything that a server says of it, gets into a message: verbs, names, statuses and
// fields do. Every answer goes into the table at once. Rules: docs/reference/behaviour.md, "Related objects" and "Fences".

import { type Key, keyOf, type KubeObject, parseKey, type Resource } from "../crds/kube-object.ts";
import type { EventReason } from "../crds/reasons.ts";
import { resourceOf } from "../crds/related.ts";
import {
  type RelatedContext,
  relatedConflict,
  relatedCopy,
  type RelatedCopyFact,
  type RelatedEvent,
} from "../machines/related-facts.ts";
import { reasonOf } from "../machines/object-trouble.ts";
import { describeRights, rightIn } from "../machines/rules/permissions.ts";
import { isLabelled, projectRelated, wholeHash } from "../machines/rules/related-projection.ts";
import { isNoSource, isOffLimits, meaning } from "../machines/rules/related-rules.ts";
import { RELATED_FIELD_MANAGER } from "../crds/labels.ts";
import { bindingResource } from "../crds/resources.ts";
import type { Engine } from "./engine.ts";
import type { Effects } from "./host.ts";
import { ensureNamespace } from "./namespaces.ts";
import { guardedApply, subjectOf } from "./object-writes.ts";
import { ApiError, type Cluster } from "./ports.ts";
import { isNamespaceMissing, isStatus, judge } from "./refusals.ts";
import { relatedGate, rulesOn, whoseCopy } from "./related-ruling.ts";
import type { RelatedSyncer, RelatedWatching } from "./related-syncer.ts";
import { copyState, sourceFact } from "./related-table.ts";

/** What the effects of one pass work with. */
export interface RelatedWork {
  engine: Engine;
  syncer: RelatedSyncer;
  watching: RelatedWatching;
  /** The consumer's, as text, and those of either side. */
  id: string;
  sourceKey: Key;
  copyKey: Key;
}

type Answer = Promise<RelatedEvent | undefined>;

export const RELATED_EFFECTS = [
  "applyCopy",
  "createNamespace",
  "lookUpCopy",
  "deleteCopy",
  "reportConflict",
  "reportRefusal",
  "reportContest",
] as const;

export function relatedEffects(work: RelatedWork): Effects<RelatedContext, RelatedEvent> {
  return {
    applyCopy: (context) => applyCopy(work, context),
    createNamespace: (context) => createNamespace(work, context),
    lookUpCopy: () => lookUpCopy(work),
    deleteCopy: (context) => deleteCopy(work, context),
    reportConflict: (context) => reportConflict(work, context),
    reportRefusal: (context) => reportRefusal(work, context),
    reportContest: (context) => reportContest(work, context),
  };
}

const MOVED: RelatedEvent = { type: "refused", cause: "outdated", message: "its bindings or Connection changed" };

const isFromProvider = ({ syncer }: RelatedWork): boolean => syncer.route.direction === "FromProvider";

const placeOf = (work: RelatedWork): string => (isFromProvider(work) ? "on this cluster" : "on the provider");

const sourceCluster = ({ engine, syncer }: RelatedWork): Cluster => {
  if (syncer.route.direction === "FromConsumer") return engine.consumer;
  const engagement = engine.engagements.get(syncer.connection);
  if (engagement === undefined) throw new Error("the Connection is not engaged");
  return engagement.cluster;
};

const resource = ({ syncer }: Pick<RelatedWork, "syncer">): Resource => resourceOf(syncer.route);

const named = (work: RelatedWork): string =>
  `${resource(work).resource} ${work.copyKey.namespace}/${work.copyKey.name}`;

/** Does what this was decided on still stand? Bindings may have changed while an answer was awaited. */
function hasMoved({ engine, syncer, watching, id }: RelatedWork, { gate }: RelatedContext): boolean {
  const now = relatedGate(engine, syncer, id);
  const isSame = now.mode === gate?.mode && now.binding === gate.binding && now.adopt === gate.adopt;
  return !isSame || !now.open || now.paused !== "" || syncer.watching !== watching;
}

/** What may be said of a failure: of a server's own words only which right is missing, and which fields are meant. */
function worded(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
  const right = rightIn(error.message);
  if (right !== undefined) return `may not ${describeRights([right])}`;
  const fields = error.causes.flatMap(({ field = "" }) => (/^[A-Za-z.]{1,60}$/.test(field) ? [field] : []));
  const where = fields.length > 0 ? ` (${[...new Set(fields)].slice(0, 5).join(", ")})` : "";
  return `it answered ${error.status} ${/^[A-Za-z]{0,40}$/.test(error.reason) ? error.reason : ""}${where}`.trim();
}

function refusal(work: RelatedWork, what: string, error: unknown): RelatedEvent {
  const { cause, retryAfter } = judge(error, what);
  const here = cause === "forbidden" && isFromProvider(work) ? "forbiddenHere" : cause;
  const asked = retryAfter === undefined ? {} : { retryAfter };
  return { type: "refused", cause: here, message: `${what} ${placeOf(work)}: ${worded(error)}`, ...asked };
}

async function attempt(work: RelatedWork, what: string, send: () => Answer): Answer {
  try {
    return await send();
  } catch (error) {
    return refusal(work, what, error);
  }
}

const copyFact = ({ engine, syncer, watching }: RelatedWork, object: KubeObject): RelatedCopyFact => {
  const state = copyState(object, watching.clusterUid);
  return { ...state, whose: whoseCopy(engine, syncer, state) };
};

/** The source, whole: the body at hand if it is the state the facts are from, else one GET; undefined where there is none. */
async function sourceBody(work: RelatedWork): Promise<KubeObject | undefined> {
  const body = work.watching.table.get(work.id)?.sourceBody;
  if (body) return body;
  try {
    return await sourceCluster(work).get(resource(work), work.sourceKey);
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

const isOther = (body: KubeObject, { source }: RelatedContext): boolean =>
  body.metadata.uid !== source?.uid || isNoSource(body);

/** Where the guard of a first write is ignored, a look has to show that nothing is there. */
const mustLook = ({ syncer }: RelatedWork, context: RelatedContext): boolean =>
  syncer.unguarded && relatedCopy(context) === null && !context.confirmedAbsent;

async function applyCopy(work: RelatedWork, context: RelatedContext): Answer {
  const copy = relatedCopy(context);
  const { table, clusterUid, target } = work.watching;
  try {
    const body = await sourceBody(work);
    // The watch is about to tell that it has gone.
    if (body === undefined || isOther(body, context) || hasMoved(work, context)) return MOVED;
    if (mustLook(work, context)) return { type: "occupied" };
    const projection = projectRelated(body, work.copyKey, { clusterUid, binding: context.gate?.binding ?? "" });
    const applied = await target.apply(
      resource(work),
      work.copyKey,
      guardedApply(projection, copy),
      RELATED_FIELD_MANAGER,
    );
    reportFirst(work, context, applied.created);
    table.copySeen(applied.object);
    const fact = copyFact(work, applied.object);
    return { type: "applied", source: sourceFact(body), copy: fact, sent: wholeHash(projection) };
  } catch (error) {
    return applyFailure(work, context, error);
  }
}

function applyFailure(work: RelatedWork, context: RelatedContext, error: unknown): RelatedEvent {
  if (isNamespaceMissing(error, work.copyKey.namespace)) return { type: "namespace.missing" };
  const isTaken = relatedCopy(context) === null && isStatus(error, 409) && !context.confirmedAbsent;
  return isTaken ? { type: "occupied" } : refusal(work, `apply ${named(work)}`, error);
}

function reportFirst(work: RelatedWork, context: RelatedContext, created: boolean): void {
  const copy = relatedCopy(context);
  if (copy === null && !created) {
    work.syncer.unguarded = true;
    record(work, context, "Warning", "GuardNotHonoured", `the guard of the first write of ${named(work)} was ignored`);
  }
  if (copy?.whose === "foreign") {
    const message = `${named(work)} existed ${placeOf(work)} and is now kept in sync; it will be deleted with its source`;
    record(work, context, "Normal", "Adopted", message);
  }
}

const createNamespace = (work: RelatedWork, context: RelatedContext): Answer =>
  attempt(work, `create namespaces ${work.copyKey.namespace}`, async () => {
    if (hasMoved(work, context)) return MOVED;
    await ensureNamespace(work.watching.target, work.copyKey.namespace, work.watching.clusterUid);
    return { type: "namespace.ready" };
  });

/** Is it the cluster that we take it for, on both sides, whose answers say that something is not there? */
async function confirm({ engine, syncer, watching }: RelatedWork): Promise<void> {
  await engine.consumer.confirm(watching.clusterUid);
  await engine.engagements.get(syncer.connection)?.confirm();
}

const lookUpCopy = (work: RelatedWork): Answer =>
  attempt(work, `get ${named(work)}`, async () => {
    try {
      const found = await work.watching.target.get(resource(work), work.copyKey);
      if (isLabelled(found, work.watching.clusterUid)) work.watching.table.copySeen(found);
      return { type: "looked", found: copyFact(work, found) };
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
      await confirm(work);
      const known = work.watching.table.get(work.id)?.copy;
      if (known) work.watching.table.forgetCopy(work.id, known.uid);
      return { type: "looked", found: null };
    }
  });

/** What no list shows any more is looked for by its name while any rule could mean it: a list may be wrong. */
async function isStillMeant(work: RelatedWork, { source, gate }: RelatedContext): Promise<boolean> {
  const rules = rulesOn(work.engine, work.syncer);
  if (gate?.mode !== "remove" || source !== null || rules.length === 0) return false;
  const found = await sourceBody(work);
  const keys = [parseKey(work.id), work.sourceKey, work.copyKey];
  if (found === undefined || isNoSource(found) || isOffLimits(keys, work.engine.settings.related)) return false;
  return meaning(rules, parseKey(work.id), found.metadata.labels ?? {}).length > 0;
}

/** Tried again with back-off, until the list tells of it. */
const UNSHOWN: RelatedEvent = { type: "refused", cause: "fault", message: "its source is there, and no list shows it" };

const deleteCopy = (work: RelatedWork, context: RelatedContext): Answer =>
  attempt(work, `delete ${named(work)}`, async () => {
    const copy = relatedCopy(context);
    await confirm(work);
    if (await isStillMeant(work, context)) return UNSHOWN;
    if (copy === null || hasMoved(work, context)) return MOVED;
    const answer = await work.watching.target.delete(resource(work), work.copyKey, copy.uid);
    if (answer === "gone" || answer === "absent") {
      work.watching.table.forgetCopy(work.id, copy.uid);
      return { type: "deleted" };
    }
    work.watching.table.copySeen(answer);
    return { type: "delete.waiting", copy: copyFact(work, answer) };
  });

/** An Event about the source where that is here, else about the binding that the copy is for. */
function record(
  { engine, syncer, sourceKey, ...work }: RelatedWork,
  { source, gate, copy }: RelatedContext,
  type: "Normal" | "Warning",
  reason: EventReason,
  message: string,
): void {
  const what = resource({ syncer });
  if (syncer.route.direction === "FromConsumer" && source) {
    return engine.recorder.event(subjectOf({ uid: source.uid }, what, sourceKey), type, reason, message);
  }
  const uid = gate?.binding || (copy?.binding ?? "");
  const binding = engine.directory.allBindings().find(({ metadata }) => metadata.uid === uid);
  if (binding === undefined) return engine.log.info({ key: work.id, reason }, message);
  engine.recorder.event(subjectOf({ uid }, bindingResource(binding), keyOf(binding)), type, reason, message);
}

function reportConflict(work: RelatedWork, context: RelatedContext): Answer {
  const reason = relatedConflict(context) || "ForeignObjectExists";
  const message =
    reason === "ForeignObjectExists"
      ? `${named(work)} ${placeOf(work)} was not made by a konnector; remove or rename one of the two, or set conflictPolicy: Adopt on the binding`
      : `${named(work)} ${placeOf(work)} belongs to another consumer or binding; rename one of the two, or delete it there if nobody wants it any more`;
  record(work, context, "Warning", reason, message);
  return Promise.resolve({ type: "told" });
}

function reportRefusal(work: RelatedWork, context: RelatedContext): Answer {
  const { refused, attempts } = context;
  if (refused === null) return Promise.resolve(undefined);
  const fields = { connection: work.syncer.connection, key: work.id, cause: refused.cause, attempts };
  work.engine.log.debug({ ...fields, error: refused.message }, "write refused");
  const reason = reasonOf(refused.cause);
  if (reason !== "" && refused.isNews) record(work, context, "Warning", reason, refused.message);
  return Promise.resolve(undefined);
}

function reportContest(work: RelatedWork, context: RelatedContext): Answer {
  const message = `somebody keeps changing ${named(work)} ${placeOf(work)}; it is written at most 10 times a minute until that ends`;
  record(work, context, "Warning", "FieldsContested", message);
  return Promise.resolve({ type: "told" });
}
