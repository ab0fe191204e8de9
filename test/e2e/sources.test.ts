// Where exports come from, and when that changes: source CRD, and Auto from its first decision on. Labels count for the
// whole provider, so the tests of Auto follow one another on one Connection; the others have users of their own there.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { FINALIZER, LABEL } from "../../crds/labels.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, SECRETS } from "../../crds/resources.ts";
import { kubeconfigAt } from "../harness/fault-proxy.ts";
import { startRewritingProxy } from "../harness/rewriting-proxy.ts";
import { eventually, never, NotYet } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, offer, startLandscape } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { apiName, instance, typeOf } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { grant, KONNECTOR_USER, PROVIDER_RIGHTS, regrant, type Rule, rule } from "./rights.ts";
import { makeRoom } from "./rooms.ts";

const ALPHAS = typeOf("alpha");
const BETAS = typeOf("beta");

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

const exportsIn = (connection: Body): string[] | undefined =>
  connection?.status?.exportedAPIs?.map(({ name }: Body) => name);

/** Waits until the Connection says that it takes exactly these from that source. */
const exporting = (name: string, source: string, types: Resource[]): Promise<Body> =>
  object(
    down(),
    CONNECTIONS,
    at(name),
    `to export ${types.map(apiName).join(", ") || "nothing"} by ${source}`,
    (one) =>
      one.status?.activeSchemaSource === source &&
      JSON.stringify(exportsIn(one)) === JSON.stringify(types.map(apiName).sort()),
  );

const label = (type: Resource, value: string | null): Promise<Body> =>
  up().merge(CRDS, at(apiName(type)), { metadata: { labels: { [LABEL.exported]: value } } });

/** Secret and Connection of that name. */
async function connect(name: string, kubeconfig: string, source: string): Promise<void> {
  await down().create(SECRETS, manifests.secret(name, kubeconfig));
  await down().create(CONNECTIONS, manifests.connection(name, { schema: { source } }));
}

const userOf = (name: string): string => `${KONNECTOR_USER}-${name}`;

/** A kubeconfig of a user with these rights on the provider, and no others. */
async function userWith(name: string, rules: Rule[]): Promise<string> {
  const kubeconfig = await land.provider.plane.addUser(userOf(name));
  await grant(land.provider.plane, userOf(name), rules);
  return kubeconfigAt(kubeconfig, land.proxy.url);
}

const withoutCrds = PROVIDER_RIGHTS.filter(({ resources }) => !resources.includes("customresourcedefinitions"));
const crds = (verbs: string): Rule => rule("apiextensions.k8s.io", "customresourcedefinitions", verbs);

beforeAll(async () => {
  land = await startLandscape({ konnector: { args: ["--resync-interval", "1s"] } });
  invariants = invariantsOf(land);
  await Promise.all([ALPHAS, BETAS].map((type) => offer(land, type, { exported: false })));
});
afterAll(() => land?.stop());
afterEach(() => invariants.check({ quiet: false }));

