// Objects that have to let go of their copies, for as long as they have not: what stands in the way of each is told once it
// has stood there for a moment, by an Event and, where its type keeps conditions, on the object; bindings and Connections sum
// it up. Costs no request to the provider, and none to this cluster but that one status; who merely waits for his turn, behind
// thousands of others, is looked at once. A request that is not answered is told of and not given up. What stands in the way
// is decided by machines/rules/blockers.ts.
// Rule: docs/reference/behaviour.md, "Blocked deletions".

import { keyOf, parseKey } from "../crds/kube-object.ts";
import { DELETION_BLOCKERS } from "../crds/reasons.ts";
import { isGivenUp, mustGo, pausedBy } from "../machines/object-facts.ts";
import { type Blocked, type Blocker, blockerOf, sumUp } from "../machines/rules/blockers.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import { answeredApis } from "./directory.ts";
import { type Engine, phaseOf } from "./engine.ts";
import { bindingKey, connectionKey, objectKey } from "./keys.ts";
import { noteBlocked } from "./object-reports.ts";
import type { Work } from "./object-work.ts";
import { PRIORITY } from "./ports.ts";
import { gateFor, type Leaving, type Syncer } from "./syncer.ts";
import type { Entry } from "./table.ts";

/** Milliseconds after which a deletion that has not come through, or a request that is not answered, is worth a word. */
const PATIENCE = 3_000;

/** Objects of an API of which that is said at a time: a provider that is away may hold up thousands. */
const AT_ONCE = 8;

/** Milliseconds between two looks at those who have waited that long meanwhile. */
const LOOK = 250;

/** The entry of an object that is held by our finalizer and has to go, or only its copy. */
function leavingEntry(syncer: Syncer, id: string): Entry | undefined {
  const entry = syncer.watching?.table.get(id);
  if (!entry?.consumer?.claimed) return undefined;
  return mustGo({ consumer: entry.consumer, gate: gateFor(syncer, id) }) ? entry : undefined;
}

/** Why the provider cannot be worked with: its Connection's own words, or those of the watch of the copies. */
function awayFrom(engine: Engine, { connection, watching }: Syncer, namespace: string): Blocker {
  const { state, reason } = phaseOf(engine, connection);
  if (state === "away" || state === "absent") return { cause: "ProviderUnreachable", detail: reason };
  const trouble = watching?.provider?.feeds.troubleOf(homeOf(watching.shape, namespace) ?? "");
  if (!trouble) return { cause: "ProviderUnreachable", detail: "its copies are being listed" };
  return { cause: trouble.reason === "Forbidden" ? "Forbidden" : "ProviderUnreachable", detail: trouble.message };
}

/** What is told once: the messages of a provider that is away change with each try. */
function gist(engine: Engine, { connection }: Syncer, { cause }: Blocker): string {
  return cause === "ProviderUnreachable" ? `${cause} ${phaseOf(engine, connection).because}` : cause;
}

/** Is none of the requests that deletions wait for answered in time any more? One that is slow says nothing of the others. */
const isSilent = (engine: Engine, { unanswered, answeredAt }: Syncer): boolean =>
  unanswered > 0 && engine.clock.now() - answeredAt >= PATIENCE;

function blockerFor(engine: Engine, syncer: Syncer, id: string, { consumer, copy, memory }: Entry): Blocker | null {
  const gate = gateFor(syncer, id);
  return blockerOf({
    gate,
    paused: consumer === null ? "" : pausedBy(consumer, gate),
    copy: copy ?? memory?.found ?? null,
    refused: memory?.refused ?? null,
    unanswered: isSilent(engine, syncer) || (syncer.leaving.get(id)?.unanswered ?? false),
    away: awayFrom(engine, syncer, parseKey(id).namespace),
  });
}

const messageOf = ({ cause, detail }: Blocker): string => `${cause}: ${detail}. ${DELETION_BLOCKERS[cause].todo}`;

/** Only what is blocked is let go of without the provider's word: this may be the moment that the object waits for. */
function note(engine: Engine, syncer: Syncer, leaving: Leaving, found: { id: string; blocker: Blocker | null }): void {
  const isLetGo = () => isGivenUp(gateFor(syncer, found.id));
  const before = isLetGo();
  leaving.blocker = found.blocker;
  if (!before && isLetGo()) engine.wake(objectKey(syncer.connection, syncer.api, parseKey(found.id)));
}

/** Judges one of them anew; true when what is to be reported of it has changed. */
function judge(engine: Engine, syncer: Syncer, id: string): boolean {
  const leaving = syncer.leaving.get(id);
  if (leaving === undefined) return false;
  const entry = leavingEntry(syncer, id);
  if (entry === undefined) {
    syncer.leaving.delete(id);
    return leaving.blocker !== null;
  }
  if (engine.clock.now() - leaving.since < PATIENCE) return false;
  const before = leaving.blocker;
  note(engine, syncer, leaving, { id, blocker: blockerFor(engine, syncer, id, entry) });
  tell(engine, syncer, id, leaving);
  return before?.cause !== leaving.blocker?.cause || before?.detail !== leaving.blocker?.detail;
}

