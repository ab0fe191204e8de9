// The namespaces that copies brought to the provider, when the binding that brought them goes: they are kept and counted, or,
// where the operator has asked for it, deleted if nothing is left in them. Deleting a namespace destroys what is in it, so
// whatever cannot be looked at counts as something.
// Rule: docs/reference/behaviour.md, "Provider namespaces".

import type { AnyBinding } from "../crds/binding.ts";
import { isDeleting, keyOf, type KubeObject, type Resource } from "../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../crds/labels.ts";
import type { DiscoveredResource } from "../crds/openapi/discovered.ts";
import { NAMESPACES } from "../crds/resources.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import type { Right } from "../machines/rules/permissions.ts";
import { isAllowed } from "./access-reviews.ts";
import { courseOf } from "./course.ts";
import type { Engine } from "./engine.ts";
import type { Engagement } from "./engagement.ts";
import { isPeer } from "./governance.ts";
import { subjectOf } from "./object-writes.ts";
import type { Cluster } from "./ports.ts";
import { isStatus } from "./refusals.ts";
import type { Syncer } from "./syncer.ts";
import type { Tally } from "./table.ts";

/** Where copies of this API go, of objects in those of its namespaces that `concerns` is true of. */
function homes({ watching }: Syncer, concerns: (namespace: string, tally: Tally) => boolean): string[] {
  if (watching === null) return [];
  const { table, shape } = watching;
  return [...table.namespaces()]
    .filter((namespace) => namespace !== "" && concerns(namespace, table.tally(namespace)))
    .flatMap((namespace) => homeOf(shape, namespace) ?? []);
}

/** Notes where copies that a going binding answers for have been, by its UID: nothing tells of it when they are gone. */
export function noteNamespaces(engine: Engine, binding: AnyBinding, syncer: Syncer): void {
  const { kind, metadata } = binding;
  noteHomes(
    engine,
    binding,
    homes(syncer, (one) => kind === "ClusterBinding" || one === metadata.namespace),
  );
}

export function noteHomes({ visited }: Engine, { metadata: { uid } }: AnyBinding, names: readonly string[]): void {
  const known = visited.get(uid) ?? new Set<string>();
  for (const name of names) known.add(name);
  visited.set(uid, known);
}

/** One of ours, made for copies of this consumer. */
function isOurs({ metadata }: KubeObject, clusterUid: string): boolean {
  const marks = [metadata.labels?.[LABEL.consumerClusterUid], metadata.annotations?.[ANNOTATION.consumerClusterUid]];
  const told = marks.filter((mark) => mark !== undefined);
  return metadata.labels?.[LABEL.managed] === "true" && told.length > 0 && told.every((mark) => mark === clusterUid);
}

/** Undefined when there is none of ours, or it is going already. Rejects when it cannot be read. */
async function readOurs({ cluster, clusterUid }: Engagement, name: string): Promise<KubeObject | undefined> {
  try {
    const found = await cluster.get(NAMESPACES, { namespace: "", name });
    return isOurs(found, clusterUid) && !isDeleting(found) ? found : undefined;
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    return undefined;
  }
}

/** Whatever there is of these may go with a namespace. */
const MAY_GO = new Set(["events", "events.events.k8s.io", "leases.coordination.k8s.io"]);
/** What every namespace gets by itself. */
const BY_ITSELF: Record<string, string> = { configmaps: "kube-root-ca.crt", serviceaccounts: "default" };

const typeName = ({ resource, group }: Pick<Resource, "resource" | "group">): string =>
  group === "" ? resource : `${resource}.${group}`;

/** Every type that can be in a namespace, each in one version; undefined while discovery cannot tell them all. */
async function typesIn(cluster: Cluster): Promise<DiscoveredResource[] | undefined> {
  const [core, groups] = await Promise.all([cluster.coreResources(), cluster.discover()]);
  if (groups.some(({ failed }) => failed.length > 0)) return undefined;
  const all = [...core, ...groups.flatMap(({ resources }) => resources)];
  const kept = all.filter((type) => type.namespaced && type.verbs.includes("list") && !MAY_GO.has(typeName(type)));
  return [...new Map(kept.map((type) => [typeName(type), type])).values()];
}

