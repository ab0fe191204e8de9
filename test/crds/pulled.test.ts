// Pulled definitions between two real API servers: what a provider's server returns must be taken by a consumer's, and
// what the consumer's server makes of it must not look like an edit.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { isEstablished, namesAccepted, type Crd } from "../../crds/definition-object.ts";
import { exportsOf } from "../../crds/exports.ts";
import { acceptedSpec, decideOwnership, type OwnershipFacts } from "../../crds/ownership.ts";
import { consumerCrd, type PulledCrd } from "../../crds/pull.ts";
import { startControlPlane, type ControlPlane } from "../harness/control-plane.ts";
import { eventually } from "../harness/wait.ts";
import { richCrd } from "./rich-crd.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

let provider: ControlPlane;
let consumer: ControlPlane;

beforeAll(async () => {
  [provider, consumer] = await Promise.all([
    startControlPlane({ name: "provider" }),
    startControlPlane({ name: "consumer" }),
  ]);
});
afterAll(() => Promise.all([provider.stop(), consumer.stop()]));

let count = 0;
let group: string;
let name: string;
beforeEach(() => {
  group = `g${count++}.example.org`;
  name = `databases.${group}`;
});

const write = async (plane: ControlPlane, method: "POST" | "PUT", body: object): Promise<Crd> => {
  const answer = await plane.admin.request(method, method === "POST" ? CRDS : `${CRDS}/${name}`, body);
  expect({ status: answer.status, message: answer.body.message }).toEqual({
    status: method === "POST" ? 201 : 200,
    message: undefined,
  });
  return answer.body as Crd;
};

const read = async (plane: ControlPlane): Promise<Crd> =>
  (await plane.admin.request("GET", `${CRDS}/${name}`)).body as Crd;

const served = (plane: ControlPlane): Promise<Crd> =>
  eventually("the definition to be served", async () => {
    const crd = await read(plane);
    return isEstablished(crd) && namesAccepted(crd) && crd;
  });

const pull = (from: Crd, existing?: Crd): PulledCrd => consumerCrd(from, "acme", existing) as PulledCrd;

const decide = (desired: PulledCrd, existing: Crd | undefined, facts: Partial<OwnershipFacts> = {}) =>
  decideOwnership({
    connection: "acme",
    desired,
    providerVersions: ["v1"],
    existing,
    pullPolicy: "Bound",
    updatePolicy: "Always",
    relationTo: () => "different",
    ...facts,
  });

/** The provider's definition as its server returns it, and the pulled one as the consumer's server serves it. */
const install = async () => {
  await write(provider, "POST", richCrd(group));
  const original = await served(provider);
  const created = decide(pull(original), undefined);
  if (created.do !== "create") throw new Error(`not created: ${created.do}`);
  await write(consumer, "POST", created.manifest);
  return { original, installed: await served(consumer) };
};

describe("a rich definition", () => {
  test("is exported with all its served versions", async () => {
    const { original } = await install();
    expect(exportsOf([original])).toEqual([
      { name, group, resource: "databases", scope: "Namespaced", versions: ["v1beta1", "v1"] },
    ]);
  });

  test("is taken by another server with one version, its short names and none of its marks", async () => {
    const { installed } = await install();
    expect(installed.spec.versions.map((version) => version.name)).toEqual(["v1"]);
    expect(installed.spec.names).toMatchObject({ shortNames: ["db", "dbs"], categories: ["all"] });
    expect(installed.metadata.labels).toEqual({ "core.kube-bind.io/managed": "true" });
    expect(Object.keys(installed.metadata.annotations ?? {}).sort()).toEqual([
      "core.kube-bind.io/connection",
      "core.kube-bind.io/schema-hash",
    ]);
    expect(installed.metadata.finalizers).toBeUndefined();
  });

  test("works there: defaults, CEL rules, status and short names", async () => {
    await install();
    const path = `/apis/${group}/v1/namespaces/default/databases`;
    const database = { apiVersion: `${group}/v1`, kind: "Database", metadata: { name: "d" }, spec: { size: 3 } };
    const made = await eventually("the API to take objects", async () => {
      const answer = await consumer.admin.request("POST", path, database);
      return answer.status === 201 && answer.body;
    });
    expect(made.spec).toEqual({ size: 3, engine: "postgres" });
    const refused = await consumer.admin.request("POST", path, {
      ...database,
      metadata: { name: "e" },
      spec: { size: 99 },
    });
    expect(refused.body.message).toContain("at most 10");
    const status = await consumer.admin.request(
      "PATCH",
      `${path}/d/status`,
      { status: { phase: "Up" } },
      "application/merge-patch+json",
    );
    expect(status.body.status).toEqual({ phase: "Up" });
    expect((await consumer.kubectl(["get", `db.${group}`, "d"])).stdout).toMatch(/PHASE[^]*Up/);
  });

  test("pulled again is left alone, because the server stores what was sent", async () => {
    const { installed, original } = await install();
    const again = pull(await read(provider), installed);
    expect(again).toEqual(pull(original));
    expect(decide(again, installed)).toMatchObject({ do: "leave", hash: again.hash, origin: "ours" });
  });

  test("is repaired after an edit, on the condition that nobody edits it meanwhile", async () => {
    const { installed, original } = await install();
    const names = { ...installed.spec.names, shortNames: ["mine"] };
    await write(consumer, "PUT", { ...installed, spec: { ...installed.spec, names } });
    const edited = await eventually("the server to have noted the edit", async () => {
      const crd = await read(consumer);
      const accepted = (crd.status as { acceptedNames?: { shortNames?: string[] } }).acceptedNames;
      return accepted?.shortNames?.[0] === "mine" && crd;
    });
    const decision = decide(pull(original, edited), edited);
    if (decision.do !== "update") throw new Error(`not updated: ${decision.do}`);
    expect(decision.why).toBe("drift");
    const repaired = await write(consumer, "PUT", decision.manifest);
    expect(repaired.spec).toEqual(installed.spec);
    expect((await consumer.admin.request("PUT", `${CRDS}/${name}`, decision.manifest)).status).toBe(409);
    expect(decide(pull(original, repaired), repaired)).toMatchObject({ do: "leave" });
  });
});