/** An Event and a condition are for an object that is being deleted itself; a drain is told of by its binding. */
function tell(engine: Engine, syncer: Syncer, id: string, leaving: Leaving): void {
  const { watching } = syncer;
  const { blocker } = leaving;
  if (watching === null || blocker === null) return;
  const now = gist(engine, syncer, blocker);
  if (leaving.told === now) return;
  leaving.told = now;
  const key = parseKey(id);
  const providerKey = engine.settings.mapper.toProvider(watching.shape.resource, key);
  const work: Work = { engine, syncer, watching, key, id, providerKey };
  const before = syncer.telling[leaving.line] ?? Promise.resolve();
  syncer.telling[leaving.line] = before.then(() => noteBlocked(work, messageOf(blocker)));
}

/** Those who report on these objects. */
function wakeReporters(engine: Engine, { connection, api }: Syncer, ids: readonly string[]): void {
  if (ids.length === 0) return;
  const namespaces = new Set(ids.map((id) => parseKey(id).namespace));
  engine.wake(connectionKey(connection), PRIORITY.backlog);
  for (const binding of engine.directory.bindingsOf(connection)) {
    const isReached = binding.kind === "ClusterBinding" || namespaces.has(keyOf(binding).namespace);
    if (isReached && answeredApis(binding).includes(api))
      engine.wake(bindingKey(binding.spec.connectionRef.name, keyOf(binding)), PRIORITY.backlog);
  }
}

const lookAt = (engine: Engine, syncer: Syncer, ids: Iterable<string>): void =>
  wakeReporters(
    engine,
    syncer,
    [...ids].filter((id) => judge(engine, syncer, id)),
  );

/** Those who have waited long enough since the last look; the others stay. */
function* ripe(engine: Engine, { leaving, ripening }: Syncer): Generator<string> {
  for (const id of ripening) {
    const since = leaving.get(id)?.since;
    if (since !== undefined && engine.clock.now() - since < PATIENCE) return;
    ripening.delete(id);
    yield id;
  }
}

function lookAtRipe(engine: Engine, syncer: Syncer): void {
  const ids = [...ripe(engine, syncer)];
  if (syncer.ripening.size > 0) engine.clock.after(LOOK, () => lookAtRipe(engine, syncer));
  lookAt(engine, syncer, ids);
}

/** As soon as the object wants a pass, however long that waits for its turn: since when has it had to go? */
export function noteLeaving(engine: Engine, syncer: Syncer, id: string): void {
  if (leavingEntry(syncer, id) === undefined || syncer.leaving.has(id)) return;
  const line = syncer.leaving.size % AT_ONCE;
  syncer.leaving.set(id, { since: engine.clock.now(), blocker: null, told: "", line, unanswered: false });
  // Where some ripen already, the next look is due.
  if (syncer.ripening.size === 0) engine.clock.after(PATIENCE, () => lookAtRipe(engine, syncer));
  syncer.ripening.delete(id);
  syncer.ripening.add(id);
}

/** After a pass: what it has come to. */
export const noteLeft = ({ engine, syncer, id }: Work): void => lookAt(engine, syncer, [id]);

/** For as long as requests are late: says of all that wait, each time that it begins, that the provider is silent. */
function listen(engine: Engine, syncer: Syncer, wasSilent = false): void {
  syncer.listening = syncer.unanswered > 0;
  if (!syncer.listening) return;
  const silent = isSilent(engine, syncer);
  engine.clock.after(LOOK, () => listen(engine, syncer, silent));
  if (silent && !wasSilent) lookAt(engine, syncer, syncer.leaving.keys());
}

/**
 * Runs a request to the provider that a deletion waits for. When it is not answered, that is said of its object, and of all
 * that wait when no other one is answered either.
 */
export async function awaited<T>({ engine, syncer, id }: Work, request: () => Promise<T>): Promise<T> {
  let isLate = false;
  const note = (unanswered: boolean): void => {
    isLate = unanswered;
    const leaving = syncer.leaving.get(id);
    if (leaving !== undefined) leaving.unanswered = unanswered;
  };
  const cancel = engine.clock.after(PATIENCE, () => {
    note(true);
    lookAt(engine, syncer, [id]);
    syncer.unanswered++;
    if (!syncer.listening) listen(engine, syncer);
  });
  try {
    return await request();
  } finally {
    cancel();
    if (isLate) syncer.unanswered--;
    else syncer.answeredAt = engine.clock.now();
    note(false);
  }
}

/** Blocked deletions of these APIs' objects in namespaces that `concerns` says. */
export function blockedIn(
  syncers: readonly Syncer[],
  concerns: (syncer: Syncer, namespace: string) => boolean,
): Blocked {
  return sumUp(
    syncers.flatMap((syncer) =>
      [...syncer.leaving].flatMap(([id, { blocker }]) => {
        const isOne = blocker !== null && concerns(syncer, parseKey(id).namespace) && leavingEntry(syncer, id);
        return isOne ? [{ ...blocker, name: `${syncer.api} ${id.replace(/^\//, "")}` }] : [];
      }),
    ),
  );
}
