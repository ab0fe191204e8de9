// What status a consumer object shows: an exact mirror of its copy's, with `observedGeneration` translated from the
// copy's generations to the object's own, so that "ready" is said at the right moment and never of an older spec.
// Rule: docs/reference/behaviour.md, "Status".

import { contentHash } from "../../crds/canonical.ts";
import type { Json } from "../../crds/json.ts";
import type { KubeObject } from "../../crds/kube-object.ts";

type Fields = Record<string, Json>;

/** A status reduced to what a comparison needs; computed from one side's object alone. */
export interface StatusFact {
  /** Hash of the status with every observedGeneration blanked; "" when there is no status. */
  shape: string;
  /** Places whose observedGeneration equals that object's own generation: "" for the root, else a condition's type. */
  current: readonly string[];
  /** What stands at the other places; absent where there are none, which is the rule. */
  behind?: ReadonlyMap<string, Json>;
}

const NO_STATUS: StatusFact = { shape: "", current: [] };

const ROOT = "";
const BLANK = "observed";

const isFields = (value: Json | undefined): value is Fields =>
  value !== null && typeof value === "object" && !Array.isArray(value);

const typeOf = ({ type }: Fields): string => (typeof type === "string" ? type : "");

/** Copies `status` with each observedGeneration (root and conditions) replaced by what `replace` says for its place. */
function withObserved(status: Json, replace: (observed: Json, place: string) => Json): Json {
  if (!isFields(status)) return status;
  const result: Fields = { ...status };
  if (result["observedGeneration"] !== undefined) {
    result["observedGeneration"] = replace(result["observedGeneration"], ROOT);
  }
  if (Array.isArray(result["conditions"])) {
    result["conditions"] = result["conditions"].map((condition) =>
      isFields(condition) && condition["observedGeneration"] !== undefined
        ? { ...condition, observedGeneration: replace(condition["observedGeneration"], typeOf(condition)) }
        : condition,
    );
  }
  return result;
}

/** `translated: false` is for types without a status subresource, whose generation moves with status: values as they are. */
export function statusFact(object: KubeObject, translated: boolean): StatusFact {
  const { status } = object;
  if (status === undefined) return NO_STATUS;
  if (!translated) return { shape: contentHash(status), current: [] };
  const current: string[] = [];
  const behind = new Map<string, Json>();
  const blanked = withObserved(status, (observed, place) => {
    if (observed === object.metadata.generation) current.push(place);
    else behind.set(place, observed);
    return BLANK;
  });
  return { shape: contentHash(blanked), current, ...(behind.size === 0 ? {} : { behind }) };
}

/** Is a status write owed? Only meaningful while the specs of both sides agree. */
export const statusOwed = (consumer: StatusFact, copy: StatusFact): boolean =>
  consumer.shape !== copy.shape || copy.current.some((place) => !consumer.current.includes(place));

/** What the consumer object shows at the moment, and its generation. */
export interface Published {
  generation: number;
  status: StatusFact;
}

const shownAt = ({ generation, status }: Published, place: string): Json =>
  status.current.includes(place) ? generation : (status.behind?.get(place) ?? Math.max(0, generation - 1));

/**
 * The status the consumer object should carry, or undefined for none. An observedGeneration equal to the copy's
 * generation becomes the consumer's; an older one keeps what is published there, or else the generation before. So does every
 * one while the specs differ (`isInSync` false): it is not of this spec.
 */
export function mirroredStatus(
  copy: KubeObject,
  published: Published,
  translated: boolean,
  isInSync = true,
): Json | undefined {
  if (copy.status === undefined || !translated) return copy.status;
  return withObserved(copy.status, (observed, place) =>
    isInSync && observed === copy.metadata.generation ? published.generation : shownAt(published, place),
  );
}
