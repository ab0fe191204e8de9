// What is known of one Connection, and the questions that its machine and its status ask of that knowledge. Pure.
// Rules: docs/reference/behaviour.md, "Connections".

import type { ExportedApi } from "../crds/connection.ts";
import { type Blocked, NOTHING_BLOCKED } from "./rules/blockers.ts";
import type { SchemaSource } from "./rules/schema-source.ts";

export interface ConnectionFact {
  uid: string;
  deleting: boolean;
  /** The user asked that nothing be written for it. */
  paused: boolean;
  /** Carries our finalizer. */
  claimed: boolean;
  /** The referenced Secret lies in the konnector's own namespace; any other is never read. */
  secretAllowed: boolean;
  /** Which Secret, for messages: namespace/name. */
  secretName: string;
  namespaceAllowed: string;
  /** Pinned identities, "" while unset. */
  remoteClusterUid: string;
  localClusterUid: string;
}

export interface SecretFact {
  present: boolean;
  /** Carries our finalizer, or can no longer get it because it is being deleted. */
  settled: boolean;
  /** Hash of the kubeconfig bytes; "" when the key is missing or empty, `problem` says which. */
  fingerprint: string;
  problem: string;
}

/** local: our own cluster refused; degraded: the provider answers, but not to this. */
export type ConnectionFault = "unreachable" | "unauthorized" | "forbidden" | "local" | "degraded";

export type Discovery =
  | { state: "unknown" }
  | {
      state: "complete";
      source: SchemaSource;
      exports: ExportedApi[];
      /** What could not be learned this time, group by group; what was known of it is among the exports. */
      missing: string[];
      /** How the source works where that is not the usual way, or "". */
      note: string;
    }
  /** `exports`: the last known, kept through any failure. `source`: null while `Auto` has not decided. */
  | {
      state: "failed";
      source: SchemaSource | null;
      fault: ConnectionFault;
      message: string;
      exports: ExportedApi[] | null;
    };

/** What the APIs that some binding or policy requires have come to on the consumer. */
export interface SchemaFact {
  /** What is not as the provider has it, of APIs that are in order. */
  notes?: string[];
  pending: string[];
  refused: { api: string; reason: string; message: string }[];
}

export interface ConnectionContext {
  connection: ConnectionFact | null | undefined;
  secret: SecretFact | undefined;
  /** Bindings, deleting or not, that name this Connection. */
  bindings: number | undefined;
  /** What a deletion waits for, by name: bindings that are there still, and deletions that are blocked. */
  awaited: { bindings: string[]; blocked: Blocked };
  /** Objects that still carry our finalizer; counted while the Connection is being deleted. */
  leftovers: number;
  schemas: SchemaFact;
  discovery: Discovery;
  /** Fingerprint of the kubeconfig that the engaged client was built from, or "". */
  engagedWith: string;
  /** Identities as read with the present kubeconfig. */
  identity: { remote: string; local: string } | null;
  /** The kubeconfig with this fingerprint can't be used. */
  unusable: { fingerprint: string; reason: "SecretNotFound" | "ForbiddenField"; message: string } | null;
  /** The last step that failed, until it is due again. */
  failed: { fault: ConnectionFault; message: string; fingerprint: string } | null;
  attempts: number;
  retryIn: number | null;
}

export type ConnectionEvent =
  | { type: "connection.seen"; connection: ConnectionFact }
  | { type: "connection.gone" }
  | { type: "secret.seen"; secret: SecretFact }
  | { type: "bindings.counted"; bindings: number; leftovers: number; awaited?: ConnectionContext["awaited"] }
  | { type: "schemas.seen"; schemas: SchemaFact }
  | { type: "discovery.seen"; discovery: Discovery }
  | { type: "pass" }
  | { type: "due" }
  | { type: "claimed" }
  | { type: "identified"; remote: string; local: string; fingerprint: string }
  | { type: "unusable"; fingerprint: string; reason: "SecretNotFound" | "ForbiddenField"; message: string }
  | { type: "pinned"; remote: string; local: string }
  /** The engaged client was asked again who is there; `local` where there was doubt about ourselves, too. */
  | { type: "verified"; remote: string; local?: string }
  | { type: "swept" }
  | { type: "released" }
  | { type: "failed"; fault: ConnectionFault; message: string; retryAfter?: number };

export const NOTHING_AWAITED: ConnectionContext["awaited"] = { bindings: [], blocked: NOTHING_BLOCKED };

export const initialConnectionContext: ConnectionContext = {
  connection: undefined,
  secret: undefined,
  bindings: undefined,
  awaited: NOTHING_AWAITED,
  leftovers: 0,
  schemas: { pending: [], refused: [] },
  discovery: { state: "unknown" },
  engagedWith: "",
  identity: null,
  unusable: null,
  failed: null,
  attempts: 0,
  retryIn: null,
};

/** Another cluster answers than the pinned one, or we are another. */
export const pinDiffers = ({ identity, connection }: ConnectionContext): boolean =>
  !!identity &&
  !!connection &&
  ((connection.remoteClusterUid !== "" && connection.remoteClusterUid !== identity.remote) ||
    (connection.localClusterUid !== "" && connection.localClusterUid !== identity.local));

export const pinMissing = ({ connection }: ConnectionContext): boolean =>
  !!connection && (connection.remoteClusterUid === "" || connection.localClusterUid === "");

/** A client is in use: that of the kubeconfig the Secret holds, or, while that one cannot be used, of the one before. */
export const isEngaged = ({ engagedWith }: ConnectionContext): boolean => engagedWith !== "";

/** The client in use is that of an earlier kubeconfig. */
export const isOutdated = (context: ConnectionContext): boolean =>
  isEngaged(context) && context.engagedWith !== context.secret?.fingerprint;

/** The present kubeconfig was tried and is not due again yet. */
export const failedRecently = ({ failed, secret }: ConnectionContext): boolean =>
  failed !== null && failed.fingerprint === secret?.fingerprint;

export const isDiscovered = ({ discovery }: ConnectionContext): boolean =>
  "exports" in discovery && discovery.exports !== null;

/** Both clients lead to one cluster, so whatever was seen through the first still holds. */
export const isSuccession = (context: ConnectionContext, next: { remote: string; local: string }): boolean =>
  isEngaged(context) && context.identity?.remote === next.remote && context.identity.local === next.local;

/** Failures of a new kubeconfig that are expected to pass: until then the client before it is good enough. */
const PASSING: ReadonlySet<ConnectionFault> = new Set(["unreachable", "local"]);

export const isPassing = ({ fault }: { fault: ConnectionFault }): boolean => PASSING.has(fault);

/**
 * Our finalizer is still to be put on the Connection, or on its Secret: also on one that comes back while a Connection that
 * is being deleted still needs it for its bindings.
 */
export const isUnclaimed = ({ connection, secret }: ConnectionContext): boolean => {
  if (!connection || connection.paused || (connection.deleting && !connection.claimed)) return false;
  return !connection.claimed || (connection.secretAllowed && !secret?.settled);
};

export const secretUnusable = ({ connection, secret, unusable }: ConnectionContext): boolean =>
  connection?.secretAllowed === false || !secret?.fingerprint || unusable?.fingerprint === secret.fingerprint;

/** Faults of the provider watch that put the whole client in doubt. */
export const LOST: ReadonlySet<ConnectionFault> = new Set(["unreachable", "unauthorized"]);
