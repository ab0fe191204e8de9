// Looks for objects that carry our finalizer where no binding makes us look: nobody else would ever take it off, and
// `kubectl delete` would wait for ever. One list of the whole cluster, metadata only, when the watches of an API begin and the
// namespaces are watched one by one; and each namespace that loses its Binding before it was known what is in it.
// Promises to look for nothing that another Connection acts for. Rule: docs/reference/behaviour.md, "Watch scope".

import { hasFinalizer, type KubeObject } from "../crds/kube-object.ts";
import { FINALIZER } from "../crds/labels.ts";
import { mayWatchAll } from "./access-reviews.ts";
import { listedApis } from "./directory.ts";
import type { Engine } from "./engine.ts";
import { isCaretaker } from "./governance.ts";
import { OURSELVES } from "./keys.ts";
import { PRIORITY } from "./ports.ts";
import { isRightMissing } from "./refusals.ts";
import type { Syncer, Watching } from "./syncer.ts";

/** Milliseconds until a look that came to nothing is tried again. */
const AGAIN = 2_000;

/** Stands for every object: of a whole cluster nothing is kept but where ours are. */
const SEEN = {} as KubeObject;

/** Nothing is left to be found out, or nothing can be. */
export const isSearched = ({ consumer, search: { state } }: Watching): boolean =>
  consumer.isWide || ["done", "refused", "idle"].includes(state);

/** Namespaces of the Bindings that list the API, of all Connections. */
const boundNow = ({ directory }: Engine, { api }: Syncer): ReadonlySet<string> =>
  new Set(
    [...directory.bindings.values()]
      .filter((binding) => listedApis(binding).includes(api))
      .map(({ metadata }) => metadata.namespace ?? ""),
  );

/** What is known of the namespaces that were looked for, and of those that no binding names any more. */
export function noteUnbound(engine: Engine, syncer: Syncer, watching: Watching): void {
  const { consumer, search } = watching;
  const bound = boundNow(engine, syncer);
  for (const namespace of watching.bound) if (!bound.has(namespace)) search.found.add(namespace);
  watching.bound = bound;
  for (const namespace of search.found) {
    // Once its list shows what is in it, what holds our finalizer is known.
    const isDone = consumer.isListed(namespace) || syncer.ruleFor(namespace).mode === "elsewhere";
    if (isDone) search.found.delete(namespace);
  }
}

/** Looks where that is called for, and wakes the syncer with what it has found. */
export function search(engine: Engine, syncer: Syncer, watching: Watching): void {
  const { consumer, search: it, shape } = watching;
  if (it.state === "under way" || it.state === "waiting") return;
  if (!isCaretaker(engine, syncer)) it.state = "idle";
  else if (it.state === "idle") it.state = "due";
  const allowed = mayWatchAll(engine, OURSELVES, shape.resource);
  // Only what a review has come to say: one that is older than the refusal would have it asked for again and again.
  if (it.state === "refused" && allowed === true && it.allowed !== true) it.state = "due";
  it.allowed = allowed;
  if (it.state === "due" && !consumer.isWide) void look(engine, syncer, watching);
}

async function look(engine: Engine, syncer: Syncer, watching: Watching): Promise<void> {
  const { search: it, shape } = watching;
  it.state = "under way";
  const trim = (object: KubeObject): KubeObject => {
    if (hasFinalizer(object, FINALIZER.syncer)) it.found.add(object.metadata.namespace ?? "");
    return SEEN;
  };
  try {
    await engine.consumer.list(shape.resource, { metadataOnly: true, trim });
    it.state = "done";
  } catch (error) {
    it.state = isRightMissing(error) ? "refused" : "waiting";
  }
  if (syncer.watching !== watching) return;
  if (it.state !== "waiting") return engine.wake(syncer.key, PRIORITY.backlog);
  it.cancel = engine.clock.after(AGAIN, () => {
    it.state = "due";
    engine.wake(syncer.key, PRIORITY.backlog);
  });
}
