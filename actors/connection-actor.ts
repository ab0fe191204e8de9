// The actor behind machines/connection.ts: reads the Secret and the identities, keeps the engaged provider that the
// machine's state asks for, writes the Connection's status, and wakes its syncers and bindings when its phase changes.

import type { ConditionUpdate } from "../crds/conditions.ts";
import type { Connection, ExportedApi } from "../crds/connection.ts";
import { thatFit } from "../crds/exports.ts";
import { isDeleting, keyOf } from "../crds/kube-object.ts";
import { isPaused } from "../crds/pausing.ts";
import { CONNECTIONS, SECRETS } from "../crds/resources.ts";
import { connectionMachine } from "../machines/connection.ts";
import {
  type ConnectionContext,
  type ConnectionEvent,
  initialConnectionContext,
} from "../machines/connection-facts.ts";
import { connectionConditions, knownExports, knownSource } from "../machines/connection-status.ts";
import { factsOf } from "./connection-facts.ts";
import { followSpec, keepEngagement } from "./engaging.ts";
import { absentPhase, type Engine, isoNow, type Phase } from "./engine.ts";
import { type Candidate, failed, identify, READ_LOCAL, READ_REMOTE } from "./connecting.ts";
import type { Engagement } from "./engagement.ts";
import { isPeer, peerBindings } from "./governance.ts";
import { addCleanup, ifThere, removeCleanup } from "./finalizers.ts";
import { hosted, type Rest, runPass } from "./host.ts";
import { setDue } from "./timers.ts";
import { keepAutoBinding } from "./auto-bind.ts";
import { syncerFor } from "./demand.ts";
import { pullsEverything } from "../machines/rules/pulling.ts";
import { bindingKey, connectionKey, OURSELVES, permissionsKey, syncerKey } from "./keys.ts";
import { areRightsUndecided, rightsOfConnection } from "./permission-news.ts";
import { secretOf } from "./kubeconfig-secret.ts";
import { freeSecret, isNeeded } from "./secrets-actor.ts";
import { leaveLease, wakeLease } from "./lease-actor.ts";
import { connectionPause, ownerConnection } from "./directory.ts";
import { type Syncer, syncersOf } from "./syncer.ts";
import { AnotherClusterError, ApiError, PRIORITY } from "./ports.ts";
import { askedToWait, isStatus } from "./refusals.ts";
import { announceSource } from "./source-event.ts";
import { isSaid, nextConditions, patchStatus, REWRITE, writeStatus } from "./status-writer.ts";
import { sweep } from "./sweep.ts";

const machine = hosted(connectionMachine, ["claim", "identify", "writePins", "verify", "sweep", "release"]);

/** What is remembered of this very Connection: another of its name starts from nothing. */
function contextOf(engine: Engine, name: string): ConnectionContext {
  const context = engine.records.get(connectionKey(name))?.context as ConnectionContext | undefined;
  const present = engine.directory.connection(name);
  const isAnother = present && context?.connection && context.connection.uid !== present.metadata.uid;
  return context === undefined || isAnother ? initialConnectionContext : context;
}

/** One pass of a Connection. Rejects only for bugs. */
export async function connectionPass(engine: Engine, name: string): Promise<void> {
  const key = connectionKey(name);
  const context = contextOf(engine, name);
  followSpec(engine, name);
  const again = await keepAutoBinding(engine, name);
  const due = engine.timers.takeDue(key);
  const found: { candidate: Candidate | null } = { candidate: null };
  const rest = await runPass<ConnectionContext, ConnectionEvent>({
    machine,
    record: { value: { engaging: "waiting" }, context },
    events: [...factsOf(engine, name, engine.directory.connection(name)), { type: due ? "due" : "pass" }],
    effects: {
      claim: () => claim(engine, name),
      identify: async ({ secret }) => {
        const { answer, candidate } = await identify(engine, name, secret?.fingerprint ?? "");
        found.candidate = candidate;
        return answer;
      },
      writePins: (now) => writePins(engine, name, now),
      verify: () => verify(engine, name),
      sweep: () => guarded(() => sweep(engine, name).then(() => ({ type: "swept" }))),
      release: () => guarded(() => release(engine, name)),
    },
  });
  keepEngagement(engine, name, rest, found.candidate);
  engine.records.set(key, { value: rest.value, context: rest.context });
  const written = await report(engine, name, rest);
  setDue(engine.timers, key, rest, again);
  // Not by the timer of the next try: that one would come early then, and a server has perhaps asked us to wait.
  if (!written) rewriteLater(engine, key);
  announce(engine, name, rest);
  if (rest.in("gone") && engine.directory.connection(name) === undefined) forget(engine, name);
}

/** One look at a time, however many passes could not write: each of them would go on for ever beside the others. */
function rewriteLater(engine: Engine, key: string): void {
  if (engine.rewrites.has(key)) return;
  engine.rewrites.add(key);
  engine.clock.after(REWRITE, () => {
    engine.rewrites.delete(key);
    engine.wake(key);
  });
}

