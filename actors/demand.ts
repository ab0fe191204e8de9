// What the bindings of a Connection, as they are at this moment, ask for one API. The one place that looks, so that a
// syncer and the bindings that wait for it cannot disagree.

import { type ApiName, isDeleting } from "../crds/kube-object.ts";
import { type BindingView, demandFor } from "../machines/rules/governing.ts";
import type { SyncerFacts } from "../machines/syncer.ts";
import { listedApis, viewOf } from "./directory.ts";
import type { Engine } from "./engine.ts";
import { syncerKey } from "./keys.ts";
import { createSyncer, type Syncer } from "./syncer.ts";

/** Every binding, deleting or not, that names the Connection, reduced to what governs. */
export const viewsOf = (engine: Engine, connection: string): BindingView[] =>
  engine.directory.bindingsOf(connection).map(viewOf);

const isClusterScoped = (engine: Engine, { crd, connection, api }: Syncer): boolean =>
  (crd?.spec.scope ?? engine.engagements.get(connection)?.offer(api)?.api.scope) === "Cluster";

const remoteUid = (engine: Engine, connection: string): string =>
  engine.directory.connection(connection)?.status?.remoteClusterUID ?? "";

/** Connections, others than the syncer's, whose live or coming bindings list its API. */
const wantedThrough = (engine: Engine, { api, connection }: Syncer): string[] =>
  [...engine.directory.clusterBindings.values(), ...engine.directory.bindings.values()]
    .filter((binding) => binding.spec.connectionRef.name !== connection && !isDeleting(binding))
    .filter((binding) => listedApis(binding).includes(api))
    .map((binding) => binding.spec.connectionRef.name);

/** Will another Connection, as far as can be told to the same provider, go on with the objects of this syncer? */
export const isContinued = (engine: Engine, syncer: Syncer): boolean => {
  const ours = remoteUid(engine, syncer.connection);
  return wantedThrough(engine, syncer).some((other) => ["", ours].includes(remoteUid(engine, other)));
};

/** How many bindings want the API of a syncer, and how many wait to be rid of it. A CRD that others want stays. */
export function demandOn(engine: Engine, syncer: Syncer): SyncerFacts["demand"] {
  const demand = demandFor(viewsOf(engine, syncer.connection), syncer.api, isClusterScoped(engine, syncer));
  return { ...demand, takesCrd: demand.takesCrd && wantedThrough(engine, syncer).length === 0 };
}

/** Which bindings were looked at: a pass that saw others has not answered for these. */
export const bindingsSeen = (engine: Engine, { connection, api }: Syncer): string =>
  JSON.stringify(viewsOf(engine, connection).filter(({ apis, leaving }) => [...apis, ...leaving].includes(api)));

/** Does any binding of that Connection mention the API, or has it not let go of it yet? */
export const isMentioned = (engine: Engine, connection: string, api: ApiName): boolean =>
  viewsOf(engine, connection).some(({ apis, leaving }) => apis.includes(api) || leaving.includes(api));

/** The syncer of one API of one Connection; made when a binding first mentions it. */
export function syncerFor(engine: Engine, connection: string, api: ApiName): Syncer {
  const key = syncerKey(connection, api);
  const known = engine.syncers.get(key);
  if (known) return known;
  const syncer = createSyncer(connection, api);
  engine.syncers.set(key, syncer);
  return syncer;
}
