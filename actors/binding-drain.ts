// What still holds a binding that goes, leaves for another provider, or has let go of an API: objects that carry our finalizer,
// definitions that are still going, and related copies. Counts come from the tables; nothing is read.
// Rules: docs/reference/behaviour.md, "Bindings" and "Letting go without the provider".

import type { AnyBinding } from "../crds/binding.ts";
import { type ApiName, keyOf } from "../crds/kube-object.ts";
import type { BindingContext } from "../machines/binding.ts";
import { rule } from "../machines/rules/governing.ts";
import type { SyncerContext } from "../machines/syncer.ts";
import { courseOf } from "./course.ts";
import { bindingsSeen, syncerFor } from "./demand.ts";
import { answeredApis } from "./directory.ts";
import { type Engine, phaseOf } from "./engine.ts";
import { viewsOf } from "./governance.ts";
import { statePath } from "./host.ts";
import { isAnyLeft, isPassedOver, type RelatedLeft } from "./letting-go.ts";
import { noteHomes, noteNamespaces } from "./provider-namespaces.ts";
import { relatedHomes, relatedLeft } from "./related-report.ts";
import { busyIn, isAtRest, type Syncer } from "./syncer.ts";
import type { Tally } from "./table.ts";

/** Namespaces whose objects this binding answers for; with `namespace` its own only. */
export const namespacesOf = (binding: AnyBinding, syncer: Syncer): string[] => {
  const { namespace } = keyOf(binding);
  if (binding.kind === "Binding") return [namespace];
  return [...(syncer.watching?.table.namespaces() ?? [])];
};

export function tallyOf(syncer: Syncer, namespaces: string[]): Tally {
  const total: Tally = { claimed: 0, foreign: 0, another: 0, failing: 0, paused: 0 };
  for (const namespace of namespaces) {
    const one = syncer.watching?.table.tally(namespace);
    for (const field of Object.keys(total) as (keyof Tally)[]) total[field] += one?.[field] ?? 0;
  }
  return total;
}

const NOTHING_LEFT: RelatedLeft = { copies: 0, waiting: [] };

/** What still holds a deleting binding; null while that cannot be told. */
export function remaining(engine: Engine, binding: AnyBinding): BindingContext["remaining"] {
  const { through: connection } = courseOf(engine.directory, binding);
  const views = viewsOf(engine, connection);
  let objects = 0;
  const apis: ApiName[] = [];
  for (const api of answeredApis(binding)) {
    const syncer = syncerFor(engine, connection, api);
    noteNamespaces(engine, binding, syncer);
    const namespaces = namespacesOf(binding, syncer).filter(
      (namespace) => rule(views, api, namespace).mode === "drain",
    );
    objects += tallyOf(syncer, namespaces).claimed + busyIn(syncer, namespaces);
    if (!isDrained(engine, binding, syncer)) apis.push(api);
  }
  const awaited = relatedLeft(engine, binding);
  const related = isPassedOver(engine, binding, awaited, objects + apis.length === 0) ? NOTHING_LEFT : awaited;
  noteHomes(engine, binding, relatedHomes(engine, binding));
  const blocked = phaseOf(engine, connection);
  const why = blocked.state === "away" || blocked.state === "absent" ? `; ${blocked.reason}` : "";
  const beside = related.copies > 0 ? ` and ${related.copies} related object(s) a copy` : "";
  const waited = [...apis, ...related.waiting];
  const waiting = waited.length > 0 ? `; waiting for ${waited.join(", ")}` : "";
  const message = `${objects} object(s) still have a copy on the provider${beside}${waiting}${why}`;
  return { objects: objects + related.copies, apis: waited, message, stuck: why !== "" && isAnyLeft(related) };
}

/** Has the syncer seen this through? Not before it has looked at the bindings as they are now. */
function isDrained(engine: Engine, binding: AnyBinding, syncer: Syncer): boolean {
  const record = engine.records.get(syncer.key);
  if (record === undefined) return false;
  const { demand, crd } = record.context as SyncerContext;
  if (demand === undefined || syncer.seen !== bindingsSeen(engine, syncer)) return false;
  const isLast = demand.live === 0;
  if (isListedFor(binding, syncer) && (!isLast || binding.kind === "Binding")) return true;
  if (isLast) return isAtRest(statePath(record.value));
  return syncer.watching === null && holdsNothing(crd);
}

/** Only objects of a definition that came through the Connection can hold anything of its making. */
const holdsNothing = (crd: SyncerContext["crd"]): boolean => crd?.state === "absent" || crd?.mine === false;

/** Is it known what there is where the binding applies? */
function isListedFor(binding: AnyBinding, { watching }: Syncer): boolean {
  if (watching === null) return false;
  return binding.kind === "Binding" ? watching.consumer.isListed(keyOf(binding).namespace) : watching.consumer.whole;
}

/** An API that was taken out of the binding: has every object of it let go? */
export function hasLeft(engine: Engine, binding: AnyBinding, api: ApiName): boolean {
  const { through: connection } = courseOf(engine.directory, binding);
  const syncer = syncerFor(engine, connection, api);
  const views = viewsOf(engine, connection);
  const draining = namespacesOf(binding, syncer).filter((namespace) => rule(views, api, namespace).mode === "drain");
  return isDrained(engine, binding, syncer) && tallyOf(syncer, draining).claimed + busyIn(syncer, draining) === 0;
}
