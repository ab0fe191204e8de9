// HTTPS_PROXY and NO_PROXY: the rules by themselves, and a real API server behind a small CONNECT proxy.

import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { proxyFor } from "../../adapters/kube/proxy.ts";
import { startControlPlane } from "../harness/control-plane.ts";
import { eventually } from "../harness/wait.ts";
import { createRecordingSink } from "./recording-sink.ts";
import { installWidgets, WIDGETS } from "./widgets.ts";

describe("the process's proxy", () => {
  const proxied = (server: string, noProxy: string, env: Record<string, string> = {}): boolean =>
    proxyFor(new URL(server), { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: noProxy, ...env }) !== undefined;

  it("is used for https only, and only if it is set", () => {
    expect(proxied("https://api.example.org", "")).toBe(true);
    expect(proxied("http://api.example.org", "")).toBe(false);
    expect(proxyFor(new URL("https://api.example.org"), { HTTP_PROXY: "http://proxy:1" })).toBeUndefined();
    expect(proxyFor(new URL("https://api.example.org"), {})).toBeUndefined();
  });

  it("may be written without a scheme, and in lower case, which wins", () => {
    const env = { HTTPS_PROXY: "upper:1", https_proxy: "lower:2" };
    expect(proxyFor(new URL("https://api.example.org"), env)).toBe("http://lower:2");
  });

  it("never stands before loopback", () => {
    for (const host of ["localhost", "127.0.0.1", "127.1.2.3", "[::1]"])
      expect(proxied(`https://${host}`, "")).toBe(false);
  });

  it.each([
    ["*", "https://api.example.org", false],
    ["example.org", "https://example.org", false],
    ["example.org", "https://api.example.org", false],
    ["example.org", "https://badexample.org", true],
    [".example.org", "https://api.example.org", false],
    [".example.org", "https://example.org", true],
    ["*.example.org", "https://api.example.org", false],
    ["EXAMPLE.org", "https://api.Example.org", false],
    ["a.org, example.org b.org", "https://example.org", false],
    ["example.org:6443", "https://example.org:6443", false],
    ["example.org:6443", "https://example.org", true],
    ["example.org:443", "https://example.org", false],
    ["10.96.0.1", "https://10.96.0.1", false],
    ["10.96.0.0/12", "https://10.96.0.1:443", false],
    ["10.96.0.0/12", "https://10.112.0.1", true],
    ["10.96.0.0/12", "https://api.example.org", true],
    ["10.96.0.0/99", "https://10.96.0.1", true],
    ["fd00::/8", "https://[fd00::1]", false],
    ["[fd00::1]:443", "https://[fd00::1]", false],
    ["svc,cluster.local", "https://kubernetes.default.svc", false],
    [" , ,", "https://api.example.org", true],
  ])("knows its exceptions: NO_PROXY=%s for %s", (noProxy, server, expected) => {
    expect(proxied(server, noProxy)).toBe(expected);
  });
});

describe("a server behind a proxy", () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    vi.unstubAllEnvs();
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** Tunnels whatever name it is asked for to loopback, and writes down which. */
  const startProxy = async () => {
    const asked: string[] = [];
    const sockets = new Set<net.Socket>();
    const server = http.createServer();
    server.on("connect", (request, client: net.Socket) => {
      asked.push(`${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim());
      const upstream = net.connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        client.pipe(upstream).pipe(client);
      });
      for (const socket of [client, upstream]) sockets.add(socket.on("error", () => undefined));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return { asked, port: (server.address() as AddressInfo).port };
  };

  it("is requested and watched through the tunnel, with the server's own certificate", async () => {
    const plane = await startControlPlane();
    closing.push(() => plane.stop());
    const { asked, port } = await startProxy();
    vi.stubEnv("HTTPS_PROXY", `http://user:pass@127.0.0.1:${port}`);
    const server = new URL(`https://kube.example.org:${new URL(plane.url).port}`);
    const cluster = createCluster({ ...parseKubeconfig(plane.kubeconfig), server, serverName: "localhost" });
    closing.push(() => cluster.close());
    await installWidgets(cluster);
    const sink = createRecordingSink();
    cluster.watch(WIDGETS, {}, sink);
    await eventually("the list", () => sink.story.includes("listed"));
    await cluster.ping();
    expect(new Set(asked)).toEqual(new Set([`${server.host} Basic ${Buffer.from("user:pass").toString("base64")}`]));
  });
});
