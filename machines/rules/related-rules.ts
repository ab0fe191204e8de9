// Which related objects the rules of bindings mean, in which order of precedence, and what no rule reaches. Pure.
// Rules: docs/reference/behaviour.md, "Related objects".

import type { AnyBinding, BindingSpec } from "../../crds/binding.ts";
import type { Key, KubeObject } from "../../crds/kube-object.ts";
import { isEmpty, type LabelSelector, matches, problemOf, requestText } from "../../crds/label-selector.ts";
import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { type Route, routeText } from "../../crds/related.ts";
import type { Reason } from "../../crds/reasons.ts";

/** Which objects of a namespace are meant. */
export interface Selection {
  /** As in a request: "" for all labels. */
  labels: string;
  /** Sorted; null for every name. */
  names: readonly string[] | null;
}

export interface RelatedRule extends Route {
  /** Of the binding that has it. */
  uid: string;
  /** The Connection that acts for it. */
  connection: string;
  /** "": every namespace. */
  namespace: string;
  adopt: boolean;
  /** What stops every write for it, to be named in a message; "" for nothing. */
  paused: string;
  /** The binding says of itself that it may have such copies; before, nothing is written for it. */
  recorded: boolean;
  selection: Selection;
  /** `name`: of the consumer's side. */
  means: (name: string, labels: Readonly<Record<string, string>>) => boolean;
}

/** Why a rule is not followed. */
export interface RuleProblem {
  reason: Extract<Reason, "InvalidRelatedResource" | "SelectorRequired">;
  message: string;
}

export interface RelatedPolicy {
  /** The konnector's own namespace. */
  namespace: string;
  /** Objects in the namespaces of Kubernetes itself may be meant, too. */
  systemNamespaces: boolean;
  /** A ClusterBinding may send every object of a kind to the provider. */
  everything: boolean;
}

type RuleSpec = NonNullable<BindingSpec["relatedResources"]>[number];

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** An empty label selector and an empty list of names are as good as none. */
const wordsOf = ({ selector = {} }: RuleSpec): { labels: LabelSelector | null; names: string[] | null } => {
  const { labelSelector, names = [] } = selector;
  return {
    labels: labelSelector === undefined || isEmpty(labelSelector) ? null : labelSelector,
    names: names.length === 0 ? null : [...new Set(names)].sort(),
  };
};

/** What is wrong with the words of a rule; null for nothing. */
function mistakeIn({ group, resource, selector = {} }: RuleSpec, field: string): string | null {
  if (group !== "") return `${field}.group: ${resource} are in the core group, so it has to be ""`;
  const { labelSelector = {}, names = [] } = selector;
  const wrong = names.find((name) => !NAME.test(name));
  if (wrong !== undefined) return `${field}.selector.names: "${wrong.slice(0, 100)}" is no name of an object`;
  return problemOf(labelSelector, `${field}.selector.labelSelector`);
}

const isEverything = (rule: RuleSpec): boolean => {
  const { labels, names } = wordsOf(rule);
  return rule.direction === "FromConsumer" && labels === null && names === null;
};

/** Why one rule is not followed; null for nothing. */
export function problemOfRule(
  { kind }: Pick<AnyBinding, "kind">,
  rule: RuleSpec,
  index: number,
  { everything }: RelatedPolicy,
): RuleProblem | null {
  const field = `spec.relatedResources[${index}]`;
  const { resource } = rule;
  const mistake = mistakeIn(rule, field);
  if (mistake !== null) return { reason: "InvalidRelatedResource", message: mistake };
  if (kind === "Binding" || everything || !isEverything(rule)) return null;
  const message = `${field}.selector: without names or a label selector every one of the ${resource} of this cluster would go to the provider; say which are meant, or have the konnector run with --allow-unselected-related`;
  return { reason: "SelectorRequired", message };
}

/** The rules of a binding that are followed, as it has them, and the others with what is wrong with them. */
export function sortRules(binding: Pick<AnyBinding, "kind" | "spec">, policy: RelatedPolicy) {
  const followed: RuleSpec[] = [];
  const unfollowed: { rule: RuleSpec; problem: RuleProblem }[] = [];
  for (const [index, rule] of (binding.spec.relatedResources ?? []).entries()) {
    const problem = problemOfRule(binding, rule, index, policy);
    if (problem === null) followed.push(rule);
    else unfollowed.push({ rule, problem });
  }
  return { followed, unfollowed };
}

/** What makes a rule of one that `problemOfRule` finds nothing wrong with. */
export function ruleOf(spec: RuleSpec, binding: Omit<RelatedRule, keyof Route | "selection" | "means">): RelatedRule {
  const { labels, names } = wordsOf(spec);
  const among = names && new Set(names);
  return {
    ...binding,
    resource: spec.resource,
    direction: spec.direction,
    selection: { labels: labels === null ? "" : requestText(labels), names },
    means: (name, its) => (among === null || among.has(name)) && (labels === null || matches(labels, its)),
  };
}

/** The rules that mean an object, in order: the first one's binding stands on its copy. `rules`: the oldest first. */
export const meaning = (
  rules: readonly RelatedRule[],
  { namespace, name }: Key,
  labels: Readonly<Record<string, string>>,
): RelatedRule[] =>
  rules.filter((rule) => (rule.namespace === "" || rule.namespace === namespace) && rule.means(name, labels));

/** Tokens of service accounts and of nodes that join. */
const CREDENTIALS = new Set<unknown>(["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"]);
const BY_ITSELF = "kube-root-ca.crt";
const SYSTEM = new Set(["kube-system", "kube-public", "kube-node-lease"]);

/** Is an object at that place, on either side, out of reach whatever is selected? */
export const isOffLimits = (keys: readonly Key[], { namespace: own, systemNamespaces }: RelatedPolicy): boolean =>
  keys.some(
    ({ namespace, name }) => namespace === own || name === BY_ITSELF || (!systemNamespaces && SYSTEM.has(namespace)),
  );

/** Is it a copy of ours, or of another konnector, or a credential of this very cluster? */
export const isNoSource = ({ metadata: { labels, annotations }, ...fields }: KubeObject): boolean =>
  CREDENTIALS.has(fields["type"]) ||
  labels?.[LABEL.managed] === "true" ||
  annotations?.[ANNOTATION.relatedBinding] !== undefined;

/** Text that is the same for rules that mean the same. */
export const ruleText = ({ means: _means, ...rule }: RelatedRule): string => JSON.stringify([routeText(rule), rule]);
