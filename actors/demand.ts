// What the bindings of a Connection and its own policy, as they are at this moment, ask for one API. The one place that
// looks, so that a syncer and the bindings that wait for it cannot disagree.

import { type ApiName, isDeleting } from "../crds/kube-object.ts";
import { type BindingView, demandFor } from "../machines/rules/governing.ts";
import type { SyncerFacts } from "../machines/syncer.ts";
import { connectionPause, listedApis } from "./directory.ts";
import type { Engine } from "./engine.ts";
import { beside, isEager, isWantedElsewhere, viewNow } from "./governance.ts";
import { syncerKey } from "./keys.ts";
import { recall } from "./recall.ts";
import { createSyncer, type Syncer } from "./syncer.ts";

/** The bindings whose objects go through the syncer's own Connection, reduced to what governs. */
const ownViews = (engine: Engine, { connection }: Pick<Syncer, "connection">): BindingView[] =>
  recall(engine.directory, `views of ${connection} ${beside(engine)}`, () =>
    engine.directory
      .bindingsOf(connection)
      .map((binding) => viewNow(engine, binding))
      .filter((view) => view.connection === connection),
  );

const isClusterScoped = (engine: Engine, { crd, connection, api }: Syncer): boolean =>
  (crd?.spec.scope ?? engine.engagements.get(connection)?.offer(api)?.api.scope) === "Cluster";

/** How many bindings want the API of a syncer, and how many wait to be rid of it. A CRD that others want stays. */
export function demandOn(engine: Engine, syncer: Syncer): SyncerFacts["demand"] {
  const isScoped = isClusterScoped(engine, syncer);
  const demand = recall(engine.directory, `demand on ${syncer.key} ${isScoped} ${beside(engine)}`, () =>
    demandFor(ownViews(engine, syncer), syncer.api, isScoped),
  );
  const eager = isEager(engine, syncer.connection, syncer.api);
  const paused = connectionPause(engine.directory, syncer.connection) !== "" || (demand.paused && !eager);
  const takesCrd = demand.takesCrd && !paused && !eager && !isWantedElsewhere(engine, syncer);
  return { ...demand, eager, paused, takesCrd };
}

/** Does a live or coming binding of that Connection, or its own policy, want the API on this cluster? */
export const isDemanded = (engine: Engine, connection: string, api: ApiName): boolean =>
  isEager(engine, connection, api) ||
  engine.directory
    .bindingsOf(connection)
    .filter(({ spec }) => spec.connectionRef.name === connection)
    .some((binding) => !isDeleting(binding) && listedApis(binding).includes(api));

/** The bindings of its Connection that list the API of a syncer, or have not let go of it yet. */
export const mentioning = (engine: Engine, syncer: Syncer): BindingView[] =>
  recall(engine.directory, `mentioning ${syncer.key} ${beside(engine)}`, () =>
    ownViews(engine, syncer).filter(({ apis, leaving }) => apis.includes(syncer.api) || leaving.includes(syncer.api)),
  );

/** Which bindings were looked at: a pass that saw others has not answered for these. */
export const bindingsSeen = (engine: Engine, syncer: Syncer): string =>
  recall(engine.directory, `seen by ${syncer.key} ${beside(engine)}`, () => JSON.stringify(mentioning(engine, syncer)));

/** Has the Connection, by a binding or by its policy, anything to do with the API, or not let go of it yet? */
export const isMentioned = (engine: Engine, syncer: Syncer): boolean =>
  isEager(engine, syncer.connection, syncer.api) || mentioning(engine, syncer).length > 0;

/** The syncer of one API of one Connection; made when a binding first mentions it. */
export function syncerFor(engine: Engine, connection: string, api: ApiName): Syncer {
  const key = syncerKey(connection, api);
  const known = engine.syncers.get(key);
  if (known) return known;
  const syncer = createSyncer(connection, api);
  engine.syncers.set(key, syncer);
  return syncer;
}
