// The actor of one heartbeat Lease: keeps it renewed on its provider through whichever Connection is engaged, on a timer of
// its own, and deletes it when the last Connection to that provider has gone. Best effort: a failure is logged and changes
// nothing else. Rule: docs/reference/behaviour.md, "Heartbeat Lease".

import type { Connection } from "../crds/connection.ts";
import { isDeleting, type Key, keyOf } from "../crds/kube-object.ts";
import { holderOf, type Lease, leaseName, newLease, renewedAt, renewedLease } from "../crds/lease.ts";
import { isPaused } from "../crds/pausing.ts";
import { CONNECTIONS, LEASES } from "../crds/resources.ts";
import { leaseStep, renewEvery } from "../machines/rules/lease.ts";
import type { Engagement } from "./engagement.ts";
import type { Engine } from "./engine.ts";
import { createHeldLease, type HeldLease } from "./held-lease.ts";
import { leaseKey } from "./keys.ts";
import { ensureNamespace } from "./namespaces.ts";
import { subjectOf } from "./object-writes.ts";
import { type Cluster, PRIORITY } from "./ports.ts";
import { isNamespaceMissing, isStatus } from "./refusals.ts";

/** Milliseconds that one Connection's client gets, at most, before the next one is tried… */
const ATTEMPT = 5_000;
/** …and the part of the duration that it gets where that is less, so that the next one comes in time. */
const ATTEMPT_PART = 1 / 12;
/** Milliseconds that the last Connection, gone already, gives its provider to take the Lease away. */
const FAREWELL = 3_000;
/** How often a renewal may be overtaken before it is given up until the next one. */
const TURNS = 4;
/** A renewal that found no server is tried again after this part of the usual time. */
const SOONER = 0.25;
/** Small, so that the time between two renewals is never more than a third of the duration. */
const JITTER = 0.05;

/** Something has changed that a Lease may depend on: who is engaged, or who is there at all. */
export function wakeLease(engine: Engine, connection: string): void {
  const provider = engine.directory.connection(connection)?.status?.remoteClusterUID;
  const concerned = provider ? [provider] : [...engine.leases.keys()];
  for (const one of concerned) engine.wake(leaseKey(one), PRIORITY.live);
}

/** Seconds since the oldest renewal, of all Leases. */
export const leaseAge = (engine: Engine): number =>
  [...engine.leases.values()]
    .map(({ renewedAt: at }) => (at === null ? 0 : (engine.clock.now() - at) / 1000))
    .reduce((oldest, age) => Math.max(oldest, age), 0);

function heldLease(engine: Engine, provider: string): HeldLease {
  const held = engine.leases.get(provider) ?? createHeldLease();
  engine.leases.set(provider, held);
  return held;
}

const connectionsTo = (engine: Engine, provider: string): Connection[] =>
  [...engine.directory.connections.values()].filter(({ status }) => status?.remoteClusterUID === provider);

/**
 * The engaged clients that may write the Lease: through a Connection that is being deleted nothing new is written. One that
 * is paused must not be taken for dead, however long that lasts.
 */
const carriersOf = (engine: Engine, provider: string): Engagement[] =>
  connectionsTo(engine, provider)
    .filter((connection) => isPaused(connection) || !isDeleting(connection))
    .flatMap(({ metadata }) => engine.engagements.get(metadata.name) ?? []);

/** One pass: renews the Lease if it is due. Rejects only for bugs. */
export async function leasePass(engine: Engine, provider: string): Promise<void> {
  const key = leaseKey(provider);
  engine.timers.takeDue(key);
  const carriers = carriersOf(engine, provider);
  if (carriers.length === 0) {
    engine.timers.set(key, null);
    if (connectionsTo(engine, provider).length === 0) engine.leases.delete(provider);
    return;
  }
  const held = heldLease(engine, provider);
  const pause = untilDue(engine, held) || (await renewThroughOne(engine, provider, held, carriers));
  engine.timers.set(key, pause, JITTER);
}

/** Milliseconds, 0 when it is time. */
function untilDue(engine: Engine, held: HeldLease): number {
  const every = renewEvery(engine.settings.lease.seconds);
  const left = (held.renewedAt ?? -Infinity) + every - engine.clock.now();
  // A clock that was set back must not keep us waiting.
  return left > every ? 0 : Math.max(0, left);
}

/** Resolves to the milliseconds until it is to be looked at again. */
async function renewThroughOne(
  engine: Engine,
  provider: string,
  held: HeldLease,
  carriers: Engagement[],
): Promise<number> {
  const { seconds } = engine.settings.lease;
  const every = renewEvery(seconds);
  const limit = Math.min(ATTEMPT, seconds * 1_000 * ATTEMPT_PART);
  let refused = false;
  for (const carrier of carriers.sort((a, b) => preferred(held, b) - preferred(held, a))) {
    const { connection } = carrier;
    try {
      const pause = await within(engine, limit, renew(engine, provider, held, carrier));
      held.through = connection;
      return pause;
    } catch (error) {
      refused ||= isStatus(error, 403);
      engine.log.debug({ connection, provider, error: String((error as Error).message) }, "Lease not renewed");
    }
  }
  return refused ? every : every * SOONER;
}

