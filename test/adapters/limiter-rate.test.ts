// The cap on requests to a provider: its turns on a clock that tests move, then what a server sees of it. The servers are
// fakes (see fake-server.ts), because a real one does not tell when a request arrived.

import { afterEach, describe, expect, it } from "vitest";
import { ApiError } from "../../actors/ports.ts";
import { createLimiter } from "../../adapters/kube/limiter.ts";
import type { Rate } from "../../adapters/kube/token-bucket.ts";
import { manualClock } from "../actors/manual-clock.ts";
import { eventually } from "../harness/wait.ts";
import { closeFakes, failure, object, open, startFake, TOKEN } from "./fake-cluster.ts";
import { sendJson } from "./fake-server.ts";
import { WIDGETS } from "./widgets.ts";

const LONG = 3_600_000;

/** A limit on a clock of its own; `came` are the turns so far, by name and time. */
function limited(rate: Rate) {
  const clock = manualClock(0);
  const limit = createLimiter({ inFlight: 10_000, rate }, {}, clock);
  const came: [string, number][] = [];
  const ask = async (name: string, most = LONG) => {
    try {
      came.push([name, await limit.enter(most, false)]);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  /** Lets the turns that have come be told. */
  const told = () => new Promise(setImmediate);
  const advance = async (ms: number) => {
    clock.advance(ms);
    await told();
  };
  return { clock, limit, came, ask, told, advance };
}

describe("a cap on requests", () => {
  it("lets a burst go at once, and then so many a second, in the order they were asked for", async () => {
    const { came, ask, told, advance } = limited({ qps: 4, burst: 2 });
    for (const name of ["a", "b", "c", "d", "e"]) void ask(name);
    await told();
    expect(came.splice(0)).toEqual([["a", 0], ["b", 0]]); // prettier-ignore
    await advance(249);
    expect(came.splice(0)).toEqual([]);
    await advance(1);
    expect(came.splice(0)).toEqual([["c", 250]]);
    await advance(250);
    await advance(250);
    expect(came.splice(0)).toEqual([["d", 500], ["e", 750]]); // prettier-ignore
  });

  it("lets nobody overtake who waits", async () => {
    const { came, ask, told, advance } = limited({ qps: 1, burst: 1 });
    void ask("first");
    void ask("second");
    await advance(999);
    void ask("third");
    await told();
    expect(came.map(([name]) => name)).toEqual(["first"]);
    await advance(1);
    expect(came.map(([name]) => name)).toEqual(["first", "second"]);
    await advance(1_000);
    expect(came.map(([name]) => name)).toEqual(["first", "second", "third"]);
  });

  it("has a whole burst again after a pause, and never more", async () => {
    const { came, ask, told, advance } = limited({ qps: 10, burst: 3 });
    for (const round of [1, 2]) {
      await advance(LONG);
      for (let n = 1; n <= 5; n++) void ask(`${round}.${n}`);
      await told();
      expect(came.splice(0)).toHaveLength(3);
      await advance(200);
      expect(came.splice(0)).toHaveLength(2);
    }
  });

  it("tells at once who would wait too long when to come again, and gives that turn to the next", async () => {
    const { came, ask, told, advance, clock } = limited({ qps: 1, burst: 1 });
    void ask("a");
    void ask("b", 1_000);
    const error = await ask("c", 1_999);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 429, retryAfter: 2, message: expect.stringContaining("--provider-qps") });
    void ask("d", 2_000);
    await told();
    expect(clock.waiting).toBe(1);
    await advance(1_000);
    await advance(1_000);
    expect(came).toEqual([["a", 0], ["b", 1_000], ["d", 2_000]]); // prettier-ignore
  });

  it("that is closed holds nobody back, and leaves no timer", async () => {
    const { came, ask, told, limit, clock } = limited({ qps: 1, burst: 1 });
    for (const name of ["a", "b", "c"]) void ask(name);
    limit.close();
    void ask("d");
    await told();
    expect(came.map(([name]) => name).sort()).toEqual(["a", "b", "c", "d"]);
    expect(clock.waiting).toBe(0);
  });

  it("of 0 is none", async () => {
    const { came, ask, told, clock } = limited({ qps: 0, burst: 1 });
    for (let n = 0; n < 1_000; n++) void ask(String(n), 0);
    await told();
    expect(came).toHaveLength(1_000);
    expect(clock.waiting).toBe(0);
  });
});

