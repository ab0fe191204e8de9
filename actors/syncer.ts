// One bound API while it is watched: both watches, the table they fill, and what the bindings mean for each namespace.
// Turns watch events into facts and wakes the objects that owe something. When the watches run is decided by
// machines/syncer.ts and enforced by actors/syncer-actor.ts.

import { type ApiName, keyText, type KubeObject, parseKey } from "../crds/kube-object.ts";
import { LABEL } from "../crds/labels.ts";
import { type Gate, owesNothing } from "../machines/object-facts.ts";
import type { AcceptedSpec } from "../crds/ownership.ts";
import type { Crd } from "../crds/definition-object.ts";
import type { Reason } from "../crds/reasons.ts";
import type { PulledCrd } from "../crds/pull.ts";
import type { Engagement } from "./engagement.ts";
import type { Engine } from "./engine.ts";
import type { Shape } from "./facts.ts";
import { objectKey, syncerKey } from "./keys.ts";
import { PRIORITY, type Priority, type Watch } from "./ports.ts";
import { createTable, type Entry, type Table } from "./table.ts";

/** What is watched, while it is watched. */
export interface Watching {
  shape: Shape;
  /** Of the consumer CRD it was started for: another one means starting anew. */
  definition: string;
  table: Table;
  consumer: Watch;
  consumerListed: boolean;
  provider: { engagement: Engagement; watch: Watch; listed: boolean } | null;
}

export interface Syncer {
  key: string;
  connection: string;
  api: ApiName;
  watching: Watching | null;
  /** What the bindings mean for objects of a namespace; replaced by each pass of the syncer. */
  ruleFor: (namespace: string) => { mode: Gate["mode"]; adopt: boolean };
  /** Passes of objects under way. */
  inFlight: number;
  /** The consumer's CRD, whole, as last read; its resourceVersion says whether it is still the one of the watch. */
  crd: Crd | null;
  /** The provider's CRD turned into ours, and the version of the provider's it was built from. */
  desired: { from: string; pulled: PulledCrd } | null;
  accepted: AcceptedSpec | undefined;
  /** A live binding wants the API. */
  wanted: boolean;
  /** What it last told its bindings and its Connection. */
  reported: string;
  /** Last verdict on the API, for bindings to report. */
  verdict: { reason: Reason; message: string; crdHash: string };
}

export const createSyncer = (connection: string, api: ApiName): Syncer => ({
  key: syncerKey(connection, api),
  connection,
  api,
  watching: null,
  ruleFor: () => ({ mode: "held", adopt: false }),
  inFlight: 0,
  crd: null,
  desired: null,
  accepted: undefined,
  wanted: false,
  reported: "",
  verdict: { reason: "Pending", message: "not looked at yet", crdHash: "" },
});

/** The gate of one object at this moment. */
export function gateFor(syncer: Syncer, key: string): Gate {
  const { mode, adopt } = syncer.ruleFor(parseKey(key).namespace);
  const { provider, shape } = syncer.watching ?? {};
  return { mode, adopt, engaged: provider?.listed === true, clusterUid: shape?.clusterUid ?? "" };
}

const settled = (syncer: Syncer, key: string, entry: Entry): boolean => {
  const { consumer, copy, memory } = entry;
  if (consumer === null) return true;
  if (copy === null || memory?.refused) return false;
  const { accepted = null, acceptedStatus = null } = memory ?? {};
  return owesNothing(consumer, copy, gateFor(syncer, key), { accepted, acceptedStatus });
};

/** Puts an object on the queue unless its sides agree and nothing is owed. */
export function weigh(engine: Engine, syncer: Syncer, key: string, priority: Priority): void {
  const { watching } = syncer;
  const entry = watching?.table.get(key);
  if (!watching?.consumerListed || entry === undefined) return;
  if (settled(syncer, key, entry)) watching.table.dropBodies(key);
  else engine.wake(objectKey(syncer.connection, syncer.api, parseKey(key)), priority);
}

export function weighAll(engine: Engine, syncer: Syncer): void {
  for (const key of [...(syncer.watching?.table.keys() ?? [])]) weigh(engine, syncer, key, PRIORITY.backlog);
}

/** Somebody waits for this object to let go: the syncer recounts. */
const isEnding = (syncer: Syncer, object: KubeObject): boolean =>
  object.metadata.deletionTimestamp !== undefined || syncer.ruleFor(object.metadata.namespace ?? "").mode === "drain";

/** Runs a sink call so that one object that cannot be read (a Mapper's exception) costs only itself. */
const guarded =
  (engine: Engine, syncer: Syncer, take: (object: KubeObject) => string | undefined) => (object: KubeObject) => {
    try {
      const key = take(object);
      if (key === undefined) return;
      weigh(engine, syncer, key, PRIORITY.live);
      if (isEnding(syncer, object)) engine.wake(syncer.key, PRIORITY.backlog);
    } catch (error) {
      const where = keyText({ namespace: object.metadata.namespace ?? "", name: object.metadata.name });
      engine.log.error({ connection: syncer.connection, crd: syncer.api, key: where, error: String(error) }, "dropped");
    }
  };

/** Starts the consumer's watch. */
export function watchConsumer(engine: Engine, syncer: Syncer, shape: Shape, definition: string): Watching {
  const table = createTable(shape);
  const { log } = engine;
  const watch = engine.consumer.watch(
    shape.resource,
    {},
    {
      seen: guarded(engine, syncer, (object) => table.consumerSeen(object)),
      gone: (object) => {
        guarded(engine, syncer, (gone) => table.consumerGone(gone))(object);
        engine.wake(syncer.key, PRIORITY.backlog);
      },
      listed(keys) {
        table.consumersListed(keys);
        watching.consumerListed = true;
        weighAll(engine, syncer);
        engine.wake(syncer.key);
      },
      failed: (error) => log.debug({ crd: syncer.api, error: error.message }, "consumer watch failed, trying again"),
    },
  );
  const watching: Watching = { shape, definition, table, consumer: watch, consumerListed: false, provider: null };
  return watching;
}

/** Starts the provider's watch: only copies that this cluster's konnectors made. */
export function watchProvider(engine: Engine, syncer: Syncer, watching: Watching, engagement: Engagement): void {
  const { table, shape } = watching;
  table.forgetCopies();
  const labelSelector = `${LABEL.managed}=true,${LABEL.consumerClusterUid}=${shape.clusterUid}`;
  const provider: NonNullable<Watching["provider"]> = { engagement, watch: { stop: () => {} }, listed: false };
  watching.provider = provider;
  provider.watch = engagement.cluster.watch(
    shape.resource,
    { labelSelector },
    {
      seen: guarded(engine, syncer, (copy) => table.copySeen(copy)),
      gone: guarded(engine, syncer, (copy) => table.copyGone(copy)),
      listed(keys) {
        table.copiesListed(keys);
        provider.listed = true;
        weighAll(engine, syncer);
        engine.wake(syncer.key);
      },
      failed: (error) =>
        engine.log.debug({ crd: syncer.api, error: error.message }, "provider watch failed, trying again"),
    },
  );
}

export function stopProvider(watching: Watching): void {
  watching.provider?.watch.stop();
  watching.provider = null;
  watching.table.forgetCopies();
}

export function stopWatching(syncer: Syncer): void {
  if (syncer.watching === null) return;
  stopProvider(syncer.watching);
  syncer.watching.consumer.stop();
  syncer.watching = null;
}
