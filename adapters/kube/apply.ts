// The request of a server-side apply: PATCH, always forced, always under a field manager. The body is JSON, which the
// API server reads with a YAML parser; what YAML reads differently is escaped here.
// Rule: docs/reference/behaviour.md, "Client and watch".

import { stringifyJson } from "../../crds/json.ts";
import type { Key, Resource } from "../../crds/kube-object.ts";
import type { HttpRequest } from "./exchange.ts";
import { objectPath, query } from "./paths.ts";

/** Legal inside a JSON string, refused or folded by a YAML parser. */

const NOT_IN_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;

export const applyRequest = (
  base: string,
  resource: Resource,
  key: Key,
  body: unknown,
  fieldManager: string,
): HttpRequest => ({
  method: "PATCH",
  path: objectPath(base, resource, key) + query({ fieldManager, force: "true" }),
  headers: { "content-type": "application/apply-patch+yaml" },
  body: stringifyJson(body).replaceAll(NOT_IN_YAML, escaped),
});
