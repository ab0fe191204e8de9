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
 * Milliseconds for which what has been learnt must stand before a condition that was decided is taken back for it; more while
 * the process is young, when everything is looked at at once.
 */
const DOUBT = 2_000;
const DOUBT_AT_FIRST = 8_000;
const YOUTH = 15_000;
/** While nothing has been learnt, nothing is taken back at all, but for what not even the longest of lists can take. */
const UNKNOWN_AT_MOST = 300_000;

/** Words by which a deletion says what it waits for. */
const WAITING: ReadonlySet<string> = new Set<Reason>(["DrainingBindings", "DrainingObjects", "DeletionBlocked"]);

const saysWhatIsAwaited = (status: Status | undefined): boolean =>
  [...reasonsOf(status).values()].some((reason) => WAITING.has(reason));

const patienceOf = (engine: Engine): number => (engine.clock.now() - engine.startedAt < YOUTH ? DOUBT_AT_FIRST : DOUBT);

/** Milliseconds until a status that was not written is looked at again. */
export const REWRITE = 1_000;

interface Entry {
  name: string;
  conditions?: Condition[];
}

const entriesOf = (status: Status | undefined): Entry[] => (status?.["boundAPIs"] ?? []) as Entry[];

/** By condition: those of the object, and those of each API of a binding. */
const reasonsOf = (status: Status | undefined): Map<string, string> =>
  new Map(
    [{ name: "", conditions: status?.conditions ?? [] }, ...entriesOf(status)].flatMap(({ name, conditions = [] }) =>
      conditions.map(({ type, reason }): [string, string] => [`${name} ${type}`, reason]),
    ),
  );

/** Does it take back as merely pending what was decided? */
function takesBack(before: Status | undefined, after: Status): boolean {
  const reasons = reasonsOf(before);
  return [...reasonsOf(after)].some(
    ([type, reason]) => reason === "Pending" && (reasons.get(type) ?? "Pending") !== "Pending",
  );
}

/**
 * Does the status take something back too early? After a start and after a new engagement everything is looked at again; what
 * was said before stands until something else has been learnt, and has been so for a moment. But that a deletion has come to
 * wait for something is said at once, and afterwards soon.
 */
function isFreshDoubt(engine: Engine, object: KubeObject, status: Status, isUndecided: boolean): boolean {
  const { uid } = object.metadata;
  const before = statusOf(object);
  if (!takesBack(before, status)) {
    engine.doubts.delete(uid);
    return false;
  }
  const now = engine.clock.now();
  const doubt = engine.doubts.get(uid) ?? { since: now, learnt: null };
  engine.doubts.set(uid, doubt);
  if (saysWhatIsAwaited(status)) return now - doubt.since < (saysWhatIsAwaited(before) ? DOUBT : 0);
  if (isUndecided) return now - doubt.since < UNKNOWN_AT_MOST;
  doubt.learnt ??= now;
  return now - doubt.learnt < patienceOf(engine);
}

const namesIn = (status: Status | undefined): string => JSON.stringify(entriesOf(status).map(({ name }) => name));

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
 * Writes `status` if it differs from what `object` carries. `isUndecided`: it is pending for no other reason than that something
 * is still being looked at. Resolves to false when it was not written, or not yet (the caller tries again); an object that has
 * gone meanwhile is no failure.
 */
export async function writeStatus<T extends KubeObject>(
  engine: Engine,
  resource: Resource,
  cache: Pick<Cache<T>, "note">,
  object: T,
  status: Status,
  isUndecided = false,
): Promise<boolean> {
  if (isFreshDoubt(engine, object, status, isUndecided) && !isNewRecord(object, status)) return false;
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
