// Starts and stops the konnector: opens the watches of the consumer's own objects, keeps the directory, and turns every
// change into the actors that have to look at it. It decides nothing about them.
// Rule: docs/reference/behaviour.md, "Process".

import type { AnyBinding } from "../crds/binding.ts";
import { connectionsOf } from "../crds/bound-connection.ts";
import type { Connection } from "../crds/connection.ts";
import { keyOf, type KubeObject, type Resource } from "../crds/kube-object.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../crds/resources.ts";
import { answeredApis, createDirectory, ownerConnection, recordedApis, type Secret } from "./directory.ts";
import type { Engine, Ports, Settings } from "./engine.ts";
import { leaseAge } from "./lease-actor.ts";
import { tellingDenials } from "./denials.ts";
import { bindingKey, connectionKey, OURSELVES, permissionsKey, SECRETS_KEY } from "./keys.ts";
import { lookUp } from "./missing.ts";
import { noteDenial } from "./permissions.ts";
import { type Cluster, type Connect, PRIORITY, type Watch, type WatchOptions, type WatchSink } from "./ports.ts";
import { isOthersStatus } from "./status-writer.ts";
import { stopWatching } from "./api-watches.ts";
import { syncerFor } from "./demand.ts";
import { createDocuments } from "./documents.ts";
import { peerBindings } from "./governance.ts";
import { createRechecks } from "./rechecks.ts";
import { wakeRelated } from "./related-syncer-actor.ts";
import { stopRelated } from "./related-watches.ts";
import { createTimers } from "./timers.ts";
import { createWorker } from "./worker.ts";

export interface Supervisor {
  /** Every list of the consumer's own objects has been seen; `missing` says what is waited for. */
  readiness(): { ready: boolean; missing: string[] };
  stop(): Promise<void>;
}

/** Passes of one Connection that may run at a time. */
const CONCURRENCY = 16;

/** Milliseconds that passes get to finish when the process is told to stop. */
const GRACE = 2_000;

const OWN_KINDS: readonly Resource[] = [CONNECTIONS, CLUSTER_BINDINGS, BINDINGS];

const forget = (engine: Engine, { metadata: { uid } }: KubeObject): void => {
  const { shown, visited, doubts, unwritable, overdue, unasked, lingering } = engine;
  for (const kept of [shown, visited, doubts, unwritable, overdue, unasked, lingering]) kept.delete(uid);
};

/** Did anything change but the status that we write ourselves? */
const isNews = (engine: Engine, before: KubeObject | undefined, after: KubeObject | undefined): boolean => {
  if (after === undefined && before !== undefined) forget(engine, before);
  if (before === undefined || after === undefined || isOthersStatus(engine, before, after)) return true;
  const gist = ({ metadata }: KubeObject) =>
    JSON.stringify([
      metadata.uid,
      metadata.generation,
      metadata.deletionTimestamp,
      metadata.finalizers,
      metadata.annotations,
      metadata.labels,
      metadata.ownerReferences,
    ]);
  return gist(before) !== gist(after);
};

/** Definitions are kept as their watch shows them. */
const metadataOf =
  (resource: Resource) =>
  (object: KubeObject | undefined): KubeObject | undefined => {
    if (object === undefined || resource !== CRDS) return object;
    const { apiVersion, kind, metadata } = object;
    return { apiVersion, kind, metadata };
  };

/** What a binding has taken on and what it has let go of stands in the status alone, and whoever waits for the API goes by it. */
const answersFor = (binding: AnyBinding | undefined): string =>
  binding === undefined ? "" : JSON.stringify([answeredApis(binding).sort(), recordedApis(binding).sort()]);

/** May the two have to do with the same objects? */
const isBeside = (one: AnyBinding, other: AnyBinding): boolean =>
  [one.kind, other.kind].includes("ClusterBinding") || one.metadata.namespace === other.metadata.namespace;

