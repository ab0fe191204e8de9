// Which definitions come to this cluster, and what becomes of them: pullPolicy and updatePolicy, and that nothing is ever
// done to a definition that somebody else made. Each test has an API, a Connection and a binding of a word of its own.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { eventually } from "../harness/wait.ts";
import { beginRefusing, endRefusing, nameIsNot } from "./admission.ts";
import { absent, conditionOf, conditions, object, READY } from "./conditions.ts";
import { endQuietly, invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { makeRoom } from "./rooms.ts";
import { isWrite, listen } from "./traffic.ts";

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
});
afterAll(() => endQuietly(land, invariants), 120_000);
afterEach(() => invariants.check({ quiet: false }));

interface Policy {
  pullPolicy?: "All" | "Bound" | "None";
  updatePolicy?: "Always" | "Once";
}

async function connect(word: string, schema: Policy = {}): Promise<void> {
  await down().create(SECRETS, manifests.secret(word, land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(word, { schema }));
  await conditions(down(), CONNECTIONS, at(word), READY);
}

async function disconnect(word: string): Promise<void> {
  await down().remove(CONNECTIONS, at(word));
  await absent(down(), CONNECTIONS, at(word));
}

const bind = (word: string, types: Resource[]) =>
  down().create(CLUSTER_BINDINGS, manifests.clusterBinding(word, types));

const bound = (word: string) => conditions(down(), CLUSTER_BINDINGS, at(word), READY);

async function unbind(word: string): Promise<void> {
  await down().remove(CLUSTER_BINDINGS, at(word));
  await absent(down(), CLUSTER_BINDINGS, at(word));
}

const definition = (type: Resource): Promise<Body> => down().get(CRDS, at(apiName(type)));

/** Until the definition here is as `holds` says. */
const defined = (type: Resource, what: string, holds: (crd: Body) => unknown): Promise<Body> =>
  object(down(), CRDS, at(apiName(type)), what, holds);

const apiReady = (type: Resource, { status }: Body): Body =>
  conditionOf({ status: status?.boundAPIs?.find((one: Body) => one.name === apiName(type)) }, "Ready");

const columns = (...names: string[]) => names.map((name) => ({ name, type: "string", jsonPath: `.spec.${name}` }));

/** Gives the provider's definition other printer columns: a change that every API server takes. */
const change = (type: Resource, ...names: string[]) =>
  up().patch(CRDS, at(apiName(type)), [
    { op: "add", path: "/spec/versions/0/additionalPrinterColumns", value: columns(...names) },
  ]);

const shown = (crd: Body): string[] =>
  (crd.spec.versions[0].additionalPrinterColumns ?? []).map((column: Body) => column.name);

describe("pullPolicy All", () => {
  test("brings every exported API without a binding, also one that is exported later, and watches no object", async () => {
    const [first, second] = [typeOf("allfirst"), typeOf("allsecond")];
    await offer(land, first);
    const heard = await listen(land);
    await connect("all", { pullPolicy: "All" });
    await served(land.consumer, first);
    await conditions(down(), CONNECTIONS, at("all"), { SchemaInSync: { status: "True" } });
    await offer(land, second);
    await served(land.consumer, second);
    expect((await definition(second)).metadata.annotations[ANNOTATION.connection]).toBe("all");
    const { consumer, provider } = await heard();
    const watched = [...consumer, ...provider].filter(
      ({ verb, objectRef }) => verb === "watch" && ["allfirsts", "allseconds"].includes(objectRef?.resource ?? ""),
    );
    expect(watched).toEqual([]);
  });

  test("keeps the definition when its last binding goes, and takes it along with the Connection", async () => {
    const type = typeOf("allfirst");
    const { uid } = (await definition(type)).metadata;
    await bind("all", [type]);
    await bound("all");
    await makeRoom(land, "all");
    await down().create(type, instance(type, "one", "all"));
    await object(up(), type, at("one", "all"), "to be there");
    await unbind("all");
    expect(await up().get(type, at("one", "all"))).toBeUndefined();
    expect((await definition(type)).metadata).toMatchObject({ uid, annotations: { [ANNOTATION.connection]: "all" } });
    expect((await definition(type)).metadata.deletionTimestamp).toBeUndefined();
    await down().remove(type, at("one", "all"));
    await absent(down(), type, at("one", "all"));
    await disconnect("all");
    for (const one of [type, typeOf("allsecond")]) await absent(down(), CRDS, at(apiName(one)));
  });
});

describe("pullPolicy None", () => {
  test("waits for a definition that somebody installs, uses it, and leaves it and its objects when it goes", async () => {
    const type = typeOf("none");
    await Promise.all([offer(land, type), makeRoom(land, "none")]);
    await connect("none", { pullPolicy: "None" });
    await bind("none", [type]);
    const pending = { status: "False", reason: "Pending", message: /pullPolicy is None/ } as const;
    await conditions(down(), CLUSTER_BINDINGS, at("none"), { Ready: pending });
    // Another spec than the provider's, with a version in common.
    const theirs = manifests.apiDefinition(type, { exported: false });
    theirs.spec.versions[0].additionalPrinterColumns = columns("color");
    const { spec } = await down().create(CRDS, theirs);
    await bound("none");
    const stamped = await definition(type);
    expect(stamped.metadata.annotations).toEqual({
      [ANNOTATION.connection]: "none",
      [ANNOTATION.crdOrigin]: "user",
    });
    expect(stamped.spec).toEqual(spec);
    await down().create(type, instance(type, "one", "none"));
    await object(up(), type, at("one", "none"), "to be there");
    await unbind("none");
    await disconnect("none");
    const after = await definition(type);
    expect(after.spec).toEqual(spec);
    expect([after.metadata.labels, after.metadata.annotations]).toEqual([undefined, undefined]);
    expect((await down().get(type, at("one", "none"))).metadata.finalizers).toBeUndefined();
    expect(await up().get(type, at("one", "none"))).toBeUndefined();
  });
});

describe("a definition that somebody else made", () => {
  test("is refused where it differs, unchanged; the other APIs of the binding go on, and removing it heals", async () => {
    const [type, sibling] = [typeOf("foreign"), typeOf("foreignsibling")];
    await Promise.all([offer(land, type), offer(land, sibling), makeRoom(land, "foreign")]);
    const theirs = manifests.apiDefinition(type, { exported: false });
    theirs.spec.versions[0].additionalPrinterColumns = columns("color");
    await down().create(CRDS, theirs);
    await served(land.consumer, type);
    const before = await definition(type);
    await connect("foreign");
    await bind("foreign", [type, sibling]);
    const refused = { status: "False", reason: "ForeignObjectExists", message: /foreigns\.example\.org/ } as const;
    const binding = await conditions(down(), CLUSTER_BINDINGS, at("foreign"), { Ready: refused });
    await conditions(down(), CONNECTIONS, at("foreign"), { ...READY, SchemaInSync: refused });
    expect(apiReady(type, binding)).toMatchObject({ status: "False", reason: "ForeignObjectExists" });
    await served(land.consumer, sibling);
    await down().create(sibling, instance(sibling, "one", "foreign"));
    await object(up(), sibling, at("one", "foreign"), "to be there");
    expect(await definition(type)).toEqual(before);
    await down().remove(CRDS, at(apiName(type)));
    await bound("foreign");
    expect((await definition(type)).metadata.labels).toEqual({ [LABEL.managed]: "true" });
  });

  test("is used where it is equal, and is never ours: it stays, with its objects, when the ClusterBinding goes", async () => {
    const type = typeOf("equal");
    await Promise.all([offer(land, type), makeRoom(land, "equal")]);
    const { metadata } = await down().create(CRDS, manifests.apiDefinition(type, { exported: false }));
    await served(land.consumer, type);
    await connect("equal");
    await bind("equal", [type]);
    await bound("equal");
    expect((await definition(type)).metadata.annotations[ANNOTATION.crdOrigin]).toBe("user");
    await down().create(type, instance(type, "one", "equal"));
    await object(up(), type, at("one", "equal"), "to be there");
    await unbind("equal");
    expect((await definition(type)).metadata.uid).toBe(metadata.uid);
    expect(await down().get(type, at("one", "equal"))).toBeDefined();
  });
});

describe("updatePolicy", () => {
  test("Always follows the provider, and sets back what is edited here", async () => {
    const type = typeOf("always");
    await offer(land, type);
    await connect("always");
    await bind("always", [type]);
    await bound("always");
    await change(type, "size", "color");
    const followed = await defined(type, "to follow the provider", (crd) => shown(crd).join() === "size,color");
    const bindingHash = (one: Body) =>
      one.status.boundAPIs[0].crdHash === followed.metadata.annotations[ANNOTATION.schemaHash];
    await object(down(), CLUSTER_BINDINGS, at("always"), "to tell the hash of what is installed", bindingHash);
    await down().patch(CRDS, at(apiName(type)), [
      { op: "replace", path: "/spec/versions/0/additionalPrinterColumns", value: columns("count") },
    ]);
    await defined(type, "to be as the provider has it", (crd) => shown(crd).join() === "size,color");
    await down().merge(CRDS, at(apiName(type)), { metadata: { labels: { [LABEL.managed]: null } } });
    await defined(type, "to carry our label", ({ metadata }) => metadata.labels?.[LABEL.managed] === "true");
  });

  test("Once leaves the definition alone after the first pull, and tells the hash of what is installed", async () => {
    const type = typeOf("once");
    await Promise.all([offer(land, type), makeRoom(land, "once")]);
    await connect("once", { updatePolicy: "Once" });
    await bind("once", [type]);
    await bound("once");
    const { spec, metadata } = await definition(type);
    await served(land.consumer, type);
    await change(type, "size");
    await down().patch(CRDS, at(apiName(type)), [
      { op: "add", path: "/spec/versions/0/additionalPrinterColumns", value: columns("count") },
    ]);
    // A later export has been taken in: so has the change before it.
    const later = typeOf("oncelater");
    await offer(land, later);
    await object(down(), CONNECTIONS, at("once"), "to tell of it", ({ status }) =>
      status.exportedAPIs.some(({ name }: Body) => name === apiName(later)),
    );
    await down().create(type, instance(type, "one", "once"));
    await object(up(), type, at("one", "once"), "to be there");
    const after = await definition(type);
    expect(shown(after)).toEqual(["count"]);
    expect(after.metadata.annotations).toEqual(metadata.annotations);
    expect(after.spec.versions[0].schema).toEqual(spec.versions[0].schema);
    const { status } = await bound("once");
    expect(status.boundAPIs[0].crdHash).toBe(metadata.annotations[ANNOTATION.schemaHash]);
  });
});

describe("a provider that moves on", () => {
  test("to a new version, and stops serving the old, is followed, though objects are stored in the old one", async () => {
    const type = typeOf("moving");
    await Promise.all([offer(land, type), makeRoom(land, "moving")]);
    await connect("moving");
    await bind("moving", [type]);
    await bound("moving");
    await served(land.consumer, type);
    await down().create(type, instance(type, "one", "moving"));
    await object(up(), type, at("one", "moving"), "to be there");
    const [v1] = (await up().get(CRDS, at(apiName(type)))).spec.versions;
    const versions = [
      { ...v1, served: false, storage: false },
      { ...v1, name: "v2" },
    ];
    await up().merge(CRDS, at(apiName(type)), { spec: { versions } });
    const next = { ...type, version: "v2" };
    await served(land.consumer, next);
    const here = await definition(type);
    const kept = here.spec.versions.map(({ name, served: isServed, storage }: Body) => [name, isServed, storage]);
    expect(kept).toEqual([
      ["v2", true, true],
      ["v1", false, false],
    ]);
    await bound("moving");
    await down().merge(next, at("one", "moving"), { spec: { size: "in v2" } });
    await object(up(), next, at("one", "moving"), "to follow", ({ spec }) => spec.size === "in v2");
  });
});

describe("what this cluster does not take", () => {
  test("is told for that API alone, in the Connection as well, and installed once it is taken", async () => {
    const [type, sibling] = [typeOf("unwelcome"), typeOf("welcome")];
    await Promise.all([offer(land, type), offer(land, sibling)]);
    await beginRefusing(land, type, [nameIsNot(type, "not welcome here")]);
    await connect("unwelcome");
    await bind("unwelcome", [type, sibling]);
    const refused = { status: "False", reason: "SchemaRejected", message: /not welcome here/ } as const;
    const binding = await conditions(down(), CLUSTER_BINDINGS, at("unwelcome"), { Ready: refused });
    await conditions(down(), CONNECTIONS, at("unwelcome"), { ...READY, SchemaInSync: refused });
    expect(apiReady(type, binding).reason).toBe("SchemaRejected");
    await served(land.consumer, sibling);
    await endRefusing(land, type);
    // It is tried again slowly by itself, and at once when the provider's definition changes.
    await change(type, "size");
    await bound("unwelcome");
  });

  test("such as a group that steers clusters is refused, whoever offers it", async () => {
    const body = manifests.apiDefinition({ ...typeOf("workspace"), group: "tenancy.kcp.io" });
    await up().create(CRDS, body);
    await connect("steering");
    await down().create(CLUSTER_BINDINGS, {
      ...manifests.clusterBinding("steering", []),
      spec: { connectionRef: { name: "steering" }, apis: [{ name: body.metadata.name }] },
    });
    const refused = { status: "False", reason: "SchemaRejected", message: /no provider may deliver/ } as const;
    await conditions(down(), CLUSTER_BINDINGS, at("steering"), { Ready: refused });
    expect(await down().get(CRDS, at(body.metadata.name))).toBeUndefined();
    await up().remove(CRDS, at(body.metadata.name));
  });
});

test("of the provider's definition nothing is taken over but what it defines", async () => {
  const type = typeOf("plain");
  const body = manifests.apiDefinition(type);
  body.metadata.labels.team = "blue";
  body.metadata.annotations = {
    "argocd.argoproj.io/tracking-id": "x",
    "kubectl.kubernetes.io/last-applied-configuration": "{}",
  };
  body.metadata.finalizers = ["example.org/theirs"];
  // Of these, one is taken by the API server itself, one by another definition of the group, and one category is ours.
  body.spec.names = { ...body.spec.names, shortNames: ["pln", "po", "taken"], categories: ["kube-bind", "all"] };
  const neighbour = manifests.apiDefinition(typeOf("neighbour"), { exported: false });
  neighbour.spec.names.shortNames = ["taken"];
  await down().create(CRDS, neighbour);
  await served(land.consumer, typeOf("neighbour"));
  await up().create(CRDS, body);
  const heard = await listen(land);
  await connect("plain");
  await bind("plain", [type]);
  await bound("plain");
  const { metadata, spec } = await definition(type);
  expect(metadata.labels).toEqual({ [LABEL.managed]: "true" });
  expect(Object.keys(metadata.annotations).sort()).toEqual([ANNOTATION.connection, ANNOTATION.schemaHash].sort());
  expect(metadata.finalizers).toEqual(undefined);
  expect(spec.names).toMatchObject({ shortNames: ["pln"], categories: ["all"] });
  const told = {
    status: "True",
    message: /without the short name po, which pods has.*taken, which neighbours/,
  } as const;
  await conditions(down(), CONNECTIONS, at("plain"), { SchemaInSync: told });
  const writes = (await heard()).consumer.filter(
    (event) => isWrite(event) && event.objectRef?.name === apiName(type) && event.user.username === "konnector",
  );
  expect(writes).toHaveLength(1);
  await up().patch(CRDS, at(apiName(type)), [{ op: "remove", path: "/metadata/finalizers" }]);
});

describe("the status of a Connection and a binding", () => {
  const KINDS = [CONNECTIONS, CLUSTER_BINDINGS];

  test("keeps what others write into it, however busy it is", async () => {
    const type = typeOf("visited");
    await offer(land, type);
    await connect("visited");
    await bind("visited", [type]);
    const theirs = (name: string) => ({
      type: name,
      status: "True",
      reason: "Seen",
      message: "",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    });
    const names = Array.from({ length: 30 }, (_, index) => `Visitor${index}`);
    for (const [index, name] of names.entries()) {
      // The provider changes its definition at the same time, so our own status is written again and again.
      await change(type, `column${index}`);
      for (const kind of KINDS) {
        await eventually(`${name} to be added`, async () => {
          const { metadata, status } = await down().get(kind, at("visited"));
          const changed = [...(status?.conditions ?? []), theirs(name)];
          const patch = { metadata: { resourceVersion: metadata.resourceVersion }, status: { conditions: changed } };
          return down()
            .merge(kind, at("visited"), patch, "status")
            .then(
              () => true,
              () => false,
            );
        });
      }
    }
    for (const kind of KINDS) {
      const { status } = await conditions(down(), kind, at("visited"), READY);
      expect(status.conditions.filter(({ reason }: Body) => reason === "Seen")).toHaveLength(names.length);
    }
  });

  test("is put right when somebody spoils it", async () => {
    for (const kind of KINDS) await down().merge(kind, at("visited"), { status: { conditions: [] } }, "status");
    for (const kind of KINDS) await conditions(down(), kind, at("visited"), READY);
  });
});

test("an API that its provider converts by a webhook is told by binding and Connection, and pulled once it is not", async () => {
  const type = typeOf("hooked");
  const body = manifests.apiDefinition(type);
  // Nobody is asked, because there is one version only.
  const webhook = { conversionReviewVersions: ["v1"], clientConfig: { url: "https://127.0.0.1:1/convert" } };
  await up().create(CRDS, { ...body, spec: { ...body.spec, conversion: { strategy: "Webhook", webhook } } });
  await connect("hooked");
  await bind("hooked", [type]);
  const refused = { status: "False", reason: "ConversionWebhook", message: new RegExp(apiName(type)) } as const;
  await conditions(down(), CONNECTIONS, at("hooked"), { ...READY, SchemaInSync: refused });
  const binding = await conditions(down(), CLUSTER_BINDINGS, at("hooked"), { Ready: refused });
  expect(apiReady(type, binding)).toMatchObject({ status: "False", reason: "ConversionWebhook" });
  expect(await definition(type)).toBeUndefined();
  await up().merge(CRDS, at(apiName(type)), { spec: { conversion: { strategy: "None", webhook: null } } });
  await bound("hooked");
  await conditions(down(), CONNECTIONS, at("hooked"), { SchemaInSync: { status: "True" } });
});
