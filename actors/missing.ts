// What a complete list no longer shows although it cannot have gone: our own kinds, and objects that carry our finalizer. A
// server that answers with half of what it has would have us unbind, release and report what is still there, so each is looked
// for by its name before it counts as gone; until then everything stays as it was known. Nothing is asked otherwise.
// Rule: docs/reference/behaviour.md, "Lists that are wrong".

import type { Key, KubeObject, Resource } from "../crds/kube-object.ts";
import { parseKey } from "../crds/kube-object.ts";
import type { Clock, Cluster } from "./ports.ts";
import { isRightMissing, isStatus, isTypeMissing } from "./refusals.ts";
import type { Watching } from "./syncer.ts";

/** Milliseconds until one that could not be looked for is looked for again. */
const AGAIN = 2_000;

interface World {
  consumer: Pick<Cluster, "get">;
  clock: Clock;
}

/** Resolves once there is an answer, with undefined where there is no such object. Asks no more once it is over. */
export async function lookUp(
  { consumer, clock }: World,
  resource: Resource,
  key: Key,
  isOver: () => boolean,
): Promise<KubeObject | undefined> {
  for (;;) {
    try {
      return await consumer.get(resource, key);
    } catch (error) {
      // Without the right to ask, the list is the best word there is.
      if (isRightMissing(error) || (isStatus(error, 404) && !isTypeMissing(error))) return undefined;
    }
    // Not even "it is over" is an answer: somebody might take it for one.
    await new Promise<void>((resolve) => clock.after(AGAIN, () => isOver() || resolve()));
  }
}

export interface Missing {
  /** It is there. */
  seen: (object: KubeObject) => void;
  /** It is not. */
  gone: (object: KubeObject) => void;
}

/** One after the other: after a restore from a backup there may be thousands. */
export async function lookForAll(
  world: World,
  { table, shape }: Pick<Watching, "table" | "shape">,
  keys: readonly string[],
  { seen, gone }: Missing,
  isOver: () => boolean,
): Promise<void> {
  for (const id of keys) {
    const key = parseKey(id);
    const found = table.isDoubted(id) ? await lookUp(world, shape.resource, key, isOver) : undefined;
    const known = table.get(id)?.consumer;
    // Something has been told of it meanwhile.
    if (isOver() || !known || !table.isDoubted(id)) continue;
    const { uid, resourceVersion } = known;
    if (found) seen(found);
    else gone({ apiVersion: "", kind: "", metadata: { ...key, uid, resourceVersion } });
  }
}
