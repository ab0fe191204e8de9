// What a Connection says about itself: its machine's state and memory turned into conditions and exports. Pure; every
// condition is computed anew each time, so none goes stale. Rules: docs/reference/behaviour.md, "Conditions".

import type { ConditionUpdate } from "../crds/conditions.ts";
import type { ExportedApi } from "../crds/connection.ts";
import { thatFit } from "../crds/exports.ts";
import type { Reason } from "../crds/reasons.ts";
import { type ConnectionContext, isOutdated } from "./connection-facts.ts";
import { blockedMessage } from "./rules/blockers.ts";
import type { SchemaSource } from "./rules/schema-source.ts";
import { localPermissionDenied, NOTHING_MISSING, permissionDenied, type RightsView } from "./permission-status.ts";

export interface ConnectionState {
  /** The machine rests in `ready`. */
  ready: boolean;
  /** Another cluster answers than the pinned one. */
  identityChanged: boolean;
}

type Verdict = { status: "True" | "False" | "Unknown"; reason: Reason; message: string };

const GOOD = (message: string): Verdict => ({ status: "True", reason: "AsExpected", message });
const no = (reason: Reason, message: string): Verdict => ({ status: "False", reason, message });

function secretValid({ connection, secret, unusable }: ConnectionContext): Verdict {
  if (!connection) return { status: "Unknown", reason: "Pending", message: "not looked at yet" };
  const { secretName, namespaceAllowed } = connection;
  if (!connection.secretAllowed) {
    const message = `kubeconfigSecretRef points at ${secretName}; only Secrets in namespace ${namespaceAllowed} are read. Put the Secret there and create a Connection that refers to it`;
    return no("NamespaceNotAllowed", message);
  }
  if (secret?.present !== true) return no("SecretNotFound", `Secret ${secretName} does not exist`);
  if (secret.fingerprint === "") return no("SecretNotFound", `Secret ${secretName}: ${secret.problem}`);
  if (unusable?.fingerprint === secret.fingerprint) {
    return no(unusable.reason, `Secret ${secretName}: ${unusable.message}`);
  }
  return GOOD(`Secret ${secretName} holds a usable kubeconfig`);
}

const changedMessage = ({ connection, identity }: ConnectionContext): string =>
  `pinned to provider ${connection?.remoteClusterUid} and consumer ${connection?.localClusterUid}, but found ` +
  `provider ${identity?.remote} and consumer ${identity?.local}; nothing is read or written until the old cluster is back`;

/** What is in use is not what the Secret holds: whoever waits for a rotation to take effect must be able to see it. */
const outdatedNote = (context: ConnectionContext): string =>
  isOutdated(context)
    ? `; still with the previous kubeconfig, since the one in the Secret cannot be used yet: ${context.failed?.message}`
    : "";

function connected(state: ConnectionState, context: ConnectionContext, secret: Verdict): Verdict {
  if (secret.status !== "True") return no("SecretNotFound", secret.message);
  if (state.identityChanged) return no("ClusterIdentityChanged", changedMessage(context));
  if (context.engagedWith !== "") {
    return GOOD(`the provider answered and is the cluster this Connection is pinned to${outdatedNote(context)}`);
  }
  const { failed } = context;
  if (failed?.fault === "unauthorized") return no("Unauthorized", failed.message);
  if (failed?.fault === "forbidden") return no("Forbidden", failed.message);
  return no("Pending", failed?.message ?? "connecting to the provider");
}

/** Refusals for want of a right that are in the way at the moment, in the provider's words. */
const refusals = ({ failed, discovery }: ConnectionContext): string[] => [
  ...(failed?.fault === "forbidden" ? [failed.message] : []),
  ...(discovery.state === "failed" && discovery.fault === "forbidden" ? [discovery.message] : []),
];

const BOUND = 10;
const listed = (names: string[]): string =>
  names.slice(0, BOUND).join(", ") + (names.length > BOUND ? ` and ${names.length - BOUND} more` : "");

