// Several bindings that ask for the same: one governs, each of the others says why it does not, for that API alone, and the
// next takes over when the first goes.

import { isDeepStrictEqual } from "node:util";

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import type { Key, Resource } from "../../crds/kube-object.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditionOf, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, PATIENCE, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom } from "./rooms.ts";

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
});
afterAll(async () => {
  try {
    await invariants?.check();
  } finally {
    await land?.stop();
  }
});
afterEach(() => invariants.check({ quiet: false }));

async function connect(name: string, schema: Body = {}): Promise<void> {
  await down().create(SECRETS, manifests.secret(name, land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(name, { schema }));
  await conditions(down(), CONNECTIONS, at(name), { Connected: { status: "True" } });
}

/** An exported API and a Connection, both called by that word, and a namespace. */
async function prepare(word: string): Promise<Resource> {
  const type = typeOf(word);
  await Promise.all([offer(land, type), makeRoom(land, word), connect(word)]);
  return type;
}

/** Created in a later second than whatever is there: times of creation have no fractions. */
async function createLater(resource: Resource, body: Body): Promise<void> {
  const second = () => new Date().toISOString().slice(0, 19);
  const before = second();
  await eventually("the next second", () => Promise.resolve(second() > before), PATIENCE);
  await down().create(resource, body);
}

const create = async (type: Resource, name: string, namespace: string): Promise<Body> => {
  await down().create(type, instance(type, name, namespace));
  return object(up(), type, at(name, namespace), "to be there");
};

/** The reason that a binding gives for each of its APIs. */
const reasons = ({ status }: Body): Record<string, string> =>
  Object.fromEntries(
    status.boundAPIs.map((one: Body) => [one.name, conditionOf({ status: one }, "Ready").reason as string]),
  );

const covered = (reason: "CoveredByClusterBinding" | "CoveredByBinding", by: string) => ({
  Ready: { status: "False", reason, message: new RegExp(`${by} `) } as const,
  Conflicts: { status: "False" } as const,
});

test("of two ClusterBindings to one provider the older governs, and the younger takes over with its own conflictPolicy", async () => {
  const type = await prepare("elder");
  await connect("elder-a");
  // By their names the other one would come first.
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("elder", [type]));
  await conditions(down(), CLUSTER_BINDINGS, at("elder"), READY);
  const younger = manifests.clusterBinding("elder-a", [type], { connection: "elder-a", conflictPolicy: "Adopt" });
  await createLater(CLUSTER_BINDINGS, { ...younger, metadata: { name: "a-younger-one-of-elder" } });
  const second = at("a-younger-one-of-elder");
  await conditions(down(), CLUSTER_BINDINGS, second, covered("CoveredByClusterBinding", "ClusterBinding elder"));
  await served(land.consumer, type);
  const { uid } = (await create(type, "one", "elder")).metadata;
  const { uid: taken } = (await up().create(type, instance(type, "taken", "elder", { size: "theirs" }))).metadata;
  await down().create(type, instance(type, "taken", "elder"));
  const inConflict = { Conflicts: { status: "True", reason: "ForeignObjectExists" } } as const;
  await conditions(down(), CLUSTER_BINDINGS, at("elder"), { ...READY, ...inConflict });

  await down().remove(CLUSTER_BINDINGS, at("elder"));
  await absent(down(), CLUSTER_BINDINGS, at("elder"));
  await conditions(down(), CLUSTER_BINDINGS, second, READY);
  const adopted = await object(up(), type, at("taken", "elder"), "to be taken", ({ spec }) => spec.size === "small");
  expect(adopted.metadata.uid).toBe(taken);
  await down().merge(type, at("one", "elder"), { spec: { size: "large" } });
  const kept = await object(up(), type, at("one", "elder"), "to follow", ({ spec }) => spec.size === "large");
  expect(kept.metadata.uid).toBe(uid);
});

