// What the actors need of the outside world, as interfaces; adapters implement them, cmd/ plugs them together.
// Each port states what it guarantees and what it does not. Nothing here imports an adapter, and an adapter imports
// nothing from actors/ but this file.

import type { EventReason } from "../crds/reasons.ts";
import type { Key, KubeObject, Resource } from "../crds/kube-object.ts";
import type { DiscoveredGroup, DiscoveredResource } from "../crds/openapi/discovered.ts";

/** One operation of an RFC 6902 JSON patch. A failed `test` is answered with 422 by the API server. */
export interface PatchOperation {
  op: "add" | "remove" | "replace" | "test";
  path: string;
  value?: unknown;
}

/** An API server said no. Never carries a credential. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status. */
  readonly status: number;
  /** `reason` of the Status object ("NotFound", "Forbidden", …), or "" where the body was no Status. */
  readonly reason: string;
  /** `details.causes` of the Status object. */
  readonly causes: readonly { reason?: string; field?: string; message?: string }[];
  /** Seconds the server asked us to wait (Retry-After), if it did. */
  readonly retryAfter: number | undefined;
  /** Whatever lets requests in has said so, not the API that was asked: it holds for every request. */
  readonly isOfServer: boolean;

  constructor(
    message: string,
    answer: {
      status: number;
      reason?: string;
      causes?: ApiError["causes"];
      retryAfter?: number;
      isOfServer?: boolean;
    },
  ) {
    super(message);
    this.status = answer.status;
    this.reason = answer.reason ?? "";
    this.causes = answer.causes ?? [];
    this.retryAfter = answer.retryAfter;
    this.isOfServer = answer.isOfServer ?? false;
  }
}

/** No (usable) answer came: refused, reset, timed out, TLS failure, not HTTP, not JSON. Never carries a credential. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
  /** Seconds that whatever answered asked us to wait, if it did. */
  readonly retryAfter: number | undefined;

  constructor(message: string, retryAfter?: number) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** At the other end is another cluster than the one that this client is for: nothing is sent to it. */
export class AnotherClusterError extends UnreachableError {
  /** UID by which it is known. */
  readonly found: string;

  constructor(message: string, found: string) {
    super(message);
    this.found = found;
  }
}

/** A kubeconfig that may not or cannot be used; `field` names what is wrong, `message` what to do. Never its content. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
  /** "invalid": not a usable kubeconfig; "forbidden": uses a field that is not on the allow-list. */
  readonly problem: "invalid" | "forbidden";
  constructor(problem: "invalid" | "forbidden", message: string) {
    super(message);
    this.problem = problem;
  }
}

export interface WatchOptions {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Deliver `PartialObjectMetadata`: no spec, no status. */
  metadataOnly?: boolean;
  /** A list of more objects than this fails: for servers that are not trusted with our memory. Asked while one is read. */
  mostObjects?: () => number;
  /** Go on from where another watch of the same stood (`position`): no list, unless that is too long ago. */
  from?: string | undefined;
}

export interface ListOptions extends WatchOptions {
  /** At most so many objects: the first ones. */
  limit?: number;
  /** What is kept of each object, as it comes. */
  trim?: (object: KubeObject) => KubeObject;
}

/**
 * Receives what a watch sees. Calls come in the order of the server's events, never concurrently.
 * A sink must not throw.
 */
export interface WatchSink {
  /** The object exists in this state: from a list or an event. The same state may be delivered twice. */
  seen(object: KubeObject): void;
  /** A list begins: what was seen of an earlier one that came to nothing counts no more. */
  listing?(): void;
  /** A DELETED event. For a watch with a selector this also means: it left the selection. */
  gone(object: KubeObject): void;
  /**
   * A complete, consistent list has been delivered through `seen`; whatever is not among `keys` (keyText) is no longer
   * there. Called once after the first list and after each later relist, never for a partial one.
   */
  listed(keys: ReadonlySet<string>): void;
  /** The stream could not be opened or was lost with an error; the watch goes on trying by itself. */
  failed(error: ApiError | UnreachableError): void;
  /** The stream stands again after `failed`. */
  recovered?(): void;
}

export interface Watch {
  /** After this returns no further sink call is made. */
  stop(): void;
  /** Where another watch can go on without a list; undefined while no list is complete. */
  position: () => string | undefined;
}

/** The object by whose UID a cluster is known. */
export interface Identity {
  resource: Resource;
  key: Key;
  uid: string;
}

export interface Applied {
  object: KubeObject;
  /** 201: the apply created the object; 200: it existed. */
  created: boolean;
}

export interface PublishedDocument {
  /** Parsed. */
  content: unknown;
  /** Of its text. */
  bytes: number;
}

/**
 * One API server. Guarantees: bounded time for every call but `watch` (connect and request timeouts), one shared pool,
 * numbers kept digit for digit, redirects never followed, no credential in any error. Does not retry, except watches.
 * Every method rejects with ApiError or UnreachableError and nothing else.
 */
