// Writes the status of our own kinds: only when it says something new, as one JSON patch on the very state that it was
// computed from, so that what others have written into it stays. A write that loses a race is owed.
// Rule: docs/reference/behaviour.md, "Conditions".

import { isDeepStrictEqual } from "node:util";
import { type ConditionUpdate, sameConditions, setCondition } from "../crds/conditions.ts";
import type { KubeObject, Resource } from "../crds/kube-object.ts";
import { keyOf } from "../crds/kube-object.ts";
import type { Reason } from "../crds/reasons.ts";
import type { Condition } from "../crds/meta.ts";
import type { Cache } from "./cache.ts";
import type { Engine } from "./engine.ts";
import { isStatus, judge } from "./refusals.ts";

/** A status of one of our own kinds, as far as this file looks into it. */
export interface Status {
  conditions?: Condition[];
  [field: string]: unknown;
}

const statusOf = (object: KubeObject): Status | undefined => object.status as Status | undefined;

/** The conditions of an object after `updates`, each stamped with the generation that was looked at. */
export const nextConditions = (object: KubeObject, updates: readonly ConditionUpdate[], now: string): Condition[] =>
  updates.reduce<Condition[]>(
    (conditions, update) =>
      setCondition(conditions, { ...update, observedGeneration: object.metadata.generation ?? 0 }, now),
    statusOf(object)?.conditions ?? [],
  );

/** True when the two say the same, transition times aside. */
export function sameStatus(before: Status | undefined, after: Status | undefined): boolean {
  const { conditions: old, ...rest } = before ?? {};
  const { conditions: fresh, ...others } = after ?? {};
  return sameConditions(old, fresh) && isDeepStrictEqual(timeless(rest), timeless(others));
}

const timeless = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === "lastTransitionTime" ? undefined : inner)));

/**
 * Milliseconds for which a condition that was decided is not taken back just because it is being looked at again; more while
 * the process is young, when everything is looked at at once.
 */
const DOUBT = 2_000;
const DOUBT_AT_FIRST = 8_000;
const YOUTH = 15_000;
/** …or at most, while what is watched is still being listed for the first time: with hundreds of namespaces that takes a while. */
const YOUTH_WHILE_LISTING = 60_000;

/** Words by which a deletion says what it waits for. */
const WAITING: ReadonlySet<string> = new Set<Reason>(["DrainingBindings", "DrainingObjects", "DeletionBlocked"]);

const saysWhatIsAwaited = (status: Status | undefined): boolean =>
  [...reasonsOf(status).values()].some((reason) => WAITING.has(reason));

const isListing = ({ syncers }: Engine): boolean =>
  [...syncers.values()].some(({ watching }) => {
    if (watching === null) return false;
    return !watching.consumer.settled || watching.provider?.feeds.settled === false;
  });

function patienceOf(engine: Engine): number {
  const age = engine.clock.now() - engine.startedAt;
  if (age < YOUTH_WHILE_LISTING && isListing(engine)) return YOUTH_WHILE_LISTING;
  return age < YOUTH ? DOUBT_AT_FIRST : DOUBT;
}

/** That a deletion has come to wait for something is said at once, and afterwards soon. */
function patience(engine: Engine, before: Status | undefined, after: Status): number {
  if (!saysWhatIsAwaited(after)) return patienceOf(engine);
  return saysWhatIsAwaited(before) ? DOUBT : 0;
}

/** Milliseconds until a status that was not written is looked at again. */
export const REWRITE = 1_000;

const reasonsOf = (status: Status | undefined): Map<string, string> =>
  new Map((status?.conditions ?? []).map(({ type, reason }) => [type, reason]));

/**
 * Does the status take back a decided condition as merely pending, and has not done so for long? After a start and after
 * a new engagement everything is looked at again for a moment; what was said before stands until more is known.
 */
function isFreshDoubt(engine: Engine, object: KubeObject, status: Status): boolean {
  const { uid } = object.metadata;
  const before = reasonsOf(statusOf(object));
  const doubted = [...reasonsOf(status)].some(
    ([type, reason]) => reason === "Pending" && (before.get(type) ?? "Pending") !== "Pending",
  );
  if (!doubted) {
    engine.doubts.delete(uid);
    return false;
  }
  const now = engine.clock.now();
  const since = engine.doubts.get(uid) ?? now;
  engine.doubts.set(uid, since);
  return now - since < patience(engine, statusOf(object), status);
}

const namesIn = (status: Status | undefined): string =>
  JSON.stringify(((status?.["boundAPIs"] ?? []) as { name: string }[]).map(({ name }) => name));

/** `boundAPIs` is what a binding answers for: an API must stand there before its objects are touched. */
const isNewRecord = (object: KubeObject, status: Status): boolean => namesIn(statusOf(object)) !== namesIn(status);

/**
 * Replaces the status, unless somebody has changed the object since: their conditions would be lost. Rejects as the request
 * does, for a change with 409 or a failed test.
 */
export async function patchStatus<T extends KubeObject>(
  { consumer, shown }: Pick<Engine, "consumer" | "shown">,
  resource: Resource,
  cache: Pick<Cache<T>, "note">,
  object: T,
  status: Status,
): Promise<void> {
  const { uid, resourceVersion } = object.metadata;
  const operations = [
    { op: "test" as const, path: "/metadata/uid", value: uid },
    { op: "test" as const, path: "/metadata/resourceVersion", value: resourceVersion },
    { op: "add" as const, path: "/status", value: status },
  ];
  const answer = (await consumer.patch(resource, keyOf(object), operations, "status")) as T;
  // Before the cache tells of it: what we have written ourselves is no news.
  shown.set(uid, statusOf(answer) ?? {});
  cache.note(answer);
}

/** Has somebody else written the status between these two states of an object? */
export const isOthersStatus = ({ shown }: Pick<Engine, "shown">, before: KubeObject, after: KubeObject): boolean =>
  !sameStatus(statusOf(before), statusOf(after)) &&
  !sameStatus(shown.get(after.metadata.uid) as Status | undefined, statusOf(after));

const readyIn = (status: Status | undefined): string => {
  const { status: value, reason, message } = status?.conditions?.find(({ type }) => type === "Ready") ?? {};
  return JSON.stringify([value, reason, message]);
};

/** Of what is paused the status is written only to say so: is that said, in the words of this one? */
export const isSaid = (object: KubeObject, status: Status): boolean => readyIn(statusOf(object)) === readyIn(status);

/**
 * Writes `status` if it differs from what `object` carries. Resolves to false when it was not written, or not yet (the
 * caller tries again); an object that has gone meanwhile is no failure.
 */
export async function writeStatus<T extends KubeObject>(
  engine: Engine,
  resource: Resource,
  cache: Pick<Cache<T>, "note">,
  object: T,
  status: Status,
): Promise<boolean> {
  if (isFreshDoubt(engine, object, status) && !isNewRecord(object, status)) return false;
  if (sameStatus(statusOf(object), status)) return true;
  try {
    await patchStatus(engine, resource, cache, object, status);
    engine.unwritable.delete(object.metadata.uid);
    return true;
  } catch (error) {
    if (isStatus(error, 404)) return true;
    const { cause, message } = judge(error, "write the status", true);
    const { kind, metadata } = object;
    if (cause === "forbidden") engine.unwritable.add(metadata.uid);
    if (cause !== "outdated") engine.log.warn({ kind, name: metadata.name, error: message }, "status not written");
    return false;
  }
}