test("of two Bindings in one namespace the older governs, whatever stands in other namespaces, and the younger takes over", async () => {
  const type = await prepare("first");
  await makeRoom(land, "first-else");
  const binding = (name: string, namespace: string): Body =>
    manifests.binding(name, namespace, [type], { connection: "first" });
  await down().create(BINDINGS, binding("z-first", "first"));
  await conditions(down(), BINDINGS, at("z-first", "first"), READY);
  await createLater(BINDINGS, binding("a-first", "first"));
  await down().create(BINDINGS, binding("a-first", "first-else"));
  const second: Key = at("a-first", "first");
  await conditions(down(), BINDINGS, second, covered("CoveredByBinding", "Binding z-first"));
  await conditions(down(), BINDINGS, at("a-first", "first-else"), READY);
  await served(land.consumer, type);
  const { uid } = (await create(type, "one", "first")).metadata;
  await down().remove(BINDINGS, at("z-first", "first"));
  await absent(down(), BINDINGS, at("z-first", "first"));
  await conditions(down(), BINDINGS, second, READY);
  await down().merge(type, at("one", "first"), { spec: { size: "large" } });
  const kept = await object(up(), type, at("one", "first"), "to follow", ({ spec }) => spec.size === "large");
  expect(kept.metadata.uid).toBe(uid);
});

test("each API of a binding that cannot be synced says its own reason, and keeps none of the others from it", async () => {
  const good = await prepare("sundry");
  const [star, hooked, covering, owned, foreign] = [
    typeOf("sundrystar", { cluster: true }),
    ...["sundryhook", "sundrycover", "sundryowned", "sundryforeign"].map((word) => typeOf(word)),
  ] as [Resource, Resource, Resource, Resource, Resource];
  await Promise.all([
    offer(land, star, { cluster: true }),
    ...[covering, owned, foreign].map((type) => offer(land, type)),
  ]);
  const hook = manifests.apiDefinition(hooked);
  const webhook = { conversionReviewVersions: ["v1"], clientConfig: { url: "https://127.0.0.1:1/convert" } };
  await up().create(CRDS, { ...hook, spec: { ...hook.spec, conversion: { strategy: "Webhook", webhook } } });
  /** Another definition than the provider's, with these marks. */
  const other = (type: Resource, metadata: Body = {}): Body => {
    const { spec, ...rest } = manifests.apiDefinition(type, { exported: false });
    spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.other = { type: "string" };
    return { ...rest, metadata: { name: apiName(type), ...metadata }, spec };
  };
  await down().create(CRDS, other(foreign));
  const marks = { [ANNOTATION.connection]: "sundry", [ANNOTATION.schemaHash]: "sha256:0" };
  // It came through a Connection that leads elsewhere, as far as anybody can tell.
  const gone = { ...marks, [ANNOTATION.connection]: "no-such-one" };
  await down().create(CRDS, other(owned, { labels: { [LABEL.managed]: "true" }, annotations: gone }));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("sundry", [covering]));
  await conditions(down(), CLUSTER_BINDINGS, at("sundry"), READY);

  const missing = typeOf("sundrymissing");
  const all = [good, star, hooked, covering, owned, foreign, missing];
  await down().create(BINDINGS, manifests.binding("sundry", "sundry", all));
  const listed = new RegExp(
    [missing, foreign, owned, hooked, star]
      .map(apiName)
      .map((name) => `(?=.*${name})`)
      .join(""),
  );
  await conditions(down(), BINDINGS, at("sundry", "sundry"), {
    Ready: { status: "False", reason: "APINotExported", message: listed },
  });
  const expected = {
    [apiName(good)]: "AsExpected",
    [apiName(star)]: "ClusterScopedAPI",
    [apiName(hooked)]: "ConversionWebhook",
    [apiName(covering)]: "CoveredByClusterBinding",
    [apiName(owned)]: "OwnedByAnother",
    [apiName(foreign)]: "ForeignObjectExists",
    [apiName(missing)]: "APINotExported",
  };
  await object(down(), BINDINGS, at("sundry", "sundry"), "to tell them apart", (one) =>
    isDeepStrictEqual(reasons(one), expected),
  );
  await served(land.consumer, good);
  await create(good, "one", "sundry");
  for (const type of [owned, foreign]) await down().remove(CRDS, at(apiName(type)));
});

