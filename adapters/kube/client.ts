// The Cluster port on undici: the requests of the Kubernetes API as raw JSON whose numbers keep their digits. Leaves
// sending them to requests.ts, connections to transport.ts and everything a watch does after it has begun to watch.ts.
// Rule: docs/reference/behaviour.md, "Client and watch".

import {
  ApiError,
  type Cluster,
  type Identity,
  type ListOptions,
  UnreachableError,
  type Watch,
  type WatchOptions,
  type WatchSink,
} from "../../actors/ports.ts";
import { isRecord, stringifyJson } from "../../crds/json.ts";
import type { Key, KubeObject, Resource } from "../../crds/kube-object.ts";
import { apiVersionOf } from "../../crds/resources.ts";
import { applyRequest } from "./apply.ts";
import { askedDelay } from "./backoff.ts";
import { createDiscovery } from "./discovery.ts";
import { createErrorMapper } from "./errors.ts";
import { type FlowHandler, type HttpRequest, openFlow } from "./exchange.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { createIntroduction, type Introduction } from "./introduction.ts";
import { groupNames, isStatus, type Page, toObject, toPage } from "./objects.ts";
import { readPages } from "./pages.ts";
import { basePath, collectionPath, objectPath, query } from "./paths.ts";
import {
  createRequests,
  IN_FLIGHT,
  type RequestLimits,
  type RequestOptions,
  type Success,
  type Verb,
} from "./requests.ts";
import type { ServerAccess } from "./server-access.ts";
import { createTransport, type TransportOptions } from "./transport.ts";
import { createTurns, type Turns } from "./turns.ts";
import { startWatch, WATCH_TIMING, type WatchTiming } from "./watch.ts";

export interface ClusterOptions extends TransportOptions, RequestOptions {
  /** Milliseconds between two heartbeats while anything is watched. Default 10 s. */
  heartbeatInterval?: number;
  /** Milliseconds after which a heartbeat counts as failed. Default 5 s. */
  heartbeatTimeout?: number;
  pageSize?: number;
  timing?: WatchTiming;
  /** The cluster that this is for: a connection is used only after the server has shown that it is that one. */
  identity?: Identity | undefined;
}

type OnItem = (object: KubeObject) => void;

/** A quiet stream is opened anew after this, in case its connection died alone; the server's own limit comes earlier. */
const WATCH_IDLE = 300_000;
/** Watches of one type that may begin at the same time. */
const BEGINNING = 10;

/** Milliseconds for a list that is no watch's. */
const LIST_WITHIN = 300_000;
/** A document describes a whole group of an API: some 30,000 values for a large one of Kubernetes' own. */
const DOCUMENT_VALUES = 1_000_000;
const WATCH_SECONDS = { least: 240, most: 480, grace: 30 };

const acceptFor = (options: WatchOptions, kind: "PartialObjectMetadata" | "PartialObjectMetadataList"): string =>
  options.metadataOnly === true
    ? `application/json;as=${kind};g=meta.k8s.io;v=v1,application/json`
    : "application/json";

const selectors = (options: WatchOptions): Record<string, string | undefined> => ({
  labelSelector: options.labelSelector,
  fieldSelector: options.fieldSelector,
});

const watchParameters = (version: string | undefined): Record<string, string | undefined> => ({
  watch: "true",
  allowWatchBookmarks: "true",
  timeoutSeconds: String(Math.round(WATCH_SECONDS.least + Math.random() * (WATCH_SECONDS.most - WATCH_SECONDS.least))),
  ...(version === undefined
    ? { sendInitialEvents: "true", resourceVersionMatch: "NotOlderThan" }
    : { resourceVersion: version }),
});

