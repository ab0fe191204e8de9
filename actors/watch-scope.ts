// Which namespaces matter for one bound API on either side, as its bindings are at this moment and as far as its objects are
// known: those of its Bindings, those where objects are left that nobody else acts for, and those that may have some.
// Whether that becomes one watch or several is for the rule (machines/rules/watch-scope.ts) and for feeds.ts.
// Rule: docs/reference/behaviour.md, "Watch scope".

import { isDeleting } from "../crds/kube-object.ts";
import type { BindingView } from "../machines/rules/governing.ts";
import { homeOf } from "../machines/rules/mapper.ts";
import { type Scope, scopeFor } from "../machines/rules/watch-scope.ts";
import { mentioning } from "./demand.ts";
import { type Engine, phaseOf } from "./engine.ts";
import type { Syncer, Watching } from "./syncer.ts";

const isEverywhere = ({ shape }: Watching, bindings: readonly BindingView[]): boolean =>
  !shape.resource.namespaced || bindings.some(({ kind }) => kind === "ClusterBinding");

/** The definition goes, or the Connection, or no binding is left: whatever still holds our finalizer has to let go of it. */
const isGoing = (engine: Engine, syncer: Syncer, bindings: readonly BindingView[]): boolean =>
  bindings.length === 0 ||
  (syncer.crd !== null && isDeleting(syncer.crd)) ||
  phaseOf(engine, syncer.connection).state === "deleting";

/** Namespaces with objects of ours; those that another Connection acts for are none of our business. */
const held = ({ ruleFor }: Syncer, { table }: Watching): string[] =>
  table.namespaces().filter((one) => table.tally(one).claimed > 0 && ruleFor(one).mode !== "elsewhere");

/** What is to be watched of our own cluster. */
export function scopeHere(engine: Engine, syncer: Syncer, watching: Watching): Scope {
  const bindings = mentioning(engine, syncer);
  const bound = bindings.map(({ namespace }) => namespace).filter((namespace) => namespace !== "");
  // Where the whole cluster is needed and refused, the Bindings beside the ClusterBinding still have theirs.
  if (isEverywhere(watching, bindings)) return scopeFor({ everywhere: true, searching: false, namespaces: bound });
  return scopeFor({
    everywhere: false,
    searching: isGoing(engine, syncer, bindings),
    namespaces: [...bound, ...held(syncer, watching), ...watching.search.found],
  });
}

/**
 * What is to be watched of the provider: where the copies are of what is here, as soon as that is known, since it bounds what
 * a provider may have to tell. Undefined: as it is watched now, until more is known.
 */
export function scopeThere(engine: Engine, syncer: Syncer, watching: Watching): Scope | undefined {
  const { consumer, shape } = watching;
  const { namespaces } = scopeHere(engine, syncer, watching);
  const homes = (among: Iterable<string>) =>
    [...among].map((one) => homeOf(shape, one)).filter((home) => home !== undefined);
  const everywhere = isEverywhere(watching, mentioning(engine, syncer));
  const whole = scopeFor({ everywhere, searching: false, namespaces: homes(namespaces) });
  const isKnown = consumer.whole || (consumer.settled && !consumer.isWide);
  if (whole.wide !== "no") return isKnown ? whole : undefined;
  return { wide: "no", namespaces: new Set(homes([...namespaces].filter((one) => consumer.isListed(one)))) };
}
