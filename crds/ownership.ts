// Decides what to do about the CustomResourceDefinition of one API on this cluster, given the one to install and the one
// that is there. Pure: it answers with the write to make, or with why none is made. It never takes over a definition that
// somebody else made, and never lets two providers fight over one.
// Rules: docs/reference/behaviour.md, "Schema pull".

import { schemaHash } from "./canonical.ts";
import type { PullPolicy, UpdatePolicy } from "./connection.ts";
import type { Crd } from "./definition-object.ts";
import { crdCondition, isEstablished, namesAccepted, syncedVersion } from "./definition-object.ts";
import { isDeniedGroup } from "./denied-groups.ts";
import { isDeleting } from "./kube-object.ts";
import { ANNOTATION, LABEL } from "./labels.ts";
import type { CrdManifest, PulledCrd } from "./pull.ts";

/**
 * How another Connection relates to this one. same: it leads to the same provider; leaving: likewise, and it is being
 * deleted; different: to another provider; left: likewise, and nothing that leads there has to do with the definition any
 * more; gone: there is no such Connection; unknown: an identity is not known yet.
 */
export type Relation = "same" | "leaving" | "different" | "left" | "gone" | "unknown";

/** A spec we sent, and what the API server made of it: hashes of both. */
export interface AcceptedSpec {
  sent: string;
  stored: string;
}

export interface OwnershipFacts {
  /** Name of the Connection the API is wanted through. */
  connection: string;
  /** From `consumerCrd`, built with the same `existing`. */
  desired: PulledCrd;
  /** Versions the provider serves, from `exportedAPIs`. */
  providerVersions: readonly string[];
  /** The CRD of that name on this cluster, whole; undefined if there is none. */
  existing: Crd | undefined;
  pullPolicy: PullPolicy;
  updatePolicy: UpdatePolicy;
  relationTo: (connection: string) => Relation;
  /** What our last write was answered with, if this process made one (see `acceptedSpec`). */
  accepted?: AcceptedSpec | undefined;
  allowedGroups?: ReadonlySet<string>;
}

/** "ours": we made it and may remove it; "user": somebody else made it, and we only use it. */
export type Origin = "ours" | "user";

export type OwnershipDecision =
  /** Create `manifest`. */
  | { do: "create"; manifest: CrdManifest }
  /** Replace the whole object (PUT) by `manifest`; its uid and resourceVersion are the preconditions. */
  | { do: "update"; why: "schema" | "drift" | "stamp" | "handover" | "takeover"; manifest: Crd }
  /** It is installed and served; nothing to write. `owner`: the Connection it belongs to. `hash`: of what is installed. */
  | { do: "leave"; owner: string; origin: Origin; hash: string }
  /** Nothing to write now; decide again when something changes. */
  | { do: "wait"; reason: "Pending"; message: string }
  /** Must not be installed. */
  | { do: "refuse"; reason: "ForeignObjectExists" | "OwnedByAnother" | "SchemaRejected"; message: string };

type Facts = OwnershipFacts & { existing: Crd };

const annotation = (crd: Crd, name: string): string | undefined => crd.metadata.annotations?.[name];

const isLabelled = (crd: Crd): boolean => crd.metadata.labels?.[LABEL.managed] === "true";

export const originOf = (crd: Crd): Origin => (annotation(crd, ANNOTATION.crdOrigin) === "user" ? "user" : "ours");

/**
 * The Connection an installed CRD belongs to; undefined if it is not managed by a konnector. A lost label alone does not
 * make it foreign while both annotations stand: it is put back.
 */
export const ownerOf = (crd: Crd): string | undefined => {
  const connection = annotation(crd, ANNOTATION.connection);
  const managed = isLabelled(crd) || annotation(crd, ANNOTATION.schemaHash) !== undefined;
  return managed ? connection : undefined;
};

