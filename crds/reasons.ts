// The one registry of words that programs may rely on, with condition-types.ts: condition reasons, event reasons and the
// causes of a blocked deletion. Code takes its words from the types below, and docs/reference/conditions.md is generated from
// here. A word that code uses must not be marked as reserved, and one that none uses must be.
// Rules: docs/reference/behaviour.md, "Conditions".

import type { ConditionType, Subject, Word } from "./condition-types.ts";

/** `<subject> <condition type>=<status>` */
type Place = `${Subject} ${ConditionType}=${"True" | "False" | "Unknown"}`;

interface ReasonEntry extends Word {
  on: readonly Place[];
}

interface EventEntry extends Word {
  type: "Normal" | "Warning";
  /** The kinds of objects the Event is about. */
  on: readonly Subject[];
}

export const REASONS = {
  AsExpected: {
    on: [
      "Connection Ready=True",
      "Connection SecretValid=True",
      "Connection Connected=True",
      "Connection PermissionDenied=False",
      "Connection LocalPermissionDenied=False",
      "Connection SchemaInSync=True",
      "Binding Ready=True",
      "Binding Connected=True",
      "Binding Synced=True",
      "Binding Conflicts=False",
      "Binding OrphanedCopies=False",
      "Binding PermissionDenied=False",
      "Binding LocalPermissionDenied=False",
      "API Ready=True",
    ],
    when: "Everything is as it should be.",
    todo: "Nothing.",
    origin: "established",
  },
  Pending: {
    on: [
      "Connection Ready=False",
      "Connection Connected=False",
      "Connection SchemaInSync=False",
      "Connection PermissionDenied=Unknown",
      "Connection LocalPermissionDenied=Unknown",
      "Connection SecretValid=Unknown",
      "Connection SchemaInSync=Unknown",
      "Binding Ready=False",
      "Binding Connected=False",
      "Binding Synced=False",
      "Binding Synced=Unknown",
      "Binding Conflicts=Unknown",
      "Binding PermissionDenied=Unknown",
      "Binding LocalPermissionDenied=Unknown",
      "API Ready=False",
    ],
    when: "Something is awaited that is expected to come: the provider's answer, the Connection, a definition that is not served yet. With status Unknown: it cannot be told at the moment.",
    todo: "Wait; if it lasts, the message says for what.",
    origin: "established",
  },
  SecretNotFound: {
    on: ["Connection Ready=False", "Connection SecretValid=False", "Connection Connected=False"],
    when: "The Secret is missing or cannot be read, the key is missing or empty, or its content is no kubeconfig. On Connected: there is no usable Secret, whatever the cause.",
    todo: "Create or mend the Secret as the message says; any change of it is noticed at once.",
    origin: "established",
  },
  NamespaceNotAllowed: {
    on: ["Connection Ready=False", "Connection SecretValid=False"],
    when: "The Connection refers to a Secret outside the namespace the konnector reads kubeconfigs from; the Secret is not even read.",
    todo: "Put the Secret into that namespace (kube-bind by default) and create a Connection that refers to it there.",
    origin: "new",
  },
  ForbiddenField: {
    on: ["Connection Ready=False", "Connection SecretValid=False"],
    when: "The kubeconfig uses something that is refused because it would run a program, read a local file or lower security.",
    todo: "Replace the field that the message names: embed certificates and tokens as data.",
    origin: "new",
  },
  Unauthorized: {
    on: ["Connection Ready=False", "Connection Connected=False"],
    when: "The provider does not accept the credential (401).",
    todo: "Put a valid credential into the Secret.",
    origin: "new",
  },
  Forbidden: {
    on: [
      "Connection Ready=False",
      "Connection Connected=False",
      "Connection PermissionDenied=True",
      "Connection LocalPermissionDenied=True",
      "Connection SchemaInSync=False",
      "Binding Ready=False",
      "Binding Synced=False",
      "Binding PermissionDenied=True",
      "Binding LocalPermissionDenied=True",
      "API Ready=False",
      "Instance Synced=False",
    ],
    when: "A right that is needed is missing: the provider's credential lacks it or, on LocalPermissionDenied, the konnector on its own cluster.",
    todo: "Grant the verb and resource that the message names on the side that it names.",
    origin: "established",
  },
  ClusterIdentityChanged: {
    on: ["Connection Ready=False", "Connection Connected=False"],
    when: "The kubeconfig leads to another cluster than the one this Connection is pinned to, or this cluster's own identity has changed.",
    todo: "Point the Secret back at the old cluster, or create a new Connection for the new one.",
    origin: "established",
  },
  SchemaRejected: {
    on: ["Connection SchemaInSync=False", "Binding Ready=False", "Binding Synced=False", "API Ready=False"],
    when: "This cluster does not accept the API's definition, or the API is in a group that no provider may deliver.",
    todo: "Have the provider correct the definition that the message names; it is tried again by itself.",
    origin: "new",
  },
  ForeignObjectExists: {
    on: [
      "Connection SchemaInSync=False",
      "Binding Ready=False",
      "Binding Synced=False",
      "Binding Conflicts=True",
      "API Ready=False",
      "Instance Synced=False",
    ],
    when: "Something of that name exists that no konnector made: an object on the provider, or a definition on this cluster.",
    todo: "Remove or rename one of the two, or let the binding adopt objects with conflictPolicy Adopt.",
    origin: "established",
  },
  OwnedByAnother: {
    on: [
      "Connection SchemaInSync=False",
      "Binding Ready=False",
      "Binding Synced=False",
      "Binding Conflicts=True",
      "API Ready=False",
      "Instance Synced=False",
    ],
    when: "Something of that name belongs to another consumer, to another object, or came through a Connection to another provider.",
    todo: "Remove or rename one of the two; it is never taken over.",
    origin: "established",
  },
  InvalidRelatedResource: {
    on: ["Binding Ready=False", "Binding Synced=False"],
    when: "A rule in spec.relatedResources cannot be followed as it is written; the other rules and the APIs are.",
    todo: "Correct the field that the message names.",
    origin: "new",
  },
  SelectorRequired: {
    on: ["Binding Ready=False", "Binding Synced=False"],
    when: "A rule of a ClusterBinding selects nothing in particular, so that every Secret or ConfigMap of this cluster would go to the provider; it is not followed.",
    todo: "Say which objects are meant, by names or by labels.",
    origin: "new",
  },
  DrainingBindings: {
    on: ["Connection Ready=False"],
    when: "The Connection is being deleted and waits for the bindings that still refer to it.",
    todo: "Delete the bindings; the message counts them.",
    origin: "established",
  },
  DrainingObjects: {
    on: ["Binding Ready=False", "Binding Synced=False"],
    when: "The binding is being deleted, refers to a Connection to another provider by now, or an API was taken out of it, and copies on the provider are still to be removed.",
    todo: 'Wait; if it lasts, the message names what blocks the deletion. Where that will not be mended, annotate a binding that is being deleted with core.kube-bind.io/release: "true".',
    origin: "established",
  },
  DeletionBlocked: {
    on: ["Binding Synced=False", "Instance Synced=False"],
    when: "An object here is being deleted, but its copy on the provider cannot be removed yet.",
    todo: "Remove the cause that the message names; see the causes of a blocked deletion.",
    origin: "new",
  },
  APINotExported: {
    on: ["Binding Ready=False", "Binding Synced=False", "API Ready=False"],
    when: "The provider does not offer the API, or no longer does. Existing copies stay, and deletions go on working.",
    todo: "Correct the name in the binding, or have the provider export the API.",
    origin: "established",
  },
  ClusterScopedAPI: {
    on: ["Binding Ready=False", "Binding Synced=False", "API Ready=False"],
    when: "A namespaced Binding lists an API whose objects have no namespace.",
    todo: "List it in a ClusterBinding.",
    origin: "new",
  },
  ConversionWebhook: {
    on: ["Connection SchemaInSync=False", "Binding Ready=False", "Binding Synced=False", "API Ready=False"],
    when: "The provider converts between the API's versions with a webhook, which cannot be reproduced here.",
    todo: "Have the provider offer the API with one version, or without a conversion webhook.",
    origin: "new",
  },
  CoveredByClusterBinding: {
    on: ["Binding Ready=False", "Binding Synced=False", "API Ready=False"],
    when: "A ClusterBinding syncs this API in all namespaces, so this Binding, or younger ClusterBinding, has nothing to do for it; it takes over when that one goes.",
    todo: "Remove the API from one of the two.",
    origin: "new",
  },
  CoveredByBinding: {
    on: ["Binding Ready=False", "Binding Synced=False", "API Ready=False"],
    when: "An older Binding syncs this API in the same namespace, so this one has nothing to do for it; it takes over when that one goes.",
    todo: "Remove the API from one of the two.",
    origin: "new",
  },
  SyncFailed: {
    on: ["Binding Synced=False"],
    when: "Some of the binding's objects cannot be synced.",
    todo: "Look at the Events of the objects that the message names.",
    origin: "new",
  },
  SyncRejected: {
    on: ["Instance Synced=False"],
    when: "The provider does not accept the object: a field it does not know, a wrong type, stricter validation.",
    todo: "Correct the field that the message names; it is tried again at once after a change, and slowly otherwise.",
    origin: "new",
  },
  FieldsContested: {
    on: ["Instance Synced=False"],
    when: "Somebody on the provider keeps changing fields back that this object sets, or keeps deleting its copy. It is written at most ten times a minute meanwhile; the provider's status is still mirrored.",
    todo: "Find the writer that the message names and let one of the two go without those fields. It is taken back by itself when the other stops.",
    origin: "new",
  },
  NamespaceTerminating: {
    on: ["Instance Synced=False"],
    when: "The namespace of that name is being deleted on the provider, so nothing can be created in it.",
    todo: "Wait until it is gone on the provider; the object is synced then.",
    origin: "new",
  },
  Paused: {
    on: ["Connection Ready=False", "Binding Ready=False", "Binding Synced=False", "API Ready=False"],
    when: "Writes are stopped by the annotation core.kube-bind.io/paused: for a binding its own or its Connection's, on Synced also that of some of its objects.",
    todo: "Remove the annotation, where the message says, to go on.",
    origin: "new",
  },
  OrphanedCopies: {
    on: ["Binding OrphanedCopies=True"],
    when: "Copies on the provider have lost their object here without having been deleted.",
    todo: "Decide whether the copies are still wanted and remove the others by hand.",
    origin: "new",
  },
} as const satisfies Record<string, ReasonEntry>;

