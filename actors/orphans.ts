// Copies whose objects are not here any more without having been deleted: an operator took our finalizer off by force, or this
// cluster was restored from a backup. They are counted for the bindings that reach them and never deleted. What is only so for
// a moment, while both sides tell of one deletion, is not told.
// Rule: docs/reference/behaviour.md, "Objects".

import { keyOf, parseKey } from "../crds/kube-object.ts";
import type { OrphanedCopies } from "../machines/binding.ts";
import { answeredApis } from "./directory.ts";
import type { Engine } from "./engine.ts";
import { bindingKey } from "./keys.ts";
import { PRIORITY } from "./ports.ts";
import type { Syncer } from "./syncer.ts";

/** Milliseconds for which a copy must have been without its object before that is told. */
const PATIENCE = 2_000;

/** As both sides show them at the moment; undefined while the provider's is not known, which changes nothing. */
function orphansOf({ watching }: Syncer): ReadonlySet<string> | undefined {
  if (watching?.provider?.feeds.whole !== true) return undefined;
  const { table, consumer } = watching;
  // Where nobody looks, nothing is missing.
  return new Set([...table.orphans].filter((key) => consumer.isListed(parseKey(key).namespace)));
}

function wakeBindings(engine: Engine, { connection, api }: Syncer): void {
  for (const binding of engine.directory.bindingsOf(connection)) {
    if (answeredApis(binding).includes(api)) engine.wake(bindingKey(connection, keyOf(binding)), PRIORITY.backlog);
  }
}

const same = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
  one.size === other.size && [...one].every((key) => other.has(key));

/** Something of them may have changed. Looks twice, so that what passes by itself is never told. */
export function noteOrphans(engine: Engine, syncer: Syncer): void {
  // Not one by one for thousands of objects that come and go: most of the time there are none.
  if (syncer.orphansAwaited || (syncer.watching?.table.orphans.size === 0 && syncer.orphans.size === 0)) return;
  const before = orphansOf(syncer);
  if (before === undefined || same(before, syncer.orphans)) return;
  syncer.orphansAwaited = true;
  engine.clock.after(PATIENCE, () => {
    syncer.orphansAwaited = false;
    const now = orphansOf(syncer);
    if (now === undefined) return;
    syncer.orphans = new Set([...now].filter((key) => before.has(key)));
    wakeBindings(engine, syncer);
    noteOrphans(engine, syncer);
  });
}

const MOST_NAMES = 5;

/** A copy as kubectl on the provider is told of it. */
export const copyName =
  ({ settings: { mapper } }: Engine) =>
  ({ api, watching }: Syncer, key: string): string => {
    if (watching === null) return api;
    const { namespace, name } = mapper.toProvider(watching.shape.resource, parseKey(key));
    return `${api} ${name}${namespace === "" ? "" : ` -n ${namespace}`}`;
  };

/** Those in namespaces that `concerns` says. */
export function orphanedIn(
  syncers: readonly Syncer[],
  nameOf: ReturnType<typeof copyName>,
  concerns: (namespace: string) => boolean,
): OrphanedCopies {
  const names: string[] = [];
  let count = 0;
  for (const syncer of syncers) {
    for (const key of syncer.orphans) {
      if (!concerns(parseKey(key).namespace)) continue;
      count++;
      if (names.length < MOST_NAMES) names.push(nameOf(syncer, key));
    }
  }
  return { count, names };
}