/** An effect against our own cluster: what it rejects with is a failure of ours. */
async function guarded(run: () => Promise<ConnectionEvent>): Promise<ConnectionEvent> {
  try {
    return await run();
  } catch (error) {
    const message = `on this cluster: ${error instanceof Error ? error.message : String(error)}`;
    return { type: "failed", fault: "local", message, ...askedToWait(error) };
  }
}

const claim = (engine: Engine, name: string): Promise<ConnectionEvent> =>
  guarded(async () => {
    const { directory, consumer } = engine;
    const connection = directory.connection(name);
    if (connection === undefined) return { type: "connection.gone" };
    const secret = secretOf(engine, connection);
    if (secret && !isDeleting(secret)) {
      directory.secrets.note(await addCleanup(consumer, SECRETS, secret));
    }
    directory.connections.note((await addCleanup(consumer, CONNECTIONS, connection)) as Connection);
    return { type: "claimed" };
  });

const writePins = (engine: Engine, name: string, { identity }: ConnectionContext): Promise<ConnectionEvent> =>
  guarded(async () => {
    const connection = engine.directory.connection(name);
    if (connection === undefined || identity === null) return { type: "connection.gone" };
    const pins = { remoteClusterUID: identity.remote, localClusterUID: identity.local };
    await patchStatus(engine, CONNECTIONS, engine.directory.connections, connection, { ...connection.status, ...pins });
    return { type: "pinned", remote: identity.remote, local: identity.local };
  });

/** Asks the engaged client again who is there: an address may lead to another cluster after an outage. */
async function verify(engine: Engine, name: string): Promise<ConnectionEvent> {
  const engagement = engine.engagements.get(name);
  try {
    if (engagement === undefined) throw new Error("not engaged");
    // Whether anything answers at all is known in seconds; the identity may take as long as any request.
    await engagement.cluster.ping().catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
    });
    const stranger = engagement.stranger();
    // Connections that were opened before may still lead to the old cluster: that is no reason to go on.
    if (stranger !== undefined) return { type: "verified", remote: stranger };
    await engagement.confirm();
    return await verifyLocal(engine, engagement);
  } catch (error) {
    if (error instanceof AnotherClusterError) return { type: "verified", remote: error.found };
    return failed("provider", isStatus(error, 403) ? READ_REMOTE : "the provider no longer answers", error);
  }
}

/** The provider is who it was; so are we, unless something else has come to answer in our own cluster's place. */
async function verifyLocal({ consumer }: Engine, engagement: Engagement): Promise<ConnectionEvent> {
  const remote = engagement.remote.uid;
  if (consumer.stranger() !== undefined) {
    const local = await consumer.identify().catch((error: unknown) => failed("local", READ_LOCAL, error));
    if (typeof local !== "string") return local;
    if (local !== engagement.clusterUid) return { type: "verified", remote, local };
  }
  engagement.trust();
  return { type: "verified", remote };
}

/** Frees the Secret unless another Connection that is still ours to finish needs it, then the Connection itself. */
async function release(engine: Engine, name: string): Promise<ConnectionEvent> {
  const { directory, consumer } = engine;
  const connection = directory.connection(name);
  if (connection === undefined) return { type: "released" };
  // The sweep took its time: a binding may have come meanwhile, and it would be left without its Connection.
  if (directory.bindingsOf(name).length > 0) throw new Error("a binding has come to refer to this Connection");
  await consumer.confirm();
  if (connectionPause(directory, name) !== "") throw new Error("it has been paused meanwhile");
  const secret = secretOf(engine, connection);
  if (secret && !isNeeded(engine, secret, name)) await freeSecret(consumer, secret);
  await ifThere(() => removeCleanup(consumer, CONNECTIONS, connection));
  await leaveLease(engine, connection);
  return { type: "released" };
}

/** Is anything that its status sums up still being looked at? */
const isToBeLearnt = (engine: Engine, name: string): boolean =>
  areRightsUndecided(engine, name) ||
  syncersOf(engine.syncers, name).some(({ wanted, verdict }) => wanted && verdict.undecided);

const stateFor = (rest: Rest<ConnectionContext>) => ({
  ready: rest.in("ready"),
  identityChanged: rest.in("conflicted"),
});

/** Writes the status; false when that failed. */
async function report(engine: Engine, name: string, rest: Rest<ConnectionContext>): Promise<boolean> {
  const connection = engine.directory.connection(name);
  if (connection === undefined || rest.in("gone") || rest.in("engaging.waiting")) return true;
  const updates = connectionConditions(stateFor(rest), rest.context, rightsOfConnection(engine, name));
  const exports = knownExports(rest.context);
  const source = knownSource(rest.context);
  const status = {
    ...connection.status,
    ...(exports === null ? {} : { exportedAPIs: thatFit(exports) }),
    ...(source === null ? {} : { activeSchemaSource: source }),
    conditions: nextConditions(connection, updates, isoNow(engine.clock)),
  };
  if (isPaused(connection) && isSaid(connection, status)) return true;
  const undecided = isBeingLookedAt(rest) || isToBeLearnt(engine, name);
  const written = await writeStatus(engine, CONNECTIONS, engine.directory.connections, connection, status, undecided);
  if (written) announceSource(engine, connection, source);
  return written;
}