export type Reason = keyof typeof REASONS;

export const EVENT_REASONS = {
  ForeignObjectExists: {
    type: "Warning",
    on: ["Instance"],
    when: "The object starts to be in conflict with an object on the provider that no konnector made.",
    todo: "Remove or rename one of the two, or let the binding adopt objects with conflictPolicy Adopt.",
    origin: "established",
  },
  OwnedByAnother: {
    type: "Warning",
    on: ["Instance"],
    when: "The object starts to be in conflict with another owner's object on the provider.",
    todo: "Remove or rename one of the two; it is never taken over.",
    origin: "established",
  },
  Adopted: {
    type: "Normal",
    on: ["Instance"],
    when: "An object on the provider that nobody owned was taken over; from now on it is deleted together with the object here.",
    todo: "Nothing.",
    origin: "new",
  },
  Forbidden: {
    type: "Warning",
    on: ["Instance"],
    when: "A right is missing to create, change or delete the copy or its namespace on the provider, or to write to the object on this cluster.",
    todo: "Grant the verb and resource that the message names on the side that it names.",
    origin: "established",
  },
  SyncRejected: {
    type: "Warning",
    on: ["Instance"],
    when: "The provider does not accept the object: its schema, an admission webhook or a quota refuses it.",
    todo: "Correct what the message names, or have the provider make room.",
    origin: "new",
  },
  FieldsContested: {
    type: "Warning",
    on: ["Instance"],
    when: "Somebody on the provider begins to keep changing fields of the copy back, or to delete it again and again; the message names who, as far as the copy tells.",
    todo: "Find that writer and let one of the two go without those fields.",
    origin: "new",
  },
  NamespaceTerminating: {
    type: "Warning",
    on: ["Instance"],
    when: "The namespace of that name is being deleted on the provider.",
    todo: "Wait until it is gone on the provider; the object is synced then.",
    origin: "new",
  },
  GuardNotHonoured: {
    type: "Warning",
    on: ["Instance"],
    when: "The provider ignored the guard of a first write, so that an existing object may have been changed. That API is read before each first write from now on.",
    todo: "Check the object on the provider, and whether something between the clusters rewrites requests.",
    origin: "new",
  },
  Paused: {
    type: "Normal",
    on: ["Instance"],
    when: "Nothing is written for the object any more: the annotation core.kube-bind.io/paused is on it, or it is on its binding or Connection and there is something that it holds back.",
    todo: "Remove the annotation, where the message says, to go on.",
    origin: "new",
  },
  DeletionBlocked: {
    type: "Warning",
    on: ["Instance"],
    when: "The object is being deleted, but its copy on the provider cannot be removed yet.",
    todo: "Remove the cause that the message names.",
    origin: "new",
  },
  FinalizerReleased: {
    type: "Warning",
    on: ["Binding", "Instance"],
    when: "Objects were let go without the provider's word, because an operator said so: by the annotation core.kube-bind.io/release on a binding that is being deleted, by --drain-timeout, or by deletion-policy Orphan. The message counts the copies that may be left there.",
    todo: "Remove the copies on the provider if they are no longer wanted; they still carry the marks of this cluster.",
    origin: "new",
  },
  NamespacesKept: {
    type: "Normal",
    on: ["Binding"],
    when: "The binding goes; the namespaces that its copies brought to the provider are kept, and the message counts them.",
    todo: "Delete them on the provider if they are no longer wanted.",
    origin: "new",
  },
  LeaseHeldByAnother: {
    type: "Warning",
    on: ["Connection"],
    when: "The heartbeat Lease of this cluster on the provider has another holder, so it is not renewed; nothing else is affected.",
    todo: "Find out who holds it: two clusters with the same identity must not use one provider. Otherwise delete the Lease there.",
    origin: "new",
  },
  SchemaSourceChanged: {
    type: "Normal",
    on: ["Connection"],
    when: "With source Auto, the first labelled definition appeared on the provider, so the source moved from OpenAPI to CRD.",
    todo: "Check that every API that is bound carries the label on the provider.",
    origin: "new",
  },
} as const satisfies Record<string, EventEntry>;

