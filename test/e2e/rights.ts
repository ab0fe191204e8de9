// The rights of the konnector's user in these tests: those of the samples and no others, so that a request nobody planned
// for fails here, and the samples are known to be enough. Only the rule for the exported API is widened, to every API of the
// tests. The user's name is how the API servers' audit logs tell its requests from others.

import { readFileSync } from "node:fs";
import path from "node:path";

import { parseAllDocuments } from "yaml";

import type { ControlPlane } from "../harness/control-plane.ts";
import { GROUP, LEASE_NAMESPACE, SECRET_NAMESPACE } from "./manifests.ts";

export const KONNECTOR_USER = "konnector";

export interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

export const rule = (apiGroup: string, resources: string, verbs: string): Rule => ({
  apiGroups: [apiGroup],
  resources: resources.split(" "),
  verbs: verbs.split(" "),
});

const SAMPLES = path.join(import.meta.dirname, "..", "..", "samples");

/** The rules of the only document of that kind in a sample. */
function rulesOf(file: string, kind: "ClusterRole" | "Role"): Rule[] {
  const documents = parseAllDocuments(readFileSync(path.join(SAMPLES, file), "utf8"));
  const [role, ...others] = documents.map((document) => document.toJS()).filter((one) => one.kind === kind);
  if (role === undefined || others.length > 0) throw new Error(`${file} has not exactly one ${kind}`);
  return role.rules;
}

const ofEveryApi = (rule: Rule): Rule => (rule.apiGroups[0] === GROUP ? { ...rule, resources: ["*"] } : rule);

export const PROVIDER_RIGHTS: Rule[] = rulesOf("provider/access.yaml", "ClusterRole").map(ofEveryApi);
/** In the one namespace of the Leases. */
export const LEASE_RIGHTS: Rule[] = rulesOf("provider/access.yaml", "Role");
export const CONSUMER_RIGHTS: Rule[] = rulesOf("consumer/konnector-rbac.yaml", "ClusterRole").map(ofEveryApi);
export const SECRET_RIGHTS: Rule[] = rulesOf("consumer/konnector-rbac.yaml", "Role");

/** Beside them, where bindings bring Secrets and ConfigMaps along. */
export const RELATED_PROVIDER_RIGHTS: Rule[] = rulesOf("related/provider-access.yaml", "ClusterRole");
export const RELATED_CONSUMER_RIGHTS: Rule[] = rulesOf("related/konnector-rbac.yaml", "ClusterRole");

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

async function ask(plane: ControlPlane, method: string, path: string, body: unknown): Promise<void> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const answer = await plane.admin.request(method, path, body, type);
  if (answer.status >= 300)
    throw new Error(`${plane.name}: ${method} ${path} answered ${answer.status}: ${answer.text}`);
}

const rbac = (kind: string, name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name });

/** Gives `user` these rights in the whole cluster, or in one namespace, under a role of that user's or another name. */
export const grant = (plane: ControlPlane, user: string, rules: Rule[], namespace = "", name = user): Promise<void> =>
  grantTo(plane, rbac("User", user), rules, namespace, name);

/** The same for any subject of RBAC. */
async function grantTo(
  plane: ControlPlane,
  subject: object,
  rules: Rule[],
  namespace: string,
  name: string,
): Promise<void> {
  const [path, prefix] = namespace === "" ? [RBAC, "cluster"] : [`${RBAC}/namespaces/${namespace}`, ""];
  const role = namespace === "" ? "ClusterRole" : "Role";
  await ask(plane, "POST", `${path}/${prefix}roles`, { metadata: { name }, rules });
  const bound = { metadata: { name }, roleRef: rbac(role, name), subjects: [subject] };
  await ask(plane, "POST", `${path}/${prefix}rolebindings`, bound);
}

/** What the sample for providers grants: its rules, or these instead, and its Role in the namespace of the Leases. */
export async function grantAccess(
  plane: ControlPlane,
  name: string,
  rules = PROVIDER_RIGHTS,
  subject: object = rbac("User", name),
): Promise<void> {
  await grantTo(plane, subject, rules, "", name);
  await grantTo(plane, subject, LEASE_RIGHTS, LEASE_NAMESPACE, name);
}

/** A kubeconfig of a user with the konnector's rights on a provider; needs the namespace of the Leases to exist. */
export async function providerUser(plane: ControlPlane, user = KONNECTOR_USER): Promise<string> {
  const kubeconfig = await plane.addUser(user);
  await grantAccess(plane, user);
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
