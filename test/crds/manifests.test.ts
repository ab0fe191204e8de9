// The generated manifests against a real API server: every rule of behaviour.md, "API", accepted and refused.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startControlPlane, type ControlPlane } from "../harness/control-plane.ts";
import { eventually } from "../harness/wait.ts";
import { ACCEPTED_BINDING_CHANGES, BINDING_SPEC, REFUSED_BINDINGS, RULE, SPEC, withField, type Body } from "./specs.ts";

const API = "/apis/core.kube-bind.io/v1alpha1";
const CONNECTIONS = `${API}/connections`;
const MERGE = "application/merge-patch+json";

let plane: ControlPlane;
let count = 0;

beforeAll(async () => {
  plane = await startControlPlane({ name: "manifests" });
  const applied = await plane.kubectl(["apply", "-f", "crds/manifests"]);
  expect(applied).toMatchObject({ code: 0, stderr: "" });
  await eventually("the three APIs to be served", async () => {
    const answers = await Promise.all(
      ["connections", "clusterbindings", "bindings"].map((plural) => plane.admin.request("GET", `${API}/${plural}`)),
    );
    return answers.every(({ status }) => status === 200);
  });
});
afterAll(() => plane.stop());

const body = (kind: string, spec: Body | null, name = `o${count++}`) => ({
  apiVersion: "core.kube-bind.io/v1alpha1",
  kind,
  metadata: { name },
  ...(spec === null ? {} : { spec }),
});

const KINDS = [
  { kind: "ClusterBinding", path: `${API}/clusterbindings` },
  { kind: "Binding", path: `${API}/namespaces/default/bindings` },
];

const create = (path: string, kind: string, spec: Body | null) => plane.admin.request("POST", path, body(kind, spec));
const createConnection = (spec: Body | null = SPEC) => create(CONNECTIONS, "Connection", spec);

/** Fields named by a refusal, and its text. */
const refusal = ({ body: answer }: { body: { message?: string } }): string => answer.message ?? "";

describe("a Connection", () => {
  test("gets its defaults, also those of a schema that is left out", async () => {
    const { status, body: made } = await createConnection();
    expect(status).toBe(201);
    expect(made.spec).toEqual({
      kubeconfigSecretRef: { namespace: "kube-bind", name: "acme", key: "kubeconfig" },
      schema: { source: "Auto", pullPolicy: "Bound", updatePolicy: "Always" },
      autoBind: false,
    });
  });

  test("gets the other defaults where a part of the schema is given, and keeps an empty key", async () => {
    const spec = withField({ ...SPEC, schema: { pullPolicy: "None" } }, "kubeconfigSecretRef.key", "");
    const { body: made } = await createConnection(spec);
    expect(made.spec.schema).toEqual({ source: "Auto", pullPolicy: "None", updatePolicy: "Always" });
    expect(made.spec.kubeconfigSecretRef.key).toBe("");
  });

  test.each([
    ["schema.source", ["Auto", "CRD", "OpenAPI"]],
    ["schema.pullPolicy", ["Bound", "All", "None"]],
    ["schema.updatePolicy", ["Always", "Once"]],
    ["autoBind", [true, false]],
  ])("takes each value of spec.%s and no other", async (field, values) => {
    for (const value of values) {
      expect({ value, status: (await createConnection(withField(SPEC, field, value))).status }).toEqual({
        value,
        status: 201,
      });
    }
    const answer = await createConnection(withField(SPEC, field, "Other"));
    expect(answer.status).toBe(422);
    expect(refusal(answer)).toContain(`spec.${field}`);
  });

  test.each([
    ["without a spec", null, "spec: Required value"],
    ["without a Secret", {}, "spec.kubeconfigSecretRef: Required value"],
    ["without the Secret's name", withField(SPEC, "kubeconfigSecretRef.name", undefined), "name: Required value"],
    ["with an empty name", withField(SPEC, "kubeconfigSecretRef.name", ""), "at least 1 chars long"],
    [
      "without the Secret's namespace",
      withField(SPEC, "kubeconfigSecretRef.namespace", undefined),
      "namespace: Required",
    ],
    ["with an empty namespace", withField(SPEC, "kubeconfigSecretRef.namespace", ""), "at least 1 chars long"],
    ["with a Secret that is no object", { kubeconfigSecretRef: "acme" }, "must be of type object"],
  ])("is refused %s", async (_, spec, message) => {
    const answer = await createConnection(spec);
    expect(answer.status).toBe(422);
    expect(refusal(answer)).toContain(message);
  });

  test.each(["name", "namespace", "key"])("cannot be pointed at another Secret: %s is immutable", async (field) => {
    const { body: made } = await createConnection();
    const answer = await plane.admin.request(
      "PATCH",
      `${CONNECTIONS}/${made.metadata.name}`,
      { spec: { kubeconfigSecretRef: { [field]: "other" } } },
      MERGE,
    );
    expect(answer.status).toBe(422);
    expect(refusal(answer)).toContain("kubeconfigSecretRef is immutable");
  });

  test("may change every other field", async () => {
    const { body: made } = await createConnection();
    const spec = { autoBind: true, schema: { source: "CRD", pullPolicy: "All", updatePolicy: "Once" } };
    const answer = await plane.admin.request("PATCH", `${CONNECTIONS}/${made.metadata.name}`, { spec }, MERGE);
    expect(answer.body.spec).toMatchObject(spec);
  });
});

