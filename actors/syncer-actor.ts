// The actor behind machines/syncer.ts: gathers what is known of one bound API, carries out the CRD writes, keeps the
// watches as the machine's state wants them, and wakes the bindings and objects that its news concerns.

import { isEstablished, resourceOf } from "../crds/definition-object.ts";
import { isDeleting } from "../crds/kube-object.ts";
import type { Reason } from "../crds/reasons.ts";
import {
  initialSyncerContext,
  type SyncerContext,
  type SyncerEvent,
  type SyncerFacts,
  syncerMachine,
} from "../machines/syncer.ts";
import { DENIED_DELAY } from "../machines/rules/backoff.ts";
import { shapeOf } from "./api-shape.ts";
import { type Definitions, readDefinitions } from "./definitions.ts";
import { installCrd, removeCrd } from "./installing.ts";
import { bindingsSeen, demandOn, isMentioned } from "./demand.ts";
import { type Engine, phaseOf } from "./engine.ts";
import type { Shape } from "./facts.ts";
import { rulingFor } from "./governance.ts";
import { hosted, type Rest, runPass, statePath } from "./host.ts";
import { connectionKey, OURSELVES } from "./keys.ts";
import { PRIORITY } from "./ports.ts";
import { retryRefused } from "./retries.ts";
import { setDue } from "./timers.ts";
import { startProvider, startWatching, stopProvider, stopWatching, weighAll } from "./api-watches.ts";
import { claimed, isAtRest, isTried, type Syncer, type Watching } from "./syncer.ts";
import { report } from "./syncer-report.ts";
import { mayWatchAll } from "./access-reviews.ts";
import { isSearched, noteUnbound, search } from "./strays.ts";
import { scopeHere, scopeThere } from "./watch-scope.ts";

/** Milliseconds until a definition that could not be read is read again. */
const REREAD = 2_000;
const rereadAfter = ({ denied }: Definitions): number => (denied ? DENIED_DELAY : REREAD);

const machine = hosted(syncerMachine, ["installCrd", "removeCrd"]);

const crdState = (syncer: Syncer): SyncerFacts["crd"]["state"] => {
  if (syncer.crd === null) return "absent";
  if (isDeleting(syncer.crd)) return "deleting";
  return isEstablished(syncer.crd) ? "established" : "installing";
};

const crdFact = (syncer: Syncer, definitions: Definitions): SyncerFacts["crd"] => ({
  state: crdState(syncer),
  step: definitions.step,
  refusal: definitions.refusal,
  mine: definitions.mine,
  ours: definitions.ours,
});

const listsOf = (engine: Engine, syncer: Syncer): SyncerFacts["lists"] => ({
  consumer: syncer.watching?.consumer.some ?? false,
  provider: syncer.watching?.provider?.feeds.some ?? false,
  whole: syncer.watching !== null && syncer.watching.consumer.whole && isSearched(syncer.watching),
  blind: isBlind(engine, syncer),
});

/** Could anything be in a namespace that nobody looks at, because the whole cluster may not be listed? */
function isBlind(engine: Engine, { watching, crd }: Syncer): boolean {
  if (watching !== null) return !watching.consumer.isWide && watching.search.state === "refused";
  const resource = crd === null ? undefined : resourceOf(crd);
  return resource !== undefined && mayWatchAll(engine, OURSELVES, resource) !== true;
}

/** Objects that have to let go of our finalizer before nothing of ours is left, and passes that may still add one. */
function holding(syncer: Syncer): number {
  const { watching } = syncer;
  if (watching === null) return 0;
  return syncer.inFlight + claimed(syncer);
}

function facts(engine: Engine, syncer: Syncer, definitions: Definitions): SyncerEvent[] {
  const phase = phaseOf(engine, syncer.connection);
  const demand = demandOn(engine, syncer);
  syncer.seen = bindingsSeen(engine, syncer);
  return [
    { type: "connection.seen", connection: phase.state },
    { type: "demand.seen", demand },
    { type: "offer.seen", offer: definitions.offer },
    { type: "crd.seen", crd: crdFact(syncer, definitions) },
    { type: "lists.seen", lists: listsOf(engine, syncer) },
    { type: "holding.counted", holding: holding(syncer) },
  ];
}

/** One pass of a syncer. Rejects only for bugs. */
export async function syncerPass(engine: Engine, syncer: Syncer): Promise<void> {
  const before = (engine.records.get(syncer.key)?.context as SyncerContext | undefined) ?? initialSyncerContext;
  const definitions = await readDefinitions(engine, syncer);
  if (definitions.unread) return putOff(engine, syncer, definitions);
  const due = engine.timers.takeDue(syncer.key) || isNewDefinition(syncer, before);
  const rest = await runPass<SyncerContext, SyncerEvent>({
    machine,
    record: { value: { engaging: "waiting" }, context: before },
    events: [...facts(engine, syncer, definitions), { type: due ? "due" : "pass" }],
    effects: {
      installCrd: async () => asEvent(syncer, "installed", await installCrd(engine, syncer, definitions)),
      removeCrd: async () => asEvent(syncer, "removed", await removeCrd(engine, syncer)),
    },
  });
  remember(engine, syncer, rest, definitions);
  govern(engine, syncer, rest);
  keepWatches(engine, syncer, rest);
  tryRejected(engine, syncer);
  report(engine, syncer, rest, definitions);
  if (isAtRest(statePath(rest.value)) && isForgettable(engine, syncer)) forget(engine, syncer);
}

