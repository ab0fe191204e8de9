import net from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type HealthOptions, type HealthServers, parseAddress, startHealth } from "../../adapters/http/health.ts";

let servers: HealthServers | undefined;
afterEach(async () => {
  await servers?.close();
  servers = undefined;
});

const start = async (options: Partial<HealthOptions> = {}): Promise<HealthServers> => {
  servers = await startHealth({
    probeAddress: "127.0.0.1:0",
    metricsAddress: "127.0.0.1:0",
    live: { loop: () => undefined },
    ready: { caches: () => undefined },
    metrics: { contentType: "text/plain", render: () => "konnector_up 1\n" },
    ...options,
  });
  return servers;
};
const get = async (port: number | undefined, path: string, init?: RequestInit): Promise<[number, string]> => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, init);
  return [answer.status, await answer.text()];
};

describe("the probes", () => {
  it("say ok, and what they looked at when asked", async () => {
    const { probePort } = await start();
    expect(await get(probePort, "/healthz")).toEqual([200, "ok\n"]);
    expect(await get(probePort, "/readyz")).toEqual([200, "ok\n"]);
    expect(await get(probePort, "/readyz?verbose")).toEqual([200, "[+] caches ok\nok\n"]);
  });

  it("say what is being waited for, from the moment it is", async () => {
    let waiting: string | undefined = "waiting for connections.core.kube-bind.io";
    const { probePort } = await start({ ready: { crds: () => waiting, queue: () => undefined } });
    const lines = "[-] crds: waiting for connections.core.kube-bind.io\n[+] queue ok\nnot ok\n";
    expect(await get(probePort, "/readyz")).toEqual([503, lines]);
    expect(await get(probePort, "/healthz")).toEqual([200, "ok\n"]);
    waiting = undefined;
    expect((await get(probePort, "/readyz"))[0]).toBe(200);
  });

  it("serve nothing else", async () => {
    const { probePort, metricsPort } = await start();
    for (const path of ["/", "/metrics", "/constructor", "//", "/readyz/../secret"])
      expect((await get(probePort, path))[0]).toBe(404);
    expect((await get(probePort, "/healthz", { method: "POST" }))[0]).toBe(404);
    expect(await get(metricsPort, "/metrics")).toEqual([200, "konnector_up 1\n"]);
    expect((await get(metricsPort, "/healthz"))[0]).toBe(404);
  });
});

describe("the addresses", () => {
  it("may be off, each by itself", async () => {
    const { probePort, metricsPort, close } = await start({ metricsAddress: "0" });
    expect(metricsPort).toBeUndefined();
    expect((await get(probePort, "/healthz"))[0]).toBe(200);
    await close();
    expect((await start({ probeAddress: "0", metricsAddress: "0" })).probePort).toBeUndefined();
  });

  it("may be one for both", async () => {
    const free = await new Promise<number>((resolve) => {
      const probe = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = probe.address() as net.AddressInfo;
        probe.close(() => resolve(port));
      });
    });
    const address = `127.0.0.1:${free}`;
    const { probePort, metricsPort } = await start({ probeAddress: address, metricsAddress: address });
    expect([probePort, metricsPort]).toEqual([free, free]);
    expect((await get(free, "/healthz"))[0]).toBe(200);
    expect((await get(free, "/metrics"))[0]).toBe(200);
  });

  it("fail clearly, leaving nothing open, when one is taken", async () => {
    const { probePort } = await start();
    const options = { live: {}, ready: {}, metrics: { contentType: "", render: () => "" } };
    const taken = `127.0.0.1:${probePort}`;
    await expect(startHealth({ ...options, probeAddress: "127.0.0.1:0", metricsAddress: taken })).rejects.toThrow(
      /EADDRINUSE/,
    );
  });

  it("are host:port, :port, or 0", () => {
    expect(parseAddress(":8081")).toEqual({ host: undefined, port: 8081 });
    expect(parseAddress("127.0.0.1:8081")).toEqual({ host: "127.0.0.1", port: 8081 });
    expect(parseAddress("[::1]:8081")).toEqual({ host: "::1", port: 8081 });
    expect(parseAddress("0")).toBeUndefined();
    for (const wrong of ["8081", "host", "host:", ":99999", ":-1", "a:b:c", ":8081x"])
      expect(() => parseAddress(wrong)).toThrow(/is not an address/);
  });
});

describe("closing", () => {
  it("does not wait for clients that hold their connection open", async () => {
    const { probePort, close } = await start();
    const idle = net.connect(probePort ?? 0, "127.0.0.1");
    await new Promise((resolve) => idle.once("connect", resolve));
    const gone = new Promise((resolve) => idle.once("close", resolve));
    const started = performance.now();
    await close();
    expect(performance.now() - started).toBeLessThan(1_000);
    await gone;
  });
});
