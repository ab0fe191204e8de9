// How rights are matched against the rules of RBAC, read out of refusals and told: machines/rules/permissions.ts. Rules and
// refusals are those that kube-apiserver 1.34 gave.

import { describe, expect, it } from "vitest";
import {
  covers,
  describeRights,
  isGranted,
  type Right,
  rightIn,
  rulesFrom,
} from "../../../machines/rules/permissions.ts";

const right = (change: Partial<Right> = {}): Right => ({
  verb: "patch",
  group: "example.org",
  resource: "widgets",
  namespace: "",
  namespaced: true,
  ...change,
});

const granted = (rule: Record<string, unknown>, wanted: Partial<Right> = {}): boolean =>
  isGranted(
    rulesFrom({ resourceRules: [{ verbs: ["patch"], apiGroups: ["example.org"], resources: ["widgets"], ...rule }] }),
    right(wanted),
  );
const STATUS = { resource: "widgets/status" };
const NAMED = { name: "one" };

describe("a rule grants a right", () => {
  it.each<[string, boolean, Record<string, unknown>, Partial<Right>?]>([
    ["of its verb, group and resource", true, {}],
    ["of no other verb", false, { verbs: ["get", "list"] }],
    ["of every verb with a star", true, { verbs: ["*"] }],
    ["of no other group", false, { apiGroups: ["", "apps"] }],
    ["of every group with a star", true, { apiGroups: ["*"] }],
    ["of no other resource", false, { resources: ["gadgets"] }],
    ["of every resource with a star", true, { resources: ["*"] }],
    ["of no subresource that it does not name", false, {}, STATUS],
    ["of a subresource that it names", true, { resources: ["widgets/status"] }, STATUS],
    ["of that subresource of anything", true, { resources: ["*/status"] }, STATUS],
    ["of every subresource with a star alone", true, { resources: ["*"] }, STATUS],
    ["not of the resource for one of its subresources", false, { resources: ["widgets/status", "*/status"] }],
    ["not with a pattern that RBAC does not know", false, { resources: ["widgets/*", "wid*"] }, STATUS],
    ["of one object that it names", true, { resourceNames: ["one", "two"] }, NAMED],
    ["of no other object", false, { resourceNames: ["two"] }, NAMED],
    ["not of all objects where it names some", false, { resourceNames: ["one"] }],
    ["of one object where it names none", true, { resourceNames: [] }, NAMED],
    ["of no path", false, { verbs: ["*"], resources: ["*"], apiGroups: ["*"] }, { verb: "get", path: "/apis" }],
  ])("%s", (_name, expected, rule, wanted) => {
    expect(granted(rule, wanted)).toBe(expected);
  }); // prettier-ignore

  it.each<[string, boolean, string[]]>([
    ["that it names", true, ["/apis"]],
    ["below one with a star", true, ["/api*"]],
    ["with a star alone", true, ["*"]],
    ["but not one beside it", false, ["/api", "/apis/*", "/openapi/*"]],
  ])("of a path %s", (_name, expected, nonResourceURLs) => {
    const rules = rulesFrom({ nonResourceRules: [{ verbs: ["get"], nonResourceURLs }] });
    expect(isGranted(rules, right({ verb: "get", group: "", resource: "", path: "/apis" }))).toBe(expected);
  });
});

describe("an answer to a rules review", () => {
  it("is read as far as it can be, and grants nothing beyond that", () => {
    const rules = rulesFrom({
      resourceRules: [null, { verbs: "patch" }, { verbs: [1, "patch"], apiGroups: ["*"], resources: ["*"] }],
      nonResourceRules: 7,
    });
    expect(rules.incomplete).toBe(false);
    expect(isGranted(rules, right())).toBe(true);
    expect(isGranted(rules, right({ verb: "get" }))).toBe(false);
    expect(isGranted(rulesFrom({}), right())).toBe(false);
  });

  it("says whether there may be more", () => {
    expect(rulesFrom({ incomplete: true }).incomplete).toBe(true);
  });
});

describe("the right that a refusal names", () => {
  it.each<[string, Right | undefined]>([
    ['widgets.example.org "a" is forbidden: User "konnector" cannot patch resource "widgets" in API group "example.org" in the namespace "default"', right({ namespace: "default" })],
    ['widgets.example.org is forbidden: User "konnector" cannot patch resource "widgets" in API group "example.org" at the cluster scope', right({ namespaced: false })],
    ['pods "x" is forbidden: User "u" cannot patch resource "pods/status" in API group "" in the namespace "default"', right({ group: "", resource: "pods/status", namespace: "default" })],
    ['namespaces "kube-system" is forbidden: User "u" cannot get resource "namespaces" in API group "" in the namespace "kube-system"',
      right({ verb: "get", group: "", resource: "namespaces", namespace: "kube-system", name: "kube-system", namespaced: false })],
    ['forbidden: User "u" cannot get path "/metrics"', right({ verb: "get", group: "", resource: "", namespaced: false, path: "/metrics" })],
    ['widgets.example.org "a" is forbidden: exceeded quota: few', undefined],
    ['admission webhook "no.example.org" denied the request: not on Sundays', undefined],
  ])("%s", (message, expected) => {
    expect(rightIn(message)).toEqual(expected);
  }); // prettier-ignore
});

describe("rights are told", () => {
  it("with verbs, resource and namespace, those of one thing together", () => {
    const rights = [right(), right({ verb: "delete" }), right({ resource: "widgets/status", namespace: "blue" })];
    expect(describeRights(rights)).toBe(
      "patch, delete widgets.example.org in all namespaces; patch widgets.example.org/status in namespace blue",
    );
  });

  it("without a namespace where there is none", () => {
    expect(
      describeRights([
        right({ namespaced: false }),
        right({ group: "", resource: "namespaces", namespace: "kube-system", name: "kube-system", namespaced: false }),
      ]),
    ).toBe("patch widgets.example.org; patch namespaces kube-system");
  });

  it("once, also where one is part of another", () => {
    const inBlue = right({ namespace: "blue" });
    expect(describeRights([inBlue, right(), right(), inBlue])).toBe("patch widgets.example.org in all namespaces");
    expect(covers(right(), inBlue)).toBe(true);
    expect(covers(inBlue, right())).toBe(false);
  });

  it("in bounded number", () => {
    const rights = Array.from({ length: 12 }, (_, index) => right({ namespace: `n${index}` }));
    expect(describeRights(rights)).toMatch(/n9; and 2 more$/);
    expect(describeRights([])).toBe("");
  });
});
