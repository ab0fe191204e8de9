// The rules of the samples against the needs that the konnector computes and the page that documents them: each verb is
// needed by something, all of them are enough, and whichever is taken away, exactly that one is missing.

import { readFileSync } from "node:fs";
import path from "node:path";

import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

import {
  instanceNeeds,
  type Need,
  ownNeeds,
  providerNeeds,
  relatedNeeds,
  type WantedApi,
} from "../../machines/rules/needed-rights.ts";
import { describeRights, isGranted, type Right, type Rules, rulesFrom } from "../../machines/rules/permissions.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");
const read = (...file: string[]) => readFileSync(path.join(ROOT, ...file), "utf8");

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

const rulesOf = (file: string, kind: string): Rule[] =>
  parseAllDocuments(read("samples", file))
    .map((document) => document.toJS())
    .filter((one) => one.kind === kind)
    .flatMap((one) => one.rules);

const PROVIDER = rulesOf("provider/access.yaml", "ClusterRole");
const LEASE = rulesOf("provider/access.yaml", "Role");
const CONSUMER = rulesOf("consumer/konnector-rbac.yaml", "ClusterRole");
const SECRETS = rulesOf("consumer/konnector-rbac.yaml", "Role");

const WIDGETS: WantedApi = {
  name: "widgets.example.org",
  namespaced: true,
  namespaces: "all",
  homes: "all",
  hasStatus: true,
  live: true,
};
const ON_PROVIDER = providerNeeds({ crds: true, related: [], apis: [WIDGETS] });
const HERE = [...ownNeeds("kube-bind", true), ...instanceNeeds(WIDGETS)];

/** What every authenticated user may. */
const EVERYBODY = { nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/apis", "/openapi/v3"] }] };
const asAnswered = (rules: Rule[]): Rules => rulesFrom({ ...EVERYBODY, resourceRules: rules });

const missing = (needs: Need[], rules: Rule[]): Right[] => {
  const granted = asAnswered(rules);
  return needs
    .filter(({ right, or }) => ![right, or].some((one) => one && isGranted(granted, one)))
    .map(({ right }) => right);
};

/** Every way to take one verb of one resource away, with the name of what is gone. */
const lacking = (rules: Rule[]): { gone: string; rest: Rule[] }[] =>
  rules.flatMap((rule, index) =>
    rule.resources.flatMap((resource) =>
      rule.verbs.map((verb) => {
        const others = { ...rule, resources: rule.resources.filter((one) => one !== resource) };
        const rest = { ...rule, resources: [resource], verbs: rule.verbs.filter((one) => one !== verb) };
        return {
          gone: `${verb} ${resource}`,
          rest: [...rules.slice(0, index), others, rest, ...rules.slice(index + 1)],
        };
      }),
    ),
  );

/** Told when it is met, not before. */
const ON_DEMAND = "create namespaces";

describe("the rules of the samples", () => {
  test("are all that is needed", () => {
    expect(missing(ON_PROVIDER, PROVIDER)).toEqual([]);
    expect(missing(HERE, [...CONSUMER, ...SECRETS])).toEqual([]);
  });

  test.each(lacking(PROVIDER).filter(({ gone }) => gone !== ON_DEMAND))(
    "on the provider include nothing for nothing: without $gone exactly that is missing",
    ({ gone, rest }) => {
      const rights = missing(ON_PROVIDER, rest);
      expect(rights.map(({ verb, resource }) => `${verb} ${resource}`)).toEqual([gone]);
      expect(describeRights(rights)).toContain(gone);
    },
  );

  test.each(lacking([...CONSUMER, ...SECRETS]))(
    "here include nothing for nothing: without $gone exactly that is missing",
    ({ gone, rest }) => {
      const names = missing(HERE, rest).map(({ verb, resource }) => `${verb} ${resource}`);
      const [verb = "", resource = ""] = gone.split(" ");
      // The sample grants whole groups of the APIs that may come.
      const ofAll = [`${verb} widgets`, ...(verb === "patch" ? ["patch widgets/status"] : [])];
      expect(names).toEqual(resource === "*" ? ofAll : [gone]);
    },
  );
});

describe("for related objects", () => {
  const wanted = ["secrets", "configmaps"].flatMap((resource) =>
    [true, false].map((written) => ({ resource, written, namespaces: "all" as const, names: null })),
  );
  const needs = wanted.flatMap(relatedNeeds);

  test.each(["related/provider-access.yaml", "related/konnector-rbac.yaml"])(
    "%s grants all that is needed, and nothing for nothing",
    (file) => {
      const rules = rulesOf(file, "ClusterRole");
      expect(missing(needs, rules)).toEqual([]);
      for (const { gone, rest } of lacking(rules).filter(({ gone: what }) => what !== ON_DEMAND)) {
        const names = new Set(missing(needs, rest).map(({ verb, resource }) => `${verb} ${resource}`));
        expect([...names]).toEqual([gone]);
      }
    },
  );

  test("sources that rules name need no right for any other", () => {
    const named = relatedNeeds({ resource: "secrets", written: false, namespaces: ["team-a"], names: ["db"] });
    const rule = { apiGroups: [""], resources: ["secrets"], resourceNames: ["db"], verbs: ["get", "list", "watch"] };
    expect(missing(named, [rule])).toEqual([]);
    expect(describeRights(missing(named, []))).toBe("list, watch, get secrets db in namespace team-a");
  });
});

describe("for Bindings", () => {
  const places = ["team-a", "team-b"];
  const bound: WantedApi = { ...WIDGETS, namespaces: places, homes: places };
  const ofInstances = (needs: Need[]) => needs.filter(({ right }) => right.group === "example.org");

  /** What the samples grant, as a Role in that namespace. */
  const role = (rules: Rule[]): Rules => asAnswered(rules.filter(({ apiGroups }) => apiGroups.includes("example.org")));

  test.each([
    ["the provider", ofInstances(providerNeeds({ crds: true, related: [], apis: [bound] })), role(PROVIDER)],
    ["this cluster", ofInstances(instanceNeeds(bound)), role(CONSUMER)],
  ])(
    "on %s nothing is needed of the API in the whole cluster, and what the sample grants is enough in each namespace",
    (_side, needs, granted) => {
      expect([...new Set(needs.map(({ right }) => right.namespace))]).toEqual(places);
      expect(needs.filter(({ right }) => !isGranted(granted, right))).toEqual([]);
    },
  );
});

describe("the page about permissions", () => {
  const page = read("docs", "reference", "provider-permissions.md");
  const rows = page.split("\n").filter((line) => line.startsWith("|"));

  test.each(
    [...PROVIDER, ...LEASE, ...CONSUMER, ...SECRETS].flatMap(({ resources, verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => ({ verb, resource }))),
    ),
  )("has a row that grants $verb on $resource", ({ verb, resource }) => {
    const about = rows.filter((row) =>
      resource === "*" ? row.includes("bound API") : row.includes(`\`${resource}\``),
    );
    expect(about.some((row) => row.includes(`\`${verb}\``))).toBe(true);
  });
});
