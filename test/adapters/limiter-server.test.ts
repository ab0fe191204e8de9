// What servers see of a client that heeds them. Most are fakes, because a real one is not busy on command, and does not tell
// when a request arrived; what a real one says when it turns requests away is read from one that has no room for a user.

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ApiError, type Cluster } from "../../actors/ports.ts";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { createLog } from "../../adapters/telemetry/logs.ts";
import { reportLimits } from "../../adapters/telemetry/limits.ts";
import { createMetrics } from "../../adapters/telemetry/metrics.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { closeFakes, failure, object, open, startFake, status, TOKEN } from "./fake-cluster.ts";
import { sendJson } from "./fake-server.ts";
import { WIDGETS } from "./widgets.ts";

const at = (name: string) => ({ namespace: "default", name });
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const LEASES = { group: "coordination.k8s.io", version: "v1", resource: "leases", kind: "Lease", namespaced: true };
const PATCH = [{ op: "add" as const, path: "/x", value: 1 }];

/** Serves until it is told what to refuse with. */
async function serving() {
  const arrived: { name: string; at: number }[] = [];
  const refusal: { headers: Record<string, string> | undefined; body: unknown } = { headers: undefined, body: "" };
  /** Answers wait for `gate`. */
  const flying = { now: 0, most: 0, gate: Promise.resolve() };
  const server = await startFake((request, response) => {
    const name = request.url?.split("?")[0]?.split("/").at(-1) ?? "";
    arrived.push({ name, at: performance.now() });
    if (refusal.headers !== undefined && name !== "version") return sendJson(response, 429, refusal.body, refusal.headers); // prettier-ignore
    if (request.url?.includes("watch=true") === true) return void response.writeHead(200, { "content-type": "application/json" }).flushHeaders(); // prettier-ignore
    flying.most = Math.max(flying.most, ++flying.now);
    void flying.gate.then(() => {
      flying.now--;
      sendJson(response, 200, name === "version" ? { major: "1" } : object(name));
    });
  });
  const metrics = createMetrics();
  const lines: string[] = [];
  const log = createLog("info", { write: (line) => void lines.push(line) });
  const openAs = (side: string, options = {}): Cluster => {
    const limiterReport = reportLimits(metrics, log, side);
    return open({ server: server.url, token: TOKEN }, { requestTimeout: 30_000, limiterReport, ...options });
  };
  /** With these headers it turns away everything but a look at its version. */
  const refuse = (headers: Record<string, string>, body: unknown = "Too many requests, please try again later.") =>
    Object.assign(refusal, { headers: { "content-type": "text/plain; charset=utf-8", ...headers }, body });
  const relent = () => (refusal.headers = undefined);
  const metric = (name: string, side: string): number =>
    Number(new RegExp(`^konnector_${name}\\{side="${side}"\\} (.*)$`, "m").exec(metrics.render())?.[1] ?? NaN);
  return { arrived, flying, openAs, refuse, relent, metrics, metric, lines };
}