describe("a provider that moves on", () => {
  test("to another version is followed, though objects are still stored in the old one", async () => {
    const { installed, original } = await install();
    const moved = { ...original, spec: { ...original.spec, versions: richCrd(group, "v2").spec.versions } };
    await write(provider, "PUT", moved);
    const desired = pull(await read(provider), installed);
    expect(desired.version).toBe("v2");
    const decision = decide(desired, installed);
    if (decision.do !== "update") throw new Error(`not updated: ${decision.do}`);
    const updated = await write(consumer, "PUT", decision.manifest);
    expect(updated.spec.versions.map(({ name: version, served, storage }) => [version, served, storage])).toEqual([
      ["v2", true, true],
      ["v1", false, false],
    ]);
    const settled = await eventually("the new version to be among the stored ones", async () => {
      const crd = await served(consumer);
      return crd.status?.storedVersions?.includes("v2") && crd;
    });
    expect(decide(pull(await read(provider), settled), settled)).toMatchObject({ do: "leave" });
  });
});

test("a server that drops what it does not know causes one update, not one after the other", async () => {
  const { installed, original } = await install();
  const [version] = original.spec.versions.filter((candidate) => candidate.storage);
  const newer = {
    ...original,
    spec: { ...original.spec, versions: [{ ...version, fieldOfANewerServer: true }] },
  } as unknown as Crd;
  const desired = pull(newer, installed);
  const first = decide(desired, installed);
  if (first.do !== "update") throw new Error(`not updated: ${first.do}`);
  const answer = await write(consumer, "PUT", first.manifest);
  expect(answer.spec.versions[0]).not.toHaveProperty("fieldOfANewerServer");
  const accepted = acceptedSpec(desired, answer);
  expect(decide(desired, answer, { accepted })).toMatchObject({ do: "leave" });
  // After a restart the answer is forgotten: one more update, which changes nothing.
  const forgotten = decide(desired, answer);
  if (forgotten.do !== "update") throw new Error(`not updated: ${forgotten.do}`);
  expect((await write(consumer, "PUT", forgotten.manifest)).metadata.resourceVersion).toBe(
    answer.metadata.resourceVersion,
  );
});

test("names that another definition of the group has taken are told while they are awaited", async () => {
  const { original } = await install();
  const sibling = richCrd(group);
  sibling.metadata.name = `stores.${group}`;
  sibling.spec.names = {
    ...sibling.spec.names,
    plural: "stores",
    singular: "store",
    kind: "Store",
    listKind: "StoreList",
  };
  const desired = pull({ ...original, ...sibling } as unknown as Crd);
  name = sibling.metadata.name;
  await write(consumer, "POST", desired.manifest);
  const clash = await eventually("the clash", async () => {
    const crd = await read(consumer);
    return crd.status?.conditions?.some(({ type, status }) => type === "NamesAccepted" && status === "False") && crd;
  });
  expect(decide(desired, clash)).toMatchObject({
    do: "wait",
    message: expect.stringContaining('"db" is already in use'),
  });
});

test("a definition from before structural schemas is taken", async () => {
  const old = richCrd(group) as unknown as Crd;
  old.spec = { ...old.spec, preserveUnknownFields: true, versions: [{ name: "v1", served: true, storage: true }] };
  old.spec.names = { plural: "databases", singular: "database", kind: "Database", listKind: "DatabaseList" };
  await write(consumer, "POST", pull(old).manifest);
  const installed = await served(consumer);
  expect(decide(pull(old, installed), installed)).toMatchObject({ do: "leave" });
});
