// The names the konnector writes on, or reads from, Kubernetes objects: labels, annotations, finalizers, field managers.
// They are a wire format shared with objects already in clusters; none may change its meaning.
// Rules: docs/reference/behaviour.md, "Names".

export const GROUP = "core.kube-bind.io";

const name = <const N extends string>(suffix: N) => `${GROUP}/${suffix}` as const;

export const LABEL = {
  /** On a provider CRD, set by the provider's operator: exactly "true" exports it. */
  exported: name("exported"),
  /** "true" on everything the konnector wrote: consumer CRDs, copies, namespaces, Lease. */
  managed: name("managed"),
  /** On copies and created namespaces: the consumer cluster's UID, so that a watch selects our own only. */
  consumerClusterUid: name("consumer-cluster-uid"),
} as const;

export const ANNOTATION = {
  /** On a consumer CRD: name of the Connection it came through. */
  connection: name("connection"),
  /** On a consumer CRD: hash of the spec we installed. */
  schemaHash: name("schema-hash"),
  /** On a consumer CRD that we use but did not create: "user". */
  crdOrigin: name("crd-origin"),
  /** On copies and created namespaces: UID of the consumer cluster. */
  consumerClusterUid: name("consumer-cluster-uid"),
  /** On copies: UID of the consumer object. */
  consumerObjectUid: name("consumer-object-uid"),
  /** On consumer instances: why they are not synced; removed once they are. */
  conflict: name("conflict"),
  /** On consumer instances, by the user: "Orphan" keeps the provider copy on deletion. */
  deletionPolicy: name("deletion-policy"),
  /** On copies of related objects: UID of the binding that they are for. */
  relatedBinding: name("related-binding"),
  /** On a binding: which kinds of related objects it may have copies of, and where: "secrets/FromConsumer". */
  relatedCopies: name("related-copies"),
  /** On a binding: name of the Connection through which its objects are synced. */
  boundConnection: name("bound-connection"),
  /** On Connections, bindings and consumer instances, by the user: exactly "true" stops every write for it. */
  paused: name("paused"),
  /** On a binding that is being deleted, by an operator: exactly "true" lets go of its objects without the provider's word. */
  release: name("release"),
} as const;

export const FINALIZER = {
  /** On consumer instances: holds deletion until the provider copy is gone. */
  syncer: name("syncer"),
  /** On Connections, bindings and the Secrets Connections reference. */
  cleanup: name("cleanup"),
} as const;

export const FIELD_MANAGER = "kube-bind-konnector";
/** Of the copies of related Secrets and ConfigMaps. */
export const RELATED_FIELD_MANAGER = "kube-bind-konnector-related";
export const EVENT_COMPONENT = "kube-bind-konnector";
