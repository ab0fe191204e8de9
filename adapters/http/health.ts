// The process's probes and metrics over plain HTTP: `/healthz`, `/readyz` (`?verbose` lists each check) and `/metrics`,
// on one or two addresses. Holds no state of its own; says nothing that would need authentication.

import http from "node:http";
import type { AddressInfo } from "node:net";

/** Undefined: all is well; otherwise what is being waited for. */
export type Check = () => string | undefined;

export interface HealthOptions {
  /** "host:port", ":8081" for all addresses, "0" for none. */
  probeAddress: string;
  metricsAddress: string;
  live: Record<string, Check>;
  ready: Record<string, Check>;
  metrics: { contentType: string; render: () => string };
}

export interface HealthServers {
  /** The ports in use, for whoever asked for port 0 of a host; undefined where off. */
  probePort: number | undefined;
  metricsPort: number | undefined;
  close: () => Promise<void>;
}

type Route = (url: URL) => { status: number; body: string; type?: string };

interface Address {
  host: string | undefined;
  port: number;
}

/** Undefined for "0" and "", which mean off. Throws for what is no address. */
export const parseAddress = (text: string): Address | undefined => {
  if (text === "" || text === "0") return undefined;
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new Error(`"${text}" is not an address: use host:port, :port, or 0 for none`);
  return { host: match[1] ?? (match[2] || undefined), port };
};

const checked =
  (checks: Record<string, Check>): Route =>
  (url) => {
    const results = Object.entries(checks).map(([name, check]) => [name, check()] as const);
    const failed = results.some(([, problem]) => problem !== undefined);
    const lines = results.map(([name, problem]) =>
      problem === undefined ? `[+] ${name} ok` : `[-] ${name}: ${problem}`,
    );
    const summary = failed ? "not ok" : "ok";
    const detailed = url.searchParams.has("verbose") || failed;
    return { status: failed ? 503 : 200, body: `${[...(detailed ? lines : []), summary].join("\n")}\n` };
  };

const answer = (routes: Record<string, Route>, request: http.IncomingMessage, response: http.ServerResponse): void => {
  // Some base: only the path and the query are of interest.
  const target = request.url ?? "/";
  const url = URL.canParse(target, "http://localhost")
    ? new URL(target, "http://localhost")
    : new URL("http://localhost/");
  const route = Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined;
  const known = route !== undefined && (request.method === "GET" || request.method === "HEAD");
  const { status, body, type } = known ? route(url) : { status: 404, body: "not found\n", type: undefined };
  response.writeHead(status, { "content-type": type ?? "text/plain; charset=utf-8", "cache-control": "no-store" });
  response.end(request.method === "HEAD" ? undefined : body);
};

const listen = async (address: Address, routes: Record<string, Route>): Promise<http.Server> => {
  const server = http.createServer({ requestTimeout: 10_000 }, (request, response) =>
    answer(routes, request, response),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(address.port, address.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
};

const close = (server: http.Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });

const portOf = (server: http.Server | undefined): number | undefined =>
  (server?.address() as AddressInfo | null | undefined)?.port;

/** Rejects where an address is none, or taken. Both on one address is fine: then one server serves all. */
export const startHealth = async (options: HealthOptions): Promise<HealthServers> => {
  const probes = { "/healthz": checked(options.live), "/readyz": checked(options.ready) };
  const { contentType, render } = options.metrics;
  const metrics: Record<string, Route> = { "/metrics": () => ({ status: 200, body: render(), type: contentType }) };
  const probeAddress = parseAddress(options.probeAddress);
  const metricsAddress = parseAddress(options.metricsAddress);
  const shared = options.probeAddress === options.metricsAddress && !options.probeAddress.endsWith(":0");

  const servers: http.Server[] = [];
  const open = async (
    address: Address | undefined,
    routes: Record<string, Route>,
  ): Promise<http.Server | undefined> => {
    if (address === undefined) return undefined;
    const server = await listen(address, routes);
    servers.push(server);
    return server;
  };
  const closeAll = async (): Promise<void> => {
    await Promise.all(servers.map(close));
  };
  try {
    const probeServer = await open(probeAddress, shared ? { ...probes, ...metrics } : probes);
    const metricsServer = shared ? probeServer : await open(metricsAddress, metrics);
    return { probePort: portOf(probeServer), metricsPort: portOf(metricsServer), close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
};
