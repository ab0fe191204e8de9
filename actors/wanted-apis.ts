// The APIs that the bindings of a Connection ask for, reduced to what decides which rights they need.

import type { AnyBinding } from "../crds/binding.ts";
import { type ApiName, isDeleting, keyOf } from "../crds/kube-object.ts";
import type { WantedApi } from "../machines/rules/needed-rights.ts";
import { answeredApis } from "./directory.ts";
import type { Engine } from "./engine.ts";
import { syncerKey } from "./keys.ts";
import type { Syncer } from "./syncer.ts";

interface Known {
  api: ApiName;
  offered: boolean;
  namespaced: boolean;
  syncer: Syncer | undefined;
}

/** What is known of the API; what is not known yet is taken as it mostly is: offered, with objects in namespaces. */
function known(engine: Engine, connection: string, api: ApiName): Known {
  const syncer = engine.syncers.get(syncerKey(connection, api));
  const engagement = engine.engagements.get(connection);
  const offer = engagement?.offer(api);
  const isListed = engagement?.discovery().state === "complete";
  const scope = offer?.api.scope ?? syncer?.crd?.spec.scope ?? "Namespaced";
  return { api, offered: !isListed || offer !== undefined, namespaced: scope === "Namespaced", syncer };
}

/** Where on the provider the objects of a namespace are; a Mapper's exception costs only the answer. */
function mapped(engine: Engine, { syncer }: Known, namespace: string): string {
  const shape = syncer?.watching?.shape;
  if (shape === undefined) return namespace;
  try {
    return engine.settings.mapper.toProvider(shape.resource, { namespace, name: "any" }).namespace;
  } catch {
    return namespace;
  }
}

/** Does the binding ask for it? A Binding has nothing to do for an API whose objects have no namespace. */
const isReached = (binding: AnyBinding, { offered, namespaced }: Known): boolean =>
  offered && (namespaced || binding.kind === "ClusterBinding");

/** Everywhere for a ClusterBinding, in one more namespace for a Binding. */
function reach(before: WantedApi | undefined, binding: AnyBinding, namespace: string): WantedApi["namespaces"] {
  if (binding.kind === "ClusterBinding" || before?.namespaces === "all") return "all";
  return [...new Set([...(before?.namespaces ?? []), namespace])];
}

function add(engine: Engine, before: WantedApi | undefined, binding: AnyBinding, it: Known): WantedApi {
  const hasStatus = it.syncer?.watching?.shape.hasStatus;
  return {
    name: it.api,
    namespaced: it.namespaced,
    namespaces: reach(before, binding, mapped(engine, it, keyOf(binding).namespace)),
    live: before?.live === true || !isDeleting(binding),
    ...(hasStatus === undefined ? {} : { hasStatus }),
  };
}

/** In the order of their names. */
export function wantedApis(engine: Engine, connection: string): WantedApi[] {
  const wanted = new Map<ApiName, WantedApi>();
  for (const binding of engine.directory.bindingsOf(connection)) {
    for (const api of answeredApis(binding)) {
      const it = known(engine, connection, api);
      if (isReached(binding, it)) wanted.set(api, add(engine, wanted.get(api), binding, it));
    }
  }
  return [...wanted.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
