// Which related objects rules mean, which rules are not followed, and what is out of reach of every one.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { BindingSpec } from "../../../crds/binding.ts";
import type { KubeObject } from "../../../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../../../crds/labels.ts";
import {
  isNoSource,
  isOffLimits,
  meaning,
  problemOfRule,
  type RelatedRule,
  ruleOf,
} from "../../../machines/rules/related-rules.ts";

type Spec = NonNullable<BindingSpec["relatedResources"]>[number];

const STRICT = { namespace: "kube-bind", systemNamespaces: false, everything: false };

const spec = (selector?: Spec["selector"], change: Partial<Spec> = {}): Spec => ({
  group: "",
  resource: "secrets",
  direction: "FromConsumer",
  ...(selector === undefined ? {} : { selector }),
  ...change,
});

const rule = (one: Spec, change: Partial<Parameters<typeof ruleOf>[1]> = {}): RelatedRule =>
  ruleOf(one, { uid: "a", connection: "acme", namespace: "", adopt: false, paused: "", recorded: true, ...change });

const byLabel = { labelSelector: { matchLabels: { app: "db" } } };

describe("a rule means", () => {
  test.each<[string, Spec["selector"], string, Record<string, string>, boolean]>([
    ["everything without a selector", undefined, "x", {}, true],
    ["everything with an empty one", { labelSelector: {}, names: [] }, "x", {}, true],
    ["what it names", { names: ["x"] }, "x", {}, true],
    ["nothing else", { names: ["x"] }, "y", {}, false],
    ["what its labels match", byLabel, "x", { app: "db" }, true],
    ["nothing that has the name but not the labels", { ...byLabel, names: ["x"] }, "x", {}, false],
    ["nothing that has the labels but not the name", { ...byLabel, names: ["x"] }, "y", { app: "db" }, false],
    ["what has both", { ...byLabel, names: ["x"] }, "x", { app: "db" }, true],
  ])("%s", (_what, selector, name, labels, expected) => {
    expect(rule(spec(selector)).means(name, labels)).toBe(expected);
  });

  test("objects of its binding's scope only, and the first of several is the oldest", () => {
    const rules = [
      rule(spec(), { uid: "here", namespace: "blue" }),
      rule(spec(), { uid: "all" }),
      rule(spec(), { uid: "there", namespace: "red" }),
    ];
    expect(meaning(rules, { namespace: "blue", name: "x" }, {}).map(({ uid }) => uid)).toEqual(["here", "all"]);
  });
});

describe("a rule is not followed", () => {
  const judge = (one: Spec, kind: "Binding" | "ClusterBinding" = "ClusterBinding", policy = STRICT) =>
    problemOfRule({ kind }, one, 2, policy)?.reason;

  test("if it would send every object of the cluster to the provider, unless a flag allows that", () => {
    expect(judge(spec())).toBe("SelectorRequired");
    expect(judge(spec({ labelSelector: {}, names: [] }))).toBe("SelectorRequired");
    expect(judge(spec(), "Binding")).toBeUndefined();
    expect(judge(spec(undefined, { direction: "FromProvider" }))).toBeUndefined();
    expect(judge(spec(byLabel))).toBeUndefined();
    expect(judge(spec(), "ClusterBinding", { ...STRICT, everything: true })).toBeUndefined();
  });

  test("if it cannot be understood, and the field is named", () => {
    const wrong = [spec(undefined, { group: "apps" }), spec({ names: ["No_Name"] })];
    const said = wrong.map((one) => problemOfRule({ kind: "Binding" }, one, 2, STRICT)?.message);
    expect(said).toEqual([
      expect.stringContaining("spec.relatedResources[2].group"),
      expect.stringContaining("spec.relatedResources[2].selector.names"),
    ]);
  });
});

describe("out of reach of every rule", () => {
  const key = (namespace: string, name = "x") => ({ namespace, name });

  test("are our namespace, those of the system and the root certificate, on either side", () => {
    const places = ["kube-bind", "kube-system", "kube-public", "kube-node-lease"];
    for (const place of places) expect(isOffLimits([key("blue"), key(place)], STRICT)).toBe(true);
    expect(isOffLimits([key("blue", "kube-root-ca.crt")], STRICT)).toBe(true);
    expect(isOffLimits([key("blue")], STRICT)).toBe(false);
    const relaxed = { ...STRICT, systemNamespaces: true };
    expect(places.map((place) => isOffLimits([key(place)], relaxed))).toEqual([true, false, false, false]);
  });

  test("are copies of any konnector, and tokens of this cluster", () => {
    const object = (metadata: object, type = "Opaque") => ({ metadata, type }) as unknown as KubeObject;
    expect(isNoSource(object({ labels: { [LABEL.managed]: "true" } }))).toBe(true);
    expect(isNoSource(object({ annotations: { [ANNOTATION.relatedBinding]: "" } }))).toBe(true);
    expect(isNoSource(object({}, "kubernetes.io/service-account-token"))).toBe(true);
    expect(isNoSource(object({}, "bootstrap.kubernetes.io/token"))).toBe(true);
    expect(isNoSource(object({}))).toBe(false);
  });
});

test("what a request asks for shows at least everything that the rule means", () => {
  const word = fc.constantFrom("a", "b", "c");
  const selector = fc.record(
    {
      names: fc.array(word),
      labelSelector: fc.record({ matchLabels: fc.dictionary(word, word) }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(selector, word, fc.dictionary(word, word), (one, name, labels) => {
      const { selection, means } = rule(spec(one));
      if (!means(name, labels)) return;
      expect(selection.names === null || selection.names.includes(name)).toBe(true);
      const asked = selection.labels === "" ? [] : selection.labels.split(",");
      for (const part of asked) {
        const [, key = "", value = ""] = /^(\w+) in \((\w+)\)$/.exec(part) ?? [];
        expect(labels[key]).toBe(value);
      }
    }),
  );
});
