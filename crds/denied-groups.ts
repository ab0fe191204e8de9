// API groups that no provider may deliver, because a definition in them would change how this cluster itself works.
// Rules: docs/reference/behaviour.md, "Schema pull".

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
  "kube-bind.io",
  "kcp.io",
]);

/** Our own and kcp's: never. */
const CRITICAL_SUFFIXES = [".kube-bind.io", ".kcp.io"];

/** Kubernetes' own domain: only groups that are allowed by name. */
const RESERVED_SUFFIX = ".k8s.io";

/** `allowed`: groups under k8s.io that an operator lets through, for instance snapshot.storage.k8s.io. */
export const isDeniedGroup = (group: string, allowed: ReadonlySet<string> = new Set()): boolean => {
  if (CRITICAL.has(group) || CRITICAL_SUFFIXES.some((suffix) => group.endsWith(suffix))) return true;
  return group.endsWith(RESERVED_SUFFIX) && !allowed.has(group);
};
