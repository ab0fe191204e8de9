// Facts about one Connection, as the tests of its machine tell them.

import type { ExportedApi } from "../../crds/connection.ts";
import { connectionMachine } from "../../machines/connection.ts";
import type {
  ConnectionContext,
  ConnectionEvent,
  ConnectionFact,
  Discovery,
  SecretFact,
} from "../../machines/connection-facts.ts";
import { after } from "./drive.ts";

export const PROVIDER = "provider-cluster";
export const CONSUMER = "consumer-cluster";

/** A live Connection that carries our finalizer and is pinned. */
export const connection = (change: Partial<ConnectionFact> = {}): ConnectionFact => ({
  uid: "connection",
  deleting: false,
  paused: false,
  claimed: true,
  secretAllowed: true,
  secretName: "kube-bind/acme",
  namespaceAllowed: "kube-bind",
  remoteClusterUid: PROVIDER,
  localClusterUid: CONSUMER,
  ...change,
});

export const unpinned = (change: Partial<ConnectionFact> = {}): ConnectionFact =>
  connection({ remoteClusterUid: "", localClusterUid: "", ...change });

/** A Secret that carries our finalizer and holds a kubeconfig. */
export const secret = (change: Partial<SecretFact> = {}): SecretFact => ({
  present: true,
  settled: true,
  fingerprint: "first",
  problem: "",
  ...change,
});

export const NO_SECRET: SecretFact = { present: false, settled: true, fingerprint: "", problem: "" };

export const WIDGETS = {
  name: "widgets.example.org",
  group: "example.org",
  resource: "widgets",
  scope: "Namespaced" as const,
  versions: ["v1"],
};

export const UNKNOWN: Discovery = { state: "unknown" };
/** What a complete list of the provider's labelled definitions showed. */
export const complete = (
  exports: ExportedApi[],
  change: Partial<Extract<Discovery, { state: "complete" }>> = {},
): Discovery => ({ state: "complete", source: "CRD", exports, missing: [], note: "", ...change });
export const COMPLETE = complete([WIDGETS]);
export const failedDiscovery = (
  fault: "unreachable" | "unauthorized" | "forbidden" | "degraded",
  exports: [typeof WIDGETS] | null = [WIDGETS],
): Discovery => ({
  state: "failed",
  source: exports === null ? null : "CRD",
  fault,
  message: `list customresourcedefinitions: ${fault}`,
  exports,
});

export const told = (
  fact: ConnectionFact | null,
  held: SecretFact = secret(),
  {
    bindings = 0,
    leftovers = 0,
    discovery = UNKNOWN,
  }: { bindings?: number; leftovers?: number; discovery?: Discovery } = {},
): ConnectionEvent[] => [
  fact ? { type: "connection.seen", connection: fact } : { type: "connection.gone" },
  { type: "secret.seen", secret: held },
  { type: "bindings.counted", bindings, leftovers },
  { type: "discovery.seen", discovery },
];

export const PASS = { type: "pass" } as const;
export const DUE = { type: "due" } as const;

export const identified = (
  change: { remote?: string; local?: string; fingerprint?: string } = {},
): ConnectionEvent => ({
  type: "identified",
  remote: PROVIDER,
  local: CONSUMER,
  fingerprint: "first",
  ...change,
});

export const PINNED: ConnectionEvent = { type: "pinned", remote: PROVIDER, local: CONSUMER };

export const failed = (
  fault: Extract<ConnectionEvent, { type: "failed" }>["fault"] = "unreachable",
): ConnectionEvent => ({ type: "failed", fault, message: `failed: ${fault}` });

export const unusable = (fingerprint = "first"): ConnectionEvent => ({
  type: "unusable",
  fingerprint,
  reason: "ForbiddenField",
  message: "users[0].user.exec is refused",
});

/** What leads to a Connection that is Ready. */
export const toReady = (): ConnectionEvent[] => [
  ...told(connection()),
  PASS,
  identified(),
  { type: "discovery.seen", discovery: COMPLETE },
  PASS,
];

/** Where the connection machine is after these events. */
export const drive = (...events: readonly ConnectionEvent[]) =>
  after<ConnectionContext, ConnectionEvent>(connectionMachine, events);
