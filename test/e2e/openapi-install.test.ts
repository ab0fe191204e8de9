// What is installed of a provider that is read by OpenAPI: everything it exports, eagerly, each definition tried first. The
// consumer refuses some of them by an admission policy, as a server of another release would refuse a schema it cannot take.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import { beginRefusing, nameIsNot } from "./admission.ts";
import { absent, conditionOf, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom } from "./rooms.ts";
import { isWrite, listen } from "./traffic.ts";

/** Taken as it is; taken only with an open schema; not taken at all. */
const [TAKEN, OPENED, REFUSED] = [typeOf("taken"), typeOf("opened"), typeOf("refused")];
const ALL = [TAKEN, OPENED, REFUSED];

let land: Landscape;
let invariants: Invariants;
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

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
  await Promise.all([...ALL.map((type) => offer(land, type, { exported: false })), makeRoom(land, "made")]);
  await beginRefusing(land, REFUSED, REFUSALS);
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

test("source OpenAPI brings every exported API without a binding; one that is refused is told and keeps no other back", async () => {
  await down().create(SECRETS, manifests.secret("made", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("made", { schema: { source: "OpenAPI" } }));
  const refused = {
    status: "False",
    reason: "SchemaRejected",
    message: /refuseds\.example\.org: .*not in any form/,
  } as const;
  const connection = await conditions(down(), CONNECTIONS, at("made"), { ...READY, SchemaInSync: refused });
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
  for (const type of [TAKEN, OPENED]) await absent(down(), CRDS, at(apiName(type)));
});
