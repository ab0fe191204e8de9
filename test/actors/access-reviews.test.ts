// What a client may do, as a real API server tells it: in the whole cluster, in a namespace, right by right. Only a server
// that says its rules are incomplete, or has no such review, is one that was made to say so: the real one knows all its rules.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, isAllowed } from "../../actors/access-reviews.ts";
import { ApiError, type Cluster, UnreachableError } from "../../actors/ports.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import type { Resource } from "../../crds/kube-object.ts";
import type { Right } from "../../machines/rules/permissions.ts";
import { grant } from "../e2e/rights.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";

const configMaps = (verb: string, change: Partial<Right> = {}): Right => ({
  verb,
  group: "",
  resource: "configmaps",
  namespace: "",
  namespaced: true,
  ...change,
});
const IDENTITY: Right = {
  ...configMaps("get", { resource: "namespaces", namespace: "kube-system", name: "kube-system" }),
  namespaced: false,
};

let plane: ControlPlane;
let cluster: Cluster;
let asked: string[];
let answers: Map<string, Answer>;

/** What is asked is noted; `rules` may stand in for the answer to a rules review. */
const listening = (rules?: () => Record<string, unknown>): Cluster => ({
  ...cluster,
  review: (resource: Resource, namespace: string, spec: unknown) => {
    asked.push(resource.resource);
    if (rules !== undefined && resource.resource === "selfsubjectrulesreviews") {
      return new Promise((resolve) => resolve(rules()));
    }
    return cluster.review(resource, namespace, spec);
  },
});

const RULES = "selfsubjectrulesreviews";
const ACCESS = "selfsubjectaccessreviews";

beforeAll(async () => {
  plane = await startControlPlane();
  cluster = createCluster(parseKubeconfig(await plane.addUser("asking")));
  const rule = (verbs: string[], resources: string[]) => ({ apiGroups: [""], resources, verbs });
  await grant(plane, "asking", [rule(["list", "watch"], ["configmaps"])]);
  await grant(plane, "asking", [rule(["create"], ["configmaps"]), rule(["get"], ["namespaces"])], "kube-system");
}, 60_000);
afterAll(async () => {
  await cluster?.close();
  await plane?.stop();
});

const allowed = (right: Right, rules?: () => Record<string, unknown>) => isAllowed(listening(rules), answers, right, 0);
const fresh = () => {
  asked = [];
  answers = new Map();
};

describe("a right", () => {
  it("that holds in the whole cluster is found by one question, also where it is needed in a namespace only", async () => {
    fresh();
    expect(await allowed(configMaps("list"))).toBe(true);
    expect(await allowed(configMaps("watch", { namespace: "kube-system" }))).toBe(true);
    expect(asked).toEqual([RULES]);
  });

  it("that a Role gives in one namespace is none in the whole cluster, nor in another namespace", async () => {
    fresh();
    expect(await allowed(configMaps("create", { namespace: "kube-system" }))).toBe(true);
    expect(await allowed(configMaps("create"))).toBe(false);
    expect(await allowed(configMaps("create", { namespace: "default" }))).toBe(false);
    expect(asked).toEqual([RULES, RULES, RULES]);
  });

  it("to read a namespace may be given within it", async () => {
    fresh();
    expect(await allowed(IDENTITY)).toBe(true);
    expect(await allowed({ ...IDENTITY, namespace: "default", name: "default" })).toBe(false);
  });

  it("to read a path is told, too", async () => {
    fresh();
    const path = (text: string): Right => ({ ...configMaps("get"), resource: "", namespaced: false, path: text });
    expect(await allowed(path("/apis"))).toBe(true);
    expect(await allowed(path("/openapi/v3"))).toBe(true);
    expect(await allowed(path("/metrics"))).toBe(false);
  });
});

describe("a server that does not tell all its rules", () => {
  const incomplete = () => ({ resourceRules: [], nonResourceRules: [], incomplete: true });

  it("is asked for each right that it did not tell, once", async () => {
    fresh();
    const inSystem = configMaps("create", { namespace: "kube-system" });
    for (let time = 0; time < 2; time++) {
      expect(await allowed(configMaps("list"), incomplete)).toBe(true);
      expect(await allowed(configMaps("delete"), incomplete)).toBe(false);
      expect(await allowed(inSystem, incomplete)).toBe(true);
      expect(await allowed(IDENTITY, incomplete)).toBe(true);
      expect(await allowed(configMaps("patch", { resource: "configmaps/status" }), incomplete)).toBe(false);
    }
    expect(asked.filter((resource) => resource === ACCESS)).toHaveLength(5);
  });

  it("or has no such review is treated alike", async () => {
    fresh();
    const none = () => {
      throw new ApiError("the server could not find the requested resource", { status: 404 });
    };
    expect(await allowed(configMaps("list"), none)).toBe(true);
    expect(await allowed(configMaps("delete"), none)).toBe(false);
  });
});

describe("a server that answers no review at all", () => {
  const refusing = (error: Error): Cluster => ({ review: () => Promise.reject(error) }) as unknown as Cluster;

  it("is believed until it refuses", async () => {
    const refused = new ApiError("forbidden", { status: 403 });
    expect(await isAllowed(refusing(refused), new Map(), configMaps("delete"), 0)).toBe(true);
  });

  it.each([new UnreachableError("away"), new ApiError("busy", { status: 429 }), new ApiError("", { status: 503 })])(
    "at the moment is asked again later: %s",
    async (error) => {
      const known = new Map<string, Answer>();
      await expect(isAllowed(refusing(error), known, configMaps("delete"), 0)).rejects.toBe(error);
      expect(known.size).toBe(0);
    },
  );
});
