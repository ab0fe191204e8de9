// The condition types of the registry, and the vocabulary its tables share; the reasons are in reasons.ts.
// Rules: docs/reference/behaviour.md, "Conditions".

/** Who carries a condition. Binding: both binding kinds; API: one entry of `boundAPIs`; Instance: a synced object. */
export type Subject = "Connection" | "Binding" | "API" | "Instance";

/** "established": known from before this program, shared with other tools; "new": introduced here. Both are stable. */
type Origin = "established" | "new";

export interface Word {
  /** When it appears: a full sentence. */
  when: string;
  /** What a person should do about it: a full sentence. */
  todo: string;
  origin: Origin;
  /** The name and its meaning are fixed, but nothing in the program uses it yet. */
  reserved?: true;
}

interface ConditionTypeEntry extends Word {
  on: readonly Subject[];
}

export const CONDITION_TYPES = {
  Ready: {
    on: ["Connection", "Binding", "API"],
    when: "The summary: everything asked for works. On a binding it is False if it is False for any of its APIs; the others go on syncing.",
    todo: "If it is not True, read its reason and message, then the condition the reason belongs to.",
    origin: "established",
  },
  SecretValid: {
    on: ["Connection"],
    when: "The Secret was read and holds a kubeconfig that may be used.",
    todo: "If it is False, mend the Secret or the reference; the konnector notices by itself.",
    origin: "established",
  },
  Connected: {
    on: ["Connection", "Binding"],
    when: "On a Connection: the provider answered and is the cluster it always was. On a binding: its Connection is Ready.",
    todo: "If it is False, check the provider's address, the credential and the network between the clusters.",
    origin: "established",
  },
  PermissionDenied: {
    on: ["Connection", "Binding"],
    when: "The provider refuses something the konnector needs; True is the bad state.",
    todo: "If it is True, grant the verb and resource that the message names on the provider.",
    origin: "established",
  },
  LocalPermissionDenied: {
    on: ["Connection", "Binding"],
    when: "This cluster refuses the konnector something it needs; True is the bad state. It never speaks of the provider.",
    todo: "If it is True, grant the verb and resource that the message names to the konnector's account, on this cluster.",
    origin: "new",
  },
  SchemaInSync: {
    on: ["Connection"],
    when: "Every API definition that the pull policy and the bindings require is installed and served on this cluster.",
    todo: "If it is False, the message lists the APIs concerned; each binding says more about its own.",
    origin: "established",
  },
  Synced: {
    on: ["Binding", "Instance"],
    when: "On a binding: its objects are in sync. On a synced object it appears only while it is False, and only if its CRD keeps it.",
    todo: "If it is False, look at the Events of the objects that the message names.",
    origin: "established",
  },
  Conflicts: {
    on: ["Binding"],
    when: "Objects are not synced because the provider has objects of those names that are not ours; True is the bad state.",
    todo: "If it is True, find them by the annotation core.kube-bind.io/conflict and rename or remove one side.",
    origin: "established",
  },
  OrphanedCopies: {
    on: ["Binding"],
    when: "Copies on the provider have lost their object here without having been deleted; nothing removes them by itself.",
    todo: "If it is True, decide whether the copies are still wanted and remove the others by hand.",
    origin: "new",
  },
} as const satisfies Record<string, ConditionTypeEntry>;

export type ConditionType = keyof typeof CONDITION_TYPES;