/** PUTs or patches the status of a fresh Connection, one after the other, and says which answers came. */
const statusOf = async () => {
  const { body: made } = await createConnection();
  const path = `${CONNECTIONS}/${made.metadata.name}/status`;
  return {
    merge: (status: unknown) => plane.admin.request("PATCH", path, { status }, MERGE),
    patch: (operations: unknown) => plane.admin.request("PATCH", path, operations, "application/json-patch+json"),
    put: async (status: unknown) => {
      const { body: live } = await plane.admin.request("GET", path);
      return plane.admin.request("PUT", path, { ...live, status });
    },
    apply: (status: unknown) =>
      plane.admin.request(
        "PATCH",
        `${path}?fieldManager=test&force=true`,
        { apiVersion: made.apiVersion, kind: made.kind, metadata: { name: made.metadata.name }, status },
        "application/apply-patch+yaml",
      ),
    get: async () => (await plane.admin.request("GET", path)).body.status,
  };
};

describe.each(["remoteClusterUID", "localClusterUID"])("the pin %s", (pin) => {
  const other = pin === "remoteClusterUID" ? "localClusterUID" : "remoteClusterUID";

  test("may be set once, and written again unchanged", async () => {
    const status = await statusOf();
    expect((await status.merge({ activeSchemaSource: "CRD" })).status).toBe(200);
    expect((await status.merge({ [pin]: "u-1" })).status).toBe(200);
    expect((await status.merge({ [pin]: "u-1", [other]: "u-2" })).status).toBe(200);
    expect((await status.put({ [pin]: "u-1", [other]: "u-2" })).status).toBe(200);
  });

  const attacks: [string, (status: Awaited<ReturnType<typeof statusOf>>) => Promise<{ status: number; body: Body }>][] =
    [
      ["changed", (status) => status.merge({ [pin]: "u-2" })],
      ["emptied", (status) => status.merge({ [pin]: "" })],
      ["removed by a merge patch", (status) => status.merge({ [pin]: null })],
      ["removed by a JSON patch", (status) => status.patch([{ op: "remove", path: `/status/${pin}` }])],
      ["left out of a full write", (status) => status.put({ [other]: "u-2" })],
      ["dropped with the whole status", (status) => status.put(undefined)],
      ["dropped with the whole status by a JSON patch", (status) => status.patch([{ op: "remove", path: "/status" }])],
      ["replaced with the whole status", (status) => status.patch([{ op: "replace", path: "/status", value: {} }])],
    ];
  test.each(attacks)("cannot be %s", async (_, attack) => {
    const status = await statusOf();
    await status.merge({ [pin]: "u-1" });
    const answer = await attack(status);
    expect(answer.status).toBe(422);
    expect(refusal(answer)).toContain(pin);
    expect((await status.get())[pin]).toBe("u-1");
  });

  test("cannot be dropped by the server-side apply of the manager that set it", async () => {
    const status = await statusOf();
    expect((await status.apply({ [pin]: "u-1" })).status).toBe(200);
    expect((await status.apply({ activeSchemaSource: "CRD" })).status).toBe(422);
  });

  test("may replace an empty one, which is no pin", async () => {
    const status = await statusOf();
    expect((await status.merge({ [pin]: "" })).status).toBe(200);
    expect((await status.merge({ [pin]: null })).status).toBe(200);
    expect((await status.merge({ [pin]: "" })).status).toBe(200);
    expect((await status.merge({ [pin]: "u-1" })).status).toBe(200);
  });

  test("says so in the words other tools know when it is changed", async () => {
    const status = await statusOf();
    await status.merge({ [pin]: "u-1" });
    expect(refusal(await status.merge({ [pin]: "u-2" }))).toContain(`${pin} is immutable once set`);
  });
});

