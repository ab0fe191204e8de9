// The apply of a copy, and what it takes where maps of the copy become empty: an API server makes null of them, so they are
// emptied by one JSON patch, and the apply is made again. Costs two requests more, only where that happens.
// Rule: docs/reference/behaviour.md, "What travels".

import type { KubeObject } from "../crds/kube-object.ts";
import { FIELD_MANAGER } from "../crds/labels.ts";
import type { CopyFact, ObjectContext } from "../machines/object-facts.ts";
import { emptied } from "../machines/rules/emptied.ts";
import { copyBody, gateMoved, provider, type Work } from "./object-work.ts";
import * as writes from "./object-writes.ts";
import { type Applied, ApiError } from "./ports.ts";

const apply = (work: Work, projection: KubeObject, copy: Pick<CopyFact, "uid" | "resourceVersion"> | null) =>
  provider(work).apply(
    work.watching.shape.resource,
    work.providerKey,
    writes.guardedApply(projection, copy),
    FIELD_MANAGER,
  );

/** The fields that were refused because null would have stood there. */
const nulled = (error: unknown): string[] =>
  error instanceof ApiError && error.status === 422 && error.message.includes('Invalid value: "null"')
    ? error.causes.flatMap(({ field }) => (field === undefined ? [] : [field]))
    : [];

type Path = readonly string[];

/** The copy in which these maps are empty; null where there are none, or the write is no longer wanted. */
async function empty(work: Work, context: ObjectContext, held: KubeObject, paths: Path[]): Promise<KubeObject | null> {
  if (paths.length === 0 || gateMoved(work, context.gate)) return null;
  const { resource } = work.watching.shape;
  const patched = await provider(work).patch(resource, work.providerKey, writes.emptyMaps(held, paths));
  return gateMoved(work, context.gate) ? null : patched;
}

/** Guarded: the first write of a copy where `copy` is null, else of that very state. Rejects as an apply does. */
export async function applyWhole(
  work: Work,
  context: ObjectContext,
  projection: KubeObject,
  copy: CopyFact | null,
): Promise<Applied> {
  try {
    const applied = await apply(work, projection, copy);
    const paths = emptied(projection, applied.object, (held) => held === null);
    const patched = await empty(work, context, applied.object, paths);
    return patched === null ? applied : await apply(work, projection, patched.metadata);
  } catch (error) {
    const fields = copy === null ? [] : nulled(error);
    const held = fields.length === 0 ? null : await copyBody(work);
    if (held === null || held.metadata.resourceVersion !== copy?.resourceVersion) throw error;
    const paths = emptied(projection, held, () => true).filter((path) => fields.includes(path.join(".")));
    const patched = await empty(work, context, held, paths);
    if (patched === null) throw error;
    return apply(work, projection, patched.metadata);
  }
}
