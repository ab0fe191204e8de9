// What follows when rights turn out to be missing, or to be granted again: those who report them are woken, and what was
// refused for want of one is tried again at once. Also answers what concerns one Connection or binding.
// Rule: docs/reference/behaviour.md, "Permissions".

import type { AnyBinding } from "../crds/binding.ts";
import type { Connection } from "../crds/connection.ts";
import { connectionsOf } from "../crds/bound-connection.ts";
import { courseOf } from "./course.ts";
import { type ApiName, keyOf, type KubeObject, parseKey, type Resource } from "../crds/kube-object.ts";
import { RELATED_KINDS, routesOf } from "../crds/related.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS } from "../crds/resources.ts";
import { localPermissionDenied, type RightsView } from "../machines/permission-status.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import type { Right } from "../machines/rules/permissions.ts";
import { answeredApis } from "./directory.ts";
import { type Engine, isoNow } from "./engine.ts";
import { bindingKey, connectionKey, OURSELVES, relatedKey, syncerKey } from "./keys.ts";
import { PRIORITY } from "./ports.ts";
import { feedsOf, type RelatedSyncer } from "./related-syncer.ts";
import { retryRefused } from "./retries.ts";
import { nextConditions, type Status, writeStatus } from "./status-writer.ts";

const apiOf = ({ resource, group }: Right): ApiName => `${resource.split("/")[0]}.${group}`;

/** The namespace as the side that is asked names it. */
function placeOn({ syncers, settings }: Engine, name: string, right: Right, namespace: string): string {
  if (name === OURSELVES) return namespace;
  const resource = right.group === "" ? RELATED_KINDS.get(right.resource) : undefined;
  const related = resource && { mapper: settings.mapper, resource };
  const shape = related ?? syncers.get(syncerKey(name, apiOf(right)))?.watching?.shape;
  return (shape && homeOf(shape, namespace)) ?? namespace;
}

/** What somebody who reports rights has asked for. */
interface Asked {
  apis: readonly ApiName[];
  /** Kinds of related objects. */
  related: readonly string[];
  /** "": everywhere. */
  namespace: string;
}

/** Kinds of related objects, beside the Secrets of our own namespace. */
const isRelated = ({ settings }: Engine, { group, resource, namespace }: Right): boolean =>
  group === "" && RELATED_KINDS.has(resource) && namespace !== settings.namespace;

/** Rights for APIs and related objects concern those who asked for them, all others everybody. */
const concerning = (engine: Engine, name: string, asked: Asked): Right[] | null => {
  const { missing, needs } = engine.standings.get(name) ?? {};
  if (!missing || needs === undefined) return null;
  const bound = new Set([...engine.syncers.values()].map(({ api }) => api));
  return missing.filter((right) => {
    const isFor = isRelated(engine, right) ? asked.related.includes(right.resource) : undefined;
    if (isFor === undefined && !bound.has(apiOf(right))) return true;
    const isAsked = isFor ?? asked.apis.includes(apiOf(right));
    if (!isAsked || asked.namespace === "") return isAsked;
    return ["", placeOn(engine, name, right, asked.namespace)].includes(right.namespace);
  });
};

const view = (engine: Engine, connection: string, asked: Asked): RightsView => ({
  provider: concerning(engine, connection, asked),
  here: concerning(engine, OURSELVES, asked),
});

const askedBy = (bindings: readonly AnyBinding[], namespace: string): Asked => ({
  apis: bindings.flatMap(answeredApis),
  related: bindings.flatMap(routesOf).map(({ resource }) => resource),
  namespace,
});

export const rightsOfConnection = (engine: Engine, name: string): RightsView =>
  view(engine, name, askedBy(engine.directory.bindingsOf(name), ""));

export const rightsOfBinding = (engine: Engine, binding: AnyBinding): RightsView =>
  view(engine, courseOf(engine.directory, binding).through, askedBy([binding], keyOf(binding).namespace));

/** Is what is allowed, on our own cluster or by the provider at hand, still being asked for the first time? */
export const areRightsUndecided = (engine: Engine, connection: string): boolean =>
  isAsked(engine, OURSELVES) || (engine.engagements.has(connection) && isAsked(engine, connection));

const isAsked = ({ standings }: Engine, name: string): boolean => {
  const { missing, unanswered } = standings.get(name) ?? { missing: null, unanswered: false };
  return missing === null && !unanswered;
};

const isConcerned = (name: string, connection: string): boolean => name === OURSELVES || name === connection;

/** Has everyone who reports those rights do so. */
export async function reportRights(engine: Engine, name: string): Promise<void> {
  const { directory } = engine;
  if (!directory.complete) return reportEarly(engine);
  for (const { metadata } of directory.connections.values()) {
    if (isConcerned(name, metadata.name)) engine.wake(connectionKey(metadata.name), PRIORITY.backlog);
  }
  for (const binding of directory.allBindings()) {
    if (!connectionsOf(binding).some((one) => isConcerned(name, one))) continue;
    engine.wake(bindingKey(binding.spec.connectionRef.name, keyOf(binding)), PRIORITY.backlog);
  }
}

/**
 * While our own objects cannot be listed no actor runs, perhaps for want of the very right that is missing: then it is
 * said directly on every Connection and binding that can be read.
 */
async function reportEarly(engine: Engine): Promise<void> {
  const here = engine.standings.get(OURSELVES)?.missing ?? [];
  if (here.length === 0) return;
  const update = localPermissionDenied({ provider: null, here });
  for (const resource of [CONNECTIONS, CLUSTER_BINDINGS, BINDINGS]) {
    const objects = await engine.consumer.list(resource).catch(() => []);
    for (const object of objects) await say(engine, resource, object, update);
  }
}

async function say(
  engine: Engine,
  resource: Resource,
  object: KubeObject,
  update: ReturnType<typeof localPermissionDenied>,
): Promise<void> {
  const conditions = nextConditions(object, [update], isoNow(engine.clock));
  const status: Status = { ...(object as Connection).status, conditions };
  await writeStatus(engine, resource, { note: () => undefined }, object, status);
}

/** Rights have come back: what waits for them need not wait any longer. */
export function tryAgain(engine: Engine, name: string): void {
  for (const syncer of engine.syncers.values()) {
    if (!isConcerned(name, syncer.connection)) continue;
    engine.timers.set(syncer.key, 0);
    if (name === OURSELVES) syncer.watching?.consumer.retry();
    else syncer.watching?.provider?.feeds.retry();
    retryRefused(engine, syncer, ["forbidden", "forbiddenHere"], 0);
  }
  for (const syncer of engine.related.values()) if (isConcerned(name, syncer.connection)) retryRelated(engine, syncer);
}

/** Of related objects both sides' rights may have been wanting: whatever was refused is tried again. */
function retryRelated(engine: Engine, { watching, connection, route }: RelatedSyncer): void {
  if (watching === null) return;
  for (const feeds of feedsOf(watching)) feeds.retry();
  for (const key of watching.table.troubled) engine.timers.set(relatedKey(connection, route, parseKey(key)), 0);
}

/** What may be done in the whole cluster is told, for the first time or anew: one watch may do where there are many. */
export function reconsider(engine: Engine, name: string): void {
  for (const syncer of engine.syncers.values()) {
    if (isConcerned(name, syncer.connection)) engine.wake(syncer.key, PRIORITY.backlog);
  }
  for (const syncer of engine.related.values()) {
    if (isConcerned(name, syncer.connection)) engine.wake(syncer.key, PRIORITY.backlog);
  }
}
