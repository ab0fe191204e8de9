// A loopback TCP proxy that stands in front of an API server and misbehaves on demand. TLS passes through untouched (the
// server's certificate covers 127.0.0.1), so a client that is given the proxy's address sees the real server, until it
// does not.

import net from "node:net";

import { parse, stringify } from "yaml";

import { freePort } from "./free-port.ts";

/**
 * pass: bytes travel. refuse: nothing listens any more, and open connections are closed. reset: connections, open and
 * new, are torn down with RST. blackhole: connections, open and new, stay up and swallow every byte.
 */
export type FaultMode = "pass" | "refuse" | "reset" | "blackhole";

export interface FaultProxy {
  /** https://127.0.0.1:port; the same for the proxy's whole life. */
  url: string;
  readonly mode: FaultMode;
  set(mode: FaultMode): Promise<void>;
  /** New connections lead there from now on; those that are open stay, or are cut. */
  lead(targetUrl: string, how: "keep" | "cut"): void;
  /** Connections accepted so far. */
  readonly accepted: number;
  stop(): Promise<void>;
}

interface Pair {
  client: net.Socket;
  upstream: net.Socket | undefined;
}

const ignore = () => undefined;

/** Both directions of one connection; a blackholed pair is paused, not closed, and never resumes. */
function join(pair: Pair, upstream: net.Socket): void {
  pair.upstream = upstream;
  pair.client.pipe(upstream);
  upstream.pipe(pair.client);
}

const cut = (pair: Pair, how: "destroy" | "resetAndDestroy") => {
  pair.client[how]();
  pair.upstream?.destroy();
};

const swallow = ({ client, upstream }: Pair) => {
  client.unpipe();
  upstream?.unpipe();
  client.resume(); // keep accepting bytes, and drop them
  upstream?.resume();
};

const listen = (server: net.Server, port: number) =>
  new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });

/** Starts a proxy to `targetUrl` in mode "pass". */
export async function startFaultProxy(targetUrl: string): Promise<FaultProxy> {
  let target = new URL(targetUrl);
  const pairs = new Set<Pair>();
  let mode: FaultMode = "pass";
  let accepted = 0;

  const onConnection = (client: net.Socket) => {
    accepted += 1;
    const pair: Pair = { client, upstream: undefined };
    pairs.add(pair);
    client.on("error", ignore);
    client.on("close", () => {
      pairs.delete(pair);
      pair.upstream?.destroy();
    });
    if (mode === "reset") return cut(pair, "resetAndDestroy");
    if (mode === "blackhole") return void client.resume();
    const upstream = net.connect(Number(target.port), target.hostname);
    upstream.on("error", () => client.destroy());
    upstream.on("close", () => mode !== "blackhole" && client.destroy());
    join(pair, upstream);
  };

  const server = net.createServer(onConnection);
  const port = await freePort();
  await listen(server, port);

  const close = () =>
    new Promise<void>((resolve) => {
      if (server.listening) server.close(() => resolve());
      else resolve();
      for (const pair of pairs) cut(pair, "destroy");
    });

  const set = async (next: FaultMode) => {
    mode = next;
    if (next === "refuse") return close();
    if (next === "reset") for (const pair of pairs) cut(pair, "resetAndDestroy");
    if (next === "blackhole") for (const pair of pairs) swallow(pair);
    if (!server.listening) await listen(server, port);
  };

  return {
    url: `https://127.0.0.1:${port}`,
    get mode() {
      return mode;
    },
    get accepted() {
      return accepted;
    },
    set,
    lead(url, how) {
      target = new URL(url);
      if (how === "cut") for (const pair of pairs) cut(pair, "destroy");
    },
    stop: close,
  };
}

/** The same kubeconfig with the server of its clusters replaced. */
export function kubeconfigAt(kubeconfig: string, url: string): string {
  const config = parse(kubeconfig) as { clusters: { cluster: { server: string } }[] };
  for (const { cluster } of config.clusters) cluster.server = url;
  return stringify(config);
}