/** Starts at once and returns; waits by itself for CRDs that are not there yet. */
export function startSupervisor(ports: Ports, settings: Settings): Supervisor {
  const { queue, clock, telemetry, log } = ports;
  const watches: Watch[] = [];
  /** Our own objects that could not be listed yet, and why. */
  const unlisted = new Map<string, string>();
  let opened = false;
  let stopped = false;

  const directory = createDirectory({
    connection: (before, after) => {
      if (isNews(engine, before, after)) wakeConnection(after ?? before);
      if (after === undefined) engine.wake(SECRETS_KEY, PRIORITY.backlog);
    },
    binding: (before, after) => {
      if (isNews(engine, before, after) || answersFor(before) !== answersFor(after)) {
        for (const one of [before, after]) if (one) wakeBinding(one);
      }
    },
    secret: (before, after) => wakeUsers((after ?? before) as Secret),
    crd: (before, after) => crdChanged((after ?? before) as KubeObject),
    lookUp: (resource, key) => lookUp({ consumer, clock }, resource, key, () => stopped).then(metadataOf(resource)),
    listed: () => directory.complete && wakeAll(),
  });

  /** Every client that may have a request under way. */
  const clients = new Set<Cluster>([ports.consumer]);
  const connect: Connect = (name, kubeconfig, identity) => {
    const client = tellingDenials(ports.connect(name, kubeconfig, identity), (error) =>
      noteDenial(engine, name, error),
    );
    const tracked = { ...client, close: () => client.close().finally(() => clients.delete(tracked)) };
    clients.add(tracked);
    return tracked;
  };

  const consumer = tellingDenials(ports.consumer, (error) => noteDenial(engine, OURSELVES, error));

  const engine: Engine = {
    ...ports,
    consumer,
    connect,
    settings,
    directory,
    timers: createTimers(clock, queue),
    rechecks: createRechecks(clock),
    documents: createDocuments(clock),
    engagements: new Map(),
    phases: new Map(),
    announced: new Map(),
    syncers: new Map(),
    related: new Map(),
    records: new Map(),
    leases: new Map(),
    autoBindTroubles: new Map(),
    standings: new Map(),
    startedAt: clock.now(),
    shown: new Map(),
    doubts: new Map(),
    visited: new Map(),
    overdue: new Set(),
    unasked: new Map(),
    lingering: new Map(),
    rewrites: new Set(),
    unwritable: new Set(),
    wake: (key, priority = PRIORITY.live) => queue.add(key, priority),
  };

  function wakeConnection(connection: Connection | undefined): void {
    if (connection) engine.wake(connectionKey(connection.metadata.name));
  }

  function wakeBinding(binding: AnyBinding): void {
    engine.wake(bindingKey(binding.spec.connectionRef.name, keyOf(binding)));
    const names = connectionsOf(binding);
    for (const name of names) engine.wake(connectionKey(name));
    // Whatever it refers to: its name may be the one that `autoBind` waits for.
    if (directory.connection(binding.metadata.name))
      engine.wake(connectionKey(binding.metadata.name), PRIORITY.backlog);
    const apis = new Set(answeredApis(binding));
    for (const name of names) for (const api of apis) syncerFor(engine, name, api);
    wakeRelated(engine, binding);
    // Others, also of Connections to the same provider, may gain or lose what this one governs.
    for (const syncer of engine.syncers.values()) if (apis.has(syncer.api)) engine.wake(syncer.key);
    for (const other of new Set(names.flatMap((name) => peerBindings(engine, name)))) {
      const isConcerned = isBeside(binding, other) && answeredApis(other).some((api) => apis.has(api));
      if (isConcerned) engine.wake(bindingKey(other.spec.connectionRef.name, keyOf(other)), PRIORITY.backlog);
    }
  }

  function wakeUsers(secret: Secret): void {
    for (const { metadata, spec } of directory.connections.values()) {
      const { namespace, name } = spec.kubeconfigSecretRef;
      if (namespace === secret.metadata.namespace && name === secret.metadata.name) {
        engine.wake(connectionKey(metadata.name));
      }
    }
  }

  function crdChanged(crd: KubeObject): void {
    openOwnKinds();
    const owner = ownerConnection(crd);
    if (owner !== undefined) syncerFor(engine, owner, crd.metadata.name);
    for (const syncer of engine.syncers.values()) if (syncer.api === crd.metadata.name) engine.wake(syncer.key);
  }

  function wakeAll(): void {
    log.info({ connections: [...directory.connections.values()].length }, "the consumer's objects are listed");
    engine.wake(SECRETS_KEY, PRIORITY.backlog);
    for (const { metadata } of directory.connections.values()) engine.wake(connectionKey(metadata.name));
    for (const binding of directory.allBindings()) wakeBinding(binding);
    for (const crd of directory.crds.values()) crdChanged(crd);
  }

  const open = (resource: Resource, options: WatchOptions, sink: WatchSink): void => {
    watches.push(
      consumer.watch(resource, options, {
        ...sink,
        listed(keys) {
          unlisted.delete(resource.resource);
          sink.listed(keys);
        },
        failed(error) {
          unlisted.set(resource.resource, error.message);
          log.warn({ resource: resource.resource, error: error.message }, "watch failed, trying again");
        },
      }),
    );
  };

  /** Our own kinds are watched once their CRDs are there; until then there is nothing to list. */
  function openOwnKinds(): void {
    if (opened || missingDefinitions().length > 0) return;
    opened = true;
    open(CONNECTIONS, {}, directory.connections.sink);
    open(CLUSTER_BINDINGS, {}, directory.clusterBindings.sink);
    open(BINDINGS, {}, directory.bindings.sink);
  }

  /** Who has told which cluster it is need not open its connections anew; who will not tell is watched all the same. */
  async function begin(): Promise<void> {
    await consumer.identify().catch(() => undefined);
    if (stopped) return;
    open(CRDS, { metadataOnly: true }, directory.crds.sink);
    open(SECRETS, { namespace: settings.namespace }, directory.secrets.sink);
    engine.wake(permissionsKey(OURSELVES));
  }

  const missingDefinitions = (): string[] =>
    OWN_KINDS.map(({ resource, group }) => `${resource}.${group}`).filter((name) => !directory.crds.get(`/${name}`));

  function readiness() {
    const found = ports.consumer.stranger();
    if (found !== undefined)
      return { ready: false, missing: [`another cluster (${found}) answers at our own's address`] };
    const missing = missingDefinitions().map((name) => `CRD ${name} is not installed`);
    if (!directory.complete) missing.push(...[...unlisted].map(([resource, error]) => `list ${resource}: ${error}`));
    if (missing.length === 0 && !directory.complete) missing.push("the consumer's objects are being listed");
    return { ready: directory.complete, missing };
  }

  ports.consumer.onStranger((found) => {
    log.error(
      { found: found ?? "" },
      found ? "another cluster answers at our own's address" : "our own cluster is back",
    );
    if (found === undefined)
      for (const { metadata } of directory.connections.values()) engine.wake(connectionKey(metadata.name));
    else for (const engagement of engine.engagements.values()) engagement.doubtOurselves();
  });
  telemetry.gauge("queue_depth", () => queue.depth);
  telemetry.gauge("engaged_connections", () => engine.engagements.size);
  telemetry.gauge("syncers", () => [...engine.syncers.values()].filter((one) => one.watching).length);
  telemetry.gauge("lease_age_seconds", () => leaseAge(engine));
  queue.start(createWorker(engine), CONCURRENCY);
  void begin();

  return {
    readiness,
    async stop() {
      stopped = true;
      for (const watch of watches) watch.stop();
      engine.timers.stop();
      for (const syncer of engine.syncers.values()) stopWatching(syncer);
      for (const syncer of engine.related.values()) stopRelated(syncer);
      const ended = queue.stop();
      // Passes under way may finish; one that waits for a provider that does not answer is cut off.
      await Promise.race([ended, new Promise((resolve) => clock.after(GRACE, () => resolve(undefined)))]);
      await Promise.all([...clients].map((client) => client.close()));
      await ended;
    },
  };
}
