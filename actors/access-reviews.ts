// Asks an API server what its client may do: the rules that hold in a namespace, or in the whole cluster, and, where a
// server cannot tell all of them, right by right. Keeps what it was told; when to ask again is permissions.ts.
// Rule: docs/reference/behaviour.md, "Permissions".

import type { Resource } from "../crds/kube-object.ts";
import type { Need } from "../machines/rules/needed-rights.ts";
import { isGranted, type Right, type Rules, rulesFrom } from "../machines/rules/permissions.ts";
import { ApiError, type Cluster } from "./ports.ts";

const review = (resource: string, kind: string): Resource => ({
  group: "authorization.k8s.io",
  version: "v1",
  resource,
  kind,
  namespaced: false,
});

const RULES = review("selfsubjectrulesreviews", "SelfSubjectRulesReview");
const ACCESS = review("selfsubjectaccessreviews", "SelfSubjectAccessReview");

/** No namespace can have this name, so no Role can be in it: what holds there holds in the whole cluster. */
const NOWHERE = "kube-bind:cluster-wide";

/** What was told of one namespace ("": of the whole cluster). */
export interface Answer {
  rules: Rules;
  /** Rights that were asked for one by one. */
  single: Map<string, boolean>;
  /** Milliseconds since the epoch. */
  at: number;
}

/** What is known of the rights on one cluster. */
export interface Standing {
  /** Of the engagement that was asked; another one has another credential. */
  epoch: number;
  /** By namespace, "" for the whole cluster. */
  answers: Map<string, Answer>;
  needs: readonly Need[];
  /** null: never asked in full. */
  missing: readonly Right[] | null;
  /** There was no answer to be had the last time. */
  unanswered: boolean;
  /** Namespaces whose answer a refusal contradicts. */
  doubted: Set<string>;
  /** When (milliseconds since the epoch) a namespace for copies could not be created for want of the right. */
  homeless: number;
}

/** The server cannot answer such a question, as opposed to not now. */
const isUnavailable = (error: unknown): boolean =>
  error instanceof ApiError && error.status >= 400 && error.status < 500 && ![401, 408, 429].includes(error.status);

/** Rejects when no answer can be had at the moment. */
async function askRules(cluster: Cluster, namespace: string, now: number): Promise<Answer> {
  try {
    const status = await cluster.review(RULES, "", { namespace: namespace === "" ? NOWHERE : namespace });
    return { rules: rulesFrom(status), single: new Map(), at: now };
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return { rules: { rules: [], incomplete: true }, single: new Map(), at: now };
  }
}

function attributes({ verb, group, resource, namespace, name, path }: Right): Record<string, unknown> {
  if (path !== undefined) return { nonResourceAttributes: { verb, path } };
  const [plural, subresource] = resource.split("/");
  const about = { verb, group, resource: plural, namespace };
  return {
    resourceAttributes: {
      ...about,
      ...(subresource === undefined ? {} : { subresource }),
      ...(name === undefined ? {} : { name }),
    },
  };
}

/** What nobody can tell counts as granted: it is told when it is refused. */
async function askAccess(cluster: Cluster, right: Right): Promise<boolean> {
  try {
    return (await cluster.review(ACCESS, "", attributes(right)))["allowed"] === true;
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return true;
  }
}

async function askOnce(cluster: Cluster, { single }: Answer, right: Right): Promise<boolean> {
  const key = JSON.stringify(right);
  const known = single.get(key);
  if (known !== undefined) return known;
  const allowed = await askAccess(cluster, right);
  single.set(key, allowed);
  return allowed;
}

/** May all objects of the type be listed and watched at once? Undefined while that cannot be told; nothing is asked for it. */
export function mayWatchAll(
  { standings }: { standings: ReadonlyMap<string, Standing> },
  name: string,
  { group, resource, namespaced }: Resource,
): boolean | undefined {
  const rules = standings.get(name)?.answers.get("")?.rules;
  if (rules === undefined) return undefined;
  const right = { group, resource, namespaced, namespace: "" };
  const isAllowed = ["list", "watch"].every((verb) => isGranted(rules, { ...right, verb }));
  return isAllowed || (rules.incomplete ? undefined : false);
}

/** May that be done? `answers` is consulted first and completed. Rejects when no answer can be had at the moment. */
export async function isAllowed(
  cluster: Cluster,
  answers: Map<string, Answer>,
  right: Right,
  now: number,
): Promise<boolean> {
  let last: Answer | undefined;
  for (const namespace of new Set(["", right.namespace])) {
    last = answers.get(namespace) ?? (await askRules(cluster, namespace, now));
    answers.set(namespace, last);
    if (isGranted(last.rules, right)) return true;
  }
  return last?.rules.incomplete === true && askOnce(cluster, last, right);
}
