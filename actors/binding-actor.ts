// The actor behind machines/binding.ts: sums up what syncers and objects have come to for one ClusterBinding or Binding,
// holds and releases it by its finalizer, and writes its status.

import type { AnyBinding } from "../crds/binding.ts";
import { connectionsOf } from "../crds/bound-connection.ts";
import { type ApiName, hasFinalizer, isDeleting, type Key, keyOf } from "../crds/kube-object.ts";
import { ANNOTATION, FINALIZER } from "../crds/labels.ts";
import { recordedRoutes, routesText } from "../crds/related.ts";
import { bindingResource } from "../crds/resources.ts";
import {
  type ApiVerdict,
  type OrphanedCopies,
  type BindingContext,
  type BindingEvent,
  bindingMachine,
  initialBindingContext,
} from "../machines/binding.ts";
import { bindingConditions, boundApis } from "../machines/binding-status.ts";
import type { Blocked } from "../machines/rules/blockers.ts";
import { governing } from "../machines/rules/governing.ts";
import { hasLeft, namespacesOf, remaining, tallyOf } from "./binding-drain.ts";
import type { Cache } from "./cache.ts";
import { courseOf, isMoving } from "./course.ts";
import { syncerFor } from "./demand.ts";
import { answeredApis, listedApis, pauseOf } from "./directory.ts";
import { type Engine, isoNow, phaseOf } from "./engine.ts";
import { addCleanupWith, removeCleanup, setAnnotation } from "./finalizers.ts";
import { viewsOf } from "./governance.ts";
import { hosted, type Rest, runPass, statePath } from "./host.ts";
import { bindingKey, OURSELVES, permissionsKey } from "./keys.ts";
import { blockedIn } from "./leaving.ts";
import { drainEndText, letGoBy, noteOverdue, tellUnasked, timeLeft } from "./letting-go.ts";
import { copyName, orphanedIn } from "./orphans.ts";
import { areRightsUndecided, rightsOfBinding } from "./permission-news.ts";
import { PRIORITY } from "./ports.ts";
import { leaveNamespaces } from "./provider-namespaces.ts";
import { relatedVerdict, routesToRecord } from "./related-report.ts";
import { askedToWait, isStatus } from "./refusals.ts";
import { isSaid, nextConditions, REWRITE, type Status, writeStatus } from "./status-writer.ts";
import type { Syncer } from "./syncer.ts";
import { verdictIn } from "./syncer-report.ts";

const machine = hosted(bindingMachine, ["claim", "record", "note", "release"]);

const cacheFor = (engine: Engine, binding: AnyBinding): Cache<AnyBinding> =>
  binding.kind === "ClusterBinding" ? engine.directory.clusterBindings : engine.directory.bindings;

/** Refusals are summed up from at most this many objects. */
const LOOKED_AT = 100;

function deniedIn(syncer: Syncer, namespaces: string[], by: "forbidden" | "forbiddenHere"): string[] {
  const { watching } = syncer;
  const messages = new Set<string>();
  for (const key of [...(watching?.table.failing ?? [])].slice(0, LOOKED_AT)) {
    const refused = watching?.table.get(key)?.memory?.refused;
    if (refused?.cause === by && namespaces.includes(key.slice(0, key.indexOf("/")))) {
      messages.add(refused.message);
    }
  }
  return [...messages];
}

function verdictFor(engine: Engine, binding: AnyBinding, api: ApiName): ApiVerdict {
  const syncer = syncerFor(engine, courseOf(engine.directory, binding).through, api);
  const namespaces = namespacesOf(binding, syncer);
  const { foreign, another, failing, paused } = tallyOf(syncer, namespaces);
  return {
    name: api,
    ...pausedVerdict(
      engine,
      binding,
      movingVerdict(engine, binding) ??
        refusalFor(engine, binding, api) ??
        boundVerdict(engine, syncer, keyOf(binding).namespace),
    ),
    crdHash: syncer.verdict.crdHash,
    conflicts: { foreign, another },
    denied: deniedIn(syncer, namespaces, "forbidden"),
    deniedHere: deniedIn(syncer, namespaces, "forbiddenHere"),
    failing,
    paused,
  };
}

