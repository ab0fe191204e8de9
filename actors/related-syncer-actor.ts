// Looks after one route of related objects: keeps its watches as the rules want them, weighs its objects again when what the
// bindings mean has changed, and tells the bindings. Holds no machine: what it does follows from what is there at the moment.
// Rules: docs/reference/behaviour.md, "Related objects".

import type { AnyBinding } from "../crds/binding.ts";
import { connectionsOf } from "../crds/bound-connection.ts";
import { keyOf } from "../crds/kube-object.ts";
import { isSameRoute, routesOf } from "../crds/related.ts";
import { type Engine, phaseOf } from "./engine.ts";
import { bindingKey } from "./keys.ts";
import { PRIORITY } from "./ports.ts";
import { toldOf } from "./related-report.ts";
import { bindingsText, relatedSyncerFor, rulesOn } from "./related-ruling.ts";
import { feedsOf, type RelatedSyncer } from "./related-syncer.ts";
import { keepRelatedWatches, weighAllRelated } from "./related-watches.ts";

/** One pass. Rejects only for bugs. */
export function relatedSyncerPass(engine: Engine, syncer: RelatedSyncer): Promise<void> {
  engine.timers.takeDue(syncer.key);
  const mine = rulesOn(engine, syncer).filter(({ connection }) => connection === syncer.connection);
  keepRelatedWatches(engine, syncer, mine);
  const { state } = phaseOf(engine, syncer.connection);
  const ruled = JSON.stringify([bindingsText(engine, syncer), state, ...shownBy(syncer)]);
  if (ruled !== syncer.ruled) {
    syncer.ruled = ruled;
    weighAllRelated(engine, syncer);
  }
  tell(engine, syncer);
  // Whoever mentions the route again starts anew.
  if (syncer.watching === null && syncer.busy === 0 && state === "absent") engine.related.delete(syncer.key);
  return Promise.resolve();
}

/** What is told by the watches: a list that stands again may decide over what was held meanwhile. */
const shownBy = ({ watching }: RelatedSyncer): unknown[] => {
  if (watching === null) return [];
  return [watching.epoch, ...feedsOf(watching).map(({ whole, trouble }) => [whole, trouble === null])];
};

/** Bindings say what stands in the way of their related objects, and wait for their copies to go. */
function tell(engine: Engine, syncer: RelatedSyncer): void {
  const told = toldOf(engine, syncer);
  if (told === syncer.told) return;
  syncer.told = told;
  for (const binding of engine.directory.bindingsOf(syncer.connection)) {
    const isConcerned = routesOf(binding).some((route) => isSameRoute(route, syncer.route));
    if (isConcerned) engine.wake(bindingKey(binding.spec.connectionRef.name, keyOf(binding)), PRIORITY.backlog);
  }
}

/** A binding has changed: whoever carries for it, or for others beside it, looks again. */
export function wakeRelated(engine: Engine, binding: AnyBinding): void {
  const routes = routesOf(binding);
  for (const name of connectionsOf(binding)) for (const route of routes) relatedSyncerFor(engine, name, route);
  for (const syncer of engine.related.values()) {
    if (routes.some((route) => isSameRoute(route, syncer.route))) engine.wake(syncer.key);
  }
}
