// What follows from Connections and bindings alone, computed once and kept until one of them changes in anything but its
// conditions: hundreds of Bindings are weighed together for each object, and almost always they are what they were.
// Promises that what is recalled is what would be computed now.

import type { AnyBinding } from "../crds/binding.ts";
import type { Connection } from "../crds/connection.ts";

const kept = new WeakMap<object, Map<string, unknown>>();

/** From now on `recall` keeps what is computed from this directory; the returned function forgets it. */
export function recalling(directory: object): () => void {
  const known = new Map<string, unknown>();
  kept.set(directory, known);
  return () => known.clear();
}

/** `compute` must depend on the Connections and bindings of the directory, and on `what`, and on nothing else. */
export function recall<T>(directory: object, what: string, compute: () => T): T {
  const known = kept.get(directory);
  if (known === undefined) return compute();
  if (!known.has(what)) known.set(what, compute());
  return known.get(what) as T;
}

/** Everything but the conditions. */
function gist(object: Connection | AnyBinding | undefined): string {
  if (object === undefined) return "";
  const { spec, metadata } = object;
  const { resourceVersion: _version, managedFields: _fields, ...rest } = metadata;
  const { conditions: _conditions, ...status } = (object.status ?? {}) as Record<string, unknown>;
  const bound = (status["boundAPIs"] as { name: string }[] | undefined)?.map(({ name }) => name);
  return JSON.stringify([rest, spec, { ...status, boundAPIs: bound }]);
}

/** May something that was computed from the object be different now? */
export const isOther = (
  before: Connection | AnyBinding | undefined,
  after: Connection | AnyBinding | undefined,
): boolean => gist(before) !== gist(after);