/** Whatever the API has come to where its objects were: nothing is known yet of where they go. */
function movingVerdict(engine: Engine, binding: AnyBinding): Told | null {
  const course = courseOf(engine.directory, binding);
  const message = `waits until nothing is left with Connection ${course.through}`;
  return isMoving(course) ? { reason: "Pending", message } : null;
}

type Told = Pick<ApiVerdict, "reason" | "message" | "undecided">;

/** What stands against an API is worth knowing all the same; what is well, or awaited, is stopped. */
function pausedVerdict(engine: Engine, binding: AnyBinding, verdict: Told): Told {
  const by = pauseOf(engine.directory, binding);
  const isStopped = by !== "" && ["AsExpected", "Pending"].includes(verdict.reason);
  return isStopped ? { reason: "Paused", message: `paused by the annotation on ${by}` } : verdict;
}

const ABOUT_TO_BE: Told = { reason: "Pending", message: "the API is about to be synced", undecided: true };

/** What a syncer that no binding had wanted says is not about objects: it has not seen this binding yet. */
function boundVerdict(engine: Engine, syncer: Syncer, namespace: string): Told {
  const value = engine.records.get(syncer.key)?.value;
  const isUnbound = value !== undefined && statePath(value).startsWith("unbound.");
  return isUnbound ? ABOUT_TO_BE : verdictIn(syncer, namespace);
}

/** Why this binding, unlike others that list the API, gets nothing for it. */
function refusalFor(engine: Engine, binding: AnyBinding, api: ApiName): Told | null {
  if (isDeleting(binding)) return null;
  const { through: connection } = courseOf(engine.directory, binding);
  const offer = engine.engagements.get(connection)?.offer(api);
  if (binding.kind === "Binding" && offer?.api.scope === "Cluster") {
    return { reason: "ClusterScopedAPI", message: "its objects have no namespace; list it in a ClusterBinding" };
  }
  const { namespace, name } = keyOf(binding);
  const winner = governing(viewsOf(engine, connection), api, namespace);
  if (winner === undefined || (winner.kind === binding.kind && winner.name === name)) return null;
  return winner.kind === "ClusterBinding"
    ? { reason: "CoveredByClusterBinding", message: `ClusterBinding ${winner.name} governs it in every namespace` }
    : { reason: "CoveredByBinding", message: `the older Binding ${winner.name} governs it in this namespace` };
}

/** Deletions that are blocked, of objects that this binding answers for. */
function blocked(engine: Engine, binding: AnyBinding): Blocked {
  const { through: connection } = courseOf(engine.directory, binding);
  const syncers = answeredApis(binding).map((api) => syncerFor(engine, connection, api));
  const { namespace } = keyOf(binding);
  return blockedIn(syncers, (_syncer, one) => binding.kind === "ClusterBinding" || one === namespace);
}

/** Copies that have lost their objects, where this binding applies. */
function orphaned(engine: Engine, binding: AnyBinding): OrphanedCopies {
  const syncers = answeredApis(binding).map((api) => syncerFor(engine, binding.spec.connectionRef.name, api));
  const { namespace } = keyOf(binding);
  return orphanedIn(syncers, copyName(engine), (one) => binding.kind === "ClusterBinding" || one === namespace);
}

function facts(engine: Engine, binding: AnyBinding | undefined): BindingEvent[] {
  if (binding === undefined) return [{ type: "binding.gone" }];
  const { name: connection } = binding.spec.connectionRef;
  const phase = phaseOf(engine, connection);
  const course = courseOf(engine.directory, binding);
  const isLeaving = isDeleting(binding) || course.stage === "draining";
  return [
    {
      type: "binding.seen",
      binding: {
        uid: binding.metadata.uid,
        deleting: isDeleting(binding),
        claimed: hasFinalizer(binding, FINALIZER.cleanup),
        connection,
        ...course,
        paused: pauseOf(engine.directory, binding),
        unnoted: routesText(routesToRecord(engine, binding)) !== routesText(recordedRoutes(binding)),
        letGoBy: letGoBy(engine, binding),
        drainEnd: drainEndText(engine, binding),
      },
    },
    {
      type: "connection.seen",
      connection: { exists: phase.state !== "absent", ready: phase.state === "ready", message: phase.reason },
    },
    { type: "related.seen", related: relatedVerdict(engine, binding) },
    { type: "blocked.seen", blocked: blocked(engine, binding) },
    { type: "orphans.seen", orphaned: orphaned(engine, binding) },
    { type: "apis.seen", apis: listedApis(binding).map((api) => verdictFor(engine, binding, api)) },
    ...(isLeaving ? [{ type: "remaining.counted" as const, remaining: remaining(engine, binding) }] : []),
  ];
}

