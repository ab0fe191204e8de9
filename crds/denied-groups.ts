// API groups that no provider may deliver, because a definition in them would change how this cluster itself works, and
// those that are not exported by discovery alone.
// Rules: docs/reference/behaviour.md, "Schema pull" and "OpenAPI".

import { isNamed, matchesPattern } from "./domain-patterns.ts";

/** Never, whatever is configured. */
const CRITICAL = new Set([
  "",
  "apps",
  "batch",
  "extensions",
  "policy",
  "autoscaling",
  "networking.k8s.io",
  "apiregistration.k8s.io",
  "apiextensions.k8s.io",
  "admissionregistration.k8s.io",
  "rbac.authorization.k8s.io",
  // Our own kinds.
  "kube-bind.io",
  "core.kube-bind.io",
]);

/** The domains of Kubernetes, of kcp and of this project: only groups that an operator allows. */
const RESERVED = [".k8s.io", ".kcp.io", ".kube-bind.io"];

const NOBODY: ReadonlySet<string> = new Set();

/** `allowed`: reserved groups that an operator lets through, for instance snapshot.storage.k8s.io; or patterns. */
export const isDeniedGroup = (group: string, allowed: ReadonlySet<string> = NOBODY): boolean => {
  if (CRITICAL.has(group)) return true;
  return RESERVED.some((suffix) => `.${group}`.endsWith(suffix)) && !isNamed(group, allowed);
};

/** What an operator says about groups; names, or patterns such as *.example.org. */
export interface GroupChoice {
  excluded?: ReadonlySet<string>;
  allowed?: ReadonlySet<string>;
}

/**
 * Whether a group is left out where everything that a provider serves would be exported: the groups that no provider may
 * deliver, and those that an operator excludes. One that is both excluded and allowed is exported only if it is allowed
 * by its own name and excluded by a pattern.
 */
export const isExcludedGroup = (group: string, { excluded = NOBODY, allowed = NOBODY }: GroupChoice = {}): boolean => {
  if (isDeniedGroup(group, allowed) || excluded.has(group)) return true;
  return matchesPattern(group, excluded) && !allowed.has(group);
};
