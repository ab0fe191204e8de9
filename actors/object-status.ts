// The status of one synced object: the copy's, mirrored, and beside it why the object is not in sync, where its type keeps
// conditions. Shared tools: object-work.ts. Rule: docs/reference/behaviour.md, "Status".

import { contentHash } from "../crds/canonical.ts";
import type { Json } from "../crds/json.ts";
import type { KubeObject } from "../crds/kube-object.ts";
import type { ConsumerFact, ObjectContext } from "../machines/object-facts.ts";
import { mirrored, speaksOfNow, statusShown, troubleOf } from "../machines/object-trouble.ts";
import { mirroredStatus, statusFact } from "../machines/rules/status.ts";
import { isoNow } from "./engine.ts";
import { consumerFact, copyFact } from "./facts.ts";
import {
  type Answer,
  consumerBody,
  copyBody,
  COPY_REPLACED,
  GATE_MOVED,
  isPausedNow,
  kindName,
  onConsumer,
  patchConsumer,
  type Work,
} from "./object-work.ts";
import * as writes from "./object-writes.ts";

/** One patch of the status; none where the object shows already what it should. */
export const writeStatus = (work: Work, context: ObjectContext): Answer =>
  onConsumer(work, `patch ${kindName(work)} status`, async () => {
    const { consumer } = context;
    if (!consumer) return { type: "consumer.gone" };
    const { shape } = work.watching;
    const known = mirrored(context);
    const copy = known === null ? null : await copyBody(work);
    if (copy?.metadata.uid !== known?.uid) return COPY_REPLACED;
    if (isPausedNow(work)) return GATE_MOVED;
    const fact = await show(work, context, consumer, copy);
    const sent = statusShown(copy === null ? "" : statusFact(copy, shape.hasStatus).shape, troubleOf(context));
    return { type: "mirrored", consumer: fact, copy: copy && copyFact(shape, copy), sent };
  });

/** Without trouble the body here is not needed, and a settled object has none. */
async function show(
  work: Work,
  context: ObjectContext,
  consumer: ConsumerFact,
  copy: KubeObject | null,
): Promise<ConsumerFact> {
  const { shape } = work.watching;
  const trouble = troubleOf(context);
  const own = trouble === null ? null : await consumerBody(work);
  const plain = copy === null ? own?.status : translated(work, context, consumer, copy);
  const isSaid = trouble !== null && shape.keepsConditions;
  const status = isSaid ? writes.withSyncedFalse(plain, own?.status, trouble, isoNow(work.engine.clock)) : plain;
  if (own !== null && same(status, own.status)) return consumerFact(shape, own);
  return patchConsumer(work, writes.putStatus(consumer.uid, status), shape.hasStatus ? "status" : undefined);
}

const translated = ({ watching: { shape } }: Work, context: ObjectContext, consumer: ConsumerFact, copy: KubeObject) =>
  mirroredStatus(copy, consumer, shape.hasStatus, speaksOfNow(context, copyFact(shape, copy)));

const same = (one: Json | undefined, other: Json | undefined): boolean =>
  one === undefined || other === undefined ? one === other : contentHash(one) === contentHash(other);
