// Taking rights away and giving them back while the konnector runs: rules without a verb, roles that are changed, and the
// moment from which an API server goes by them.

import type { ControlPlane } from "../harness/control-plane.ts";
import { kubeconfigAt } from "../harness/fault-proxy.ts";
import { eventually } from "../harness/wait.ts";
import type { Landscape } from "./landscape.ts";
import { grantAccess, KONNECTOR_USER, PROVIDER_RIGHTS, type Rule } from "./rights.ts";

/** One verb on one thing: what a scenario takes away. */
export interface Taken {
  group: string;
  /** A name of the rule's own: "*" for the rule of the exported API. */
  resource: string;
  verb: string;
}

export function without(rules: readonly Rule[], { group, resource, verb }: Taken): Rule[] {
  const concerns = (rule: Rule) =>
    rule.apiGroups.includes(group) && rule.resources.includes(resource) && rule.verbs.includes(verb);
  if (rules.filter(concerns).length !== 1) throw new Error(`not exactly one rule has ${verb} ${resource}`);
  return rules.flatMap((rule) => {
    if (!concerns(rule)) return [rule];
    const others = { ...rule, resources: rule.resources.filter((one) => one !== resource) };
    const rest = { ...rule, resources: [resource], verbs: rule.verbs.filter((one) => one !== verb) };
    return [others, rest].filter(({ resources, verbs }) => resources.length > 0 && verbs.length > 0);
  });
}

const ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
const REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/** Replaces what the user's role grants in the whole cluster. */
export async function setRules(plane: ControlPlane, user: string, rules: readonly Rule[]): Promise<void> {
  const answer = await plane.admin.request("PATCH", `${ROLES}/${user}`, { rules }, "application/merge-patch+json");
  if (answer.status !== 200) throw new Error(`${plane.name}: the rules of ${user}: ${answer.text}`);
}

/** Roles reach the authorizer a moment after they were written. */
export const untilRefused = (
  plane: ControlPlane,
  user: string,
  { group, resource, verb }: Taken,
  namespace = "",
): Promise<unknown> =>
  eventually(`${user} not to be allowed to ${verb} ${resource}`, async () => {
    const resourceAttributes = { group, resource, verb, namespace };
    const { body } = await plane.admin.request("POST", REVIEWS, {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SubjectAccessReview",
      spec: { user, resourceAttributes },
    });
    return body.status.allowed === false;
  });

export const providerUserOf = (word: string): string => `${KONNECTOR_USER}-${word}`;

/** A kubeconfig of a new user with these rights on the provider, through the proxy. */
export async function userWith(land: Landscape, word: string, rules: readonly Rule[]): Promise<string> {
  const kubeconfig = await land.provider.plane.addUser(providerUserOf(word));
  await grantAccess(land.provider.plane, providerUserOf(word), [...rules]);
  return kubeconfigAt(kubeconfig, land.proxy.url);
}

export const grantAll = (land: Landscape, word: string): Promise<void> =>
  setRules(land.provider.plane, providerUserOf(word), PROVIDER_RIGHTS);
