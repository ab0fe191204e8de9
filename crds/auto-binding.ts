// The ClusterBinding that a Connection with `autoBind` keeps for itself, as it stands on the consumer: its marks, which tell
// it from one that a user wrote, and the bodies of what is written to it. When that is done is decided in
// machines/rules/auto-bind.ts. Rules: docs/reference/behaviour.md, "autoBind".

import type { AnyBinding } from "./binding.ts";
import type { Connection } from "./connection.ts";
import { type ApiName, isDeleting, type KubeObject, type OwnerReference } from "./kube-object.ts";
import { LABEL } from "./labels.ts";
import { apiVersionOf, CLUSTER_BINDINGS, CONNECTIONS } from "./resources.ts";

const isController =
  ({ metadata }: KubeObject) =>
  (owner: OwnerReference): boolean =>
    owner.controller === true && owner.uid === metadata.uid;

/** Label and controller say that it is kept for this very Connection; a namesake of another origin is the user's. */
export const isKeptFor = (connection: Connection, { kind, metadata }: AnyBinding): boolean =>
  kind === CLUSTER_BINDINGS.kind &&
  metadata.name === connection.metadata.name &&
  metadata.labels?.[LABEL.managed] === "true" &&
  (metadata.ownerReferences ?? []).some(isController(connection));

/** Its APIs are ours to choose at the moment: what a user takes out of them is put back. */
export const isKeptNow = (connection: Connection | undefined, binding: AnyBinding): boolean =>
  connection?.spec.autoBind === true &&
  !isDeleting(connection) &&
  !isDeleting(binding) &&
  isKeptFor(connection, binding);

/** The fields of the spec that are kept; all others are the user's. */
export const keptFields = (connection: string, apis: readonly ApiName[]) => ({
  connectionRef: { name: connection },
  apis: apis.map((name) => ({ name })),
});

export const autoBinding = ({ metadata }: Connection, apis: readonly ApiName[]): unknown => ({
  apiVersion: apiVersionOf(CLUSTER_BINDINGS),
  kind: CLUSTER_BINDINGS.kind,
  metadata: {
    name: metadata.name,
    labels: { [LABEL.managed]: "true" },
    ownerReferences: [
      {
        apiVersion: apiVersionOf(CONNECTIONS),
        kind: CONNECTIONS.kind,
        name: metadata.name,
        uid: metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  },
  spec: keptFields(metadata.name, apis),
});

/** What stays of its marks once it is the user's. */
export function marksWithout(connection: Connection, { metadata }: AnyBinding) {
  const { [LABEL.managed]: _managed, ...labels } = metadata.labels ?? {};
  const isOurs = isController(connection);
  return { labels, ownerReferences: (metadata.ownerReferences ?? []).filter((owner) => !isOurs(owner)) };
}
