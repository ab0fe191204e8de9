// One API server of the script: the small kinds, the mass type, and whoever watches them. Whatever it is asked for that nobody
// has scripted is answered 501 and counted, so that no run measures something that nobody meant. Fakes: everybody is let in; what
// the parts of it fake, they say.

import http from "node:http";
import type { AddressInfo } from "node:net";
import type { KubeObject } from "../../crds/kube-object.ts";
import { NAMESPACES } from "../../crds/resources.ts";
import { CLUSTER_UID, type SideName, slotOf } from "./bodies.ts";
import {
  type Answer,
  type Collection,
  invalid,
  type Ledger,
  notFound,
  Refusal,
  statusText,
  unscripted,
} from "./collection.ts";
import { openStream, pageText, type Stream } from "./lists.ts";
import { createMass, type Mass } from "./mass.ts";
import { bodyOf, type Call, callOf, fixedAnswer, nameOf, scopeOf, SMALL, type Target } from "./routes.ts";
import { createSmall, type Small, smallKey } from "./small.ts";

/** In the counts: what was asked for and is not there. */
export const UNSCRIPTED = "UNSCRIPTED";

export interface Side {
  url: string;
  mass: Mass;
  /** Requests since the start, by verb and resource, as "PATCH widgets". */
  requests: Map<string, number>;
  stop(): void;
}

function massAnswer(mass: Mass, { method, type, target, body }: Call, namespaces: Small): Answer {
  const slot = slotOf(target.name);
  if (method === "GET") return mass.get(slot);
  if (method === "DELETE") return mass.delete(slot, JSON.parse(body).preconditions ?? {});
  if (type === "application/json-patch+json") return mass.patch(slot, JSON.parse(body));
  if (type !== "application/apply-patch+yaml") throw unscripted(`${method} of the mass type`);
  const { namespace } = target;
  if (!namespaces.has(smallKey("", namespace))) throw notFound(`namespaces "${namespace}" not found`);
  return mass.apply(slot, JSON.parse(body));
}

function smallAnswer(small: Small, { method, type, target, body }: Call): Answer {
  const key = smallKey(target.namespace, target.name);
  const given = (): KubeObject => {
    const { metadata, ...rest } = JSON.parse(body) as KubeObject;
    return { ...rest, metadata: { ...metadata, ...(target.namespace === "" ? {} : { namespace: target.namespace }) } };
  };
  switch (`${method} ${type}`) {
    case "POST application/json":
      return small.create(given());
    case "PUT application/json":
      return small.replace(key, given());
    case "PATCH application/json-patch+json":
      return small.patch(key, JSON.parse(body));
    case "PATCH application/apply-patch+yaml":
      return small.apply(key, given());
    case "DELETE application/json":
      return small.delete(key, JSON.parse(body).preconditions ?? {});
    default:
      if (method === "GET") return small.get(key);
      throw unscripted(`${method} ${type}`);
  }
}

const send = (response: http.ServerResponse, { status, text }: Answer): void => {
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
};

/** Streams of each collection. */
function createAudience() {
  const streams = new Map<Collection, Set<Stream>>();
  const of = (collection: Collection): Set<Stream> => {
    const known = streams.get(collection) ?? new Set();
    streams.set(collection, known);
    return known;
  };
  return {
    of,
    told: (collection: Collection, slot: number): void => {
      for (const stream of of(collection)) stream.told(slot);
    },
    end: (): void => {
      for (const one of streams.values()) for (const stream of one) stream.end();
    },
  };
}

/** Starts listening at once; resolves when it does. */
export async function startSide(name: SideName, size: number): Promise<Side> {
  const audience = createAudience();
  const ledger: Ledger = { version: 1_000, changed: audience.told };
  const mass = createMass(name, size, ledger);
  const small = new Map(SMALL.map((resource) => [resource, createSmall(resource, ledger)]));
  const namespaces = small.get(NAMESPACES) as Small;
  namespaces.create({ metadata: { name: "kube-system", uid: CLUSTER_UID[name] } } as KubeObject);
  const requests = new Map<string, number>();
  const count = (what: string): void => void requests.set(what, (requests.get(what) ?? 0) + 1);
  const collectionOf = ({ resource }: Target): Collection => small.get(resource) ?? mass;

  const watch = (call: Call, response: http.ServerResponse): void => {
    const collection = collectionOf(call.target);
    const version = call.query.get("resourceVersion");
    const wanted = {
      scope: scopeOf(call),
      version: version === null ? undefined : Number(version),
      seconds: Number(call.query.get("timeoutSeconds") ?? 300),
    };
    const stream = openStream(collection, ledger, wanted, response, (one) => audience.of(collection).delete(one));
    audience.of(collection).add(stream);
  };

  const list = (call: Call): Answer => {
    const [version, next] = (call.query.get("continue") ?? `${ledger.version}:0`).split(":").map(Number);
    const limit = Number(call.query.get("limit") ?? Infinity);
    return { status: 200, text: pageText(collectionOf(call.target), scopeOf(call), version ?? 0, limit, next ?? 0) };
  };

  const answer = (call: Call): Answer => {
    const { target, method } = call;
    if (target.name === "" && method === "GET") return list(call);
    const kind = small.get(target.resource);
    return kind === undefined ? massAnswer(mass, call, namespaces) : smallAnswer(kind, call);
  };

  const serve = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const { method = "GET", url = "/" } = request;
    const body = method === "GET" ? "" : await bodyOf(request);
    const [path = ""] = url.split("?");
    const fixed = fixedAnswer(method, path, body);
    if (fixed !== undefined) {
      count(`${method} ${path.split("/").at(-1) ?? ""}`);
      return send(response, fixed);
    }
    const call = callOf(request, body);
    count(nameOf(call));
    if (call.query.get("watch") === "true") watch(call, response);
    else send(response, answer(call));
  };

  const refuse = (error: unknown): Answer => {
    const refusal = error instanceof Refusal ? error : invalid(String((error as Error).stack));
    if (!(error instanceof Refusal) || refusal.status === 501) {
      count(UNSCRIPTED);
      process.stderr.write(`${name}: ${refusal.message}\n`);
    }
    return { status: refusal.status, text: statusText(refusal) };
  };

  const server = http.createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    serve(request, response).catch((error: unknown) => send(response, refuse(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mass,
    requests,
    stop: () => {
      audience.end();
      server.close();
      server.closeAllConnections();
    },
  };
}
