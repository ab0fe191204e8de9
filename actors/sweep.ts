// The last step before a Connection goes: the consumer CRDs that came through it are removed if they hold no instance and
// are ours, else they are let go of (our marks off, the CRD and its instances stay). One that another Connection to the same
// provider wants is handed over to it as it is.
// Rule: docs/reference/behaviour.md, "Removing CRDs".

import { type Crd, isEstablished, resourceOf } from "../crds/definition-object.ts";
import { isDeleting, keyOf } from "../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../crds/labels.ts";
import { originOf, ownerOf } from "../crds/ownership.ts";
import { CRDS } from "../crds/resources.ts";
import { isDemanded } from "./demand.ts";
import type { Engine } from "./engine.ts";
import { isPeer, remoteUid } from "./governance.ts";
import { isPinned } from "./own-cluster.ts";
import type { Cluster } from "./ports.ts";
import { isRightMissing, isStatus } from "./refusals.ts";

type Marks = Record<string, string>;

const MARKS = [ANNOTATION.connection, ANNOTATION.schemaHash, ANNOTATION.crdOrigin] as const;

const without = (from: Record<string, string> | undefined, keys: readonly string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(from ?? {}).filter(([key]) => !keys.includes(key)));

/** Replaces the marks of a definition and leaves everything else as it is. */
async function remark(consumer: Cluster, crd: Crd, labels: Marks, annotations: Marks): Promise<void> {
  const { metadata, ...rest } = crd;
  const { managedFields: _managedFields, ...kept } = metadata;
  await consumer.replace(CRDS, keyOf(crd), { ...rest, metadata: { ...kept, labels, annotations } });
}

const letGo = (consumer: Cluster, crd: Crd): Promise<void> =>
  remark(consumer, crd, without(crd.metadata.labels, [LABEL.managed]), without(crd.metadata.annotations, MARKS));

const handOver = (consumer: Cluster, crd: Crd, successor: string): Promise<void> =>
  remark(consumer, crd, crd.metadata.labels ?? {}, {
    ...crd.metadata.annotations,
    [ANNOTATION.connection]: successor,
  });

/** Other Connections that want the definition, in the same order each time. */
const wantedBy = (engine: Engine, api: string, connection: string): string[] =>
  [...engine.directory.connections.values()]
    .filter((other) => !isDeleting(other))
    .map(({ metadata }) => metadata.name)
    .filter((other) => other !== connection && isDemanded(engine, other, api))
    .sort();

/** The one to the same provider. */
const successorOf = (engine: Engine, api: string, connection: string): string | undefined =>
  wantedBy(engine, api, connection).find((other) => isPeer(engine, connection, other));

/** The one to another provider, which has to be known. */
const heirOf = (engine: Engine, api: string, connection: string): string | undefined =>
  wantedBy(engine, api, connection).find((other) => remoteUid(engine, other) !== "");

async function hasInstances(consumer: Cluster, crd: Crd): Promise<boolean> {
  // Never served, so nothing was ever put into it: its names are taken, or it has only just been made.
  if (!isEstablished(crd)) return false;
  const resource = resourceOf(crd);
  // Without a served version nothing can be listed, and there may still be objects in it.
  if (resource === undefined) return true;
  try {
    return (await consumer.list(resource, { limit: 1 })).length > 0;
  } catch (error) {
    // Nor can it be told without the right to look, which a definition that no binding lists does not need otherwise.
    if (isRightMissing(error)) return true;
    throw error;
  }
}

async function find(consumer: Cluster, name: string): Promise<Crd | undefined> {
  try {
    return (await consumer.get(CRDS, { namespace: "", name })) as Crd;
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

async function sweepOne(engine: Engine, name: string, connection: string): Promise<void> {
  const { consumer } = engine;
  const crd = await find(consumer, name);
  if (crd === undefined || isDeleting(crd) || ownerOf(crd) !== connection) return;
  const successor = successorOf(engine, name, connection);
  if (successor !== undefined) return handOver(consumer, crd, successor);
  const isOurs = originOf(crd) === "ours";
  const removable = isOurs && !(await hasInstances(consumer, crd));
  // Objects of it are to go to another provider: that one's Connection brings its schema.
  const heir = isOurs && !removable ? heirOf(engine, name, connection) : undefined;
  if (heir !== undefined) return handOver(consumer, crd, heir);
  // On this very state: one that has been handed over since may have been given an object since.
  if (removable) await consumer.delete(CRDS, keyOf(crd), crd.metadata.uid, crd.metadata.resourceVersion);
  else await letGo(consumer, crd);
}

/**
 * Rejects with the first error of our own cluster, also where a definition that was just established is not served yet, but
 * not before all the others have been swept; what is swept already is not swept twice.
 */
export async function sweep(engine: Engine, connection: string): Promise<void> {
  const definitions = engine.directory.crdsOf(connection);
  const pin = engine.directory.connection(connection)?.status?.localClusterUID ?? "";
  // On another cluster (a restored one, say) what carries the Connection's name came through another's.
  if (definitions.length === 0 || !(await isPinned(engine.consumer, pin))) return;
  const failures: unknown[] = [];
  for (const { metadata } of definitions) {
    await sweepOne(engine, metadata.name, connection).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
}
