// Secrets and ConfigMaps that bindings bring along, in both directions. Each test has a namespace, names and a binding of its
// own, so that they run side by side. Rules: docs/reference/behaviour.md, "Related objects".

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Key } from "../../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONFIGMAPS, EVENTS, SECRETS } from "../../crds/resources.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditions, NOTHING, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import type { Landscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { related, WIDGETS } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { base64, bound, configMap, copyOf, GADGETS, secret, startRelated, two } from "./related-objects.ts";
import { makeRoom } from "./rooms.ts";

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

beforeAll(async () => {
  land = await startRelated();
  invariants = invariantsOf(land);
});
// Once, because tests that run side by side must not look at what another one is just about to release.
afterAll(async () => {
  try {
    await invariants?.check();
  } finally {
    await land?.stop();
  }
});

const eventsAbout = async (namespace: string, name: string, reason: string): Promise<Body[]> =>
  (await down().list(EVENTS, namespace)).filter(
    (event: Body) => event.involvedObject.name === name && event.reason === reason,
  );

describe.concurrent("a related object", () => {
  test("goes from the consumer to the provider with its data and type, and with nothing else of it", async () => {
    const binding = await bound(land, "rel-up", related("secrets", "FromConsumer", { names: ["db"] }));
    const key = at("db", "rel-up");
    const fields = { type: "example.org/thing", data: { a: base64("x") } };
    await down().create(SECRETS, secret(key, fields, { team: "blue" }));
    const copy = await copyOf(up, SECRETS, key);
    expect([copy.type, copy.data]).toEqual(["example.org/thing", { a: base64("x") }]);
    expect(copy.metadata.labels).toEqual({ [LABEL.managed]: "true", [LABEL.consumerClusterUid]: expect.any(String) });
    expect(copy.metadata.annotations[ANNOTATION.relatedBinding]).toBe(binding.metadata.uid);
    await down().merge(SECRETS, key, { data: { a: null, b: base64("y") } });
    await copyOf(up, SECRETS, key, ({ data }) => data.b === base64("y") && data.a === undefined);
    await down().remove(SECRETS, key);
    await absent(up(), SECRETS, key);
  });

  test("comes from the provider to the consumer, selected by labels and expressions, for as long as it is", async () => {
    const labelSelector = {
      matchLabels: { app: "db" },
      matchExpressions: [{ key: "tier", operator: "NotIn", values: ["internal"] }],
    };
    await bound(land, "rel-down", related("configmaps", "FromProvider", { labelSelector }));
    const [yes, no] = [at("yes", "rel-down"), at("no", "rel-down")];
    await up().create(CONFIGMAPS, configMap(no, undefined, { app: "db", tier: "internal" }));
    await up().create(CONFIGMAPS, configMap(yes, undefined, { app: "db" }));
    await copyOf(down, CONFIGMAPS, yes);
    expect(await down().get(CONFIGMAPS, no)).toBeUndefined();
    await up().merge(CONFIGMAPS, no, { metadata: { labels: { tier: null } } });
    await copyOf(down, CONFIGMAPS, no);
    await up().merge(CONFIGMAPS, yes, { metadata: { labels: { app: "web" } } });
    await absent(down(), CONFIGMAPS, yes);
  });

  test("has to match names and labels where a rule has both", async () => {
    const selector = { names: ["a", "b"], labelSelector: { matchLabels: { app: "db" } } };
    await bound(land, "rel-both", related("secrets", "FromConsumer", selector));
    for (const [name, app] of [
      ["b", "web"],
      ["c", "db"],
      ["a", "db"],
    ] as const) {
      await down().create(SECRETS, secret(at(name, "rel-both"), undefined, { app }));
    }
    await copyOf(up, SECRETS, at("a", "rel-both"));
    expect((await up().list(SECRETS, "rel-both")).map((one: Body) => one.metadata.name)).toEqual(["a"]);
  });

  test("is repaired where somebody changes its copy, and made again where somebody deletes it", async () => {
    await bound(land, "rel-drift", related("secrets", "FromConsumer", { names: ["db"] }));
    const key = at("db", "rel-drift");
    await down().create(SECRETS, secret(key));
    const { metadata } = await copyOf(up, SECRETS, key);
    await up().merge(SECRETS, key, { data: { key: base64("tampered"), theirs: base64("stays") } });
    const repaired = await copyOf(up, SECRETS, key, ({ data }) => data.key === base64("one"));
    expect(repaired.data.theirs).toBe(base64("stays"));
    await up().remove(SECRETS, key);
    await copyOf(up, SECRETS, key, (copy) => copy.metadata.uid !== metadata.uid);
    // Without our label no watch shows it any more.
    await up().merge(SECRETS, key, { metadata: { labels: { [LABEL.managed]: null } } });
    await copyOf(up, SECRETS, key, (copy) => copy.metadata.labels?.[LABEL.managed] === "true");
  });

  test("is made anew where its type changes, or what is immutable", async () => {
    await bound(land, "rel-type", related("secrets", "FromConsumer", { names: ["typed", "fixed"] }));
    const [typed, fixed] = [at("typed", "rel-type"), at("fixed", "rel-type")];
    await down().create(SECRETS, secret(typed, { type: "example.org/one", ...two }));
    await down().create(SECRETS, secret(fixed, { immutable: true, ...two }));
    const before = await Promise.all([typed, fixed].map((key) => copyOf(up, SECRETS, key)));
    expect(before[1].immutable).toBe(true);
    for (const key of [typed, fixed]) await down().remove(SECRETS, key);
    await down().create(SECRETS, secret(typed, { type: "example.org/two", ...two }));
    await down().create(SECRETS, secret(fixed));
    const after = await copyOf(up, SECRETS, typed, ({ type }) => type === "example.org/two");
    expect(after.metadata.uid).not.toBe(before[0].metadata.uid);
    await copyOf(up, SECRETS, fixed, ({ data, immutable }) => data.key === base64("one") && !immutable);
  });

  test("that a rule means no more goes, what another rule still means stays, and the binding takes all of it along", async () => {
    const rules = [
      related("secrets", "FromConsumer", { names: ["a", "b"] }),
      related("secrets", "FromConsumer", { labelSelector: { matchLabels: { app: "db" } } }),
      related("configmaps", "FromProvider", { names: ["c"] }),
    ];
    await bound(land, "rel-edit", ...rules);
    const [a, b, c] = ["a", "b", "c"].map((name) => at(name, "rel-edit")) as [Key, Key, Key];
    await down().create(SECRETS, secret(a, undefined, { app: "db" }));
    await down().create(SECRETS, secret(b));
    await up().create(CONFIGMAPS, configMap(c));
    const [{ metadata }] = await Promise.all([
      copyOf(up, SECRETS, a),
      copyOf(up, SECRETS, b),
      copyOf(down, CONFIGMAPS, c),
    ]);
    const edit = (relatedResources: Body[]) =>
      down().merge(BINDINGS, at("rel-edit", "rel-edit"), { spec: { relatedResources } });
    await edit(rules.slice(1, 2));
    await Promise.all([absent(up(), SECRETS, b), absent(down(), CONFIGMAPS, c)]);
    expect((await up().get(SECRETS, a)).metadata.uid).toBe(metadata.uid);
    const recorded = ({ metadata: { annotations } }: Body) => annotations[ANNOTATION.relatedCopies];
    await object(
      down(),
      BINDINGS,
      at("rel-edit", "rel-edit"),
      "to have let go",
      (one) => recorded(one) === "secrets/FromConsumer",
    );
    await down().remove(BINDINGS, at("rel-edit", "rel-edit"));
    await absent(down(), BINDINGS, at("rel-edit", "rel-edit"));
    expect(await up().get(SECRETS, a)).toBeUndefined();
    expect(await down().get(SECRETS, a)).toBeDefined();
  });

  test("is shared by the bindings that mean it, and stays until the last of them goes", async () => {
    const first = await bound(land, "rel-shared", related("secrets", "FromConsumer", { names: ["db"] }));
    const key = at("db", "rel-shared");
    await down().create(SECRETS, secret(key));
    const { metadata } = await copyOf(up, SECRETS, key);
    const options = {
      connection: "related",
      relatedResources: [related("secrets", "FromConsumer", { names: ["db"] })],
    };
    const second = await down().create(BINDINGS, manifests.binding("second", "rel-shared", [WIDGETS], options));
    const owner = (copy: Body) => copy.metadata.annotations[ANNOTATION.relatedBinding];
    await object(
      down(),
      BINDINGS,
      at("second", "rel-shared"),
      "to have taken note",
      (one) => one.metadata.annotations?.[ANNOTATION.relatedCopies] !== undefined,
    );
    expect(owner(await up().get(SECRETS, key))).toBe(first.metadata.uid);
    await down().remove(BINDINGS, at("rel-shared", "rel-shared"));
    const copy = await copyOf(up, SECRETS, key, (one) => owner(one) === second.metadata.uid);
    expect(copy.metadata.uid).toBe(metadata.uid);
    await absent(down(), BINDINGS, at("rel-shared", "rel-shared"));
    await down().remove(BINDINGS, at("second", "rel-shared"));
    await Promise.all([absent(up(), SECRETS, key), absent(down(), BINDINGS, at("second", "rel-shared"))]);
  });

  test("passes without a gap from a binding to the one that replaces it at the same moment", async () => {
    const rules = [related("secrets", "FromConsumer", { names: ["db"] })];
    await bound(land, "rel-replaced", ...rules);
    const key = at("db", "rel-replaced");
    await down().create(SECRETS, secret(key));
    const { metadata } = await copyOf(up, SECRETS, key);
    const options = { connection: "related", relatedResources: rules };
    const [next] = await Promise.all([
      down().create(BINDINGS, manifests.binding("next", "rel-replaced", [WIDGETS], options)),
      down().remove(BINDINGS, at("rel-replaced", "rel-replaced")),
    ]);
    const stands = ({ metadata: { annotations } }: Body) =>
      annotations[ANNOTATION.relatedBinding] === next.metadata.uid;
    const copy = await copyOf(up, SECRETS, key, stands);
    expect(copy.metadata.uid).toBe(metadata.uid);
    await absent(down(), BINDINGS, at("rel-replaced", "rel-replaced"));
  });

  test("stays where somebody makes its copy immutable, and where its rule is edited into one that cannot be followed", async () => {
    const rules = [related("secrets", "FromConsumer", { names: ["db"] })];
    await bound(land, "rel-stays", ...rules);
    const key = at("db", "rel-stays");
    await down().create(SECRETS, secret(key));
    const { metadata } = await copyOf(up, SECRETS, key);
    await up().merge(SECRETS, key, { immutable: true });
    const edit = (relatedResources: Body[]) =>
      down().merge(BINDINGS, at("rel-stays", "rel-stays"), { spec: { relatedResources } });
    await edit([related("secrets", "FromConsumer", { names: ["DB!"] })]);
    await conditions(down(), BINDINGS, at("rel-stays", "rel-stays"), {
      Ready: { status: "False", reason: "InvalidRelatedResource" },
    });
    await edit(rules);
    await conditions(down(), BINDINGS, at("rel-stays", "rel-stays"), READY);
    expect((await up().get(SECRETS, key)).metadata.uid).toBe(metadata.uid);
    // What it is to hold from now on it can only hold as a new one.
    await down().merge(SECRETS, key, two);
    await copyOf(up, SECRETS, key, (copy) => copy.metadata.uid !== metadata.uid && !copy.immutable);
  });

  test("that is there on both sides is not taken over by rules of both directions for each other", async () => {
    await makeRoom(land, "rel-twins");
    const key = at("db", "rel-twins");
    await Promise.all([up().create(SECRETS, secret(key, two)), down().create(SECRETS, secret(key))]);
    const rules = (["FromConsumer", "FromProvider"] as const).map((way) => related("secrets", way, { names: ["db"] }));
    const options = { connection: "related", conflictPolicy: "Adopt" as const, relatedResources: rules };
    await down().create(BINDINGS, manifests.binding("rel-twins", "rel-twins", [WIDGETS], options));
    await conditions(down(), BINDINGS, at("rel-twins", "rel-twins"), {
      Conflicts: { status: "True", reason: "ForeignObjectExists", message: /2 related object/ },
    });
    const both = await Promise.all([up(), down()].map((objects) => objects.get(SECRETS, key)));
    expect(both.map(({ data }) => data.key)).toEqual([base64("two"), base64("one")]);
  });

  test("never goes back as a source of the opposite direction", async () => {
    const all = { labelSelector: { matchExpressions: [{ key: "nothing", operator: "DoesNotExist" }] } };
    await bound(
      land,
      "rel-echo",
      related("configmaps", "FromConsumer", all),
      related("configmaps", "FromProvider", all),
    );
    const [here, there] = [at("here", "rel-echo"), at("there", "rel-echo")];
    await down().create(CONFIGMAPS, configMap(here));
    await up().create(CONFIGMAPS, configMap(there));
    await Promise.all([copyOf(up, CONFIGMAPS, here), copyOf(down, CONFIGMAPS, there)]);
    // What has been carried back would be ours now, and go with its source.
    await down().remove(CONFIGMAPS, here);
    await absent(up(), CONFIGMAPS, here);
    expect((await up().get(CONFIGMAPS, there)).metadata.labels).toBeUndefined();
    expect((await down().get(CONFIGMAPS, there)).metadata.labels[LABEL.managed]).toBe("true");
  });

  test("leaves somebody else's object alone, says so, and heals when that is gone", async () => {
    await bound(land, "rel-foreign", related("secrets", "FromConsumer", { names: ["db"] }));
    const key = at("db", "rel-foreign");
    await up().create(SECRETS, secret(key, two));
    await invariants.protect("provider", SECRETS, key);
    await down().create(SECRETS, secret(key));
    await conditions(down(), BINDINGS, at("rel-foreign", "rel-foreign"), {
      Conflicts: { status: "True", reason: "ForeignObjectExists", message: /1 related object/ },
    });
    await eventually(
      "the Event",
      async () => (await eventsAbout("rel-foreign", "db", "ForeignObjectExists")).length === 1,
    );
    await invariants.check({ word: "rel-foreign", quiet: false });
    invariants.release("provider", SECRETS, key);
    await up().remove(SECRETS, key);
    await copyOf(up, SECRETS, key, ({ data }) => data.key === base64("one"));
    await conditions(down(), BINDINGS, at("rel-foreign", "rel-foreign"), { ...READY, Conflicts: NOTHING });
  });

  test("takes over what nobody owns where the binding adopts, and never what belongs to another consumer", async () => {
    await makeRoom(land, "rel-adopt");
    const [mine, theirs] = [at("mine", "rel-adopt"), at("theirs", "rel-adopt")];
    await up().create(SECRETS, secret(mine, two));
    const marked = secret(theirs, two);
    marked.metadata.annotations = {
      [ANNOTATION.consumerClusterUid]: "another",
      [ANNOTATION.relatedBinding]: "another",
    };
    await up().create(SECRETS, marked);
    await invariants.protect("provider", SECRETS, theirs);
    for (const key of [mine, theirs]) await down().create(SECRETS, secret(key));
    const rules = [related("secrets", "FromConsumer", { names: ["mine", "theirs"] })];
    const options = { connection: "related", conflictPolicy: "Adopt" as const, relatedResources: rules };
    await down().create(BINDINGS, manifests.binding("rel-adopt", "rel-adopt", [WIDGETS], options));
    await copyOf(up, SECRETS, mine, ({ data }) => data.key === base64("one"));
    await conditions(down(), BINDINGS, at("rel-adopt", "rel-adopt"), {
      Conflicts: { status: "True", reason: "OwnedByAnother", message: /1 related object/ },
    });
    await eventually("the Event", async () => (await eventsAbout("rel-adopt", "mine", "Adopted")).length === 1);
  });

  test("is never a token of this cluster, its root certificate, or anything in a namespace of the system or of ours", async () => {
    // A ClusterBinding: without the label it would mean the objects of every other test, too.
    const labels = { reach: "limits" };
    const labelSelector = { matchLabels: labels };
    const rules = [
      related("secrets", "FromConsumer", { labelSelector }),
      related("configmaps", "FromConsumer", { labelSelector }),
    ];
    await makeRoom(land, "rel-limits");
    const options = { connection: "related", relatedResources: rules };
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("rel-limits", [GADGETS], options));
    const token = { type: "bootstrap.kubernetes.io/token", data: {} };
    const service = secret(at("service", "rel-limits"), { type: "kubernetes.io/service-account-token" }, labels);
    service.metadata.annotations = { "kubernetes.io/service-account.name": "default" };
    await down().create(SECRETS, service);
    await down().create(SECRETS, secret(at("token", "rel-limits"), token, labels));
    await down().create(CONFIGMAPS, configMap(at("kube-root-ca.crt", "rel-limits"), undefined, labels));
    for (const namespace of ["kube-system", "kube-public", "kube-node-lease", manifests.SECRET_NAMESPACE]) {
      await down().create(SECRETS, secret(at("rel-limits", namespace), undefined, labels));
      await down().create(CONFIGMAPS, configMap(at("rel-limits", namespace), undefined, labels));
    }
    await down().create(SECRETS, secret(at("last", "rel-limits"), undefined, labels));
    await copyOf(up, SECRETS, at("last", "rel-limits"));
    const copies = [...(await up().list(SECRETS)), ...(await up().list(CONFIGMAPS))]
      .filter(({ metadata: { annotations } }: Body) => annotations?.[ANNOTATION.relatedBinding] !== undefined)
      .map(({ metadata: { namespace, name } }: Body) => `${namespace}/${name}`)
      .filter((name) => /limits|token|service|kube-/.test(name));
    expect(copies).toEqual(["rel-limits/last"]);
    await down().remove(CLUSTER_BINDINGS, at("rel-limits"));
    await absent(down(), CLUSTER_BINDINGS, at("rel-limits"));
  });
});
