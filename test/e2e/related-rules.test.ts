// What rules for related objects may ask for, what following them costs and needs, and what a restart finds. Each test has a
// namespace, names and a binding of its own. Rules: docs/reference/behaviour.md, "Related objects" and "Permissions".

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Key } from "../../crds/kube-object.ts";
import { ANNOTATION, LABEL } from "../../crds/labels.ts";
import { BINDINGS, CLUSTER_BINDINGS, CONFIGMAPS, CONNECTIONS, NAMESPACES, SECRETS } from "../../crds/resources.ts";
import { kubeconfigAt, startFaultProxy } from "../harness/fault-proxy.ts";
import { absent, conditionOf, conditions, NOTHING, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, served } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { related, WIDGETS } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { base64, bound, configMap, copyOf, GADGETS, GIZMOS, secret, startRelated, two } from "./related-objects.ts";
import { grant, KONNECTOR_USER, PROVIDER_RIGHTS, rule } from "./rights.ts";
import { makeRoom } from "./rooms.ts";
import { userWith } from "./rules.ts";
import { isWrite, lines, listen, withoutHeartbeat } from "./traffic.ts";

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

describe.concurrent("a rule for related objects", () => {
  test("that would send every Secret of the cluster away is not followed, and keeps nothing else from working", async () => {
    await makeRoom(land, "rel-every");
    const rules = [related("secrets", "FromConsumer"), related("configmaps", "FromConsumer", { names: ["rel-every"] })];
    const options = { connection: "related", relatedResources: rules };
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("rel-every", [GADGETS], options));
    await down().create(CONFIGMAPS, configMap(at("rel-every", "rel-every")));
    await conditions(down(), CLUSTER_BINDINGS, at("rel-every"), {
      Ready: { status: "False", reason: "SelectorRequired", message: /spec\.relatedResources\[0\]\.selector/ },
    });
    await copyOf(up, CONFIGMAPS, at("rel-every", "rel-every"));
    await served(land.consumer, GADGETS);
    await down().create(GADGETS, manifests.instance(GADGETS, "one", "rel-every"));
    await copyOf(up, GADGETS, at("one", "rel-every"));
    expect((await up().list(SECRETS)).filter((one: Body) => one.data?.kubeconfig !== undefined)).toEqual([]);
    await down().remove(GADGETS, at("one", "rel-every"));
    await down().remove(CLUSTER_BINDINGS, at("rel-every"));
    await absent(down(), CLUSTER_BINDINGS, at("rel-every"));
  });

  test("that cannot be followed as it is written says which field is wrong", async () => {
    await makeRoom(land, "rel-wrong");
    const labelSelector = { matchExpressions: [{ key: "app", operator: "Near", values: ["db"] }] };
    const options = {
      connection: "related",
      relatedResources: [related("secrets", "FromConsumer", { labelSelector })],
    };
    await down().create(BINDINGS, manifests.binding("rel-wrong", "rel-wrong", [WIDGETS], options));
    const message = /spec\.relatedResources\[0\]\.selector\.labelSelector\.matchExpressions\[0\]\.operator: "Near"/;
    await conditions(down(), BINDINGS, at("rel-wrong", "rel-wrong"), {
      Ready: { status: "False", reason: "InvalidRelatedResource", message },
    });
  });
});