/** Rejects when anything cannot be listed. */
async function isEmpty({ cluster }: Engagement, namespace: string): Promise<boolean> {
  const types = await typesIn(cluster);
  if (types === undefined) return false;
  for (const type of types) {
    // One more than every namespace gets is enough to know.
    const items = await cluster.list(type, { namespace, limit: 2 });
    if (items.some(({ metadata }) => metadata.name !== BY_ITSELF[typeName(type)])) return false;
  }
  return true;
}

/** Do objects of any API still have, or wait for, their copies there? */
const isInUse = (engine: Engine, connection: string, name: string): boolean =>
  [...engine.syncers.values()]
    .filter((syncer) => isPeer(engine, connection, syncer.connection))
    .some((syncer) => homes(syncer, (_, { claimed }) => claimed > 0).includes(name));

/** True when it is gone, or going. Rejects when it cannot be told whether anything is in it. */
async function deleteIfEmpty(engine: Engine, engagement: Engagement, { metadata }: KubeObject): Promise<boolean> {
  if (isInUse(engine, engagement.connection, metadata.name) || !(await isEmpty(engagement, metadata.name)))
    return false;
  await Promise.all([engine.consumer.confirm(engagement.clusterUid), engagement.confirm()]);
  const key = { namespace: "", name: metadata.name };
  await engagement.cluster.delete(NAMESPACES, key, metadata.uid, metadata.resourceVersion);
  return true;
}

const READ: Right = { verb: "get", group: "", resource: NAMESPACES.resource, namespace: "", namespaced: false };

/** To read them is convenient and no more: where it is not granted nothing is asked. Rejects when that cannot be told. */
async function mayRead(engine: Engine, { connection, cluster }: Engagement): Promise<boolean> {
  const standing = engine.standings.get(connection);
  return standing !== undefined && (await isAllowed(cluster, standing.answers, READ, engine.clock.now()));
}

/** Is it left there? "unknown" when that could not be told. */
async function leave(engine: Engine, engagement: Engagement, name: string): Promise<boolean | "unknown"> {
  const what = { connection: engagement.connection, namespace: name };
  let found: KubeObject | undefined;
  try {
    if (!(await mayRead(engine, engagement))) return "unknown";
    found = await readOurs(engagement, name);
    if (found === undefined || !engine.settings.deleteEmptyNamespaces) return found !== undefined;
    if (!(await deleteIfEmpty(engine, engagement, found))) return true;
    engine.log.info(what, "an empty namespace was deleted on the provider");
    return false;
  } catch (error) {
    engine.log.warn({ ...what, error: String((error as Error).message) }, "a namespace is kept on the provider");
    return found === undefined ? "unknown" : true;
  }
}

const NAMED = 5;

/** Half a sentence: how many, and the first of them. */
const counted = (names: readonly string[]): string =>
  `${names.length} (${names.slice(0, NAMED).join(", ")}${names.length > NAMED ? ", …" : ""})`;

/** The last that is done for a binding before it goes, or leaves for another provider. Never rejects, and holds nothing up: what fails is kept. */
export async function leaveNamespaces(engine: Engine, binding: AnyBinding, resource: Resource): Promise<void> {
  const { uid } = binding.metadata;
  const names = [...(engine.visited.get(uid) ?? [])].sort();
  engine.visited.delete(uid);
  const engagement = engine.engagements.get(courseOf(engine.directory, binding).through);
  if (engagement === undefined || names.length === 0) return;
  const kept: string[] = [];
  const unknown: string[] = [];
  for (const name of names) {
    const left = await leave(engine, engagement, name);
    if (left === "unknown") unknown.push(name);
    else if (left) kept.push(name);
  }
  const parts = [
    kept.length === 0 ? "" : `created for copies and kept on the provider: ${counted(kept)}`,
    unknown.length === 0 ? "" : `kept, and not known by whom they were created: ${counted(unknown)}`,
  ].filter((part) => part !== "");
  if (parts.length === 0) return;
  const about = subjectOf({ uid }, resource, keyOf(binding));
  engine.recorder.event(about, "Normal", "NamespacesKept", `namespaces ${parts.join("; ")}`);
}
