// Keeps the ClusterBinding that a Connection with `autoBind` asks for: gathers what is known, carries out the one write that
// the rule decides on, and remembers what stands in its way for the Connection's conditions. Called by each pass of the
// Connection. Rule: docs/reference/behaviour.md, "autoBind".

import { autoBinding, isKeptFor, keptFields, marksWithout } from "../crds/auto-binding.ts";
import type { ClusterBinding } from "../crds/binding.ts";
import type { Connection } from "../crds/connection.ts";
import { type ApiName, isDeleting, keyOf } from "../crds/kube-object.ts";
import { isPaused } from "../crds/pausing.ts";
import { CLUSTER_BINDINGS } from "../crds/resources.ts";
import { type AutoBindFacts, autoBindPlan, type AutoBindStep } from "../machines/rules/auto-bind.ts";
import type { SyncerContext } from "../machines/syncer.ts";
import type { Engine } from "./engine.ts";
import { syncerKey } from "./keys.ts";
import { ApiError, type PatchOperation } from "./ports.ts";
import { judge } from "./refusals.ts";
import { claimed } from "./syncer.ts";

/** Milliseconds: APIs that wait for their last object are looked at again, without a request. */
const RECOUNT = 2_000;
/** Milliseconds until a write that lost a race, or failed, is made again; and one that is not allowed. */
const AGAIN = 5_000;
const WITHOUT_RIGHT = 30_000;

const bindingOf = (engine: Engine, name: string): ClusterBinding | undefined =>
  engine.directory.binding("", name) as ClusterBinding | undefined;

function exportsOf(engine: Engine, name: string): AutoBindFacts["exports"] {
  const discovery = engine.engagements.get(name)?.discovery();
  if (discovery === undefined || discovery.state === "unknown" || discovery.exports === null) return null;
  const complete = discovery.state === "complete" && discovery.missing.length === 0;
  return { apis: discovery.exports.map((api) => api.name), complete };
}

/** Has it objects that carry our finalizer? While that cannot be told: yes. */
function isInUse(engine: Engine, connection: string, api: ApiName): boolean {
  const key = syncerKey(connection, api);
  const syncer = engine.syncers.get(key);
  const context = engine.records.get(key)?.context as SyncerContext | undefined;
  if (syncer === undefined || context?.crd === undefined) return true;
  if (context.crd.state === "absent" || !context.crd.mine) return false;
  return !syncer.watching?.consumer.whole || syncer.inFlight + claimed(syncer) > 0;
}

function factsOf(engine: Engine, connection: Connection): AutoBindFacts {
  const { name } = connection.metadata;
  const binding = bindingOf(engine, name);
  return {
    connection: { name, autoBind: connection.spec.autoBind, deleting: isDeleting(connection) },
    binding: binding
      ? {
          ours: isKeptFor(connection, binding),
          deleting: isDeleting(binding),
          connection: binding.spec.connectionRef.name,
          apis: binding.spec.apis.map((api) => api.name),
        }
      : null,
    exports: exportsOf(engine, name),
    inUse: (api) => isInUse(engine, name, api),
  };
}

/**
 * Brings the ClusterBinding to what the Connection asks for. Never rejects; resolves to the milliseconds after which it is
 * to be looked at again, or null.
 */
export async function keepAutoBinding(engine: Engine, name: string): Promise<number | null> {
  const connection = engine.directory.connection(name);
  engine.autoBindTroubles.delete(name);
  if (connection === undefined || isHeldBack(engine, connection)) return null;
  const { step, kept } = autoBindPlan(factsOf(engine, connection));
  if (step.do === "refuse") {
    engine.autoBindTroubles.set(name, { reason: "ForeignObjectExists", message: inTheWay(name) });
    return null;
  }
  try {
    await carryOut(engine, connection, step);
    return kept.length > 0 ? RECOUNT : null;
  } catch (error) {
    return failed(engine, name, step, error);
  }
}

/** Paused, the Connection or the ClusterBinding that is there: neither is written for. */
const isHeldBack = (engine: Engine, connection: Connection): boolean => {
  const binding = bindingOf(engine, connection.metadata.name);
  return isPaused(connection) || (binding !== undefined && isPaused(binding));
};

const inTheWay = (name: string): string =>
  `a ClusterBinding ${name} exists that is not kept by this Connection, and is left alone; delete it, or set spec.autoBind to false`;

function failed(engine: Engine, name: string, step: AutoBindStep, error: unknown): number {
  const judgement = judge(error, `on this cluster: ${step.do} ClusterBinding ${name}`, step.do !== "create");
  // Gone, changed or made by another: the watch tells, and then it is decided anew.
  if (judgement.cause === "outdated" || (error instanceof ApiError && error.status === 404)) return AGAIN;
  engine.autoBindTroubles.set(name, { reason: "Pending", message: judgement.message });
  engine.log.warn({ connection: name, error: judgement.message }, "ClusterBinding not kept");
  const pause = judgement.cause === "forbidden" ? WITHOUT_RIGHT : AGAIN;
  return Math.max(pause, (judgement.retryAfter ?? 0) * 1_000);
}

async function carryOut(engine: Engine, connection: Connection, step: AutoBindStep): Promise<void> {
  const { name } = connection.metadata;
  const binding = bindingOf(engine, name);
  if (step.do === "create") return create(engine, connection, step.apis);
  if (binding === undefined) return;
  if (step.do === "delete") {
    const answer = await engine.consumer.delete(CLUSTER_BINDINGS, keyOf(binding), binding.metadata.uid);
    if (typeof answer !== "string") note(engine, answer as ClusterBinding);
  }
  if (step.do === "update") await change(engine, binding, wanted(name, step.apis));
  if (step.do === "letGo") await change(engine, binding, freed(connection, binding));
}

const note = (engine: Engine, binding: ClusterBinding): void => engine.directory.clusterBindings.note(binding);

async function create(engine: Engine, connection: Connection, apis: ApiName[]): Promise<void> {
  const made = await engine.consumer.create(CLUSTER_BINDINGS, "", autoBinding(connection, apis));
  note(engine, made as ClusterBinding);
  engine.log.info({ connection: connection.metadata.name, apis: apis.length }, "ClusterBinding created by autoBind");
}

async function change(engine: Engine, binding: ClusterBinding, operations: PatchOperation[]): Promise<void> {
  const { uid, resourceVersion } = binding.metadata;
  const fence: PatchOperation[] = [
    { op: "test", path: "/metadata/uid", value: uid },
    { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
  ];
  const answer = await engine.consumer.patch(CLUSTER_BINDINGS, keyOf(binding), [...fence, ...operations]);
  note(engine, answer as ClusterBinding);
}

const wanted = (name: string, apis: ApiName[]): PatchOperation[] =>
  Object.entries(keptFields(name, apis)).map(([field, value]) => ({ op: "replace", path: `/spec/${field}`, value }));

const freed = (connection: Connection, binding: ClusterBinding): PatchOperation[] =>
  Object.entries(marksWithout(connection, binding)).map(([field, value]) => ({
    op: "replace",
    path: `/metadata/${field}`,
    value,
  }));
