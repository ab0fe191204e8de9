// Discovery and OpenAPI documents as a real API server answers: in the aggregated form and in the classic one, with an
// aggregated group whose server is nowhere. A proxy before the server takes from requests what an old server would not
// understand, adds what a newer one might (an ETag on the index), and puts a path before it.
// Rule: docs/reference/behaviour.md, "Schema sources".

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { ApiError, type Cluster, UnreachableError } from "../../actors/ports.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { parseJson, stringifyJson } from "../../crds/json.ts";
import { CRDS } from "../../crds/resources.ts";
import type { DiscoveredGroup } from "../../crds/openapi/discovered.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { type Passing, type Rewrite, type RewritingProxy, startRewritingProxy } from "../harness/rewriting-proxy.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { closeFakes, failure, openFake } from "./fake-cluster.ts";
import { sendJson } from "./fake-server.ts";

const NOWHERE = "nowhere.example.net";
const PREFIX = "/clusters/root:team";

let plane: ControlPlane;
let proxy: RewritingProxy;
let cluster: Cluster;

/** More than a JavaScript number can hold. */
const DIGITS = parseJson("9007199254740993");

const definition = (group: string, versions: string[]) => ({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `widgets.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: {
      plural: "widgets",
      singular: "widget",
      kind: "Widget",
      listKind: "WidgetList",
      shortNames: ["wd"],
      categories: ["all"],
    },
    versions: versions.map((name, index) => ({
      name,
      served: true,
      storage: index === 0,
      schema: {
        openAPIV3Schema: {
          type: "object",
          properties: {
            spec: {
              type: "object",
              properties: { replicas: { type: "integer" }, most: { type: "integer", default: DIGITS } },
            },
            status: { type: "object", properties: { replicas: { type: "integer" } } },
          },
        },
      },
      subresources: {
        status: {},
        scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
      },
    })),
  },
});

/** A group that is served by a Service that does not exist. */
const apiServiceToNowhere = {
  apiVersion: "apiregistration.k8s.io/v1",
  kind: "APIService",
  metadata: { name: `v1.${NOWHERE}` },
  spec: {
    group: NOWHERE,
    version: "v1",
    groupPriorityMinimum: 1000,
    versionPriority: 15,
    insecureSkipTLSVerify: true,
    service: { name: "nothing", namespace: "default", port: 443 },
  },
};

const below = (path: string): string => (path.startsWith(PREFIX) ? path.slice(PREFIX.length) : "/nothing-here");
const through: Rewrite = (request) => ({ ...request, path: below(request.path) });
const changing =
  (headers: (request: Passing) => Passing["headers"]): Rewrite =>
  (request) => ({ ...request, path: below(request.path), headers: headers(request) });
/** As a server that does not know the aggregated form. */
const classic = changing(({ headers }) => ({ ...headers, accept: "application/json" }));

const groupOf = (groups: readonly DiscoveredGroup[], wanted: string): DiscoveredGroup | undefined =>
  groups.find(({ name }) => name === wanted);

const open = (): Cluster => createCluster(parseKubeconfig(proxy.kubeconfig(PREFIX)));

/** Paths asked for below the prefix, without their queries. */
const asked = (): string[] =>
  proxy.requests.map((line) => line.replace(PREFIX, "").replace(/^GET /, "").split("?")[0] ?? "");

beforeAll(async () => {
  plane = await startControlPlane();
  proxy = await startRewritingProxy(plane.kubeconfig, through);
  for (const [path, body] of [
    ["/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition("example.org", ["v1", "v2beta1"])],
    ["/apis/apiregistration.k8s.io/v1/apiservices", apiServiceToNowhere],
  ] as const) {
    expect((await plane.admin.request("POST", path, stringifyJson(body))).status).toBe(201);
  }
  await eventually("both groups to be discovered, and the document to be published", async () => {
    const fresh = open();
    try {
      const groups = await fresh.discover();
      const documents = await fresh.documents();
      const ready = groupOf(groups, NOWHERE)?.failed.length === 1 && documents.has("example.org/v2beta1");
      return ready || new NotYet([groups.map(({ name }) => name), [...documents.keys()]]);
    } finally {
      await fresh.close();
    }
  });
}, 60_000);
afterAll(async () => {
  await proxy?.stop();
  await plane?.stop();
});

beforeEach(() => {
  proxy.rewrite = through;
  proxy.requests.length = 0;
  cluster = open();
});
afterEach(async () => {
  await cluster.close();
  await closeFakes();
});

const widgets = (version: string) => ({
  group: "example.org",
  version,
  resource: "widgets",
  singular: "widget",
  kind: "Widget",
  namespaced: true,
  verbs: expect.arrayContaining(["get", "list", "watch", "create", "patch", "delete"]),
  shortNames: ["wd"],
  categories: ["all"],
  subresources: [
    { name: "status", group: "example.org", version, kind: "Widget" },
    { name: "scale", group: "autoscaling", version: "v1", kind: "Scale" },
  ],
});

describe("discovery", () => {
  it("is one request where the aggregated form is offered, below the path of the server", async () => {
    const groups = await cluster.discover();
    expect(asked()).toEqual(["/apis"]);
    expect(groupOf(groups, "example.org")).toEqual({
      name: "example.org",
      versions: ["v1", "v2beta1"],
      resources: [widgets("v1"), widgets("v2beta1")],
      failed: [],
    });
    const definitions = groupOf(groups, CRDS.group)?.resources.find(({ resource }) => resource === CRDS.resource);
    expect(definitions).toMatchObject({ group: CRDS.group, version: "v1", kind: CRDS.kind, namespaced: false });
  });

  it("tells the resources without a group on their own", async () => {
    const core = await cluster.coreResources();
    expect(asked()).toEqual(["/api/v1"]);
    expect(core.find(({ resource }) => resource === "pods")).toMatchObject({
      group: "",
      kind: "Pod",
      shortNames: ["po"],
    });
  });

  it("says the same in its classic form, one request for each group and version", async () => {
    const aggregated = await cluster.discover();
    proxy.rewrite = classic;
    proxy.requests.length = 0;
    const old = open();
    const groups = await old.discover();
    const plain = (group: DiscoveredGroup) => ({
      ...group,
      resources: group.resources
        .map((one) => ({ ...one, verbs: [...one.verbs].sort() }))
        .sort((a, b) => `${a.version}/${a.resource}`.localeCompare(`${b.version}/${b.resource}`)),
    });
    expect(groups.map(plain)).toEqual(aggregated.map(plain));
    const versions = groups.flatMap((group) => group.versions.map((version) => `/apis/${group.name}/${version}`));
    expect(asked().sort()).toEqual(["/apis", ...versions].sort());
    await old.close();
  });

  it.each([
    ["aggregated", through],
    ["classic", classic],
  ])("tells which version of which group is down, and all the others (%s)", async (_form, rewrite) => {
    proxy.rewrite = rewrite;
    const groups = await cluster.discover();
    expect(groupOf(groups, NOWHERE)).toEqual({ name: NOWHERE, versions: ["v1"], resources: [], failed: ["v1"] });
    expect(groups.filter(({ failed }) => failed.length > 0)).toHaveLength(1);
    expect(groupOf(groups, "example.org")?.resources).toHaveLength(2);
  });

  it("is not sent again while it has not changed, and answers with the very same groups", async () => {
    const first = await cluster.discover();
    const statuses: number[] = [];
    const counting = createCluster(parseKubeconfig(proxy.kubeconfig(PREFIX)), {
      onRequest: (_verb, _resource, code) => statuses.push(code),
    });
    const again = await counting.discover();
    expect(await counting.discover()).toBe(again);
    expect(statuses).toEqual([200, 304]);
    expect(again).toEqual(first);
    await counting.close();
  });

  it("answers with the very same groups in the classic form, too, while they say the same", async () => {
    proxy.rewrite = classic;
    const first = await cluster.discover();
    expect(await cluster.discover()).toBe(first);
  });

  it("rejects when the server does not accept us, or answers what is no discovery", async () => {
    const refusing = await openFake((_request, response) => sendJson(response, 401, { kind: "Status", code: 401 }));
    expect(await failure(refusing.discover())).toMatchObject({ status: 401 });
    for (const body of [{}, { kind: "APIGroupList" }, [], "nothing"]) {
      const odd = await openFake((_request, response) => sendJson(response, 200, JSON.stringify(body)));
      expect(await failure(odd.discover())).toBeInstanceOf(UnreachableError);
    }
  });

  it("does not take one group that is refused, or no list, for the whole", async () => {
    const answers: Record<string, [number, unknown]> = {
      "/apis": [200, { kind: "APIGroupList", groups: ["a", "b", "c"].map((name) => group(name)) }],
      "/apis/a/v1": [
        200,
        { kind: "APIResourceList", resources: [{ name: "things", kind: "Thing", namespaced: true }] },
      ],
      "/apis/b/v1": [403, { kind: "Status", code: 403, reason: "Forbidden" }],
      "/apis/c/v1": [404, { kind: "Status", code: 404, reason: "NotFound" }],
    };
    const fake = await openFake((request, response) => {
      const [code, body] = answers[request.url ?? ""] ?? [500, {}];
      sendJson(response, code, body);
    });
    const groups = await fake.discover();
    expect(groups.map(({ name, failed }) => [name, failed])).toEqual([
      ["a", []],
      ["b", ["v1"]],
      ["c", ["v1"]],
    ]);
    expect(groups[0]?.resources).toMatchObject([{ resource: "things", kind: "Thing" }]);
  });

  it("waits no longer for one group that hangs than for any request, and tells all the others", async () => {
    const answers: Record<string, unknown> = {
      "/apis": { kind: "APIGroupList", groups: ["hangs", "tells"].map((name) => group(name)) },
      "/apis/tells/v1": { kind: "APIResourceList", resources: [{ name: "things", kind: "Thing" }] },
    };
    const fake = await openFake((request, response) => {
      const body = answers[request.url ?? ""];
      if (body !== undefined) sendJson(response, 200, body);
    });
    const groups = await fake.discover();
    expect(groups.map(({ name, failed }) => [name, failed])).toEqual([
      ["hangs", ["v1"]],
      ["tells", []],
    ]);
  });

  it("rejects when none of the groups can be told: then it is the server", async () => {
    const fake = await openFake((request, response) =>
      request.url === "/apis"
        ? sendJson(response, 200, { kind: "APIGroupList", groups: ["a", "b"].map((name) => group(name)) })
        : sendJson(response, 503, { kind: "Status", code: 503, message: "no" }),
    );
    expect(await failure(fake.discover())).toMatchObject({ status: 503 });
  });

  it("is bounded: a server that sends without end is given up", async () => {
    const endless = await openFake(
      (_request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const chunk = Buffer.alloc(1024 * 1024, 0x20);
        const pour = (): void => {
          while (!response.destroyed && response.write(chunk));
          if (!response.destroyed) response.once("drain", pour);
        };
        pour();
      },
      { requestTimeout: 20_000 },
    );
    expect((await failure(endless.discover())).message).toContain("larger than we take");
    expect((await failure(endless.documents())).message).toContain("larger than we take");
    expect((await failure(endless.document("example.org/v1", ""))).message).toContain("larger than we take");
  });
});

const group = (name: string) => ({
  name,
  versions: [{ groupVersion: `${name}/v1`, version: "v1" }],
  preferredVersion: { groupVersion: `${name}/v1`, version: "v1" },
});

describe("the OpenAPI documents", () => {
  it("are listed with their hashes, and read by them, below the path of the server", async () => {
    const documents = await cluster.documents();
    const version = documents.get("example.org/v1") ?? "";
    expect(version).toMatch(/^hash=[0-9A-F]{64,}$/);
    const { content, bytes } = await cluster.document("example.org/v1", version);
    expect(Object.keys((content as { components: { schemas: object } }).components.schemas)).toContain(
      "org.example.v1.Widget",
    );
    expect(bytes).toBeGreaterThan(1_000);
    expect(proxy.requests).toEqual([
      `GET ${PREFIX}/openapi/v3`,
      `GET ${PREFIX}/openapi/v3/apis/example.org/v1?${version}`,
    ]);
  });

  it("keep the digits of their numbers", async () => {
    const documents = await cluster.documents();
    const { content } = await cluster.document("example.org/v1", documents.get("example.org/v1") ?? "");
    expect(JSON.stringify(content)).toContain('"default":9007199254740993');
  });

  it("are the very same map while nothing has changed, though the server knows no ETag for its index", async () => {
    const documents = await cluster.documents();
    expect(await cluster.documents()).toBe(documents);
  });

  it("have an index that is not sent again where the server knows an ETag for it", async () => {
    let sent = 0;
    const fake = await openFake((request, response) => {
      if (request.headers["if-none-match"] === '"one"') return response.writeHead(304).end();
      sent += 1;
      const paths = { "apis/example.org/v1": { serverRelativeURL: "/openapi/v3/apis/example.org/v1?hash=AB" } };
      return sendJson(response, 200, { paths }, { etag: '"one"' });
    });
    const first = await fake.documents();
    expect(await fake.documents()).toBe(first);
    expect([...first]).toEqual([["example.org/v1", "hash=AB"]]);
    expect(sent).toBe(1);
  });

  it("have another version as soon as a schema changes", async () => {
    const before = await cluster.documents();
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.org";
    const change = [{ op: "add", path: "/spec/versions/0/schema/openAPIV3Schema/description", value: "changed" }];
    expect((await plane.admin.request("PATCH", path, change, "application/json-patch+json")).status).toBe(200);
    const after = await eventually("another version", async () => {
      const now = await cluster.documents();
      return now !== before && now.get("example.org/v1") !== before.get("example.org/v1") && now;
    });
    expect(after.get("apps/v1")).toBe(before.get("apps/v1"));
    const stale = await failure(cluster.document("example.org/v1", before.get("example.org/v1") ?? ""));
    expect(stale).toBeInstanceOf(UnreachableError);
    expect(stale.message).toContain("redirect");
  });

  it("are asked for at our path only, whatever address the index names", async () => {
    const seen: string[] = [];
    const fake = await openFake((request, response) => {
      seen.push(request.url ?? "");
      const paths = {
        "apis/example.org/v1": { serverRelativeURL: "https://elsewhere.example.com/steal?hash=A B&x=1#y" },
        "apis/../../api/v1": { serverRelativeURL: "/api/v1/secrets" },
        "api/v1": { serverRelativeURL: "/openapi/v3/api/v1?hash=C" },
      };
      sendJson(response, 200, { paths });
    });
    const documents = await fake.documents();
    expect([...documents.keys()]).toEqual(["example.org/v1"]);
    await fake.document("example.org/v1", documents.get("example.org/v1") ?? "");
    expect(seen[1]).toBe("/openapi/v3/apis/example.org/v1?hash=A+B&x=1%23y");
  });

  it("are refused like any other request", async () => {
    const fake = await openFake((_request, response) => sendJson(response, 403, { kind: "Status", code: 403 }));
    expect(await failure(fake.documents())).toBeInstanceOf(ApiError);
    expect(await failure(fake.document("example.org/v1", ""))).toMatchObject({ status: 403 });
  });
});
