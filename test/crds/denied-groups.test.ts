import { describe, expect, test } from "vitest";

import { isDeniedGroup, isExcludedGroup } from "../../crds/denied-groups.ts";

const CRITICAL = [
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
  "core.kube-bind.io",
  "kube-bind.io",
];

/** Closed as long as nobody opens them. */
const RESERVED = ["snapshot.storage.k8s.io", "core.kcp.io", "kcp.io", "catalog.kube-bind.io"];

test.each(CRITICAL)('no provider may deliver "%s", even if an operator names it', (group) => {
  expect(isDeniedGroup(group, new Set([group]))).toBe(true);
});

test.each(RESERVED)("%s may be let through by name only", (group) => {
  expect(isDeniedGroup(group)).toBe(true);
  expect(isDeniedGroup(group, new Set([group]))).toBe(false);
});

test.each(["example.org", "cluster.x-k8s.io", "notkcp.io", "mykube-bind.io", "apps.example.org"])(
  "%s may be delivered",
  (group) => {
    expect(isDeniedGroup(group)).toBe(false);
  },
);

describe("groups left out of what a provider serves without labelled definitions", () => {
  test.each([
    ...CRITICAL,
    ...RESERVED,
    "metrics.k8s.io",
    "apis.kcp.io",
    "cache.kcp.io",
    "tenancy.kcp.io",
    "topology.kcp.io",
  ])('include "%s" by default', (group) => {
    expect(isExcludedGroup(group)).toBe(true);
  });

  test.each(CRITICAL)('include "%s" even if an operator allows it', (group) => {
    expect(isExcludedGroup(group, { allowed: new Set([group, "*.k8s.io", "*.kcp.io", "*.kube-bind.io"]) })).toBe(true);
  });

  test.each([
    ["snapshot.storage.k8s.io", "snapshot.storage.k8s.io"],
    ["snapshot.storage.k8s.io", "*.storage.k8s.io"],
    ["tenancy.kcp.io", "*.kcp.io"],
    ["catalog.kube-bind.io", "catalog.kube-bind.io"],
  ])("do not include %s where an operator allows %s", (group, allowed) => {
    expect(isExcludedGroup(group, { allowed: new Set([allowed]) })).toBe(false);
    expect(isDeniedGroup(group, new Set([allowed]))).toBe(false);
  });

  test.each([
    ["example.org", "example.org", true],
    ["a.example.org", "example.org", false],
    ["example.org", "*.example.org", false],
    ["a.example.org", "*.example.org", true],
    ["a.b.example.org", "*.example.org", true],
    ["myexample.org", "*.example.org", false],
  ])("%s, where an operator excludes %s: %s", (group, excluded, expected) => {
    expect(isExcludedGroup(group, { excluded: new Set([excluded]) })).toBe(expected);
  });

  test("are not widened by a pattern where an operator names the group itself", () => {
    const choice = { excluded: new Set(["*.example.org", "b.example.org"]), allowed: new Set(["a.example.org"]) };
    expect(isExcludedGroup("a.example.org", choice)).toBe(false);
    expect(isExcludedGroup("b.example.org", { ...choice, allowed: new Set(["b.example.org"]) })).toBe(true);
    expect(isExcludedGroup("c.example.org", { ...choice, allowed: new Set(["*.example.org"]) })).toBe(true);
  });
});
