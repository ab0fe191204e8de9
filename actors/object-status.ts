// The status of one synced object: the copy's, mirrored, and beside it why the object is not in sync, where its type keeps
// conditions. Shared tools: object-work.ts. Rule: docs/reference/behaviour.md, "Status".

import { contentHash } from "../crds/canonical.ts";
import type { Json } from "../crds/json.ts";
import type { KubeObject } from "../crds/kube-object.ts";
import type { ConsumerFact, ObjectContext } from "../machines/object-facts.ts";
import { mirrored, speaksOfNow, statusShown, type Trouble, troubleOf } from "../machines/object-trouble.ts";
import { mirroredStatus } from "../machines/rules/status.ts";
import { isoNow } from "./engine.ts";
import {
  type Answer,
  consumerBody,
  consumerFactOf,
  copyBody,
  copyFactOf,
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
    const known = mirrored(context);
    const copy = known === null ? null : await copyBody(work);
    return copy?.metadata.uid === known?.uid ? show(work, context, consumer, copy) : COPY_REPLACED;
  });

async function show(work: Work, context: ObjectContext, consumer: ConsumerFact, copy: KubeObject | null): Answer {
  const trouble = troubleOf(context);
  // A settled object has no body here, and without trouble none is needed.
  const own = trouble === null ? null : await consumerBody(work);
  if (isPausedNow(work)) return GATE_MOVED;
  const plain = copy === null ? own?.status : translated(work, context, consumer, copy);
  const shown = await put(work, consumer, own, withTrouble(work, plain, own, trouble));
  const fact = copy && copyFactOf(work, copy);
  return { type: "mirrored", consumer: shown, copy: fact, sent: statusShown(fact?.status.shape ?? "", trouble) };
}

const translated = (work: Work, context: ObjectContext, consumer: ConsumerFact, copy: KubeObject) =>
  mirroredStatus(copy, consumer, work.watching.shape.hasStatus, speaksOfNow(context, copyFactOf(work, copy)));

function withTrouble(work: Work, plain: Json | undefined, own: KubeObject | null, trouble: Trouble | null) {
  const isSaid = trouble !== null && work.watching.shape.keepsConditions;
  return isSaid ? writes.withSyncedFalse(plain, own?.status, trouble, isoNow(work.engine.clock)) : plain;
}

async function put(work: Work, consumer: ConsumerFact, own: KubeObject | null, status: Json | undefined) {
  const { shape } = work.watching;
  if (own !== null && same(status, own.status)) return consumerFactOf(work, own);
  return patchConsumer(work, writes.putStatus(consumer, status), shape.hasStatus ? "status" : undefined);
}

const same = (one: Json | undefined, other: Json | undefined): boolean =>
  one === undefined || other === undefined ? one === other : contentHash(one) === contentHash(other);