describe.concurrent("a binding with related objects", () => {
  test("brings the namespace of a copy along where this cluster lacks it", async () => {
    const options = {
      connection: "related",
      relatedResources: [related("configmaps", "FromProvider", { names: ["rel-public"] })],
    };
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("rel-public", [GIZMOS], options));
    await up().create(NAMESPACES, { metadata: { name: "rel-public" } });
    const key = at("rel-public", "rel-public");
    await up().create(CONFIGMAPS, configMap(key, { binaryData: { logo: base64("\u0000") } }));
    const copy = await copyOf(down, CONFIGMAPS, key);
    expect([copy.data, copy.binaryData]).toEqual([undefined, { logo: base64("\u0000") }]);
    expect((await down().get(NAMESPACES, at("rel-public"))).metadata.labels[LABEL.managed]).toBe("true");
    await down().remove(CLUSTER_BINDINGS, at("rel-public"));
    await Promise.all([absent(down(), CONFIGMAPS, key), absent(down(), CLUSTER_BINDINGS, at("rel-public"))]);
  });

  test("writes nothing of them while it is paused, and catches up afterwards", async () => {
    await bound(land, "rel-paused", related("secrets", "FromConsumer", { names: ["db", "new"] }));
    const [db, fresh] = [at("db", "rel-paused"), at("new", "rel-paused")];
    await down().create(SECRETS, secret(db));
    await copyOf(up, SECRETS, db);
    const pause = (paused: string | null) =>
      down().merge(BINDINGS, at("rel-paused", "rel-paused"), {
        metadata: { annotations: { [ANNOTATION.paused]: paused } },
      });
    await pause("true");
    await conditions(down(), BINDINGS, at("rel-paused", "rel-paused"), {
      Ready: { status: "False", reason: "Paused" },
    });
    const heard = await listen(land);
    await down().create(SECRETS, secret(fresh));
    await down().remove(SECRETS, db);
    await invariants.check({ word: "rel-paused", quiet: 1_000 });
    const { provider } = await heard();
    expect(provider.filter((event) => event.requestURI.includes("rel-paused") && isWrite(event))).toEqual([]);
    await pause(null);
    await Promise.all([copyOf(up, SECRETS, fresh), absent(up(), SECRETS, db)]);
  });

  test("hands them over to another Connection to the same provider without a delete", async () => {
    await down().create(SECRETS, manifests.secret("rel-next", land.kubeconfig));
    await down().create(CONNECTIONS, manifests.connection("rel-next"));
    await conditions(down(), CONNECTIONS, at("rel-next"), READY);
    await bound(land, "rel-moved", related("secrets", "FromConsumer", { names: ["db"] }));
    const key = at("db", "rel-moved");
    await down().create(SECRETS, secret(key));
    const { metadata } = await copyOf(up, SECRETS, key);
    await down().merge(BINDINGS, at("rel-moved", "rel-moved"), { spec: { connectionRef: { name: "rel-next" } } });
    await object(
      down(),
      BINDINGS,
      at("rel-moved", "rel-moved"),
      "to have moved",
      (one) => one.metadata.annotations[ANNOTATION.boundConnection] === "rel-next",
    );
    await down().merge(SECRETS, key, two);
    const copy = await copyOf(up, SECRETS, key, ({ data }) => data.key === base64("two"));
    expect(copy.metadata.uid).toBe(metadata.uid);
    await down().remove(BINDINGS, at("rel-moved", "rel-moved"));
    await Promise.all([absent(up(), SECRETS, key), absent(down(), BINDINGS, at("rel-moved", "rel-moved"))]);
  });

  test("whose provider is away waits with its end for the copies there, names them, and goes when it is back", async () => {
    const proxy = await startFaultProxy(land.provider.plane.url);
    try {
      await makeRoom(land, "rel-away-up");
      await down().create(SECRETS, manifests.secret("rel-away-up", kubeconfigAt(land.kubeconfig, proxy.url)));
      await down().create(CONNECTIONS, manifests.connection("rel-away-up"));
      const relatedResources = [related("secrets", "FromConsumer", { names: ["db"] })];
      await down().create(BINDINGS, manifests.binding("rel-away-up", "rel-away-up", [WIDGETS], { relatedResources }));
      const key = at("db", "rel-away-up");
      await down().create(SECRETS, secret(key));
      await copyOf(up, SECRETS, key);
      await proxy.set("refuse");
      await conditions(down(), CONNECTIONS, at("rel-away-up"), { Ready: { status: "False" } });
      await down().remove(BINDINGS, at("rel-away-up", "rel-away-up"));
      const message = /related secrets/;
      const waiting = { Ready: { status: "False" as const, reason: "DrainingObjects", message } };
      await conditions(down(), BINDINGS, at("rel-away-up", "rel-away-up"), waiting);
      expect(await up().get(SECRETS, key)).toBeDefined();
      await proxy.set("pass");
      await absent(down(), BINDINGS, at("rel-away-up", "rel-away-up"), 60_000);
      expect(await up().get(SECRETS, key)).toBeUndefined();
      await down().remove(CONNECTIONS, at("rel-away-up"));
      await absent(down(), CONNECTIONS, at("rel-away-up"));
    } finally {
      await proxy.stop();
    }
  });
});

describe("the cost of a related object", () => {
  test("is one request to create, one for each change, one read and one delete to remove, and none while it is settled", async () => {
    await bound(land, "rel-cost", related("secrets", "FromConsumer", { names: ["db"] }));
    const key = at("db", "rel-cost");
    const cost = async (change: () => Promise<unknown>, seen: () => Promise<unknown>): Promise<string[]> => {
      const heard = await listen(land);
      await change();
      await seen();
      await invariants.check({ word: "rel-cost", quiet: 1_000 });
      return lines(withoutHeartbeat(await heard())).filter((line) => line.includes("rel-cost"));
    };
    expect(
      await cost(
        () => down().create(SECRETS, secret(key)),
        () => copyOf(up, SECRETS, key),
      ),
    ).toEqual([expect.stringContaining("provider patch secrets")]);
    const changed = () => copyOf(up, SECRETS, key, ({ data }) => data.key === base64("two"));
    expect(await cost(() => down().merge(SECRETS, key, two), changed)).toEqual([
      expect.stringContaining("provider patch secrets"),
    ]);
    expect(
      await cost(
        () => down().remove(SECRETS, key),
        () => absent(up(), SECRETS, key),
      ),
    ).toEqual([expect.stringContaining("consumer get secrets"), expect.stringContaining("provider delete secrets")]);
  });
});