test("an API is Ready once this cluster serves it, and no sooner: not while the names of its definition are taken", async () => {
  const type = await prepare("clash");
  const taking = typeOf("clashtaker");
  const other = manifests.apiDefinition(taking, { exported: false });
  await down().create(CRDS, { ...other, spec: { ...other.spec, names: { ...other.spec.names, kind: type.kind } } });
  await served(land.consumer, taking);
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("clash", [type]));
  const waits = {
    status: "False",
    reason: "Pending",
    message: /installed but not served yet: "Clash" is already in use/,
  } as const;
  await conditions(down(), CLUSTER_BINDINGS, at("clash"), { Ready: waits });
  await down().remove(CRDS, at(apiName(taking)));
  await conditions(down(), CLUSTER_BINDINGS, at("clash"), READY);
  await served(land.consumer, type);
  await create(type, "one", "clash");
});

test("a ClusterBinding that is being deleted neither governs nor blocks, however long that takes", async () => {
  const type = await prepare("going");
  await makeRoom(land, "going-else");
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("going", [type]));
  await conditions(down(), CLUSTER_BINDINGS, at("going"), READY);
  await served(land.consumer, type);
  const { uid } = (await create(type, "kept", "going")).metadata;
  await create(type, "stuck", "going-else");
  const stuck = at("stuck", "going-else");
  await up().merge(type, stuck, { metadata: { finalizers: ["example.org/provider"] } });
  await down().remove(CLUSTER_BINDINGS, at("going"));
  await conditions(down(), CLUSTER_BINDINGS, at("going"), { Ready: { status: "False", reason: "DrainingObjects" } });
  await absent(up(), type, at("kept", "going"));
  await down().create(BINDINGS, manifests.binding("going", "going", [type]));
  await conditions(down(), BINDINGS, at("going", "going"), READY);
  await create(type, "new", "going");
  await up().merge(type, stuck, { metadata: { finalizers: null } });
  await absent(down(), CLUSTER_BINDINGS, at("going"));
  // What was drained before the Binding came has been made anew; nothing is missing.
  const kept = await object(up(), type, at("kept", "going"), "to be there");
  expect(kept.metadata.uid).not.toBe(uid);
});

test("under pullPolicy None a definition of another scope or kind is not taken for the provider's, and is left alone", async () => {
  const [scoped, kinded] = [typeOf("natural"), typeOf("naturalkind")];
  await Promise.all([...[scoped, kinded].map((type) => offer(land, type)), connect("natural", { pullPolicy: "None" })]);
  const cluster = manifests.apiDefinition({ ...scoped, namespaced: false }, { exported: false });
  const gizmo = manifests.apiDefinition({ ...kinded, kind: "Naturalgizmo" }, { exported: false });
  const before = [];
  for (const body of [cluster, gizmo]) before.push((await down().create(CRDS, body)).spec);
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("natural", [scoped, kinded]));
  const message = /is of Cluster Natural, the provider's of Namespaced Natural;.*is of Namespaced Naturalgizmo/;
  const binding = await conditions(down(), CLUSTER_BINDINGS, at("natural"), {
    Ready: { status: "False", reason: "ForeignObjectExists", message },
  });
  expect(Object.values(reasons(binding))).toEqual(["ForeignObjectExists", "ForeignObjectExists"]);
  for (const [index, type] of [scoped, kinded].entries()) {
    const { metadata, spec } = await down().get(CRDS, at(apiName(type)));
    expect([metadata.labels, metadata.annotations, spec]).toEqual([undefined, undefined, before[index]]);
  }
});