describe("Auto", () => {
  const event = async () => {
    const events = await down().list(EVENTS, "default");
    return events.filter((one) => one.reason === "SchemaSourceChanged" && one.involvedObject.name === "auto");
  };

  test("decides nothing from an error that may pass, and says so", async () => {
    const busy = { status: 503, body: { kind: "Status", apiVersion: "v1", code: 503, message: "it is busy" } };
    const proxy = await startRewritingProxy(await userWith("busy", PROVIDER_RIGHTS), (request) =>
      request.path.includes("customresourcedefinitions") ? busy : request,
    );
    try {
      await connect("busy", proxy.kubeconfig(), "Auto");
      const waiting = await conditions(down(), CONNECTIONS, at("busy"), {
        Connected: { status: "True" },
        Ready: { status: "False", reason: "Pending", message: /it is busy/ },
      });
      expect(waiting.status.activeSchemaSource).toBeUndefined();
      expect(waiting.status.exportedAPIs).toBeUndefined();
      proxy.rewrite = (request) => request;
      await exporting("busy", "OpenAPI", [ALPHAS, BETAS]);
      await down().remove(CONNECTIONS, at("busy"));
      await absent(down(), CONNECTIONS, at("busy"));
      await down().remove(SECRETS, at("busy", manifests.SECRET_NAMESPACE));
    } finally {
      await proxy.stop();
    }
  });

  test("takes OpenAPI where discovery shows no definitions, without asking for them", async () => {
    const { body } = await land.provider.plane.admin.request("GET", "/apis");
    const groups = body.groups.filter(({ name }: Body) => name !== "apiextensions.k8s.io");
    const proxy = await startRewritingProxy(await userWith("none", PROVIDER_RIGHTS), (request) =>
      request.path === "/apis" ? { status: 200, body: { ...body, groups } } : request,
    );
    try {
      await connect("none", proxy.kubeconfig(), "Auto");
      await exporting("none", "OpenAPI", [ALPHAS, BETAS]);
      expect(proxy.requests.filter((line) => line.includes("customresourcedefinitions"))).toEqual([]);
      await down().remove(CONNECTIONS, at("none"));
      await absent(down(), CONNECTIONS, at("none"));
      await down().remove(SECRETS, at("none", manifests.SECRET_NAMESPACE));
    } finally {
      await proxy.stop();
    }
  });

  test("takes OpenAPI where a complete list shows no labelled definition", async () => {
    await connect("auto", land.kubeconfig, "Auto");
    await down().create(CLUSTER_BINDINGS, manifests.clusterBinding("auto", [ALPHAS, BETAS]));
    await exporting("auto", "OpenAPI", [ALPHAS, BETAS]);
    await conditions(down(), CONNECTIONS, at("auto"), READY);
    await conditions(down(), CLUSTER_BINDINGS, at("auto"), READY);
    await makeRoom(land, "auto");
    for (const type of [ALPHAS, BETAS]) {
      await down().create(type, instance(type, "one", "auto"));
      await object(up(), type, at("one", "auto"), "to be there");
    }
    expect(await event()).toEqual([]);
  });

  test("keeps what it decided through a restart", async () => {
    await land.restart();
    await conditions(down(), CLUSTER_BINDINGS, at("auto"), READY);
    await exporting("auto", "OpenAPI", [ALPHAS, BETAS]);
  });

  test("moves to CRD when the first labelled definition appears, with an Event", async () => {
    await label(ALPHAS, "true");
    await exporting("auto", "CRD", [ALPHAS]);
    const [told] = await eventually("the Event", async () => {
      const events = await event();
      return events.length > 0 && events;
    });
    expect(told).toMatchObject({ type: "Normal", involvedObject: { kind: "Connection", name: "auto" } });
  });

  test("then stops what carries no label, keeps its copies and lets its deletions go on", async () => {
    await conditions(down(), CLUSTER_BINDINGS, at("auto"), {
      Ready: { status: "False", reason: "APINotExported", message: new RegExp(apiName(BETAS)) },
    });
    await down().merge(ALPHAS, at("one", "auto"), { spec: { size: "changed" } });
    await down().merge(BETAS, at("one", "auto"), { spec: { size: "changed" } });
    await object(up(), ALPHAS, at("one", "auto"), "to follow", (one) => one.spec.size === "changed");
    expect((await up().get(BETAS, at("one", "auto"))).spec.size).toBe("small");
    await down().remove(BETAS, at("one", "auto"));
    await absent(down(), BETAS, at("one", "auto"));
    await absent(up(), BETAS, at("one", "auto"));
  });

  test("stays with CRD when the last label is removed: that exports nothing, through a restart, and deletes nothing", async () => {
    const copy = await up().get(ALPHAS, at("one", "auto"));
    await label(ALPHAS, null);
    await exporting("auto", "CRD", []);
    const connection = await conditions(down(), CONNECTIONS, at("auto"), READY);
    expect(connection.status.activeSchemaSource).toBe("CRD");
    await land.restart();
    await never(
      "another source",
      async () => {
        const { status } = await down().get(CONNECTIONS, at("auto"));
        return status.activeSchemaSource === "CRD" && status.exportedAPIs.length === 0
          ? undefined
          : JSON.stringify(status);
      },
      3_000,
    );
    expect((await up().get(ALPHAS, at("one", "auto"))).metadata.uid).toBe(copy.metadata.uid);
    expect((await down().get(ALPHAS, at("one", "auto"))).metadata.finalizers).toEqual([FINALIZER.syncer]);
    await label(ALPHAS, "true");
    await exporting("auto", "CRD", [ALPHAS]);
    expect(await event()).toHaveLength(1);
  });

  test("takes CRD at once where a definition is labelled, and does not take up OpenAPI when the right to list goes", async () => {
    await connect("labelled", await userWith("labelled", PROVIDER_RIGHTS), "Auto");
    await exporting("labelled", "CRD", [ALPHAS]);
    await regrant(land.provider.plane, userOf("labelled"), withoutCrds);
    await land.restart();
    await conditions(down(), CONNECTIONS, at("labelled"), {
      ...READY,
      SchemaInSync: { status: "False", message: /customresourcedefinitions/ },
      PermissionDenied: { status: "True", reason: "Forbidden" },
    });
    await exporting("labelled", "CRD", [ALPHAS]);
    await regrant(land.provider.plane, userOf("labelled"), PROVIDER_RIGHTS);
    await conditions(down(), CONNECTIONS, at("labelled"), { ...READY, SchemaInSync: { status: "True" } });
  });
});

