// What travels from an object to its copy and what does not: top-level fields, labels, annotations, numbers, removals; what
// others own on the copy stays, and what they change of ours is set back. Rules: docs/reference/behaviour.md, "What travels"
// and "In sync".

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { eventually } from "../harness/wait.ts";
import { conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, served, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { instance, typeOf, WIDGETS } from "./manifests.ts";
import { at, type Body, pathOf } from "./objects.ts";
import { makeRoom, syncedIn } from "./rooms.ts";
import { isKonnectors, listen, lines, traffic, withoutHeartbeat } from "./traffic.ts";

const GADGETS = typeOf("gadget");
const anything = { "x-kubernetes-preserve-unknown-fields": true };
const parts = {
  type: "array",
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
  items: {
    type: "object",
    required: ["name"],
    properties: { name: { type: "string" }, weight: { type: "integer" }, theirs: { type: "string" } },
  },
};
const tags = { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } };

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startLandscape({ konnector: { args: ["--sync-annotations", "example.org,*.example.com"] } });
  invariants = invariantsOf(land);
  const fields = {
    data: { type: "object", additionalProperties: { type: "string" } },
    replicas: { type: "integer" },
    enabled: { type: "boolean" },
    constructor: { type: "string" },
    parts,
    tags,
    free: { type: "object", ...anything },
  };
  await Promise.all([offer(land, WIDGETS), offer(land, GADGETS, { fields })]);
  await down().create(SECRETS, manifests.secret("travel", land.kubeconfig));
  await down().create(CONNECTIONS, manifests.connection("travel"));
  await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("travel", [WIDGETS, GADGETS]));
  await conditions(down(), CLUSTER_BINDINGS, at("travel"), READY);
  await Promise.all([WIDGETS, GADGETS].map((type) => served(land.consumer, type)));
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

/** The fields of an object that are its own business. */
const payload = ({ apiVersion: _a, kind: _k, metadata: _m, status: _s, ...fields }: Body): Body => fields;

/** A gadget with these fields beside apiVersion, kind and metadata, and its copy. */
async function gadget(namespace: string, fields: Body): Promise<{ key: ReturnType<typeof at>; copy: Body }> {
  await makeRoom(land, namespace);
  const key = at("one", namespace);
  const { spec: _spec, ...bare } = instance(GADGETS, key.name, namespace);
  await down().create(GADGETS, { ...bare, ...fields });
  return { key, copy: await object(up(), GADGETS, key, "to be there") };
}

/** And not null, which an API server makes of a map that an apply empties. */
const isEmpty = (map: Body): boolean => JSON.stringify(map) === "{}";

describe("up goes", () => {
  test("every top-level field but apiVersion, kind, metadata and status, whatever it is called", async () => {
    const fields = {
      data: { "": "empty", "a/b~c": "path", "dotted.key": "x", __proto__x: "y", ключ: "значение" },
      replicas: 0,
      enabled: false,
      constructor: "mine",
      tags: [],
      free: { toString: "text", hasOwnProperty: null, nested: { "": { deep: [[], {}, null] } } },
    };
    const { copy } = await gadget("top-level", { ...fields, status: { phase: "Forged" } });
    expect(payload(copy)).toEqual(payload(await down().get(GADGETS, at("one", "top-level"))));
    expect(copy).toMatchObject({ replicas: 0, enabled: false, constructor: "mine", data: fields.data });
    expect(copy.status).toBeUndefined();
  });

  test("labels but for the denied ones, and only those annotations that an operator allows", async () => {
    const labels = {
      team: "blue",
      "example.org/tier": "gold",
      "app.kubernetes.io/name": "shop",
      "helm.sh/chart": "shop-1",
      "argocd.argoproj.io/instance": "shop",
      "kustomize.toolkit.fluxcd.io/name": "shop",
      [LABEL.exported]: "true",
    };
    const annotations = {
      note: "home",
      "example.org/tier": "gold",
      "a.example.com/zone": "1",
      "kubectl.kubernetes.io/last-applied-configuration": "{}",
      [ANNOTATION.deletionPolicy]: "Delete",
    };
    const { copy } = await syncedIn(land, WIDGETS, "marks", { size: "small" }, { labels, annotations });
    const { localClusterUID } = (await down().get(CONNECTIONS, at("travel"))).status;
    expect(copy.metadata.labels).toEqual({
      team: "blue",
      "example.org/tier": "gold",
      [LABEL.managed]: "true",
      [LABEL.consumerClusterUid]: localClusterUID,
    });
    const {
      [ANNOTATION.consumerObjectUid]: _uid,
      [ANNOTATION.consumerClusterUid]: _cluster,
      ...carried
    } = copy.metadata.annotations;
    expect(carried).toEqual({ "example.org/tier": "gold", "a.example.com/zone": "1" });
  });

  test("numbers digit for digit, and back in the status, without a second write", async () => {
    const NUMBERS =
      '{"a":9007199254740993,"b":9223372036854775807,"c":-9223372036854775808,"d":1.5e-7,"e":0.1,"f":1.10,"g":[1e21,100000000000000000000]}';
    await makeRoom(land, "numbers");
    const key = at("one", "numbers");
    const heard = await listen(land);
    const body = { ...instance(GADGETS, key.name, "numbers", { size: "small" }), free: "NUMBERS" };
    await down().create(GADGETS, JSON.stringify(body).replace('"NUMBERS"', NUMBERS));
    await object(up(), GADGETS, key, "to be there");
    const free = (text: string) => /"free":(\{.*?\})/.exec(text.replace(/"managedFields":\[.*?\}\],?/, ""))?.[1];
    const mine = free(await down().text(GADGETS, key));
    expect(mine).toContain("9007199254740993");
    expect(mine).toContain("9223372036854775807");
    expect(mine).toContain("1.5e-7");
    expect(free(await up().text(GADGETS, key))).toBe(mine);
    await invariants.check({ quiet: 500 });
    expect(lines(withoutHeartbeat(await heard()))).toEqual([
      "consumer patch gadgets numbers/one",
      "provider patch gadgets numbers/one",
    ]);
  });
});