/** One pass of a binding. Rejects only for bugs. */
export async function bindingPass(engine: Engine, connection: string, { namespace, name }: Key): Promise<void> {
  const key = bindingKey(connection, { namespace, name });
  const found = engine.directory.binding(namespace, name);
  const binding = found?.spec.connectionRef.name === connection ? found : undefined;
  const context = (engine.records.get(key)?.context as BindingContext | undefined) ?? initialBindingContext;
  const due = engine.timers.takeDue(key);
  noteTime(engine, binding);
  const rest = await runPass<BindingContext, BindingEvent>({
    machine,
    record: { value: { engaging: "waiting" }, context },
    events: [...facts(engine, binding), { type: due ? "due" : "pass" }],
    effects: {
      claim: () => attempt(() => claim(engine, binding)),
      record: () => attempt(() => record(engine, binding)),
      note: () => attempt(() => noteRoutes(engine, binding)),
      release: () => attempt(() => release(engine, binding)),
    },
  });
  const written = await report(engine, namespace, name, connection, rest);
  if (due) lookAgain(engine, binding);
  engine.timers.set(key, rest.context.retryIn ?? nextLook(engine, { namespace, name }, written));
  // What its APIs need may have changed with what has become of them.
  for (const whose of [connection, OURSELVES]) engine.wake(permissionsKey(whose), PRIORITY.backlog);
  if (isOver(binding, rest)) engine.records.delete(key);
  else engine.records.set(key, { value: rest.value, context: rest.context });
}

/** Milliseconds until a binding that waits for objects or definitions to go asks again, without a request. */
const BACKSTOP = 5_000;

/** Null for a binding that waits for nothing to go. */
function nextLook(engine: Engine, { namespace, name }: Key, written: boolean): number | null {
  if (!written) return REWRITE;
  const { directory } = engine;
  const binding = directory.binding(namespace, name);
  if (binding === undefined) return null;
  const isMovingOn = isMoving(courseOf(directory, binding));
  const isLettingGo = isMovingOn || isDeleting(binding) || answeredApis(binding).length > listedApis(binding).length;
  return isLettingGo ? Math.min(BACKSTOP, timeLeft(engine, binding) ?? BACKSTOP) : null;
}

/** Time is no change of the binding: those who act for its objects are told of it. */
function noteTime(engine: Engine, binding: AnyBinding | undefined): void {
  if (binding !== undefined && noteOverdue(engine, binding)) lookAgain(engine, binding);
}

/** What it saw may have been a moment between two reports of a syncer, which tells nothing twice. */
function lookAgain(engine: Engine, binding: AnyBinding | undefined): void {
  if (binding === undefined) return;
  for (const api of answeredApis(binding)) {
    for (const name of connectionsOf(binding)) engine.wake(syncerFor(engine, name, api).key, PRIORITY.backlog);
  }
}

const isOver = (binding: AnyBinding | undefined, rest: Rest<BindingContext>): boolean =>
  binding === undefined || rest.in("gone");

async function attempt(run: () => Promise<BindingEvent>): Promise<BindingEvent> {
  try {
    return await run();
  } catch (error) {
    if (isStatus(error, 404)) return { type: "binding.gone" };
    const message = `on this cluster: ${error instanceof Error ? error.message : String(error)}`;
    return { type: "failed", message, ...askedToWait(error) };
  }
}

async function claim(engine: Engine, binding: AnyBinding | undefined): Promise<BindingEvent> {
  if (binding === undefined) return { type: "binding.gone" };
  const bound = [ANNOTATION.boundConnection, binding.spec.connectionRef.name] as const;
  const claimed = await addCleanupWith(engine.consumer, bindingResource(binding), binding, bound);
  cacheFor(engine, binding).note(claimed as AnyBinding);
  return { type: "claimed" };
}