export type EventReason = keyof typeof EVENT_REASONS;

/** Causes of a blocked deletion, as messages of DeletionBlocked and DrainingObjects name and count them. */
export const DELETION_BLOCKERS = {
  ProviderFinalizer: {
    when: "The copy on the provider waits for a finalizer of somebody else.",
    todo: "Have the provider's controller finish, or remove its finalizer there.",
    origin: "new",
  },
  ProviderUnreachable: {
    when: "The provider does not answer, fails, or is not engaged: its Secret, its credential or its identity is not in order.",
    todo: "Mend what the message names, or set core.kube-bind.io/deletion-policy: Orphan on the object to keep the copy.",
    origin: "new",
  },
  Forbidden: {
    when: "The provider does not allow the copy to be read or deleted, or this cluster the object to be let go of.",
    todo: "Grant the right that the message names, or set core.kube-bind.io/deletion-policy: Orphan on the object to keep the copy.",
    origin: "new",
  },
  Paused: {
    when: "Writes are stopped by the annotation core.kube-bind.io/paused.",
    todo: "Remove the annotation.",
    origin: "new",
  },
} as const satisfies Record<string, Word>;

export type DeletionBlocker = keyof typeof DELETION_BLOCKERS;

/** Whether the registry knows this reason for this status of this condition of this subject. */
export const isRegistered = (subject: Subject, type: string, status: string, reason: string): boolean => {
  const entry = (REASONS as Record<string, ReasonEntry>)[reason];
  return entry !== undefined && entry.on.some((place) => place === `${subject} ${type}=${status}`);
};
