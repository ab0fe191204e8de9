// The two watches of one bound API, and what their events mean: facts for the table, and a place on the queue for each
// object that owes something. When the watches run is decided by machines/syncer.ts and enforced by syncer-actor.ts.

import { keyText, type KubeObject, parseKey } from "../crds/kube-object.ts";
import { LABEL } from "../crds/labels.ts";
import type { Refusal } from "../machines/syncer.ts";
import { type ConsumerFact, type Gate, isHeldBack, isPaused, owesNothing } from "../machines/object-facts.ts";
import type { Engagement } from "./engagement.ts";
import type { Engine } from "./engine.ts";
import type { Shape } from "./facts.ts";
import { objectKey } from "./keys.ts";
import { PRIORITY, type Priority } from "./ports.ts";
import { isRightMissing, isStatus } from "./refusals.ts";
import { gateFor, type Syncer, type Watching } from "./syncer.ts";
import { createTable, type Entry, type Memory, MOST_STRAYS } from "./table.ts";

/** Where an object rests that is paused and has said so. */
const TOLD = "paused.told";

const known = (memory: Memory | null) => ({
  accepted: memory?.accepted ?? null,
  acceptedStatus: memory?.acceptedStatus ?? null,
});

const settled = (syncer: Syncer, key: string, { consumer, ...rest }: Entry): boolean =>
  consumer === null || settledAt(gateFor(syncer, key), consumer, rest);

function settledAt(gate: Gate, consumer: ConsumerFact, { copy, memory }: Pick<Entry, "copy" | "memory">): boolean {
  if (gate.mode === "elsewhere") return !memory;
  const isTold = memory?.rest === TOLD;
  if (isPaused({ consumer, gate }))
    return isTold || !(consumer.paused || isHeldBack(consumer, copy, gate, known(memory)));
  if (copy === null || memory?.refused || isTold) return false;
  return owesNothing(consumer, copy, gate, known(memory));
}

/** Puts an object on the queue unless its sides agree and nothing is owed. */
function weigh(engine: Engine, syncer: Syncer, key: string, priority: Priority): void {
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
  const { resource } = shape;
  const watch = engine.consumer.watch(
    resource,
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
        watching.trouble.consumer = null;
        weighAll(engine, syncer);
        engine.wake(syncer.key);
      },
      failed(error) {
        const message = `list and watch ${resource.resource}.${resource.group} on this cluster: ${error.message}`;
        watching.trouble.consumer = { reason: "Pending", message };
        engine.wake(syncer.key, PRIORITY.backlog);
      },
      recovered() {
        watching.trouble.consumer = null;
        engine.wake(syncer.key, PRIORITY.backlog);
      },
    },
  );
  const watching: Watching = {
    shape,
    definition,
    table,
    consumer: watch,
    consumerListed: false,
    provider: null,
    trouble: { consumer: null, provider: null },
  };
  return watching;
}

/** A 403 names the right that is missing; anything else is expected to pass. */
const refusedWatch = ({ resource }: Shape, error: Error): Refusal => ({
  reason: isRightMissing(error) ? "Forbidden" : "Pending",
  message: `list and watch ${resource.resource}.${resource.group} on the provider: ${error.message}`,
});

/** Starts the provider's watch: only copies that this cluster's konnectors made. */
export function watchProvider(engine: Engine, syncer: Syncer, watching: Watching, engagement: Engagement): void {
  const { table, shape } = watching;
  table.forgetCopies();
  const labelSelector = `${LABEL.managed}=true,${LABEL.consumerClusterUid}=${shape.clusterUid}`;
  const provider: NonNullable<Watching["provider"]> = {
    engagement,
    watch: { stop: () => {}, position: () => undefined },
    listed: false,
    unserved: false,
  };
  const noteUnserved = (unserved: boolean): void => {
    if (provider.unserved === unserved) return;
    provider.unserved = unserved;
    weighAll(engine, syncer);
  };
  watching.provider = provider;
  provider.watch = engagement.cluster.watch(
    shape.resource,
    // The copies of what is here, and some that are left from what was.
    { labelSelector, mostObjects: () => 2 * (table.size - table.strays) + MOST_STRAYS },
    {
      seen: guarded(engine, syncer, (copy) => table.copySeen(copy)),
      gone: guarded(engine, syncer, (copy) => table.copyGone(copy)),
      listed(keys) {
        table.copiesListed(keys);
        provider.listed = true;
        provider.unserved = false;
        watching.trouble.provider = null;
        weighAll(engine, syncer);
        engine.wake(syncer.key);
      },
      failed(error) {
        watching.trouble.provider = refusedWatch(shape, error);
        noteUnserved(isStatus(error, 404) && engagement.offer(syncer.api) === undefined);
        engine.wake(syncer.key, PRIORITY.backlog);
      },
      recovered() {
        watching.trouble.provider = null;
        engine.wake(syncer.key, PRIORITY.backlog);
      },
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
