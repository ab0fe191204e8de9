// What the bindings of a Connection, as they are at this moment, ask for one API. The one place that looks, so that a
// syncer and the bindings that wait for it cannot disagree.

import type { ApiName } from "../crds/kube-object.ts";
import { type BindingView, demandFor } from "../machines/rules/governing.ts";
import type { SyncerFacts } from "../machines/syncer.ts";
import { viewOf } from "./directory.ts";
import type { Engine } from "./engine.ts";
import { syncerKey } from "./keys.ts";
import { createSyncer, type Syncer } from "./syncer.ts";

/** Every binding, deleting or not, that names the Connection, reduced to what governs. */
export const viewsOf = (engine: Engine, connection: string): BindingView[] =>
  engine.directory.bindingsOf(connection).map(viewOf);

const isClusterScoped = (engine: Engine, { crd, connection, api }: Syncer): boolean =>
  (crd?.spec.scope ?? engine.engagements.get(connection)?.offer(api)?.api.scope) === "Cluster";

/** How many bindings want the API of a syncer, and how many wait to be rid of it. */
export const demandOn = (engine: Engine, syncer: Syncer): SyncerFacts["demand"] =>
  demandFor(viewsOf(engine, syncer.connection), syncer.api, isClusterScoped(engine, syncer));

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
