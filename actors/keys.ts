// Addresses of actors. A key begins with its Connection. Names of Kubernetes objects hold no slash, but what a binding
// writes for a Connection or an API may hold anything: it is escaped.

import type { ApiName, Key } from "../crds/kube-object.ts";
import { parseRoute, type Route, routeText } from "../crds/related.ts";

export type Address =
  | { kind: "connection"; connection: string }
  | { kind: "secrets" }
  | { kind: "lease"; provider: string }
  /** Of the provider's cluster, or with OURSELVES as its Connection of our own. */
  | { kind: "permissions"; connection: string }
  | { kind: "syncer"; connection: string; api: ApiName }
  | { kind: "binding"; connection: string; namespace: string; name: string }
  | { kind: "object"; connection: string; api: ApiName; key: Key }
  | { kind: "relatedSyncer"; connection: string; route: Route }
  | { kind: "related"; connection: string; route: Route; key: Key };

const segment = (text: string): string => text.replaceAll("%", "%25").replaceAll("/", "%2F");
const unescaped = (text: string): string => text.replaceAll("%2F", "/").replaceAll("%25", "%");

export const connectionKey = (connection: string): string => `${segment(connection)}/connection`;
/** Stands for our own cluster where there is usually a Connection: no object can have this name. */
export const OURSELVES = "-";
/** The Secrets of our namespace belong to no Connection. */
export const SECRETS_KEY = `${OURSELVES}/secrets`;
/** The Lease belongs to all Connections that lead to the provider with this identity. */
export const leaseKey = (provider: string): string => `${OURSELVES}/lease/${segment(provider)}`;
export const permissionsKey = (connection: string): string => `${segment(connection)}/permissions`;
export const syncerKey = (connection: string, api: ApiName): string => `${segment(connection)}/syncer/${segment(api)}`;
/** A ClusterBinding has no namespace: its segment is empty. */
export const bindingKey = (connection: string, binding: Key): string =>
  `${segment(connection)}/binding/${binding.namespace}/${binding.name}`;
export const objectKey = (connection: string, api: ApiName, key: Key): string =>
  `${segment(connection)}/object/${segment(api)}/${key.namespace}/${key.name}`;
export const relatedSyncerKey = (connection: string, route: Route): string =>
  `${segment(connection)}/related-syncer/${routeText(route)}`;
/** `key`: the consumer's. */
export const relatedKey = (connection: string, route: Route, key: Key): string =>
  `${segment(connection)}/related/${routeText(route)}/${key.namespace}/${key.name}`;

/** What follows the Connection: the kind, then what else is in the address. Only a namespace may be empty. */
const LEASE = /^lease\/([^/]+)$/;
const CONNECTION = /^connection$/;
const PERMISSIONS = /^permissions$/;
const SYNCER = /^syncer\/([^/]+)$/;
const BINDING = /^binding\/([^/]*)\/([^/]+)$/;
const RELATED_SYNCER = /^related-syncer\/([^/]+\/[^/]+)$/;
const RELATED = /^related\/([^/]+\/[^/]+)\/([^/]+)\/([^/]+)$/;
const OBJECT = /^object\/([^/]+)\/([^/]*)\/([^/]+)$/;

type Parse = (connection: string, rest: string) => Address | undefined;

const PARSERS: readonly Parse[] = [
  (connection, rest) => (`${connection}/${rest}` === SECRETS_KEY ? { kind: "secrets" } : undefined),
  (connection, rest) => {
    const [, provider] = (connection === OURSELVES && LEASE.exec(rest)) || [];
    return provider === undefined ? undefined : { kind: "lease", provider: unescaped(provider) };
  },
  (connection, rest) => (CONNECTION.test(rest) ? { kind: "connection", connection } : undefined),
  (connection, rest) => (PERMISSIONS.test(rest) ? { kind: "permissions", connection } : undefined),
  (connection, rest) => {
    const [, api] = SYNCER.exec(rest) ?? [];
    return api === undefined ? undefined : { kind: "syncer", connection, api: unescaped(api) };
  },
  (connection, rest) => {
    const [, namespace = "", name] = BINDING.exec(rest) ?? [];
    return name === undefined ? undefined : { kind: "binding", connection, namespace, name };
  },
  (connection, rest) => {
    const [, api = "", namespace = "", name] = OBJECT.exec(rest) ?? [];
    return name === undefined
      ? undefined
      : { kind: "object", connection, api: unescaped(api), key: { namespace, name } };
  },
  (connection, rest) => {
    const route = parseRoute(RELATED_SYNCER.exec(rest)?.[1] ?? "");
    return route && { kind: "relatedSyncer", connection, route };
  },
  (connection, rest) => {
    const [, way = "", namespace = "", name = ""] = RELATED.exec(rest) ?? [];
    const route = parseRoute(way);
    return route && { kind: "related", connection, route, key: { namespace, name } };
  },
];

/** Throws TypeError for text that is no address. */
export function parseAddress(text: string): Address {
  const slash = text.indexOf("/");
  const connection = unescaped(text.slice(0, Math.max(0, slash)));
  for (const parse of connection === "" ? [] : PARSERS) {
    const address = parse(connection, text.slice(slash + 1));
    if (address) return address;
  }
  throw new TypeError(`not an actor's key: ${text}`);
}

/**
 * The lane of a key on the queue: one for the objects of a Connection, one for what they bring along, one for those who decide
 * over them, so that a slow provider delays no other Connection, and a backlog of its objects does not delay the word that it is
 * away. Each Lease has one of its own, because nothing may delay it.
 */
export const laneOf = (key: string): string => {
  const [connection = "", kind = ""] = key.split("/", 2);
  if (kind === "lease") return key;
  if (kind === "related") return `${connection}/related`;
  return kind === "object" ? connection : `${connection}/control`;
};
