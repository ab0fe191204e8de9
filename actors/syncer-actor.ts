// The actor behind machines/syncer.ts: gathers what is known of one bound API, carries out the CRD writes, keeps the
// watches as the machine's state wants them, and wakes the bindings and objects that its news concerns.

import { isEstablished, resourceOf, syncedVersion } from "../crds/definition-object.ts";
import { isDeleting } from "../crds/kube-object.ts";
import type { Reason } from "../crds/reasons.ts";
import { initialSyncerContext, type SyncerContext, type SyncerEvent, type SyncerFacts } from "../machines/syncer.ts";
import { syncerMachine } from "../machines/syncer.ts";
import { demandFor, rule } from "../machines/rules/governing.ts";
import { type Definitions, installCrd, readDefinitions, removeCrd } from "./definitions.ts";
import { listedApis, ownerConnection, viewOf } from "./directory.ts";
import { type Engine, phaseOf } from "./engine.ts";
import type { Shape } from "./facts.ts";
import { hosted, type Rest, runPass, statePath } from "./host.ts";
import { bindingKey, connectionKey } from "./keys.ts";
import { keyOf } from "../crds/kube-object.ts";
import { PRIORITY } from "./ports.ts";
import { stopProvider, stopWatching, type Syncer, watchConsumer, watchProvider, weighAll } from "./syncer.ts";

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

const bindingsFor = (engine: Engine, syncer: Syncer) => engine.directory.bindingsOf(syncer.connection).map(viewOf);

const isClusterScoped = (engine: Engine, syncer: Syncer): boolean =>
  (syncer.crd?.spec.scope ?? engine.engagements.get(syncer.connection)?.offer(syncer.api)?.api.scope) === "Cluster";

/** Objects that have to let go of our finalizer before nothing of ours is left, and passes that may still add one. */
function holding(syncer: Syncer): number {
  const { watching } = syncer;
  if (watching === null) return 0;
  let count = syncer.inFlight;
  for (const namespace of watching.table.namespaces()) count += watching.table.tally(namespace).claimed;
  return count;
}

function facts(engine: Engine, syncer: Syncer, definitions: Definitions): SyncerEvent[] {
  const { watching } = syncer;
  const phase = phaseOf(engine, syncer.connection);
  const demand = demandFor(bindingsFor(engine, syncer), syncer.api, isClusterScoped(engine, syncer));
  return [
    { type: "connection.seen", connection: phase.state },
    { type: "demand.seen", demand },
    { type: "offer.seen", offer: definitions.offer },
    { type: "crd.seen", crd: crdFact(syncer, definitions) },
    {
      type: "lists.seen",
      lists: { consumer: watching?.consumerListed ?? false, provider: watching?.provider?.listed ?? false },
    },
    { type: "holding.counted", holding: holding(syncer) },
  ];
}

/** One pass of a syncer. Rejects only for bugs. */
export async function syncerPass(engine: Engine, syncer: Syncer): Promise<void> {
  const before = (engine.records.get(syncer.key)?.context as SyncerContext | undefined) ?? initialSyncerContext;
  const definitions = await readDefinitions(engine, syncer);
  const due = engine.timers.takeDue(syncer.key);
  const rest = await runPass<SyncerContext, SyncerEvent>({
    machine,
    record: { value: { engaging: "waiting" }, context: before },
    events: [...facts(engine, syncer, definitions), { type: due ? "due" : "pass" }],
    effects: {
      installCrd: () => installCrd(engine, syncer, definitions).then((answer) => asEvent(syncer, "installed", answer)),
      removeCrd: () => removeCrd(engine, syncer).then((answer) => asEvent(syncer, "removed", answer)),
    },
  });
  engine.records.set(syncer.key, { value: rest.value, context: rest.context });
  engine.timers.set(syncer.key, definitions.failed ? 2_000 : rest.context.retryIn);
  govern(engine, syncer, rest);
  keepWatches(engine, syncer, rest);
  report(engine, syncer, rest, definitions);
}

const asEvent = (
  syncer: Syncer,
  type: "installed" | "removed",
  answer: Definitions | { reason: Reason; message: string; lasting: boolean; retryAfter?: number },
): SyncerEvent => ("step" in answer ? { type, crd: crdFact(syncer, answer) } : { type: "failed", ...answer });

/** Brings what the bindings mean for each namespace up to date, and weighs every object again if that has changed. */
function govern(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>): void {
  const bindings = bindingsFor(engine, syncer);
  const phase = phaseOf(engine, syncer.connection).state;
  // Without a live and able API nothing new is written; drains and deletions go on.
  const writes = rest.in("ready") || rest.in("disengaged") || rest.in("cleaningUp");
  const abandoned = phase === "deleting" && engine.directory.bindingsOf(syncer.connection).length === 0;
  const ruleFor: Syncer["ruleFor"] = (namespace) => {
    const ruled = abandoned ? { mode: "drain" as const, adopt: false } : rule(bindings, syncer.api, namespace);
    const held = ruled.mode === "sync" && (phase === "deleting" || !writes);
    return held ? { mode: "held", adopt: false } : ruled;
  };
  const namespaces = [...(syncer.watching?.table.namespaces() ?? [])];
  const changed = namespaces.some((namespace) => {
    const [old, fresh] = [syncer.ruleFor(namespace), ruleFor(namespace)];
    return old.mode !== fresh.mode || old.adopt !== fresh.adopt;
  });
  syncer.ruleFor = ruleFor;
  if (changed) weighAll(engine, syncer);
}