describe("the status of a Connection", () => {
  const API_ENTRY = {
    name: "widgets.example.org",
    group: "example.org",
    resource: "widgets",
    scope: "Namespaced",
    versions: ["v1", "v1beta1"],
  };

  test("is written through its subresource only", async () => {
    const { body: made } = await createConnection();
    const path = `${CONNECTIONS}/${made.metadata.name}`;
    const viaMain = await plane.admin.request("PATCH", path, { status: { activeSchemaSource: "CRD" } }, MERGE);
    expect(viaMain.body.status).toBeUndefined();
    const viaStatus = await plane.admin.request(
      "PATCH",
      `${path}/status`,
      { spec: { autoBind: true }, status: { activeSchemaSource: "CRD" } },
      MERGE,
    );
    expect(viaStatus.body).toMatchObject({ spec: { autoBind: false }, status: { activeSchemaSource: "CRD" } });
    expect(viaStatus.body.metadata.generation).toBe(1);
  });

  test("lists exported APIs, each with all five fields, and each version once", async () => {
    const status = await statusOf();
    expect((await status.merge({ exportedAPIs: [API_ENTRY] })).status).toBe(200);
    for (const field of Object.keys(API_ENTRY)) {
      const answer = await status.merge({ exportedAPIs: [withField(API_ENTRY, field, undefined)] });
      expect({ field, status: answer.status }).toEqual({ field, status: 422 });
    }
    const twice = await status.merge({ exportedAPIs: [{ ...API_ENTRY, versions: ["v1", "v1"] }] });
    expect(refusal(twice)).toContain("Duplicate value");
  });

  test("has one owner of the list of exported APIs", async () => {
    const status = await statusOf();
    await status.apply({ exportedAPIs: [API_ENTRY] });
    const answer = await status.apply({ exportedAPIs: [{ ...API_ENTRY, name: "gadgets.example.org" }] });
    expect(answer.body.status.exportedAPIs).toHaveLength(1);
  });
});

describe("conditions", () => {
  const CONDITION = {
    type: "Ready",
    status: "True",
    observedGeneration: 1,
    lastTransitionTime: "2026-01-02T03:04:05Z",
    reason: "AsExpected",
    message: "",
  };
  const send = async (...conditions: unknown[]) => (await statusOf()).merge({ conditions });

  test.each([
    ["status Unknown", { status: "Unknown" }],
    ["the longest message", { message: "m".repeat(32_768) }],
    ["the longest reason", { reason: "R".repeat(1024) }],
    ["a type with a prefix", { type: "example.org/Ready" }],
    ["no generation", { observedGeneration: undefined }],
    ["the largest generation", { observedGeneration: 9_007_199_254_740_991 }],
  ])("may have %s", async (_, change) => {
    expect((await send({ ...CONDITION, ...change })).status).toBe(200);
  });

  test.each([
    ["another status", { status: "Maybe" }],
    ["an empty reason", { reason: "" }],
    ["a reason of several words", { reason: "not one word" }],
    ["a reason that is too long", { reason: "R".repeat(1025) }],
    ["a message that is too long", { message: "m".repeat(32_769) }],
    ["a type that is too long", { type: "T".repeat(317) }],
    ["a type of several words", { type: "is ready" }],
    ["a negative generation", { observedGeneration: -1 }],
    ["a time that is none", { lastTransitionTime: "yesterday" }],
    ["no type", { type: undefined }],
    ["no status", { status: undefined }],
    ["no time", { lastTransitionTime: undefined }],
    ["no reason", { reason: undefined }],
    ["no message", { message: undefined }],
  ])("must not have %s", async (_, change) => {
    expect((await send({ ...CONDITION, ...change })).status).toBe(422);
  });

  test("are one for each type", async () => {
    expect((await send(CONDITION, { ...CONDITION, type: "Connected" })).status).toBe(200);
    expect(refusal(await send(CONDITION, { ...CONDITION, status: "False" }))).toContain("Duplicate value");
  });
});

describe.each(KINDS)("a $kind", ({ kind, path }) => {
  const createBinding = (spec: Body | null = BINDING_SPEC) => create(path, kind, spec);

  test("gets its defaults", async () => {
    const { status, body: made } = await createBinding({
      ...BINDING_SPEC,
      relatedResources: [{ resource: "secrets", direction: "FromProvider" }],
    });
    expect(status).toBe(201);
    expect(made.spec.conflictPolicy).toBe("Fail");
    expect(made.spec.relatedResources).toEqual([RULE]);
  });

  test.each(ACCEPTED_BINDING_CHANGES)("may have %s", async (_, change) => {
    const { body: made } = await createBinding();
    const answer = await plane.admin.request("PATCH", `${path}/${made.metadata.name}`, { spec: change }, MERGE);
    expect(answer.status).toBe(200);
    expect(answer.body.spec).toMatchObject(change);
  });

  test.each(REFUSED_BINDINGS)("is refused %s", async (_, spec, message) => {
    const answer = await createBinding(spec);
    expect(answer.status).toBe(422);
    expect(refusal(answer)).toContain(message);
  });

  test("reports each API with its own conditions", async () => {
    const { body: made } = await createBinding();
    const status = (boundAPIs: unknown) =>
      plane.admin.request("PATCH", `${path}/${made.metadata.name}/status`, { status: { boundAPIs } }, MERGE);
    const condition = {
      type: "Ready",
      status: "False",
      reason: "APINotExported",
      message: "",
      lastTransitionTime: "2026-01-02T03:04:05Z",
    };
    const api = { name: "a.b", crdHash: "sha256:0", conflictCount: 2_147_483_647, conditions: [condition] };
    expect((await status([api, { name: "c.d" }])).body.status.boundAPIs).toEqual([api, { name: "c.d" }]);
    expect(refusal(await status([{ crdHash: "x" }]))).toContain("boundAPIs[0].name: Required value");
    expect((await status([{ ...api, conflictCount: "many" }])).status).toBe(422);
    expect((await status([{ ...api, conditions: [condition, condition] }])).status).toBe(422);
    expect((await status([{ ...api, conditions: [{ ...condition, reason: "" }] }])).status).toBe(422);
  });
});