function schemaInSync({ discovery, schemas, engagedWith }: ConnectionContext): Verdict {
  const refused = schemas.refused[0];
  if (refused) {
    const all = schemas.refused.map(({ api, message }) => `${api}: ${message}`);
    return no(refused.reason as Reason, listed(all));
  }
  if (discovery.state === "failed") return no("Pending", `discovery of exported APIs: ${discovery.message}`);
  if (engagedWith === "") return { status: "Unknown", reason: "Pending", message: "not connected" };
  if (discovery.state === "unknown") return no("Pending", "the exported APIs are being listed");
  if (schemas.pending.length > 0) return no("Pending", `waiting for ${listed(schemas.pending)}`);
  if (discovery.missing.length > 0) {
    return no(
      "Pending",
      `the provider does not tell at the moment what it serves in ${listed(discovery.missing)}; what was known of it is kept`,
    );
  }
  const notes = [discovery.note, listed(schemas.notes ?? [])].filter((note) => note !== "");
  return GOOD(["every required API is installed and served", ...notes].join("; "));
}

/** What the last complete list shows, or null when this engagement has not seen one. */
export const knownExports = ({ discovery }: ConnectionContext): ExportedApi[] | null =>
  discovery.state === "unknown" ? null : discovery.exports;

/** The source that the known exports come from, or null while there are none. */
export const knownSource = ({ discovery }: ConnectionContext): SchemaSource | null =>
  discovery.state === "unknown" || discovery.exports === null ? null : discovery.source;

/** What it waits for; where something keeps that from coming about, `trouble` says what. */
function drainingMessage(
  { bindings = 0, leftovers, awaited }: ConnectionContext,
  trouble: Verdict | undefined,
): string {
  const names = awaited.bindings.join(", ") + (bindings > awaited.bindings.length ? " and more" : "");
  const what =
    bindings === 0
      ? `${leftovers} object(s) still have a copy on the provider`
      : `${bindings} binding(s) still refer to this Connection; delete them: ${names}`;
  return [what, blockedMessage(awaited.blocked), trouble?.message ?? ""].filter((part) => part !== "").join("; ");
}

/** The same words for as long as it lasts: of what is paused the status says so, once. */
const pauseMessage = (deleting: boolean): string =>
  `Paused: the annotation core.kube-bind.io/paused stops every write for it, its bindings and their objects${deleting ? ", and its own deletion" : ""}, until that is taken off; the heartbeat Lease goes on`;

/** Fewer stand in the status than are exported, since it has only so much room; each can be bound all the same. */
const roomNote = (context: ConnectionContext): string => {
  const exports = knownExports(context) ?? [];
  const shown = thatFit(exports).length;
  return shown === exports.length ? "" : `; exportedAPIs has room for ${shown} of ${exports.length} exported APIs`;
};

/** What is not to be used, however well it works. */
function stops(context: ConnectionContext, trouble: Verdict | undefined): Verdict | undefined {
  const { deleting = false, paused = false } = context.connection ?? {};
  if (paused) return no(deleting ? "DrainingBindings" : "Paused", pauseMessage(deleting));
  return deleting ? no("DrainingBindings", drainingMessage(context, trouble)) : undefined;
}

/** The first step that does not hold decides. */
function ready(state: ConnectionState, context: ConnectionContext, steps: Verdict[]): Verdict {
  const missing = steps.find(({ status }) => status !== "True");
  const stopped = stops(context, missing);
  if (stopped) return stopped;
  if (missing) return no(missing.reason, missing.message);
  const { discovery } = context;
  if (discovery.state === "failed" && discovery.exports === null) {
    return no(discovery.fault === "forbidden" ? "Forbidden" : "Pending", discovery.message);
  }
  if (!state.ready) return no("Pending", "the exported APIs are being listed");
  return GOOD(`engaged with the provider${outdatedNote(context)}${roomNote(context)}`);
}

/** All conditions of a Connection, in the order they are shown. */
export function connectionConditions(
  state: ConnectionState,
  context: ConnectionContext,
  rights: RightsView = NOTHING_MISSING,
): ConditionUpdate[] {
  const secret = secretValid(context);
  const provider = connected(state, context, secret);
  return [
    { type: "SecretValid", ...secret },
    { type: "Connected", ...provider },
    { type: "PermissionDenied", ...permissionDenied(rights, refusals(context), context.engagedWith !== "") },
    localPermissionDenied(rights),
    { type: "SchemaInSync", ...schemaInSync(context) },
    { type: "Ready", ...ready(state, context, [secret, provider]) },
  ];
}