describe("a client with a cap", () => {
  afterEach(closeFakes);
  const LEASES = { group: "coordination.k8s.io", version: "v1", resource: "leases", kind: "Lease", namespaced: true };
  const at = (name: string) => ({ namespace: "default", name });
  const nameOf = (url = "") => url.split("/").at(-1)?.split("?")[0] ?? "";

  const capped = async (rate: Rate, requestTimeout = 30_000) => {
    const arrived: { name: string; at: number }[] = [];
    const counted: number[] = [];
    const server = await startFake((request, response) => {
      const name = nameOf(request.url);
      arrived.push({ name, at: performance.now() });
      if (request.url?.includes("watch=true")) return void response.writeHead(200, { "content-type": "application/json" }).flushHeaders(); // prettier-ignore
      if (name === "widgets") return sendJson(response, 200, { kind: "WidgetList", metadata: { resourceVersion: "5" }, items: [] }); // prettier-ignore
      sendJson(response, 200, name === "version" ? { major: "1" } : object(name));
    });
    const onRequest = (_verb: string, _resource: string, code: number) => void counted.push(code);
    const cluster = open({ server: server.url, token: TOKEN }, { rate, requestTimeout, onRequest });
    return { cluster, arrived, counted, names: () => arrived.map(({ name }) => name) };
  };

  it("sends a server no more in any time than the burst and so many a second", async () => {
    const rate = { qps: 25, burst: 5 };
    const { cluster, arrived } = await capped(rate);
    const began = performance.now();
    await Promise.all(Array.from({ length: 30 }, (_, n) => cluster.get(WIDGETS, at(`w${n}`))));
    expect(arrived).toHaveLength(30);
    // Nothing arrives before it was sent, however busy this machine is.
    expect((arrived.at(-1)?.at ?? 0) - began).toBeGreaterThan(((30 - 5) / 25) * 1_000 - 10);
    const early = arrived.filter((one) => one.at - began < 400);
    expect(early.length).toBeLessThanOrEqual(rate.burst + rate.qps * 0.4);
  });

  it("holds back the pages of a list, but neither watches nor heartbeats", async () => {
    const { cluster, names } = await capped({ qps: 1, burst: 1 });
    await cluster.get(WIDGETS, at("first"));
    const second = cluster.list(WIDGETS);
    await cluster.ping();
    await cluster.get(LEASES, at("lease")).catch(() => undefined);
    const sink = { seen: () => {}, gone: () => {}, listed: () => {}, failed: () => {} };
    cluster.watch(WIDGETS, { from: "5" }, sink);
    await eventually("the watch to be opened", () => names().length === 4);
    expect(names()).toEqual(["first", "version", "lease", "widgets"]);
    await second;
    expect(names()).toHaveLength(5);
  });

  it("sends nothing for a request that would spend its time waiting, and does not count it as the server's", async () => {
    const { cluster, names, counted } = await capped({ qps: 1, burst: 1 }, 1_500);
    const first = cluster.get(WIDGETS, at("first"));
    const error = await failure(cluster.get(WIDGETS, at("second")));
    await first;
    expect(error).toMatchObject({ name: "ApiError", status: 429, retryAfter: 1 });
    expect(names()).toEqual(["first"]);
    expect(counted).toEqual([200]);
  });

  it("fails what waits for its turn when it is closed", async () => {
    const { cluster, names } = await capped({ qps: 1, burst: 1 });
    await cluster.get(WIDGETS, at("first"));
    const waiting = failure(cluster.get(WIDGETS, at("second")));
    await cluster.close();
    expect(await waiting).toMatchObject({ name: "UnreachableError" });
    expect(names()).toEqual(["first"]);
  });
});