describe("source CRD", () => {
  test("shows a change of the served versions alone in the status", async () => {
    await connect("versions", land.kubeconfig, "CRD");
    const before = await exporting("versions", "CRD", [ALPHAS]);
    expect(before.status.exportedAPIs[0].versions).toEqual(["v1"]);
    const [v1] = (await up().get(CRDS, at(apiName(ALPHAS)))).spec.versions;
    const path = "/spec/versions/-";
    await up().patch(CRDS, at(apiName(ALPHAS)), [{ op: "add", path, value: { ...v1, name: "v2", storage: false } }]);
    await object(down(), CONNECTIONS, at("versions"), "to show both versions", ({ status }) =>
      ["v1", "v2"].every((version, index) => status.exportedAPIs[0].versions[index] === version),
    );
    await up().patch(CRDS, at(apiName(ALPHAS)), [{ op: "remove", path: "/spec/versions/1" }]);
    await object(
      down(),
      CONNECTIONS,
      at("versions"),
      "to show one version",
      ({ status }) => status.exportedAPIs[0].versions.length === 1,
    );
  });

  test("does not export a definition that is being deleted", async () => {
    const gammas = typeOf("gamma");
    await offer(land, gammas);
    await connect("deleting", land.kubeconfig, "CRD");
    await exporting("deleting", "CRD", [ALPHAS, gammas]);
    const finalizers = ["example.com/held-by-the-test"];
    await up().merge(CRDS, at(apiName(gammas)), { metadata: { finalizers } });
    await up().remove(CRDS, at(apiName(gammas)));
    await exporting("deleting", "CRD", [ALPHAS]);
    expect((await up().get(CRDS, at(apiName(gammas)))).metadata.deletionTimestamp).toBeDefined();
    const held = await up().get(CRDS, at(apiName(gammas)));
    const others = held.metadata.finalizers.filter((one: string) => !finalizers.includes(one));
    await up().merge(CRDS, at(apiName(gammas)), { metadata: { finalizers: others } });
    await absent(up(), CRDS, at(apiName(gammas)));
  });

  test("keeps its exports and Ready while definitions may not be listed, says so, and goes on once they may", async () => {
    await connect("revoked", await userWith("revoked", PROVIDER_RIGHTS), "CRD");
    await exporting("revoked", "CRD", [ALPHAS]);
    await conditions(down(), CONNECTIONS, at("revoked"), READY);
    await regrant(land.provider.plane, userOf("revoked"), withoutCrds);
    // A stream that stands is not asked for its rights again.
    await land.proxy.set("refuse");
    await land.proxy.set("pass");
    await conditions(down(), CONNECTIONS, at("revoked"), {
      ...READY,
      SchemaInSync: { status: "False", reason: "Pending", message: /cannot list resource "customresourcedefinitions"/ },
      PermissionDenied: { status: "True", reason: "Forbidden" },
    });
    await exporting("revoked", "CRD", [ALPHAS]);
    await regrant(land.provider.plane, userOf("revoked"), PROVIDER_RIGHTS);
    await conditions(down(), CONNECTIONS, at("revoked"), {
      ...READY,
      SchemaInSync: { status: "True" },
      PermissionDenied: { status: "False" },
    });
  });

  test("works with the right to list alone: changes show at the resync interval, and the condition says so", async () => {
    await connect("unwatched", await userWith("unwatched", [...withoutCrds, crds("get list")]), "CRD");
    await exporting("unwatched", "CRD", [ALPHAS]);
    await conditions(down(), CONNECTIONS, at("unwatched"), {
      ...READY,
      SchemaInSync: { status: "True", message: /listed but not watched/ },
    });
    await label(BETAS, "true");
    await exporting("unwatched", "CRD", [ALPHAS, BETAS]);
    await label(BETAS, "yes");
    await exporting("unwatched", "CRD", [ALPHAS]);
  });

  test("gives way to OpenAPI when the spec says so, and comes back", async () => {
    await connect("changed", land.kubeconfig, "CRD");
    await exporting("changed", "CRD", [ALPHAS]);
    await down().merge(CONNECTIONS, at("changed"), { spec: { schema: { source: "OpenAPI" } } });
    await exporting("changed", "OpenAPI", [ALPHAS, BETAS]);
    await conditions(down(), CONNECTIONS, at("changed"), READY);
    await down().merge(CONNECTIONS, at("changed"), { spec: { schema: { source: "CRD" } } });
    await exporting("changed", "CRD", [ALPHAS]);
    await eventually("no Event of it", async () => {
      const events = await down().list(EVENTS, "default");
      const told = events.filter((one) => one.involvedObject.name === "changed");
      return told.length === 0 || new NotYet(told);
    });
  });
});