/** Hash of what is installed, for `crdHash`: what we wrote, or what a user's own definition says. */
export const installedHash = (crd: Crd): string =>
  (originOf(crd) === "ours" ? annotation(crd, ANNOTATION.schemaHash) : undefined) ?? schemaHash(crd.spec);

/** To be remembered after a create or update of the spec: what was sent, and what `answer` says is stored. */
export const acceptedSpec = (sent: PulledCrd, answer: Crd): AcceptedSpec => ({
  sent: sent.hash,
  stored: schemaHash(answer.spec),
});

/** The object to PUT: what is there, with our marks and perhaps another spec. Other people's marks stay. */
const rewritten = (existing: Crd, annotations: Record<string, string>, spec = existing.spec): Crd => ({
  apiVersion: existing.apiVersion,
  kind: existing.kind,
  metadata: {
    ...existing.metadata,
    // Left out, it stays as it is; sent, it would have to be right.
    managedFields: undefined,
    labels: { ...existing.metadata.labels, [LABEL.managed]: "true" },
    annotations: { ...existing.metadata.annotations, ...annotations },
  },
  spec,
});

const leave = (facts: Facts, owner: string): OwnershipDecision => {
  const { existing } = facts;
  if (isEstablished(existing)) return { do: "leave", owner, origin: originOf(existing), hash: installedHash(existing) };
  const names = crdCondition(existing, "NamesAccepted");
  const why = names !== undefined && !namesAccepted(existing) ? `: ${names.message ?? names.reason ?? ""}` : "";
  return { do: "wait", reason: "Pending", message: `${existing.metadata.name} is installed but not served yet${why}` };
};

/** Uses a definition that somebody else made, without changing what it says. */
const useAsUser = ({ existing, connection }: Facts): OwnershipDecision => ({
  do: "update",
  why: "stamp",
  manifest: rewritten(existing, { [ANNOTATION.connection]: connection, [ANNOTATION.crdOrigin]: "user" }),
});

/** What a definition says its objects are: those of another scope or kind are not the provider's, whatever they are called. */
const natureOf = ({ spec: { scope, names } }: Crd | CrdManifest): string => `${scope} ${names.kind}`;

/** Why a definition that somebody else made cannot stand for the provider's, though its schema need not be the same; "" if it can. */
function mismatch({ existing, desired, providerVersions }: Facts): string {
  const [here, there] = [natureOf(existing), natureOf(desired.manifest)];
  if (here !== there) return `is of ${here}, the provider's of ${there}`;
  const version = syncedVersion(existing)?.name;
  const isServed = version !== undefined && providerVersions.includes(version);
  return isServed ? "" : "serves no version that the provider serves";
}

const isUsable = (facts: Facts): boolean =>
  schemaHash(facts.existing.spec) === facts.desired.hash || (facts.pullPolicy === "None" && mismatch(facts) === "");

const refuseForeign = ({ existing, pullPolicy, ...facts }: Facts): OwnershipDecision => ({
  do: "refuse",
  reason: "ForeignObjectExists",
  message:
    pullPolicy === "None"
      ? `the definition ${existing.metadata.name} on this cluster ${mismatch({ existing, pullPolicy, ...facts })}`
      : `a definition ${existing.metadata.name} that no konnector installed exists on this cluster and differs from the provider's; remove it, make it equal, or use pullPolicy None`,
});

const decideForeign = (facts: Facts): OwnershipDecision => (isUsable(facts) ? useAsUser(facts) : refuseForeign(facts));

/**
 * Whether the spec on this cluster is another than the one we installed. An API server may store something else than was
 * sent (it drops fields it does not know); what it answered to our last write therefore counts as equal.
 */
const hasDrifted = ({ existing, desired, accepted }: Facts): boolean => {
  const stored = schemaHash(existing.spec);
  return stored !== desired.hash && !(accepted?.sent === desired.hash && accepted.stored === stored);
};