describe("a field that is removed goes on the provider, too", () => {
  test.each<[string, Body, (copy: Body) => unknown]>([
    ["a top-level field", { replicas: null }, (copy) => copy.replicas === undefined],
    ["an entry of a map", { data: { a: null } }, (copy) => copy.data.a === undefined && copy.data.b === "2"],
    ["an item of a keyed list", { parts: [{ name: "b" }] }, (copy) => copy.parts.length === 1],
    ["a field of an item", { parts: [{ name: "a" }, { name: "b" }] }, (copy) => copy.parts[0].weight === undefined],
    ["an element of a set", { tags: ["y"] }, (copy) => copy.tags.join() === "y"],
    ["a map as a whole", { data: null }, (copy) => copy.data === undefined],
    ["all entries of a map", { data: { a: null, b: null } }, (copy) => isEmpty(copy.data)],
    ["all of the spec", { spec: { size: null } }, (copy) => isEmpty(copy.spec)],
    ["all of a deep map", { free: { x: { y: null, z: null } } }, (copy) => isEmpty(copy.free.x)],
    ["a deep field of unknown shape", { free: { x: { y: null } } }, (copy) => copy.free.x.y === undefined],
    ["the spec", { spec: null }, (copy) => copy.spec === undefined],
    ["a label", { metadata: { labels: { a: null } } }, (copy) => copy.metadata.labels.a === undefined],
    [
      "an annotation",
      { metadata: { annotations: { "example.org/a": null } } },
      (copy) => copy.metadata.annotations["example.org/a"] === undefined,
    ],
  ])("%s", async (what, patch, holds) => {
    const namespace = `remove-${what.replaceAll(" ", "-")}`;
    const { key } = await gadget(namespace, {
      metadata: {
        name: "one",
        namespace,
        labels: { a: "1", b: "2" },
        annotations: { "example.org/a": "1", "example.org/b": "2" },
      },
      spec: { size: "small" },
      replicas: 3,
      data: { a: "1", b: "2" },
      parts: [{ name: "a", weight: 1 }, { name: "b" }],
      tags: ["x", "y"],
      free: { x: { y: 1, z: 2 } },
    });
    await down().merge(GADGETS, key, patch);
    const copy = await object(up(), GADGETS, key, "to be without it", holds);
    expect(payload(copy)).toEqual(payload(await down().get(GADGETS, key)));
  });
});

