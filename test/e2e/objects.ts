// What a test does to objects, as the admin of a control plane: plain JSON requests, far cheaper than kubectl. Promises to
// fail loudly: an answer that the caller did not allow for is an error that names request and reply.

import type { Key, Resource } from "../../crds/kube-object.ts";
import type { ControlPlane } from "../harness/control-plane.ts";
import type { Answer } from "../harness/admin-client.ts";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests reach into objects of every kind
export type Body = any;

export interface Objects {
  /** Undefined when it does not exist. */
  get(resource: Resource, key: Key): Promise<Body>;
  /** The object as text, for tests that look at digits. */
  text(resource: Resource, key: Key): Promise<string>;
  /** Empty when the type is not served. */
  list(resource: Resource, namespace?: string): Promise<Body[]>;
  /** `body` carries apiVersion, kind and metadata; a string is sent as it is. */
  create(resource: Resource, body: Body): Promise<Body>;
  /** JSON merge patch. */
  merge(resource: Resource, key: Key, patch: unknown, subresource?: "status"): Promise<Body>;
  /** JSON patch. */
  patch(resource: Resource, key: Key, operations: unknown[], subresource?: "status"): Promise<Body>;
  /** What `kubectl delete --wait=false` sends; false when there was nothing to delete. */
  remove(resource: Resource, key: Key): Promise<boolean>;
}

export const at = (name: string, namespace = ""): Key => ({ namespace, name });

export function pathOf({ group, version, resource }: Resource, namespace: string, name?: string): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespace === "" ? "" : `/namespaces/${namespace}`;
  return `${root}${scope}/${resource}${name === undefined ? "" : `/${name}`}`;
}

export function objectsOf({ admin, name: plane }: Pick<ControlPlane, "admin" | "name">): Objects {
  const ask = async (
    allowed: number[],
    method: string,
    path: string,
    body?: unknown,
    type?: string,
  ): Promise<Answer> => {
    const answer = await admin.request(method, path, body, type);
    if (answer.status < 300 || allowed.includes(answer.status)) return answer;
    throw new Error(`${plane}: ${method} ${path} answered ${answer.status}: ${answer.body?.message ?? answer.text}`);
  };
  const sub = (path: string, subresource?: string) => (subresource ? `${path}/${subresource}` : path);
  const of = (resource: Resource, { namespace, name }: Key) => pathOf(resource, namespace, name);
  return {
    async get(resource, key) {
      const answer = await ask([404], "GET", of(resource, key));
      return answer.status === 404 ? undefined : answer.body;
    },
    text: async (resource, key) => (await ask([], "GET", of(resource, key))).text,
    async list(resource, namespace = "") {
      const answer = await ask([404], "GET", pathOf(resource, namespace));
      return answer.status === 404 ? [] : answer.body.items;
    },
    async create(resource, body) {
      const namespace = (typeof body === "string" ? JSON.parse(body) : body).metadata.namespace ?? "";
      return (await ask([], "POST", pathOf(resource, namespace), body)).body;
    },
    merge: async (resource, key, patch, subresource) =>
      (await ask([], "PATCH", sub(of(resource, key), subresource), patch, "application/merge-patch+json")).body,
    patch: async (resource, key, operations, subresource) =>
      (await ask([], "PATCH", sub(of(resource, key), subresource), operations, "application/json-patch+json")).body,
    async remove(resource, key) {
      const answer = await ask([404], "DELETE", of(resource, key), { propagationPolicy: "Background" });
      return answer.status !== 404;
    },
  };
}
