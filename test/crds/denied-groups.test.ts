import { expect, test } from "vitest";

import { isDeniedGroup } from "../../crds/denied-groups.ts";

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
  "catalog.kube-bind.io",
  "core.kcp.io",
  "kcp.io",
];

test.each(CRITICAL)('no provider may deliver "%s", even if an operator names it', (group) => {
  expect(isDeniedGroup(group, new Set([group]))).toBe(true);
});

test("another group of Kubernetes' own domain may be let through by name", () => {
  const group = "snapshot.storage.k8s.io";
  expect(isDeniedGroup(group)).toBe(true);
  expect(isDeniedGroup(group, new Set([group]))).toBe(false);
});

test.each(["example.org", "cluster.x-k8s.io", "notkcp.io", "mykube-bind.io", "apps.example.org"])(
  "%s may be delivered",
  (group) => {
    expect(isDeniedGroup(group)).toBe(false);
  },
);