export const createCluster = (access: ServerAccess, options: ClusterOptions = {}): Cluster => {
  const errors = createErrorMapper(access);
  const base = basePath(access.server);
  const requestTimeout = options.requestTimeout ?? 30_000;
  const watches = new Set<Watch>();
  const turns = new Map<string, Turns>();
  const streaming = { refused: false };
  let closed = false;

  const read = (path: string, accept = "application/json"): HttpRequest => ({
    method: "GET",
    path,
    headers: { accept },
  });

  const introduce = (identity: Identity): Introduction =>
    createIntroduction({
      identity,
      request: () => requests.authorized(read(objectPath(base, identity.resource, identity.key))),
      errors,
      host: access.server.host,
      milliseconds: options.connectTimeout ?? 10_000,
      told: (status) => options.onRequest?.("get", identity.resource.resource, status, 0),
    });
  // One more than may be in flight: the Lease does not wait for its turn, nor for a socket.
  const sockets = (options.inFlight ?? IN_FLIGHT) + 1;
  const transport = createTransport(access, { sockets, ...options }, options.identity && introduce(options.identity));

  const requests = createRequests(access, transport, errors, {
    ...options,
    requestTimeout,
    onRequest: (verb, resource, code, milliseconds) => {
      // A server that answers with its own failure may have nothing else to say to anybody.
      if (code > 0 && code < 500) heartbeat.answered();
      options.onRequest?.(verb, resource, code, milliseconds);
    },
  });

  const call = async <T>(
    verb: Verb,
    resource: string,
    request: HttpRequest,
    read: (success: Success) => T,
    limits: Partial<RequestLimits> = {},
  ): Promise<T> => {
    // The Lease says that we are alive: it must not wait behind a backlog of objects.
    const isPrompt = request.path.startsWith(`${base}/apis/coordination.k8s.io/`);
    try {
      return await requests.call({ verb, resource }, request, read, { limits, isPrompt });
    } catch (error) {
      // Watches need not wait for the next beat to learn what a request has just found out.
      if (error instanceof UnreachableError) heartbeat.suspect();
      throw error;
    }
  };

  const asObject =
    (resource: Resource) =>
    ({ body }: Success): KubeObject =>
      toObject(body, resource);

  const json = (
    method: HttpRequest["method"],
    path: string,
    body: unknown,
    type = "application/json",
  ): HttpRequest => ({
    method,
    path,
    headers: { "content-type": type },
    body: stringifyJson(body),
  });

  const page = (resource: Resource, scope: ListOptions, next: string, onItem: OnItem): Promise<Page> => {
    const parameters = {
      ...selectors(scope),
      limit: String(scope.limit ?? options.pageSize ?? 500),
      continue: next || undefined,
    };
    const path = collectionPath(base, resource, scope.namespace) + query(parameters);
    const request = read(path, acceptFor(scope, "PartialObjectMetadataList"));
    const take = (item: unknown): void => onItem(toObject(item, resource));
    return requests.items({ verb: "list", resource: resource.resource }, request, take, ({ body }) => toPage(body));
  };

  /** By a list of one, since whoever may watch may list. */
  const lookFor = async (resource: Resource, scope: ListOptions, { namespace, name }: Key) => {
    let object: KubeObject | undefined;
    const where = {
      fieldSelector: `metadata.name=${name}`,
      metadataOnly: true,
      ...(namespace === "" ? {} : { namespace }),
    };
    const read = await page(resource, { ...scope, ...where }, "", (found) => (object = found));
    return { newest: read.resourceVersion, object };
  };

  const listOnce = async (resource: Resource, scope: ListOptions): Promise<KubeObject[]> => {
    const { trim = (object) => object, mostObjects = () => Infinity } = scope;
    const objects: KubeObject[] = [];
    const bounds = { mostObjects, within: LIST_WITHIN, isStopped: () => scope.limit !== undefined };
    await readPages(
      (next, onItem) => page(resource, scope, next, onItem),
      bounds,
      (object) => {
        objects.push(trim(object));
      },
    );
    return objects;
  };

  const discovery = createDiscovery({
    base,
    errors,
    ask: (resource, path, { accept = "application/json", etag = "", bytes, milliseconds = requestTimeout }) => {
      const request = read(path, accept);
      const condition: Record<string, string> = etag === "" ? {} : { "if-none-match": etag };
      const asked = { ...request, headers: { ...request.headers, ...condition } };
      const least = { milliseconds: Math.min(milliseconds, requestTimeout), bytes, values: DOCUMENT_VALUES };
      return call("get", resource, asked, (success) => success, least);
    },
  });

  /** What the last ping was told, if it was told to wait, and until when. */
  let told: { error: unknown; until: number } | undefined;
  let asking: Promise<void> | undefined;
  const ping = async (): Promise<void> => {
    if (told !== undefined && performance.now() < told.until) throw told.error;
    // One that answers so to others is there; a connection that has to be made for the heartbeat would be one more question.
    const resting = requests.resting();
    if (resting !== undefined) throw resting;
    try {
      await (asking ??= ask().finally(() => (asking = undefined)));
    } catch (error) {
      told = { error, until: performance.now() + askedDelay(error as Error) };
      throw error;
    }
  };

  const ask = async (): Promise<void> => {
    const how = {
      limits: { milliseconds: options.heartbeatTimeout ?? 5_000 },
      dispatcher: transport.watches(),
      isPrompt: true,
    };
    try {
      await requests.call({ verb: "get", resource: "version" }, read(`${base}/version`), () => undefined, how);
    } catch (error) {
      // The least request there is: who cannot answer that is not there, whatever stands in front of it says.
      if (!(error instanceof ApiError) || error.status < 500) throw error;
      throw errors.unreachable(`it answered with HTTP status ${error.status}: ${error.message}`, error.retryAfter);
    }
  };

  const heartbeat = createHeartbeat({
    ping,
    interval: options.heartbeatInterval ?? 10_000,
    onDead: transport.renewWatches,
  });

  const openWatch = (resource: Resource, scope: WatchOptions, version: string | undefined, handler: FlowHandler) => {
    const parameters = { ...selectors(scope), ...watchParameters(version) };
    const path = collectionPath(base, resource, scope.namespace) + query(parameters);
    const started = performance.now();
    const told = (code: number): void =>
      options.onRequest?.("watch", resource.resource, code, performance.now() - started);
    const accept = acceptFor(scope, "PartialObjectMetadata");
    const flowLimits = {
      openMilliseconds: requestTimeout,
      idleMilliseconds: WATCH_IDLE,
      lifeMilliseconds: (WATCH_SECONDS.most + WATCH_SECONDS.grace) * 1_000,
    };
    return openFlow(transport.watches(), requests.authorized(read(path, accept)), flowLimits, {
      ...handler,
      onOpen: () => {
        told(200);
        handler.onOpen();
      },
      onAnswer: (answer) => {
        told(answer.status);
        requests.heed(errors.fromAnswer(answer), started);
        handler.onAnswer(answer);
      },
    });
  };

  /** Of each type its own: a type whose lists hang holds up no other. None comes while the server wants to be left in peace. */
  const turnsFor = ({ group, resource }: Resource): Turns => {
    const name = `${resource}.${group}`;
    const known = turns.get(name) ?? createTurns(BEGINNING);
    turns.set(name, known);
    return () => {
      const { come, leave } = known();
      return { come: come.then(requests.peace), leave };
    };
  };

  const watch = (resource: Resource, scope: WatchOptions, sink: WatchSink): Watch => {
    const started = startWatch(
      {
        resource,
        open: (version, handler) => openWatch(resource, scope, version, handler),
        page: (next, onItem) => page(resource, scope, next, onItem),
        look: (key) => lookFor(resource, scope, key),
        mostObjects: scope.mostObjects ?? (() => Infinity),
        errors,
        heartbeat,
        streaming,
        turns: turnsFor(resource),
        from: scope.from,
      },
      sink,
      options.timing ?? WATCH_TIMING,
    );
    const member: Watch = {
      stop: () => {
        watches.delete(member);
        started.stop();
      },
      position: started.position,
    };
    watches.add(member);
    if (closed) member.stop();
    return member;
  };

  return {
    get: (resource, key) => call("get", resource.resource, read(objectPath(base, resource, key)), asObject(resource)),
    list: async (resource, scope = {}) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await listOnce(resource, scope);
        } catch (error) {
          // A continue token outlives the server's history by little: begin anew, but not for ever.
          if (attempt >= 3 || !(error instanceof ApiError) || error.status !== 410) throw error;
        }
      }
    },
    apply: (resource, key, body, fieldManager) =>
      call("apply", resource.resource, applyRequest(base, resource, key, body, fieldManager), (success) => ({
        object: toObject(success.body, resource),
        created: success.status === 201,
      })),
    create: (resource, namespace, body) => {
      const request = json("POST", collectionPath(base, resource, namespace), body);
      return call("create", resource.resource, request, asObject(resource));
    },
    dryRun: (verb, resource, key, body) => {
      const isNew = verb === "create";
      const path = isNew ? collectionPath(base, resource, key.namespace) : objectPath(base, resource, key);
      const request = json(isNew ? "POST" : "PUT", path + query({ dryRun: "All" }), body);
      return call(isNew ? "create" : "update", resource.resource, request, () => undefined);
    },
    review: (resource, namespace, spec) => {
      const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, spec };
      const request = json("POST", collectionPath(base, resource, namespace), body);
      return call("create", resource.resource, request, ({ body: answer }) => {
        const status = isRecord(answer) ? answer["status"] : undefined;
        if (!isRecord(status)) throw errors.unreachable("its answer to a review has no status");
        return status;
      });
    },
    replace: (resource, key, body) =>
      call("update", resource.resource, json("PUT", objectPath(base, resource, key), body), asObject(resource)),
    patch: (resource, key, operations, subresource) => {
      const path = objectPath(base, resource, key, subresource);
      const request = json("PATCH", path, operations, "application/json-patch+json");
      return call("patch", resource.resource, request, asObject(resource));
    },
    delete: async (resource, key, uid, resourceVersion) => {
      const preconditions = { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
      const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions, propagationPolicy: "Background" };
      const request = json("DELETE", objectPath(base, resource, key), body);
      try {
        return await call("delete", resource.resource, request, (success) =>
          isStatus(success.body) ? ("gone" as const) : toObject(success.body, resource),
        );
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return "absent";
        throw error;
      }
    },
    watch,
    groups: () => call("get", "apis", read(`${base}/apis`), ({ body }) => groupNames(body)),
    ...discovery,
    ping,
    close: async () => {
      closed = true;
      heartbeat.stop();
      for (const member of [...watches]) member.stop();
      const closing = transport.close();
      requests.close();
      await closing;
    },
  };
};