describe("kubectl", () => {
  const run = async (...args: string[]) => {
    const { stdout, stderr, code } = await plane.kubectl(args);
    expect({ args, stderr, code }).toEqual({ args, stderr: "", code: 0 });
    return stdout;
  };
  const ready = (reason: string, message: string) => ({
    status: {
      conditions: [{ type: "Ready", status: "False", reason, message, lastTransitionTime: "2026-01-02T03:04:05Z" }],
    },
  });

  test("shows readiness, reason and Secret of a Connection, and the message when asked for more", async () => {
    await plane.admin.request("POST", CONNECTIONS, body("Connection", SPEC, "shown"));
    await plane.admin.request("PATCH", `${CONNECTIONS}/shown/status`, ready("SecretNotFound", "no such Secret"), MERGE);
    const short = (await run("get", "connection", "shown"))
      .trim()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    expect(short[0]).toEqual(["NAME", "READY", "REASON", "SECRET", "AGE"]);
    expect(short[1]?.slice(0, 4)).toEqual(["shown", "False", "SecretNotFound", "acme"]);
    expect(await run("get", "connection", "shown", "-o", "wide")).toMatch(/MESSAGE[^]*no such Secret/);
  });

  test.each(KINDS)("shows the Connection and readiness of a $kind", async ({ kind, path }) => {
    await plane.admin.request("POST", path, body(kind, BINDING_SPEC, "shown"));
    await plane.admin.request("PATCH", `${path}/shown/status`, ready("Pending", "a message"), MERGE);
    const plural = kind === "Binding" ? "bindings.core.kube-bind.io" : "clusterbindings";
    const lines = (await run("get", plural, "shown"))
      .trim()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    expect(lines[0]).toEqual(["NAME", "CONNECTION", "READY", "REASON", "AGE"]);
    expect(lines[1]?.slice(0, 4)).toEqual(["shown", "acme", "False", "Pending"]);
    expect(await run("get", plural, "shown", "-o", "wide")).toMatch(/MESSAGE[^]*a message/);
  });

  test("finds all three kinds in one category", async () => {
    const found = await run("get", "kube-bind", "-A", "-o", "name");
    for (const plural of ["connection", "clusterbinding", "binding"])
      expect(found).toContain(`${plural}.core.kube-bind.io/shown`);
  });

  test("explains every field of every kind", async () => {
    for (const plural of ["connections", "clusterbindings", "bindings"]) {
      const text = await run("explain", plural, "--api-version=core.kube-bind.io/v1alpha1", "--recursive");
      for (const field of ["spec", "status", "conditions", "lastTransitionTime"]) expect(text).toContain(field);
    }
    const text = await run("explain", "connection.spec.schema");
    expect(text).toContain("Which API definitions to take from the provider");
    for (const [field, values, fallback] of [
      ["source", "Auto, CRD, OpenAPI", "Auto"],
      ["pullPolicy", "Bound, All, None", "Bound"],
      ["updatePolicy", "Always, Once", "Always"],
    ])
      expect(text).toMatch(new RegExp(`${field}\\s<string>\\s+enum: ${values}\\n[^<]*Default:\\s+${fallback}\\.`));
  });
});

test("the API server has nothing to say against the manifests", async () => {
  for (const name of ["connections", "clusterbindings", "bindings"]) {
    const { body: crd } = await plane.admin.request(
      "GET",
      `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}.core.kube-bind.io`,
    );
    const conditions = crd.status.conditions as { type: string; status: string }[];
    expect(conditions.filter(({ type }) => type === "NonStructuralSchema")).toEqual([]);
    expect(conditions.find(({ type }) => type === "NamesAccepted")?.status).toBe("True");
    expect(crd.spec.names.shortNames).toBeUndefined();
  }
});
