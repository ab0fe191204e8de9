// Whose is a provider object? Decided from its two marker annotations alone; nothing that is not ours is ever written.
// Rule: docs/reference/behaviour.md, "Ownership of copies".

import { ANNOTATION } from "../../crds/labels.ts";
import type { KubeObject } from "../../crds/kube-object.ts";

export interface Markers {
  /** UID of the consumer cluster; "" when the annotation is absent. */
  clusterUid: string;
  /** UID of the consumer object; "" when the annotation is absent. */
  objectUid: string;
}

export type Ownership = "ours" | "foreign" | "another";

export const markersOf = (object: KubeObject): Markers => ({
  clusterUid: object.metadata.annotations?.[ANNOTATION.consumerClusterUid] ?? "",
  objectUid: object.metadata.annotations?.[ANNOTATION.consumerObjectUid] ?? "",
});

/** Both absent: foreign. Both equal to ours: ours. Anything else, our own cluster with another object included: another. */
export function ownership(found: Markers, ours: Markers): Ownership {
  if (found.clusterUid === "" && found.objectUid === "") return "foreign";
  return found.clusterUid === ours.clusterUid && found.objectUid === ours.objectUid ? "ours" : "another";
}
