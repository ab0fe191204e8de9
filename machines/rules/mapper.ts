// Where an object of the consumer lives on the provider. Every provider-side key in the program goes through a Mapper;
// which one is decided where the engine is built, never in the API. Ships with Identity.
// Rule: docs/reference/behaviour.md, "Mapper".

import type { Key, Resource } from "../../crds/kube-object.ts";

/**
 * `toConsumer(toProvider(k))` must equal `k`. Keys only: scope cannot change. The namespace of a copy depends on the
 * namespace of its object alone, so that it is known where to watch; whether a name depends on its namespace must not differ
 * between namespaces, so that an object can be asked for by its name in all of them. An exception fails that object's pass; on the way back
 * it drops the event.
 */
export interface Mapper {
  toProvider(resource: Resource, key: Key): Key;
  toConsumer(resource: Resource, key: Key): Key;
}

export const identityMapper: Mapper = {
  toProvider: (_resource, key) => key,
  toConsumer: (_resource, key) => key,
};

/**
 * The namespace of the provider in which the copies of a namespace's objects are; undefined where the Mapper throws. What has
 * no namespace has none there.
 */
export function homeOf(
  { mapper, resource }: { mapper: Mapper; resource: Resource },
  namespace: string,
): string | undefined {
  if (namespace === "") return "";
  try {
    return mapper.toProvider(resource, { namespace, name: "any" }).namespace;
  } catch {
    return undefined;
  }
}
