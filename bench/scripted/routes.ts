// What a request to the scripted API server means: which collection or object, what is asked of it, which answers are the same for
// everybody. Discovery is as much as the konnector reads of it; reviews of rights grant everything.

import type http from "node:http";
import type { Resource } from "../../crds/kube-object.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, LEASES, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { MASS } from "./bodies.ts";
import { type Answer, type Scope, unscripted } from "./collection.ts";

export const SMALL = [NAMESPACES, SECRETS, CRDS, CONNECTIONS, CLUSTER_BINDINGS, BINDINGS, LEASES];
const GROUPS = [...new Set([...SMALL, MASS].map(({ group }) => group))].filter((group) => group !== "");

/** What the path of a request leads to. */
export interface Target {
  resource: Resource;
  namespace: string;
  name: string;
  subresource: string;
}

export interface Call {
  method: string;
  type: string;
  target: Target;
  query: URLSearchParams;
  body: string;
}

const PATH =
  /^\/(?:api\/v1|apis\/([^/]+)\/[^/]+)(?:\/namespaces\/([^/]+)(?=\/[^/]))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/;

function targetOf(path: string): Target | undefined {
  const [matched, group = "", namespace = "", plural = "", name = "", subresource = ""] = PATH.exec(path) ?? [];
  // The subresources of a namespace look like what is in it.
  const resource = [...SMALL, MASS].find((one) => one.group === group && one.resource === plural);
  return matched === undefined || resource === undefined ? undefined : { resource, namespace, name, subresource };
}

const json = (value: unknown): Answer => ({ status: 200, text: JSON.stringify(value) });

const RULES = {
  resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }],
  nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
  incomplete: false,
};

const DISCOVERY: Record<string, () => Answer> = {
  "GET /version": () => json({ major: "1", minor: "34", gitVersion: "v1.34.0" }),
  "GET /api": () => json({ kind: "APIVersions", versions: ["v1"] }),
  "GET /apis": () => json({ kind: "APIGroupList", apiVersion: "v1", groups: GROUPS.map((name) => ({ name })) }),
  "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews": () => ({ ...json({ status: RULES }), status: 201 }),
};

const EVENTS = /^\/api\/v1\/namespaces\/[^/]+\/events$/;

/** What is answered without a look at anything. */
export function fixedAnswer(method: string, path: string, body: string): Answer | undefined {
  if (method === "POST" && EVENTS.test(path)) return { status: 201, text: body };
  return DISCOVERY[`${method} ${path}`]?.();
}

const pairs = (selector: string | null): (readonly [string, string])[] =>
  (selector ?? "")
    .split(",")
    .filter((pair) => pair !== "")
    .map((pair) => pair.split("=") as [string, string]);

export const scopeOf = ({ target, query }: Call): Scope => ({
  namespace: target.namespace,
  name: pairs(query.get("fieldSelector"))[0]?.[1] ?? "",
  labels: pairs(query.get("labelSelector")),
});

export const bodyOf = (request: http.IncomingMessage): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk: string) => (text += chunk));
    request.on("end", () => resolve(text));
    request.on("error", reject);
  });

const verbOf = ({ method, target, query }: Call): string => {
  if (query.get("watch") === "true") return "WATCH";
  return method === "GET" && target.name === "" ? "LIST" : method;
};

/** As it stands in the counts: "LIST widgets". */
export const nameOf = (call: Call): string =>
  `${verbOf(call)} ${call.target.resource.resource}${call.target.subresource && `/${call.target.subresource}`}`;

export function callOf(request: http.IncomingMessage, body: string): Call {
  const { method = "GET", url = "/", headers } = request;
  const [path = "", search = ""] = url.split("?");
  const target = targetOf(path);
  if (target === undefined) throw unscripted(`${method} ${url}`);
  return { method, type: headers["content-type"] ?? "", target, query: new URLSearchParams(search), body };
}