describe("rights for related objects", () => {
  test("named objects in one namespace are enough, and one kind that may not be listed stops nothing else", async () => {
    await makeRoom(land, "rel-rights");
    const named = [{ ...rule("", "secrets", "get list watch"), resourceNames: ["db"] }];
    const user = `${KONNECTOR_USER}-rel-rights`;
    const kubeconfig = await userWith(land, "rel-rights", PROVIDER_RIGHTS);
    await grant(land.provider.plane, user, named, "rel-rights", "named");
    await down().create(SECRETS, manifests.secret("rel-rights", kubeconfig));
    await down().create(CONNECTIONS, manifests.connection("rel-rights"));
    const rules = [
      related("secrets", "FromProvider", { names: ["db"] }),
      related("configmaps", "FromProvider", { labelSelector: { matchLabels: { app: "db" } } }),
    ];
    await down().create(
      BINDINGS,
      manifests.binding("rel-rights", "rel-rights", [WIDGETS], { relatedResources: rules }),
    );
    const denied = /list, watch.* configmaps in namespace (mapped-)?rel-rights/;
    await conditions(down(), BINDINGS, at("rel-rights", "rel-rights"), {
      Ready: { status: "False", reason: "Forbidden", message: /relatedResources: list and watch configmaps/ },
      PermissionDenied: { status: "True", message: denied },
    });
    await up().create(SECRETS, secret(at("db", "rel-rights")));
    await copyOf(down, SECRETS, at("db", "rel-rights"));
    await served(land.consumer, WIDGETS);
    await down().create(WIDGETS, manifests.instance(WIDGETS, "one", "rel-rights"));
    await copyOf(up, WIDGETS, at("one", "rel-rights"));
    const all = [rule("", "configmaps", "get list watch")];
    await grant(land.provider.plane, user, all, "rel-rights", "all");
    await up().create(CONFIGMAPS, configMap(at("late", "rel-rights"), undefined, { app: "db" }));
    await copyOf(down, CONFIGMAPS, at("late", "rel-rights"));
    await conditions(down(), BINDINGS, at("rel-rights", "rel-rights"), { ...READY, PermissionDenied: NOTHING });
    await down().remove(WIDGETS, at("one", "rel-rights"));
    await absent(down(), WIDGETS, at("one", "rel-rights"));
  });
});

describe("a restart", () => {
  test("finds copies whose sources, rules and bindings went while nobody was there", async () => {
    await bound(
      land,
      "rel-away",
      related("secrets", "FromConsumer", { names: ["source", "rule"] }),
      related("configmaps", "FromProvider", { names: ["back"] }),
    );
    await bound(land, "rel-gone", related("secrets", "FromConsumer", { names: ["db"] }));
    const [source, rule, back] = ["source", "rule", "back"].map((name) => at(name, "rel-away")) as [Key, Key, Key];
    const db = at("db", "rel-gone");
    for (const key of [source, rule, db]) await down().create(SECRETS, secret(key));
    await up().create(CONFIGMAPS, configMap(back));
    await Promise.all([...[source, rule, db].map((key) => copyOf(up, SECRETS, key)), copyOf(down, CONFIGMAPS, back)]);
    await land.konnector.kill();
    await down().remove(SECRETS, source);
    await down().merge(BINDINGS, at("rel-away", "rel-away"), {
      spec: { relatedResources: [related("secrets", "FromConsumer", { names: ["source"] })] },
    });
    await down().remove(BINDINGS, at("rel-gone", "rel-gone"));
    await land.restart();
    await Promise.all([
      ...[source, rule, db].map((key) => absent(up(), SECRETS, key)),
      absent(down(), CONFIGMAPS, back),
      absent(down(), BINDINGS, at("rel-gone", "rel-gone")),
    ]);
    expect(await up().get(CONFIGMAPS, back)).toBeDefined();
    expect(await down().get(SECRETS, rule)).toBeDefined();
    // What it makes of its new rules is told after they have been carried out; from then on all is quiet.
    await object(down(), BINDINGS, at("rel-away", "rel-away"), "to be judged as it is now", (binding) => {
      const ready = conditionOf(binding, "Ready");
      return ready.status === "True" && ready.observedGeneration === binding.metadata.generation;
    });
  });
});