const preferred = (held: HeldLease, { connection }: Engagement): number => Number(connection === held.through);

async function within<T>(engine: Engine, ms: number, work: Promise<T>): Promise<T> {
  let cancel = () => {};
  const late = new Promise<never>((_resolve, reject) => {
    cancel = engine.clock.after(ms, () => reject(new Error(`no answer within ${ms} ms`)));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}

const keyFor = (engine: Engine, { clusterUid }: Engagement): Key => ({
  namespace: engine.settings.lease.namespace,
  name: leaseName(clusterUid),
});

async function read(cluster: Cluster, key: Key): Promise<Lease | null> {
  try {
    return (await cluster.get(LEASES, key)) as Lease;
  } catch (error) {
    if (isStatus(error, 404)) return null;
    throw error;
  }
}

/** Resolves to the milliseconds until the next renewal; rejects when the Lease could not be renewed. */
async function renew(engine: Engine, provider: string, held: HeldLease, carrier: Engagement): Promise<number> {
  const { lease: settings } = engine.settings;
  for (let turn = 0; turn < TURNS; turn++) {
    const found = held.known ?? (await read(carrier.cluster, keyFor(engine, carrier)));
    // The Connection may have begun to go meanwhile: what it has let go of must not come back.
    if (!carriersOf(engine, provider).includes(carrier)) throw new Error("the Connection is no longer engaged");
    const now = engine.clock.now();
    const step = leaseStep(found, carrier.clusterUid, settings, now);
    if (step.do === "wait") return noted(engine, held, found).untilDue;
    if (step.do === "respect") return respect(engine, provider, held, step.holder);
    try {
      return noted(engine, held, await write(engine, carrier, found, now)).untilDue;
    } catch (error) {
      held.known = null;
      await prepareAgain(engine, carrier, found, error);
    }
  }
  throw new Error("the Lease changes faster than it can be renewed");
}

/** After a write that failed: resolves when another turn may do better, rejects with the failure when it would not. */
async function prepareAgain(engine: Engine, carrier: Engagement, found: Lease | null, error: unknown): Promise<void> {
  const { namespace } = engine.settings.lease;
  if (isNamespaceMissing(error, namespace)) return ensureNamespace(carrier.cluster, namespace, carrier.clusterUid);
  // Another has written or removed it since it was read.
  if (isStatus(error, 409) || (found !== null && isStatus(error, 404))) return;
  throw error;
}

async function write(engine: Engine, carrier: Engagement, found: Lease | null, now: number): Promise<Lease> {
  const { cluster, clusterUid } = carrier;
  const { namespace, seconds } = engine.settings.lease;
  const written =
    found === null
      ? await cluster.create(LEASES, namespace, newLease(clusterUid, namespace, seconds, now))
      : await cluster.replace(LEASES, keyFor(engine, carrier), renewedLease(found, clusterUid, seconds, now));
  return written as Lease;
}

function noted(engine: Engine, held: HeldLease, lease: Lease | null): { untilDue: number } {
  held.known = lease;
  held.renewedAt = lease === null ? null : renewedAt(lease);
  held.holder = "";
  return { untilDue: untilDue(engine, held) };
}

/** Says once, where operators look, that another holder is in our place. */
function respect(engine: Engine, provider: string, held: HeldLease, holder: string): number {
  const { lease: settings } = engine.settings;
  held.known = null;
  if (held.holder !== holder) {
    held.holder = holder;
    engine.log.warn({ provider, holder, namespace: settings.namespace }, "the Lease is held by another");
    const message = `the Lease in namespace ${settings.namespace} of the provider that would tell of this cluster is held by ${holder}; it is left alone. Two clusters must not have the same identity`;
    for (const connection of connectionsTo(engine, provider)) {
      const about = subjectOf(connection.metadata, CONNECTIONS, keyOf(connection));
      engine.recorder.event(about, "Warning", "LeaseHeldByAnother", message);
    }
  }
  return renewEvery(settings.seconds);
}

/**
 * The Connection has gone for good. Was it the last one to its provider, the Lease goes, too: through its client, while
 * that is still open. Never rejects, and takes no longer than a provider that does not answer is given.
 */
export async function leaveLease(engine: Engine, { metadata, status }: Connection): Promise<void> {
  const provider = status?.remoteClusterUID ?? "";
  if (provider === "") return;
  const { departed } = heldLease(engine, provider);
  departed.add(metadata.uid);
  if (connectionsTo(engine, provider).some((one) => !departed.has(one.metadata.uid))) return;
  engine.leases.delete(provider);
  const engagement = engine.engagements.get(metadata.name);
  if (engagement === undefined) return;
  try {
    await within(engine, FAREWELL, remove(engine, engagement));
  } catch (error) {
    const connection = metadata.name;
    engine.log.debug({ connection, provider, error: String((error as Error).message) }, "Lease not deleted");
  }
}

async function remove(engine: Engine, engagement: Engagement): Promise<void> {
  const key = keyFor(engine, engagement);
  const found = await read(engagement.cluster, key);
  if (found === null || holderOf(found) !== engagement.clusterUid) return;
  await engagement.cluster.delete(LEASES, key, found.metadata.uid);
}