/** Nothing of it is with any other Connection: from now on this one is where its copies are looked for. */
async function record(engine: Engine, binding: AnyBinding | undefined): Promise<BindingEvent> {
  if (binding === undefined) return { type: "binding.gone" };
  const { stage, through } = courseOf(engine.directory, binding);
  const { name } = binding.spec.connectionRef;
  const hasLeft = stage === "draining";
  if (hasLeft) await leaveNamespaces(engine, binding, bindingResource(binding));
  const bound = [ANNOTATION.boundConnection, hasLeft ? name : through] as const;
  const noted = await setAnnotation(engine.consumer, bindingResource(binding), binding, bound);
  cacheFor(engine, binding).note(noted as AnyBinding);
  const fields = { connection: name, binding: binding.metadata.name, namespace: binding.metadata.namespace ?? "" };
  engine.log.info(fields, "its objects go through this Connection from now on");
  return { type: "recorded" };
}

/** Before there are any copies, and after the last of them: what stands there has to be looked for when the binding goes. */
async function noteRoutes(engine: Engine, binding: AnyBinding | undefined): Promise<BindingEvent> {
  if (binding === undefined) return { type: "binding.gone" };
  const routes = [ANNOTATION.relatedCopies, routesText(routesToRecord(engine, binding))] as const;
  const noted = await setAnnotation(engine.consumer, bindingResource(binding), binding, routes);
  cacheFor(engine, binding).note(noted as AnyBinding);
  return { type: "noted" };
}

async function release(engine: Engine, binding: AnyBinding | undefined): Promise<BindingEvent> {
  await engine.consumer.confirm();
  if (binding === undefined) return { type: "released" };
  await leaveNamespaces(engine, binding, bindingResource(binding));
  tellUnasked(engine, binding, bindingResource(binding));
  await removeCleanup(engine.consumer, bindingResource(binding), binding);
  return { type: "released" };
}

/** Writes the status; false when that failed. The APIs it has not let go of yet stay in it. */
async function report(
  engine: Engine,
  namespace: string,
  name: string,
  connection: string,
  rest: Rest<BindingContext>,
): Promise<boolean> {
  const binding = engine.directory.binding(namespace, name);
  if (binding === undefined || binding.spec.connectionRef.name !== connection) return true;
  if (rest.in("gone") || rest.in("engaging.waiting")) return true;
  const status = statusFrom(engine, binding, rest.context);
  if (rest.in("paused") && isSaid(binding, status)) return true;
  return write(engine, binding, status, isToBeLearnt(engine, binding, rest.context));
}

/** Is anything that its status sums up still being looked at? */
function isToBeLearnt(engine: Engine, binding: AnyBinding, { apis = [] }: BindingContext): boolean {
  const { name } = binding.spec.connectionRef;
  const isAway = phaseOf(engine, name).undecided;
  return (
    isAway ||
    apis.some(({ undecided }) => undecided) ||
    areRightsUndecided(engine, courseOf(engine.directory, binding).through)
  );
}

/** Whether anything has to stand in the status before it is done depends on whether anything can be written there. */
async function write(engine: Engine, binding: AnyBinding, status: Status, isUndecided: boolean): Promise<boolean> {
  const isUnwritable = () => engine.unwritable.has(binding.metadata.uid);
  const before = isUnwritable();
  const cache = cacheFor(engine, binding);
  const written = await writeStatus(engine, bindingResource(binding), cache, binding, status, isUndecided);
  if (before !== isUnwritable()) lookAgain(engine, binding);
  return written;
}

function statusFrom(engine: Engine, binding: AnyBinding, context: BindingContext): NonNullable<AnyBinding["status"]> {
  const now = isoNow(engine.clock);
  const before = binding.status?.boundAPIs ?? [];
  const listed = new Set(listedApis(binding));
  const leaving = before.filter(({ name: api }) => !listed.has(api) && !hasLeft(engine, binding, api));
  const bound = boundApis(context.apis ?? [], before, binding.metadata.generation ?? 0, now);
  return {
    ...binding.status,
    boundAPIs: [...bound, ...leaving].sort((a, b) => (a.name < b.name ? -1 : 1)),
    conditions: nextConditions(binding, bindingConditions(context, rightsOfBinding(engine, binding)), now),
  };
}