export interface Cluster {
  get(resource: Resource, key: Key): Promise<KubeObject>;
  /** The whole, consistent list (paged inside), or with `limit` at most the first so many objects. */
  list(resource: Resource, options?: ListOptions): Promise<KubeObject[]>;
  /** Server-side apply, forced, as `fieldManager`. `body` carries apiVersion, kind and metadata. */
  apply(resource: Resource, key: Key, body: unknown, fieldManager: string): Promise<Applied>;
  create(resource: Resource, namespace: string, body: unknown): Promise<KubeObject>;
  /** POST of a question that nothing keeps (access and rules reviews): the `status` of the answer. */
  review(resource: Resource, namespace: string, spec: unknown): Promise<Record<string, unknown>>;
  /** PUT of the whole object; `body.metadata.resourceVersion` is its precondition. */
  replace(resource: Resource, key: Key, body: unknown): Promise<KubeObject>;
  /** Would such a `create` or `replace` be taken? Rejects as it would; the server does everything but store it. */
  dryRun(verb: "create" | "replace", resource: Resource, key: Key, body: unknown): Promise<void>;
  patch(resource: Resource, key: Key, operations: PatchOperation[], subresource?: "status"): Promise<KubeObject>;
  /**
   * Deletes with the uid as precondition and `propagationPolicy: Background`. "gone": the server answered with a Status,
   * it had this very object and has it no longer; "absent": 404; otherwise the object as it now waits for its finalizers.
   * `version`: only in that state (409 otherwise).
   */
  delete(resource: Resource, key: Key, uid: string, version?: string): Promise<"gone" | "absent" | KubeObject>;
  /** Starts a watch that lists, follows, resumes and relists by itself until stopped. */
  watch(resource: Resource, options: WatchOptions, sink: WatchSink): Watch;
  /** The names of the API groups this server serves (discovery); what has no group is not among them. */
  groups(): Promise<readonly string[]>;
  /**
   * The named groups with all their resources (discovery). What the server cannot tell of a group stands in its `failed`.
   * The very array of the last call while the server says that nothing has changed.
   */
  discover(): Promise<readonly DiscoveredGroup[]>;
  /** The resources without a group (pods, secrets and so on), which `discover` leaves out. */
  coreResources(): Promise<readonly DiscoveredResource[]>;
  /** The versions of the OpenAPI documents it publishes, by "group/version"; the last call's very map while it is the same. */
  documents(): Promise<ReadonlyMap<string, string>>;
  /** One document; one that has changed since the index was read is a failure. */
  document(groupVersion: string, version: string): Promise<PublishedDocument>;
  /** A small request through the watch pool; rejects within seconds when the server no longer answers. */
  ping(): Promise<void>;
  /** Closes both pools; running requests are aborted, watches stop. */
  close(): Promise<void>;
}

/**
 * Builds a Cluster from the text of an untrusted kubeconfig. Throws KubeconfigError; makes no request. With `identity` each of
 * its connections is used only after the server at its other end has shown that it is that cluster; where it is not, requests
 * and watches fail with AnotherClusterError and nothing has been sent.
 */
export type Connect = (name: string, kubeconfig: string, identity?: Identity) => Cluster;

/** Lower numbers run first. */
export const PRIORITY = { live: 0, backlog: 1, resync: 2 } as const;
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY];

/**
 * Keys that want a pass, in lanes that do not delay each other (actors/keys.ts says which lane a key belongs to).
 * Guarantees: a key waits at most once; adding a waiting key with a higher priority raises it; a key that is added while
 * its pass runs is run once more afterwards; never two passes of one key at a time; equal priorities in order of arrival.
 * Does not: survive the process, carry bodies, or retry (whoever wants another pass adds the key again).
 */
export interface WorkQueue {
  add(key: string, priority: Priority): void;
  /** Runs `pass` for waiting keys, at most `concurrency` at a time in each lane. `pass` must not reject. */
  start(pass: (key: string) => Promise<void>, concurrency: number): void;
  /** Takes no new key; resolves when the running passes have ended. */
  stop(): Promise<void>;
  /** Keys waiting, over all lanes. */
  readonly depth: number;
}

/** Kubernetes Events. Best effort: never rejects, never blocks a pass; a failed Event is logged. */
export interface Recorder {
  event(about: EventSubject, type: "Normal" | "Warning", reason: EventReason, message: string): void;
}

export interface EventSubject {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name: string;
  uid: string;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `ms`; the returned function cancels. */
  after(ms: number, callback: () => void): () => void;
}

/** Structured log. Fields never hold a body, a kubeconfig or a token. */
export interface Log {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
  debug(fields: Record<string, unknown>, message: string): void;
}

/** Counters and gauges for /metrics; the label sets are small and bounded. */
export interface Telemetry {
  /** `amount`: 1 unless told otherwise. */
  count(metric: string, labels: Record<string, string>, amount?: number): void;
  /** What is read under the same labels is added up. The returned function ends it. */
  gauge(metric: string, read: () => number, labels?: Record<string, string>): () => void;
}