/** Without the consumer's CRD nothing can be told: what is known and what is watched stays as it is. */
function putOff(engine: Engine, syncer: Syncer, definitions: Definitions): void {
  const { failed = "" } = definitions;
  engine.timers.set(syncer.key, rereadAfter(definitions));
  if (engine.records.has(syncer.key) || syncer.verdict.message === failed) return;
  syncer.verdict = { reason: "Pending", message: failed, crdHash: "" };
  engine.wake(connectionKey(syncer.connection), PRIORITY.backlog);
}

function remember(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>, definitions: Definitions): void {
  engine.records.set(syncer.key, { value: rest.value, context: rest.context });
  if (definitions.failed) engine.timers.set(syncer.key, rereadAfter(definitions));
  else setDue(engine.timers, syncer.key, rest);
  syncer.failedWith = rest.context.failed === null ? "" : (syncer.desired?.from ?? "");
}

/** What failed for good with one definition is worth another try with the next. */
const isNewDefinition = (syncer: Syncer, { failed }: SyncerContext): boolean =>
  failed !== null && syncer.desired !== null && syncer.desired.from !== syncer.failedWith;

/** Milliseconds that a server may take to go by a definition that it has told of. */
const SERVED_SOON = 1_000;

/** What the provider did not take of an object it may take under another definition. */
function tryRejected(engine: Engine, syncer: Syncer): void {
  const from = syncer.desired?.from ?? "";
  if (from === syncer.triedWith) return;
  if (syncer.triedWith !== "") retryRefused(engine, syncer, ["rejected"], SERVED_SOON);
  syncer.triedWith = from;
}

/** Nothing mentions the API and nothing came through the Connection: the next mention starts a new syncer. */
const isForgettable = (engine: Engine, syncer: Syncer): boolean =>
  syncer.inFlight === 0 && syncer.crd === null && !isMentioned(engine, syncer);

function forget(engine: Engine, { key }: Syncer): void {
  engine.syncers.delete(key);
  engine.records.delete(key);
  engine.timers.set(key, null);
}

const asEvent = (
  syncer: Syncer,
  type: "installed" | "removed",
  answer: Definitions | { reason: Reason; message: string; lasting: boolean; retryAfter?: number },
): SyncerEvent => ("step" in answer ? { type, crd: crdFact(syncer, answer) } : { type: "failed", ...answer });

/**
 * Brings what the bindings mean for each namespace up to date, and weighs every object again if that has changed. The rule
 * reads the bindings as they are whenever it is asked; what is kept is only what the last pass found the API able to do.
 */
function govern(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>): void {
  const phase = phaseOf(engine, syncer.connection);
  // Without a live and able API nothing new is written; drains and deletions go on.
  const writes = phase.state !== "deleting" && ["ready", "disengaged", "cleaningUp"].some((state) => rest.in(state));
  syncer.lost = phase.lost;
  syncer.tried = phase.lost || (phase.state === "away" && !phase.undecided);
  syncer.undecided = !writes && rest.in("engaging");
  syncer.ruleFor = (namespace) => rulingFor(engine, syncer, namespace, writes);
  const ruled = rulings(syncer);
  if (ruled === syncer.ruled) return;
  syncer.ruled = ruled;
  weighAll(engine, syncer);
}

/** What decides over the objects at the moment, for comparison. */
const rulings = (syncer: Syncer): string =>
  JSON.stringify([
    syncer.lost,
    syncer.tried,
    [...(syncer.watching?.table.namespaces() ?? [])].map((namespace) => {
      const rule = syncer.ruleFor(namespace);
      return [namespace, rule, rule.letGo === true && isTried(syncer, namespace)];
    }),
  ]);

/** Keeps the watches open that the state asks for, on the present client and definition, and no others. */
function keepWatches(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>): void {
  const shape = rest.hasTag("watching") && isServed(syncer) ? shapeOf(engine, syncer) : undefined;
  const definition = shape === undefined ? "" : definitionOf(syncer, shape);
  if (syncer.watching?.definition !== definition) stopWatching(syncer);
  if (shape === undefined) return;
  const watching = (syncer.watching ??= startWatching(engine, syncer, shape, definition));
  noteUnbound(engine, syncer, watching);
  watching.consumer.follow(scopeHere(engine, syncer, watching), mayWatchAll(engine, OURSELVES, shape.resource));
  search(engine, syncer, watching);
  keepProviderWatches(engine, syncer, watching);
}

/** What a running watch depends on: another definition, or another identity, means starting anew. */
const definitionOf = ({ crd }: Syncer, { clusterUid }: Shape): string =>
  `${crd?.metadata.uid}/${crd?.metadata.generation}/${clusterUid}`;

const isServed = (syncer: Syncer): boolean => ["established", "deleting"].includes(crdState(syncer));

function keepProviderWatches(engine: Engine, syncer: Syncer, watching: Watching): void {
  // One that is engaged and still not to be worked with (it has no usable exports) is as good as away.
  const { state } = phaseOf(engine, syncer.connection);
  const engagement = state === "away" ? undefined : engine.engagements.get(syncer.connection);
  if (watching.provider && watching.provider.engagement.epoch !== engagement?.epoch) {
    stopProvider(watching);
    weighAll(engine, syncer);
  }
  if (engagement === undefined || watching.shape.clusterUid === "") return;
  if (watching.provider === null) startProvider(engine, syncer, watching, engagement);
  const scope = scopeThere(engine, syncer, watching);
  const allowed = mayWatchAll(engine, syncer.connection, watching.shape.resource);
  if (scope !== undefined) watching.provider?.feeds.follow(scope, allowed);
}