const replaceSpec = (facts: Facts, why: "schema" | "drift" | "takeover"): OwnershipDecision => {
  const { annotations } = facts.desired.manifest.metadata;
  return { do: "update", why, manifest: rewritten(facts.existing, annotations, facts.desired.manifest.spec) };
};

const decideUser = (facts: Facts): OwnershipDecision => {
  if (!isUsable(facts)) return refuseForeign(facts);
  return isLabelled(facts.existing) ? leave(facts, facts.connection) : useAsUser(facts);
};

const decideOwn = (facts: Facts): OwnershipDecision => {
  const { existing, desired, connection, pullPolicy, updatePolicy } = facts;
  if (originOf(existing) === "user") return decideUser(facts);
  if (pullPolicy !== "None" && updatePolicy === "Always") {
    if (annotation(existing, ANNOTATION.schemaHash) !== desired.hash) return replaceSpec(facts, "schema");
    if (hasDrifted(facts)) return replaceSpec(facts, "drift");
  }
  if (isLabelled(existing)) return leave(facts, connection);
  return { do: "update", why: "stamp", manifest: rewritten(existing, {}) };
};

/** Re-points it and leaves its spec alone; the next decision finds it as our own. */
const handOver = ({ existing, connection }: Facts, why: "handover" | "takeover" = "handover"): OwnershipDecision => ({
  do: "update",
  why,
  manifest: rewritten(existing, { [ANNOTATION.connection]: connection }),
});

/** From another provider, with its objects, which are on none: it becomes what this one's is, where it is ours to write. */
const takeOver = (facts: Facts): OwnershipDecision => {
  const mayWrite = originOf(facts.existing) === "ours" && facts.pullPolicy !== "None";
  if (mayWrite) return replaceSpec(facts, "takeover");
  return isUsable(facts) ? handOver(facts, "takeover") : refuseForeign(facts);
};

const refuseOther = ({ existing }: Facts, owner: string, state: string): OwnershipDecision => ({
  do: "refuse",
  reason: "OwnedByAnother",
  message: `the definition ${existing.metadata.name} on this cluster came through Connection ${owner}, which ${state}`,
});

const decideOther = (facts: Facts, owner: string): OwnershipDecision => {
  switch (facts.relationTo(owner)) {
    case "same":
      return leave(facts, owner);
    case "leaving":
      return handOver(facts);
    case "different":
      return refuseOther(facts, owner, "leads to another provider");
    case "left":
      return takeOver(facts);
    case "gone":
      return annotation(facts.existing, ANNOTATION.schemaHash) === facts.desired.hash
        ? handOver(facts)
        : refuseOther(facts, owner, "no longer exists; remove the definition, or its marks if it is to stay");
    case "unknown":
      return { do: "wait", reason: "Pending", message: `the provider of Connection ${owner} is not known yet` };
  }
};

const decideExisting = (facts: Facts): OwnershipDecision => {
  const { existing, connection } = facts;
  if (isDeleting(existing))
    return { do: "wait", reason: "Pending", message: `${existing.metadata.name} is being deleted on this cluster` };
  const owner = ownerOf(existing);
  if (owner === undefined) return decideForeign(facts);
  return owner === connection ? decideOwn(facts) : decideOther(facts, owner);
};

/** What to do about the definition of one API on this cluster. */
export const decideOwnership = (facts: OwnershipFacts): OwnershipDecision => {
  const { existing, desired, pullPolicy } = facts;
  const { group } = desired.manifest.spec;
  const { name } = desired.manifest.metadata;
  if (isDeniedGroup(group, facts.allowedGroups))
    return { do: "refuse", reason: "SchemaRejected", message: `${name}: no provider may deliver the group ${group}` };
  if (existing !== undefined) return decideExisting({ ...facts, existing });
  if (pullPolicy === "None")
    return { do: "wait", reason: "Pending", message: `${name} is not on this cluster, and pullPolicy is None` };
  return { do: "create", manifest: desired.manifest };
};