/** Keeps the watches open that the state asks for, on the present client and definition, and no others. */
function keepWatches(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>): void {
  const shape = rest.hasTag("watching") ? shapeOf(engine, syncer) : undefined;
  const served = crdState(syncer) === "established" || crdState(syncer) === "deleting";
  if (shape === undefined || !served || syncer.crd === null) {
    stopWatching(syncer);
    return;
  }
  const definition = `${syncer.crd.metadata.uid}/${syncer.crd.metadata.generation}/${shape.clusterUid}`;
  if (syncer.watching && syncer.watching.definition !== definition) stopWatching(syncer);
  const watching = (syncer.watching ??= watchConsumer(engine, syncer, shape, definition));
  const engagement = engine.engagements.get(syncer.connection);
  if (watching.provider && watching.provider.engagement.epoch !== engagement?.epoch) {
    stopProvider(watching);
    weighAll(engine, syncer);
  }
  if (engagement && watching.provider === null) watchProvider(engine, syncer, watching, engagement);
}

function shapeOf(engine: Engine, syncer: Syncer): Shape | undefined {
  const resource = syncer.crd === null ? undefined : resourceOf(syncer.crd);
  if (syncer.crd === null || resource === undefined) return undefined;
  // Without a Connection nothing is engaged, and nothing can be judged or written by it; objects are only counted.
  const clusterUid = engine.directory.connection(syncer.connection)?.status?.localClusterUID ?? "";
  const version = syncedVersion(syncer.crd);
  const { mapper, travel } = engine.settings;
  const subresources = (version?.["subresources"] ?? {}) as { status?: unknown };
  return {
    resource,
    mapper,
    travel,
    clusterUid,
    hasStatus: subresources.status !== undefined,
    keepsConditions: keepsConditions(version?.["schema"]),
  };
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  openAPIV3Schema?: SchemaNode;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
}

function keepsConditions(schema: unknown): boolean {
  const root = (schema as SchemaNode | undefined)?.openAPIV3Schema;
  const status = root?.properties?.["status"];
  if (status === undefined) return root?.["x-kubernetes-preserve-unknown-fields"] === true;
  return status["x-kubernetes-preserve-unknown-fields"] === true || status.properties?.["conditions"] !== undefined;
}

const WAITING: Record<string, string> = {
  "engaging.waiting": "waiting for the Connection",
  "engaging.establishing": "the CRD is installed; waiting until this cluster serves it",
  "engaging.listing": "listing the objects on both sides",
  "cleaningUp.crdTerminating": "the CRD is being deleted on this cluster",
  "cleaningUp.deletionsOnly": "the Connection is being deleted",
};

function verdictOf(
  engine: Engine,
  syncer: Syncer,
  rest: Rest<SyncerContext>,
  definitions: Definitions,
): { reason: Reason; message: string } {
  const at = statePath(rest.value);
  const { failed } = rest.context;
  if (rest.in("ready")) return { reason: "AsExpected", message: "synced" };
  if (at === "engaging.notExported") {
    return {
      reason: "APINotExported",
      message: "the provider does not export it; its operator labels the CRD with core.kube-bind.io/exported=true",
    };
  }
  const refusal = definitions.offer?.refusal ?? definitions.refusal ?? failed;
  if (refusal && !rest.in("disengaged")) return { reason: refusal.reason, message: refusal.message };
  if (rest.in("disengaged")) return { reason: "Pending", message: phaseOf(engine, syncer.connection).reason };
  return { reason: "Pending", message: definitions.failed ?? definitions.waiting ?? WAITING[at] ?? "in progress" };
}

/** Everything that a binding or Connection reports of the objects. */
function counts(syncer: Syncer): unknown {
  const { watching, inFlight } = syncer;
  if (watching === null) return inFlight;
  return [inFlight, [...watching.table.namespaces()].map((namespace) => [namespace, watching.table.tally(namespace)])];
}

/** Wakes those who report on the API: its bindings and its Connection. */
function report(engine: Engine, syncer: Syncer, rest: Rest<SyncerContext>, definitions: Definitions): void {
  syncer.wanted = (rest.context.demand?.live ?? 0) > 0;
  syncer.verdict = { ...verdictOf(engine, syncer, rest, definitions), crdHash: definitions.installedHash };
  const told = JSON.stringify([syncer.verdict, statePath(rest.value), counts(syncer)]);
  if (told === syncer.reported) return;
  syncer.reported = told;
  for (const binding of engine.directory.bindingsOf(syncer.connection)) {
    const view = viewOf(binding);
    if (listedApis(binding).includes(syncer.api) || view.leaving.includes(syncer.api)) {
      engine.wake(bindingKey(syncer.connection, keyOf(binding)), PRIORITY.backlog);
    }
  }
  engine.wake(connectionKey(syncer.connection), PRIORITY.backlog);
}

/** May the actor be forgotten? Nothing wants the API and nothing of ours is there. */
export const isIdle = (engine: Engine, syncer: Syncer): boolean => {
  const crd = engine.directory.crds.get(`/${syncer.api}`);
  return (
    syncer.watching === null &&
    syncer.inFlight === 0 &&
    (crd === undefined || ownerConnection(crd) !== syncer.connection) &&
    !bindingsFor(engine, syncer).some((view) => view.apis.includes(syncer.api) || view.leaving.includes(syncer.api))
  );
};
