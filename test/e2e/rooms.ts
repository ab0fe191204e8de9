// A namespace of a test's own, on both sides, and an object in it that is synced: where most tests begin.

import type { Key, Resource } from "../../crds/kube-object.ts";
import { NAMESPACES } from "../../crds/resources.ts";
import { object } from "./conditions.ts";
import type { Landscape } from "./landscape.ts";
import { instance } from "./manifests.ts";
import { at, type Body } from "./objects.ts";

export async function makeRoom({ provider, consumer }: Landscape, namespace: string): Promise<void> {
  const body = { metadata: { name: namespace } };
  await Promise.all([provider, consumer].map(({ objects }) => objects.create(NAMESPACES, body)));
}

/** Creates an instance called "one" in a namespace of that name, and waits for its copy. */
export async function syncedIn(
  land: Landscape,
  type: Resource,
  namespace: string,
  spec?: Body,
  metadata: Body = {},
): Promise<{ key: Key; copy: Body }> {
  await makeRoom(land, namespace);
  const key = at("one", namespace);
  const body = instance(type, key.name, namespace, spec);
  await land.consumer.objects.create(type, { ...body, metadata: { ...body.metadata, ...metadata } });
  return { key, copy: await object(land.provider.objects, type, key, "to be there") };
}