describe("a client", () => {
  afterEach(closeFakes);

  it("sends nothing for as long as a server asks, to the second; only the Lease goes on, and other Connections", async () => {
    const [one, other] = [await serving(), await serving()];
    const [acme, umbrella] = [one.openAs("acme"), other.openAs("umbrella")];
    one.refuse({ "retry-after": "2" });
    const burst = await Promise.all(names("burst", 8).map((name) => failure(acme.get(WIDGETS, at(name)))));
    // What comes after has been sent after the answers, and they after this.
    const asked = one.arrived.at(-1)?.at ?? NaN;
    expect(burst[0]).toMatchObject({ status: 429, retryAfter: 2 });
    one.relent();
    expect(one.metric("limiter_limit", "acme")).toBe(16);
    const before = one.arrived.length;
    const later = Promise.all(names("later", 40).map((name) => acme.get(WIDGETS, at(name))));
    const sink = { seen: () => {}, gone: () => {}, listed: () => {}, failed: () => {} };
    acme.watch(WIDGETS, { from: "5" }, sink);
    await Promise.all(names("free", 8).map((name) => umbrella.get(WIDGETS, at(name))));
    expect(await failure(acme.ping())).toMatchObject({ status: 429, retryAfter: 2 });
    await acme.get(LEASES, at("lease"));
    await later;
    const since = one.arrived.slice(before).filter(({ name }) => name !== "lease");
    expect(since).toHaveLength(41);
    expect(Math.min(...since.map((request) => request.at)) - asked).toBeGreaterThanOrEqual(2_000);
    expect(one.metric("limiter_waits_total", "acme")).toBe(40);
    expect(one.metric("limiter_wait_seconds_total", "acme")).toBeGreaterThan(40);
    expect(one.lines.filter((line) => line.includes("held back"))).toHaveLength(1);
    expect(one.lines[0]).toContain('"side":"acme"');
    expect(other.metric("limiter_waits_total", "umbrella")).toBeNaN();
    expect(other.metric("limiter_limit", "umbrella")).toBe(32);
    await acme.close();
    expect(one.metrics.render()).not.toMatch(/limiter_(limit|in_flight|waiting)\{/);
  });

  it("waits a second for a server that does not say how long", async () => {
    const { arrived, openAs, refuse, relent } = await serving();
    const cluster = openAs("acme");
    refuse({});
    await failure(cluster.get(WIDGETS, at("first")));
    relent();
    await cluster.get(WIDGETS, at("second"));
    expect((arrived[1]?.at ?? NaN) - (arrived[0]?.at ?? NaN)).toBeGreaterThanOrEqual(1_000);
  });

  it("tells at once whose write would wait for long, in the server's words, and does not count it as the server's", async () => {
    const { arrived, openAs, refuse, relent, metric } = await serving();
    const codes: number[] = [];
    const cluster = openAs("acme", { onRequest: (_verb: string, _resource: string, code: number) => codes.push(code) });
    refuse({ "retry-after": "60" });
    await failure(cluster.get(WIDGETS, at("first")));
    relent();
    const write = await failure(cluster.patch(WIDGETS, at("second"), PATCH));
    expect(write).toMatchObject({ name: "ApiError", status: 429, retryAfter: 60 });
    expect(write.message).toMatch(/left in peace: Too many requests, please try again later/);
    expect(await failure(cluster.get(WIDGETS, at("third")))).toMatchObject({ status: 429 });
    expect(arrived.map(({ name }) => name)).toEqual(["first"]);
    expect(codes).toEqual([429]);
    expect(metric("limiter_refusals_total", "acme")).toBe(2);
  });

  it.each([
    ["a fresh API", status(429, "TooManyRequests", "storage is (re)initializing", { retryAfterSeconds: 60 })],
    ["admission", status(429, "TooManyRequests", "limit reached on namespace for key default")],
  ])("takes what an API server says of one request (%s) for that and no more", async (_what, body) => {
    const { openAs, refuse, relent, metric, lines } = await serving();
    const cluster = openAs("acme");
    refuse({ "content-type": "application/json", "retry-after": "60", "audit-id": "7d0c" }, body);
    expect(await failure(cluster.get(WIDGETS, at("first")))).toMatchObject({ status: 429, retryAfter: 60 });
    relent();
    await cluster.patch(WIDGETS, at("second"), PATCH);
    expect(metric("limiter_limit", "acme")).toBe(32);
    expect(lines).toEqual([]);
  });

  it("never has more requests with a server than the cap, and needs no more sockets but one", async () => {
    const { flying, openAs, metric } = await serving();
    const { promise, resolve } = Promise.withResolvers<void>();
    flying.gate = promise;
    const cluster = openAs("acme", { inFlight: 3 });
    const all = Promise.all(names("w", 20).map((name) => cluster.get(WIDGETS, at(name))));
    await eventually("requests", () => flying.now === 3);
    expect(metric("limiter_in_flight", "acme")).toBe(3);
    expect(metric("limiter_waiting", "acme")).toBe(17);
    const lease = cluster.get(LEASES, at("lease"));
    await eventually("the Lease", () => flying.now === 4);
    resolve();
    await Promise.all([all, lease]);
    expect(flying.most).toBe(4);
  });
});

describe("a real API server", () => {
  let plane: ControlPlane;
  let admin: Cluster;
  beforeAll(async () => {
    plane = await startControlPlane();
    admin = createCluster(parseKubeconfig(plane.kubeconfig));
  }, 60_000);
  afterAll(async () => {
    await admin?.close();
    await plane?.stop();
  });

  const NAMESPACES = { group: "", version: "v1", resource: "namespaces", kind: "Namespace", namespaced: false };
  const flow = (resource: string, kind: string) => ({
    group: "flowcontrol.apiserver.k8s.io",
    version: "v1",
    resource,
    kind,
    namespaced: false,
  });

  it("that has no room for a user says so of itself, not of what was asked; what it says of an object is of that", async () => {
    const missing = await failure(admin.get(NAMESPACES, { namespace: "", name: "missing" }));
    expect(missing).toMatchObject({ status: 404, isOfServer: false });

    const LEVELS = flow("prioritylevelconfigurations", "PriorityLevelConfiguration");
    const SCHEMAS = flow("flowschemas", "FlowSchema");
    const apiVersion = "flowcontrol.apiserver.k8s.io/v1";
    await admin.create(LEVELS, "", {
      apiVersion,
      kind: LEVELS.kind,
      metadata: { name: "none" },
      spec: {
        type: "Limited",
        limited: { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: "Reject" } },
      },
    });
    await admin.create(SCHEMAS, "", {
      apiVersion,
      kind: SCHEMAS.kind,
      metadata: { name: "crowded" },
      spec: {
        priorityLevelConfiguration: { name: "none" },
        matchingPrecedence: 2,
        rules: [
          {
            subjects: [{ kind: "User", user: { name: "crowded" } }],
            resourceRules: [
              { verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] },
            ],
            nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
          },
        ],
      },
    });
    const crowded = parseKubeconfig(await plane.addUser("crowded"));
    const refused = await eventually(
      "the level to count",
      async () => {
        const cluster = createCluster(crowded);
        // A level without room still serves one request at a time.
        const errors = await Promise.all(
          names("", 32).map(() => failure(cluster.get(NAMESPACES, { namespace: "", name: "default" }))),
        ).finally(() => cluster.close());
        return errors.find((error) => error instanceof ApiError && error.status === 429) ?? new NotYet(errors);
      },
      20_000,
    );
    expect(refused).toMatchObject({
      status: 429,
      isOfServer: true,
      message: expect.stringMatching(/^Too many requests/),
    });
    expect((refused as ApiError).retryAfter).toBeGreaterThanOrEqual(1);
  });
});
