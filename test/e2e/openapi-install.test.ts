// What is installed of a provider that is read by OpenAPI: everything it exports, eagerly, each definition tried first, but
// for the groups that are left out; where the policy says so, nothing. The provider runs kube-bind itself. The consumer
// refuses some definitions by an admission policy, as a server of another release would refuse a schema it cannot take.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import { beginRefusing, nameIsNot } from "./admission.ts";
import { never } from "../harness/wait.ts";
import { absent, conditionOf, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { installOurs, type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiDefinition, apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, rule } from "./rights.ts";
import { makeRoom } from "./rooms.ts";
import { isWrite, listen } from "./traffic.ts";

/** Taken as it is; taken only with an open schema; not taken at all. */
const [TAKEN, OPENED, REFUSED] = [typeOf("taken"), typeOf("opened"), typeOf("refused")];
const ALL = [TAKEN, OPENED, REFUSED];

/** Under k8s.io, named and not; below a domain that is left out; and one that is not, named all the same. */
const SNAP = { ...typeOf("snap"), group: "snap.storage.k8s.io" };
const VOLUME = { ...typeOf("volume"), group: "volume.storage.k8s.io" };
const LEFT = { ...typeOf("leave"), group: "some.left.net" };
const KEPT = { ...typeOf("keep"), group: "kept.left.net" };
/** Of a kube-bind that has more kinds than this one. */
const OF_KUBE_BIND = { ...typeOf("extra"), group: "more.kube-bind.io" };
const GROUPS = ["--openapi-exclude-groups", "*.left.net", "--openapi-include-groups", `${SNAP.group},${KEPT.group}`];

const EXPORTED = [...ALL, SNAP, KEPT];
const NOT_EXPORTED = [VOLUME, LEFT, OF_KUBE_BIND];

let land: Landscape;
let invariants: Invariants;
/** kube-bind's own definitions on the consumer. */
let before: Body[];
const up = () => land.provider.objects;
const down = () => land.consumer.objects;
const definition = (type: typeof TAKEN): Promise<Body> => down().get(CRDS, at(apiName(type)));

const properties = "object.spec.versions[0].schema.openAPIV3Schema.properties";

/** Refuses one definition by its name, and the schema of another. */
const REFUSALS = [
  nameIsNot(REFUSED, "not in any form"),
  {
    expression: `object.metadata.name != '${apiName(OPENED)}' || !has(${properties}.spec.properties)`,
    message: "this schema is too much",
  },
];

/** Not approved, which a server asks of definitions in Kubernetes' own groups. */
const offerUnapproved = async (type: typeof TAKEN): Promise<void> => {
  const body = apiDefinition(type, { exported: false });
  body.metadata.annotations = { "api-approved.kubernetes.io": "unapproved, for a test" };
  await up().create(CRDS, body);
  await served(land.provider, type);
};

const ours = (): Promise<Body[]> =>
  Promise.all([CONNECTIONS, BINDINGS, CLUSTER_BINDINGS].map((kind) => down().get(CRDS, at(apiName(kind)))));

/** Secret and Connection of that name. */
async function connect(name: string, schema: Body): Promise<void> {
  await down().create(SECRETS, manifests.secret(name, land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(name, { schema }));
}

/** Of the provider's definitions, those that are here. */
const installed = async (): Promise<string[]> => {
  const names = (await down().list(CRDS)).map(({ metadata }) => metadata.name);
  return [...EXPORTED, ...NOT_EXPORTED].map(apiName).filter((name) => names.includes(name));
};

/** A definition goes a moment after it was deleted: the API server removes its objects first. */
const nothingInstalled = async (): Promise<void> => {
  for (const type of [...EXPORTED, ...NOT_EXPORTED]) await absent(down(), CRDS, at(apiName(type)));
};

const REFUSAL = {
  status: "False",
  reason: "SchemaRejected",
  message: /refuseds\.example\.org: .*not in any form/,
} as const;

beforeAll(async () => {
  land = await startLandscape({ konnector: { args: GROUPS } });
  invariants = invariantsOf(land);
  const more = [SNAP, KEPT].map(({ group }) => rule(group, "*", "get list watch patch"));
  await grant(land.consumer.plane, KONNECTOR_USER, more, "", "more-groups");
  await Promise.all([
    ...[...ALL, KEPT, LEFT, OF_KUBE_BIND].map((type) => offer(land, type, { exported: false })),
    ...[SNAP, VOLUME].map(offerUnapproved),
    installOurs(land.provider),
    makeRoom(land, "made"),
  ]);
  await beginRefusing(land, REFUSED, REFUSALS);
  before = await ours();
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

describe("without a binding", () => {
  test.each([
    ["Auto", "Bound"],
    ["OpenAPI", "None"],
  ])(
    "a Connection with source %s and pullPolicy %s brings nothing, and everything once it says All",
    async (...says) => {
      const [source, pullPolicy] = says;
      const name = source.toLowerCase();
      await connect(name, { source, pullPolicy });
      const idle = { ...READY, SchemaInSync: { status: "True" } } as const;
      const { status } = await conditions(down(), CONNECTIONS, at(name), idle);
      expect(status.activeSchemaSource).toBe("OpenAPI");
      expect(status.exportedAPIs).toHaveLength(EXPORTED.length);
      await never("a definition of the provider's", async () => (await installed())[0], 2_000);
      await down().merge(CONNECTIONS, at(name), { spec: { schema: { pullPolicy: "All" } } });
      await conditions(down(), CONNECTIONS, at(name), { ...READY, SchemaInSync: REFUSAL });
      const brought = EXPORTED.filter((type) => type !== REFUSED);
      for (const type of brought) await served(land.consumer, type);
      expect(await installed()).toEqual(brought.map(apiName));
      await down().remove(CONNECTIONS, at(name));
      await absent(down(), CONNECTIONS, at(name));
      await nothingInstalled();
    },
  );
});

test("source OpenAPI brings every exported API without a binding; one that is refused is told and keeps no other back", async () => {
  await connect("made", { source: "OpenAPI" });
  const connection = await conditions(down(), CONNECTIONS, at("made"), { ...READY, SchemaInSync: REFUSAL });
  expect(conditionOf(connection, "SchemaInSync").message).not.toMatch(/takens/);
  for (const type of [TAKEN, OPENED]) await served(land.consumer, type);
  expect(await definition(REFUSED)).toBeUndefined();
  const { metadata, spec } = await definition(TAKEN);
  expect(metadata.labels).toEqual({ [LABEL.managed]: "true" });
  expect(metadata.annotations[ANNOTATION.connection]).toBe("made");
  const theirs = (await up().get(CRDS, at(apiName(TAKEN)))).spec;
  expect(spec.versions[0].schema).toEqual(theirs.versions[0].schema);
  expect(spec.names).toEqual(theirs.names);
});

describe("of a provider that runs kube-bind itself, with groups that the flags let through or leave out", () => {
  const exported = async (): Promise<string[]> =>
    (await down().get(CONNECTIONS, at("made"))).status.exportedAPIs.map(({ name }: Body) => name);

  test("kube-bind's own definitions here stay as they are, and no group of its domain is exported", async () => {
    expect(await ours()).toEqual(before);
    expect((await exported()).filter((name) => name.endsWith("kube-bind.io"))).toEqual([]);
    expect(await definition(OF_KUBE_BIND)).toBeUndefined();
  });

  test("an excluded group is not exported, and one under k8s.io only if it is included by name", async () => {
    expect(await exported()).toEqual(EXPORTED.map(apiName).sort());
    for (const type of [SNAP, KEPT]) await served(land.consumer, type);
    for (const type of NOT_EXPORTED) expect(await definition(type)).toBeUndefined();
  });
});

test("a schema that this cluster refuses is installed open, which is told, and its objects are synced", async () => {
  const body = { ...manifests.clusterBinding("made", [TAKEN, OPENED]) };
  await down().create(CLUSTER_BINDINGS, body);
  const binding = await conditions(down(), CLUSTER_BINDINGS, at("made"), READY);
  const apiOf = (type: typeof TAKEN) => binding.status.boundAPIs.find(({ name }: Body) => name === apiName(type));
  expect(conditionOf({ status: apiOf(OPENED) }, "Ready").message).toMatch(/accepts anything.*this schema is too much/);
  expect(conditionOf({ status: apiOf(TAKEN) }, "Ready").message).toBe("synced");
  const { spec } = await definition(OPENED);
  expect(spec.versions[0].schema.openAPIV3Schema.properties.spec).toMatchObject({
    type: "object",
    "x-kubernetes-preserve-unknown-fields": true,
  });
  expect(apiOf(OPENED).crdHash).toBe((await definition(OPENED)).metadata.annotations[ANNOTATION.schemaHash]);
  await down().create(OPENED, instance(OPENED, "one", "made", { size: "large", count: 3 }));
  expect((await object(up(), OPENED, at("one", "made"), "to be there")).spec).toEqual({ size: "large", count: 3 });
  await up().merge(OPENED, at("one", "made"), { status: { phase: "Running" } }, "status");
  await object(down(), OPENED, at("one", "made"), "to show it", ({ status }) => status?.phase === "Running");
});

test("after a crash an open schema costs one more trial, and no write", async () => {
  const before = (await definition(OPENED)).metadata.resourceVersion;
  const heard = await listen(land);
  await land.restart();
  await conditions(down(), CLUSTER_BINDINGS, at("made"), READY);
  await down().create(OPENED, instance(OPENED, "two", "made"));
  await object(up(), OPENED, at("two", "made"), "to be there");
  expect((await definition(OPENED)).metadata.resourceVersion).toBe(before);
  const { consumer } = await heard();
  const attempts = consumer.filter(
    (event) =>
      isWrite(event) && event.objectRef?.resource === CRDS.resource && event.objectRef.name === apiName(OPENED),
  );
  expect(attempts.map(({ verb, requestURI }) => [verb, requestURI.includes("dryRun=All")])).toEqual([["update", true]]);
});

test("the Connection's end takes along what it brought, without a binding, too", async () => {
  await down().remove(CLUSTER_BINDINGS, at("made"));
  await absent(down(), CLUSTER_BINDINGS, at("made"));
  expect(await up().get(OPENED, at("one", "made"))).toBeUndefined();
  for (const name of ["one", "two"]) await down().remove(OPENED, at(name, "made"));
  await down().remove(CONNECTIONS, at("made"));
  await absent(down(), CONNECTIONS, at("made"));
  await nothingInstalled();
  expect(await ours()).toEqual(before);
});
