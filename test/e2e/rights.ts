// The rights of the konnector's user in these tests: the least it can do its work with, so that a request nobody planned for
// fails here. Its name is how the API servers' audit logs tell its requests from others.

import type { ControlPlane } from "../harness/control-plane.ts";
import { GROUP, SECRET_NAMESPACE } from "./manifests.ts";

export const KONNECTOR_USER = "konnector";

export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

export const rule = (apiGroup: string, resources: string, verbs: string): Rule => ({
  apiGroups: [apiGroup],
  resources: resources.split(" "),
  verbs: verbs.split(" "),
});

export const PROVIDER_RIGHTS: Rule[] = [
  rule("", "namespaces", "get create"),
  rule("apiextensions.k8s.io", "customresourcedefinitions", "get list watch"),
  rule("coordination.k8s.io", "leases", "get create update delete"),
  rule(GROUP, "*", "get list watch create patch delete"),
];

const CONSUMER_RIGHTS: Rule[] = [
  rule("core.kube-bind.io", "connections clusterbindings bindings", "get list watch patch"),
  rule("core.kube-bind.io", "clusterbindings", "create delete"),
  rule("core.kube-bind.io", "connections/status clusterbindings/status bindings/status", "patch"),
  rule("apiextensions.k8s.io", "customresourcedefinitions", "get list watch create update delete"),
  rule("", "namespaces", "get"),
  rule("", "events", "create"),
  rule(GROUP, "*", "get list watch patch"),
];

const SECRET_RIGHTS: Rule[] = [rule("", "secrets", "get list watch patch")];

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

async function ask(plane: ControlPlane, method: string, path: string, body: unknown): Promise<void> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const answer = await plane.admin.request(method, path, body, type);
  if (answer.status >= 300)
    throw new Error(`${plane.name}: ${method} ${path} answered ${answer.status}: ${answer.text}`);
}

const rbac = (kind: string, name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name });

/** Gives `user` these rights in the whole cluster, or in one namespace, under a role of that user's or another name. */
export async function grant(
  plane: ControlPlane,
  user: string,
  rules: Rule[],
  namespace = "",
  name = user,
): Promise<void> {
  const [path, prefix] = namespace === "" ? [RBAC, "cluster"] : [`${RBAC}/namespaces/${namespace}`, ""];
  const role = namespace === "" ? "ClusterRole" : "Role";
  await ask(plane, "POST", `${path}/${prefix}roles`, { metadata: { name }, rules });
  const bound = { metadata: { name }, roleRef: rbac(role, name), subjects: [rbac("User", user)] };
  await ask(plane, "POST", `${path}/${prefix}rolebindings`, bound);
}

/** A kubeconfig of a user with the konnector's rights on a provider. */
export async function providerUser(plane: ControlPlane, user = KONNECTOR_USER): Promise<string> {
  const kubeconfig = await plane.addUser(user);
  await grant(plane, user, PROVIDER_RIGHTS);
  return kubeconfig;
}

/** The kubeconfig the konnector itself runs with; needs the namespace of the Secrets to exist. */
export async function consumerUser(plane: ControlPlane): Promise<string> {
  const kubeconfig = await plane.addUser(KONNECTOR_USER);
  await grant(plane, KONNECTOR_USER, CONSUMER_RIGHTS);
  await grant(plane, KONNECTOR_USER, SECRET_RIGHTS, SECRET_NAMESPACE);
  return kubeconfig;
}

/** Gives a user who has been granted rights in the whole cluster these instead. */
export const regrant = (plane: ControlPlane, user: string, rules: Rule[]): Promise<void> =>
  ask(plane, "PATCH", `${RBAC}/clusterroles/${user}`, { rules });
