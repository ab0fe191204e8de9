// The connections to one API server: a pool for requests and a pool of its own for watches, because a server allows
// only so many streams on one HTTP/2 connection and because a dead watch connection is torn down without touching
// requests. Promises bounded times, no redirects, the address rule at each connection, and the process's HTTPS proxy and
// extra certificate authorities. Rule: docs/reference/behaviour.md, "Client and watch".

import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { buildConnector, type Dispatcher, Pool, ProxyAgent } from "undici";
import { guardedLookup } from "./address.ts";
import type { Introduction } from "./introduction.ts";
import { proxyFor } from "./proxy.ts";
import type { ServerAccess } from "./server-access.ts";

export interface TransportOptions {
  /** Milliseconds until a connection stands, TLS included. Default 10 s. */
  connectTimeout?: number;
  /** Sockets of the request pool under HTTP/1.1. Default 32. */
  sockets?: number;
  /** Offer HTTP/2. Default false, and never where connections have to introduce themselves. */
  http2?: boolean;
}

export interface Transport {
  readonly requests: Dispatcher;
  /** The current watch pool; changes with `renewWatches`. */
  watches: () => Dispatcher;
  /** Closes every watch connection; whoever streams on one is told by an error, and opens the next one afresh. */
  renewWatches: () => void;
  close: () => Promise<void>;
}

/** A dead peer sends nothing; the kernel then notices within about 20 s, and a NAT on the way does not forget us. */
const KEEP_ALIVE_INITIAL_DELAY = 10_000;
const IDLE_SOCKET = 30_000;

const authorities = (access: ServerAccess): string[] | undefined =>
  access.ca === undefined ? undefined : [access.ca, ...getCACertificates("extra")];

/** An address cannot be sent as SNI; it is only what the certificate is compared with. */
const serverName = (name: string | undefined): buildConnector.BuildOptions => {
  if (name === undefined || isIP(name) === 0) return { servername: name };
  return { checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate) };
};

/** One for all connections of a cluster: parsing the authorities anew costs each handshake some 10 ms of CPU. */
const secureContext = (access: ServerAccess): SecureContext =>
  createSecureContext({
    ca: authorities(access),
    cert: access.clientCert,
    key: access.clientKey,
    minVersion: "TLSv1.2",
  });

const tlsOptions = (
  access: ServerAccess,
  options: TransportOptions,
  context: SecureContext,
): buildConnector.BuildOptions => ({
  secureContext: context,
  ...serverName(access.serverName),
  rejectUnauthorized: access.insecure !== true,
  allowH2: options.http2 === true,
  preferH2: options.http2 === true,
  keepAliveInitialDelay: KEEP_ALIVE_INITIAL_DELAY,
  timeout: options.connectTimeout ?? 10_000,
  ...(access.guardAddress === true ? { lookup: guardedLookup } : {}),
});

const openPool = (
  access: ServerAccess,
  options: TransportOptions,
  context: SecureContext,
  connections: number | null,
  introduction: Introduction | undefined,
): Dispatcher => {
  const tls = tlsOptions(access, options, context);
  const introduced = (connect: buildConnector.connector) => introduction?.after(connect) ?? connect;
  const common = { connections, keepAliveTimeout: IDLE_SOCKET, allowH2: options.http2 === true };
  const proxy = proxyFor(access.server);
  if (proxy === undefined)
    return new Pool(access.server.origin, { ...common, connect: introduced(buildConnector(tls)) });
  const factory = (origin: string | URL, given: object): Dispatcher => {
    const { connect, ...rest } = given as { connect: buildConnector.connector };
    // The agent asks for the tunnel by another connector of its own; what it makes here are connections to the server.
    return new Pool(origin, { ...rest, connect: introduced(connect) });
  };
  return withOrigin(new ProxyAgent({ ...common, uri: proxy, requestTls: tls, factory }), access.server.origin);
};

/** A pool knows its origin, a proxy agent wants it with each request. */
const withOrigin = (agent: Dispatcher, origin: string): Dispatcher =>
  agent.compose((dispatch) => (request, handler) => dispatch({ ...request, origin }, handler));

export const createTransport = (
  access: ServerAccess,
  wanted: TransportOptions = {},
  introduction?: Introduction,
): Transport => {
  const options = introduction === undefined ? wanted : { ...wanted, http2: false };
  const context = secureContext(access);
  const openWith = (connections: number | null) => openPool(access, options, context, connections, introduction);
  const requests = openWith(options.http2 === true ? 1 : (options.sockets ?? 32));
  let watches = openWith(null);
  let closed = false;

  return {
    requests,
    watches: () => watches,
    renewWatches: () => {
      if (closed) return;
      const dead = watches;
      watches = openWith(null);
      void dead.destroy().catch(() => undefined);
    },
    close: async () => {
      closed = true;
      introduction?.close();
      await Promise.all([requests.destroy(), watches.destroy()]);
    },
  };
};