/** One that is being deleted says what keeps it from being worked with, and not what itself waits for. */
function phaseReason(name: string, ready: ConditionUpdate | undefined, fault: ConditionUpdate | undefined): string {
  if (ready?.status === "True") return `Connection ${name} is Ready`;
  if (ready?.reason !== "DrainingBindings") return `Connection ${name} is not Ready: ${ready?.message}`;
  return `Connection ${name} is being deleted${fault ? `: ${fault.message}` : ""}`;
}

/** Nothing has failed; it just takes its time to know what is exported. */
const isBeingLookedAt = (rest: Rest<ConnectionContext>): boolean =>
  rest.in("engaging") && rest.context.discovery.state === "unknown";

function phaseFrom(engine: Engine, name: string, rest: Rest<ConnectionContext>): Phase {
  if (engine.directory.connection(name) === undefined) {
    return absentPhase(name);
  }
  // Reading goes on for one that is paused, and so does everything that waits for it to be Ready.
  const { connection } = rest.context;
  const context = { ...rest.context, connection: connection && { ...connection, paused: false } };
  const verdicts = connectionConditions(stateFor(rest), context);
  const verdict = verdicts.find(({ type }) => type === "Ready");
  const fault = verdicts.find(({ type, status }) => ["SecretValid", "Connected"].includes(type) && status !== "True");
  const because = (fault ?? verdict)?.reason ?? "Pending";
  const reason = phaseReason(name, verdict, fault);
  const lost = rest.in("disengaged") || rest.in("conflicted");
  const told = { lost, undecided: isBeingLookedAt(rest), because, reason };
  if (rest.in("cleaningUp.draining")) return { state: "deleting", ...told };
  return { state: verdict?.status === "True" ? "ready" : "away", ...told };
}

function forget(engine: Engine, name: string): void {
  engine.records.delete(connectionKey(name));
  engine.phases.delete(name);
  engine.announced.delete(name);
}

/** Its own syncers, and those of other Connections that share an API with it, or in whose way its CRD is. */
function isConcerned(engine: Engine, { connection, api }: Syncer, name: string): boolean {
  if (connection === name || engine.syncers.has(syncerKey(name, api))) return true;
  const crd = engine.directory.crds.get(`/${api}`);
  return crd !== undefined && ownerConnection(crd) === name;
}

/** One syncer for each API that the Connection's own policy brings here; bindings make those of the others. */
function startEager(engine: Engine, name: string, exports: readonly ExportedApi[]): void {
  const connection = engine.directory.connection(name);
  if (connection === undefined || !pullsEverything(connection)) return;
  for (const api of exports) syncerFor(engine, name, api.name);
}

/** Everything that others go by. */
function signatureOf(engine: Engine, name: string, { context }: Rest<ConnectionContext>, phase: Phase): string {
  const exports = knownExports(context) ?? [];
  const { spec, status } = engine.directory.connection(name) ?? {};
  const paused = connectionPause(engine.directory, name);
  const pin = status?.remoteClusterUID;
  const epoch = engine.engagements.get(name)?.epoch;
  const shown = status?.exportedAPIs ?? [];
  const names = [exports, shown].map((apis) => apis.map((api) => api.name));
  return JSON.stringify([phase, paused, pin, epoch, spec?.schema, knownSource(context), names]);
}

/** Tells those who depend on the Connection when what it allows has changed. */
function announce(engine: Engine, name: string, rest: Rest<ConnectionContext>): void {
  const phase = phaseFrom(engine, name, rest);
  const signature = signatureOf(engine, name, rest, phase);
  engine.phases.set(name, phase);
  if (engine.announced.get(name) === signature) return;
  engine.announced.set(name, signature);
  wakeLease(engine, name);
  for (const whose of [name, OURSELVES]) engine.wake(permissionsKey(whose), PRIORITY.backlog);
  engine.log.info({ connection: name, phase: phase.state, reason: phase.reason }, "connection");
  startEager(engine, name, knownExports(rest.context) ?? []);
  for (const syncer of engine.syncers.values()) if (isConcerned(engine, syncer, name)) engine.wake(syncer.key);
  for (const syncer of engine.related.values()) if (isPeer(engine, syncer.connection, name)) engine.wake(syncer.key);
  for (const binding of peerBindings(engine, name)) {
    engine.wake(bindingKey(binding.spec.connectionRef.name, keyOf(binding)), PRIORITY.live);
  }
}
