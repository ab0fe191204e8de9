// Rights as API servers grant and refuse them: whether rules grant a right, which right a refusal names, and how missing
// ones are told. Knows the matching of RBAC; which rights are needed is needed-rights.ts. Pure.
// Rule: docs/reference/behaviour.md, "Permissions".

import { recordsIn, stringsIn } from "../../crds/json.ts";

/** One verb on one kind of thing. */
export interface Right {
  verb: string;
  group: string;
  /** The plural, with a slash before a subresource: "widgets/status". "" for a path. */
  resource: string;
  /** "": in the whole cluster. */
  namespace: string;
  /** Of this one object only; absent: of any. */
  name?: string;
  /** Its objects live in namespaces, so that "" means all of them. */
  namespaced: boolean;
  /** Instead of a resource: a path that is none, "/apis". */
  path?: string;
}

/** A rule as an API server tells it. */
export interface Rule {
  verbs: readonly string[];
  groups: readonly string[];
  resources: readonly string[];
  /** Empty: objects of any name. */
  names: readonly string[];
  paths: readonly string[];
}

/** What may be done in one namespace, or in the whole cluster. */
export interface Rules {
  rules: readonly Rule[];
  /** There may be more than these: what they do not grant has to be asked for one by one. */
  incomplete: boolean;
}

const has = (list: readonly string[], wanted: string): boolean => list.includes("*") || list.includes(wanted);

/** "*" is every resource and subresource, "widgets" never its subresources, and a star slash status that of any resource. */
const namesResource = (resources: readonly string[], wanted: string): boolean => {
  const [, subresource] = wanted.split("/");
  return has(resources, wanted) || (subresource !== undefined && resources.includes(`*/${subresource}`));
};

const namesPath = (paths: readonly string[], wanted: string): boolean =>
  paths.some((path) => path === wanted || (path.endsWith("*") && wanted.startsWith(path.slice(0, -1))));

const namesObject = ({ names }: Rule, { name }: Right): boolean =>
  names.length === 0 || (name !== undefined && names.includes(name));

/** Does the rule grant the right, wherever the rule holds? */
function grants(rule: Rule, right: Right): boolean {
  if (!has(rule.verbs, right.verb)) return false;
  if (right.path !== undefined) return namesPath(rule.paths, right.path);
  return has(rule.groups, right.group) && namesResource(rule.resources, right.resource) && namesObject(rule, right);
}

export const isGranted = ({ rules }: Rules, right: Right): boolean => rules.some((rule) => grants(rule, right));

/** Reads the `status` of a SelfSubjectRulesReview; what is missing in it grants nothing. */
export function rulesFrom(status: Record<string, unknown>): Rules {
  const ofResources = recordsIn(status["resourceRules"]).map((rule) => ({
    verbs: stringsIn(rule["verbs"]),
    groups: stringsIn(rule["apiGroups"]),
    resources: stringsIn(rule["resources"]),
    names: stringsIn(rule["resourceNames"]),
    paths: [],
  }));
  const ofPaths = recordsIn(status["nonResourceRules"]).map((rule) => ({
    verbs: stringsIn(rule["verbs"]),
    groups: [],
    resources: [],
    names: [],
    paths: stringsIn(rule["nonResourceURLs"]),
  }));
  return { rules: [...ofResources, ...ofPaths], incomplete: status["incomplete"] === true };
}

/** The same right for one object, or in one namespace, is part of the right for all. */
export const covers = (wide: Right, narrow: Right): boolean =>
  wide.verb === narrow.verb &&
  wide.group === narrow.group &&
  wide.resource === narrow.resource &&
  wide.path === narrow.path &&
  (wide.namespace === "" || wide.namespace === narrow.namespace) &&
  (wide.name === undefined || wide.name === narrow.name);

/** What of these is not part of another of them. */
const distinct = (rights: readonly Right[]): Right[] =>
  rights.filter(
    (right, index) =>
      !rights.some((other, at) => at !== index && covers(other, right) && (at < index || !covers(right, other))),
  );

const REFUSED =
  /cannot (\S+) resource "([^"]+)" in API group "([^"]*)" (?:in the namespace "([^"]+)"|at the cluster scope)/;
const REFUSED_PATH = /cannot (\S+) path "([^"]+)"/;

/** The right that the message of a 403 says is missing; undefined when it says nothing of the kind. */
export function rightIn(message: string): Right | undefined {
  const found = REFUSED.exec(message);
  return found === null ? pathIn(message) : resourceIn(found);
}

function resourceIn([, verb = "", resource = "", group = "", namespace = ""]: RegExpExecArray): Right {
  const right = { verb, group, resource, namespace, namespaced: namespace !== "" };
  // A request for one namespace is judged as one within it.
  const isNamespace = resource === "namespaces" && group === "" && namespace !== "";
  return isNamespace ? { ...right, name: namespace, namespaced: false } : right;
}

function pathIn(message: string): Right | undefined {
  const [, verb, path] = REFUSED_PATH.exec(message) ?? [];
  if (verb === undefined || path === undefined) return undefined;
  return { verb, group: "", resource: "", namespace: "", namespaced: false, path };
}

const thing = ({ group, resource, path, name }: Right): string => {
  if (path !== undefined) return path;
  const [plural = "", subresource] = resource.split("/");
  const type = `${plural}${group === "" ? "" : `.${group}`}${subresource === undefined ? "" : `/${subresource}`}`;
  return name === undefined ? type : `${type} ${name}`;
};

const place = ({ namespace, namespaced, name }: Right): string => {
  if (namespace === "") return namespaced ? " in all namespaces" : "";
  return name === namespace && !namespaced ? "" : ` in namespace ${namespace}`;
};

const BOUND = 10;

/** "create, patch widgets.example.org in namespace blue; list secrets in all namespaces", bounded. */
export function describeRights(rights: readonly Right[]): string {
  const verbs = new Map<string, Set<string>>();
  for (const right of distinct(rights)) {
    const what = `${thing(right)}${place(right)}`;
    verbs.set(what, (verbs.get(what) ?? new Set()).add(right.verb));
  }
  const said = [...verbs].map(([what, which]) => `${[...which].join(", ")} ${what}`);
  return said.slice(0, BOUND).join("; ") + (said.length > BOUND ? `; and ${said.length - BOUND} more` : "");
}
