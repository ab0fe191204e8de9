// Addresses of actors. A key begins with its Connection, which is also its lane on the queue; names of Kubernetes objects
// hold no slash, so the segments are unambiguous.

import type { ApiName, Key } from "../crds/kube-object.ts";

export type Address =
  | { kind: "connection"; connection: string }
  | { kind: "syncer"; connection: string; api: ApiName }
  | { kind: "binding"; connection: string; namespace: string; name: string }
  | { kind: "object"; connection: string; api: ApiName; key: Key };

export const connectionKey = (connection: string): string => `${connection}/connection`;
export const syncerKey = (connection: string, api: ApiName): string => `${connection}/syncer/${api}`;
/** A ClusterBinding has no namespace: its segment is empty. */
export const bindingKey = (connection: string, binding: Key): string =>
  `${connection}/binding/${binding.namespace}/${binding.name}`;
export const objectKey = (connection: string, api: ApiName, key: Key): string =>
  `${connection}/object/${api}/${key.namespace}/${key.name}`;

/** Throws TypeError for text that is no address. */
export function parseAddress(text: string): Address {
  const [connection = "", kind, first = "", second = "", third = ""] = text.split("/");
  switch (kind) {
    case "connection":
      return { kind, connection };
    case "syncer":
      return { kind, connection, api: first };
    case "binding":
      return { kind, connection, namespace: first, name: second };
    case "object":
      return { kind, connection, api: first, key: { namespace: second, name: third } };
    default:
      throw new TypeError(`not an actor's key: ${text}`);
  }
}