describe("on the copy", () => {
  test("what the provider's side owns survives every edit: fields, items, elements, labels, finalizers, owners", async () => {
    const { key } = await gadget("theirs", {
      spec: { size: "small" },
      parts: [{ name: "a", weight: 1 }],
      tags: ["x"],
      data: { a: "1" },
    });
    const theirs = {
      apiVersion: `${GADGETS.group}/${GADGETS.version}`,
      kind: GADGETS.kind,
      metadata: {
        name: key.name,
        labels: { theirs: "yes" },
        annotations: { "theirs.example.net/a": "1" },
        finalizers: ["theirs.example.net/hold"],
      },
      spec: { color: "red" },
      replicas: 5,
      parts: [
        { name: "a", theirs: "beside ours" },
        { name: "t", weight: 9 },
      ],
      tags: ["t"],
      data: { t: "1" },
    };
    const path = `${pathOf(GADGETS, key.namespace, key.name)}?fieldManager=their-controller`;
    const { admin } = land.provider.plane;
    expect((await admin.request("PATCH", path, theirs, "application/apply-patch+yaml")).status).toBe(200);
    await down().merge(GADGETS, key, {
      spec: { size: "large" },
      parts: [{ name: "a" }],
      tags: ["z"],
      data: { a: null, b: "2" },
    });
    const copy = await object(up(), GADGETS, key, "to be large", ({ spec }) => spec.size === "large");
    expect(payload(copy)).toEqual({
      spec: { size: "large", color: "red" },
      replicas: 5,
      parts: [
        { name: "a", theirs: "beside ours" },
        { name: "t", weight: 9 },
      ],
      tags: expect.toSatisfy((found: string[]) => [...found].sort().join() === "t,z"),
      data: { b: "2", t: "1" },
    });
    expect(copy.metadata.labels.theirs).toBe("yes");
    expect(copy.metadata.annotations["theirs.example.net/a"]).toBe("1");
    expect(copy.metadata.finalizers).toEqual(["theirs.example.net/hold"]);
    await up().merge(GADGETS, key, { metadata: { finalizers: null } });
  });

  test.each<[string, Body, (copy: Body) => unknown]>([
    ["a value of ours that was changed", { spec: { size: "theirs" } }, ({ spec }) => spec.size === "small"],
    ["a field of ours that was taken away", { spec: { count: null } }, ({ spec }) => spec.count === 3],
    ["the spec as a whole", { spec: null }, ({ spec }) => spec?.size === "small" && spec.count === 3],
    ["a list of ours", { spec: { parts: [] } }, ({ spec }) => spec.parts.length === 1],
    ["a user's label", { metadata: { labels: { a: "theirs" } } }, ({ metadata }) => metadata.labels.a === "1"],
    [
      "our labels",
      { metadata: { labels: { [LABEL.managed]: null, [LABEL.consumerClusterUid]: null } } },
      ({ metadata }) => metadata.labels[LABEL.managed] && metadata.labels[LABEL.consumerClusterUid],
    ],
  ])("%s is set back, by an event and within a second", async (what, drift, holds) => {
    const namespace = `drift-${what.replaceAll(/[ ']/g, "-")}`;
    const spec = { size: "small", count: 3, parts: [{ name: "a" }] };
    const { key } = await syncedIn(land, WIDGETS, namespace, spec, { labels: { a: "1" } });
    for (let round = 0; round < 3; round++) {
      await up().merge(WIDGETS, key, drift);
      await object(up(), WIDGETS, key, "to be as it was", holds);
    }
    const { provider } = await traffic(land);
    const about = provider.filter(({ objectRef, verb }) => objectRef?.namespace === namespace && verb === "patch");
    const times = about.map((event) => ({ ours: isKonnectors(event), at: Date.parse(event.requestReceivedTimestamp) }));
    // Each change of theirs, and the next write of ours after it.
    const delays = times.flatMap(({ ours, at: changed }, index) =>
      ours ? [] : (times.slice(index).find((one) => one.ours)?.at ?? Infinity) - changed,
    );
    expect(delays).toHaveLength(3);
    expect(Math.min(...delays)).toBeLessThan(1_000);
  });

  test("an apply of ours under somebody else's hand is not taken for ours", async () => {
    const { key } = await syncedIn(land, WIDGETS, "forced", { size: "small" });
    const theirs = {
      apiVersion: "example.org/v1",
      kind: "Widget",
      metadata: { name: "one" },
      spec: { size: "theirs" },
    };
    const path = `${pathOf(WIDGETS, key.namespace, key.name)}?fieldManager=their-controller&force=true`;
    const { admin } = land.provider.plane;
    expect((await admin.request("PATCH", path, theirs, "application/apply-patch+yaml")).status).toBe(200);
    await object(up(), WIDGETS, key, "to be as it was", ({ spec }) => spec.size === "small");
  });
});

test("what is changed on the provider while no konnector runs is set back when one does", async () => {
  const { key } = await syncedIn(land, WIDGETS, "unattended", { size: "small", count: 1 });
  await land.konnector.kill();
  await up().merge(WIDGETS, key, { spec: { size: "theirs", count: null, color: "kept" } });
  await down().merge(WIDGETS, key, { spec: { count: 2 } });
  await land.restart();
  const copy = await object(up(), WIDGETS, key, "to be ours again", ({ spec }) => spec.count === 2);
  expect(copy.spec).toEqual({ size: "small", count: 2, color: "kept" });
  await eventually("the binding to be Ready", () => conditions(down(), CLUSTER_BINDINGS, at("travel"), READY));
});
