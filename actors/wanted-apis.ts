// The APIs that the bindings of a Connection ask for, reduced to what decides which rights they need.

import type { AnyBinding } from "../crds/binding.ts";
import { type ApiName, isDeleting, keyOf } from "../crds/kube-object.ts";
import { homeOf } from "../machines/rules/mapper.ts";
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

/** Where on the provider the copies are; what the Mapper cannot say needs no right either. */
function homesOf({ settings }: Engine, { syncer }: Known, namespace: string): string[] {
  const shape = syncer?.watching?.shape;
  if (shape === undefined) return [namespace];
  const home = homeOf({ mapper: settings.mapper, resource: shape.resource }, namespace);
  return home === undefined ? [] : [home];
}

/** Does the binding ask for it? A Binding has nothing to do for an API whose objects have no namespace. */
const isReached = (binding: AnyBinding, { offered, namespaced }: Known): boolean =>
  offered && (namespaced || binding.kind === "ClusterBinding");

interface Wanted extends Omit<WantedApi, "namespaces" | "homes"> {
  everywhere: boolean;
  namespaces: Set<string>;
  homes: Set<string>;
}

const fresh = ({ api, namespaced, syncer }: Known): Wanted => {
  const hasStatus = syncer?.watching?.shape.hasStatus;
  const known = hasStatus === undefined ? {} : { hasStatus };
  return { name: api, namespaced, live: false, everywhere: false, namespaces: new Set(), homes: new Set(), ...known };
};

/** Everywhere for a ClusterBinding, in one more namespace for a Binding. */
function add(engine: Engine, wanted: Wanted, binding: AnyBinding, it: Known): void {
  wanted.live ||= !isDeleting(binding);
  wanted.everywhere ||= binding.kind === "ClusterBinding";
  if (binding.kind === "ClusterBinding") return;
  const { namespace } = keyOf(binding);
  wanted.namespaces.add(namespace);
  for (const home of homesOf(engine, it, namespace)) wanted.homes.add(home);
}

const told = ({ everywhere, namespaces, homes, ...api }: Wanted): WantedApi => ({
  ...api,
  namespaces: everywhere ? "all" : [...namespaces],
  homes: everywhere ? "all" : [...homes],
});

/** In the order of their names. */
export function wantedApis(engine: Engine, connection: string): WantedApi[] {
  const wanted = new Map<ApiName, Wanted>();
  for (const binding of engine.directory.bindingsOf(connection)) {
    for (const api of answeredApis(binding)) {
      const it = known(engine, connection, api);
      if (!isReached(binding, it)) continue;
      const one = wanted.get(api) ?? fresh(it);
      wanted.set(api, one);
      add(engine, one, binding, it);
    }
  }
  return [...wanted.values()].map(told).sort((a, b) => (a.name < b.name ? -1 : 1));
}
