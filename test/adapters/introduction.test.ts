// Every connection says first which cluster it leads to. The servers are fakes, since it is their answers that matter; that a
// real API server passes is shown by every end-to-end test, and what happens when two change places by test/e2e/identity.

import type http from "node:http";
import type { Socket } from "node:net";
import net from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { AnotherClusterError, ApiError, type Identity, UnreachableError } from "../../actors/ports.ts";
import { NAMESPACES } from "../../crds/resources.ts";
import { eventually } from "../harness/wait.ts";
import { closeFakes, failure, object, open, startFake, status, TOKEN } from "./fake-cluster.ts";
import { type FakeAnswer, sendJson } from "./fake-server.ts";
import { createRecordingSink } from "./recording-sink.ts";
import { WIDGETS } from "./widgets.ts";

const raw: net.Server[] = [];
afterEach(async () => {
  await closeFakes();
  for (const server of raw.splice(0)) server.close();
});

const identity: Identity = { resource: NAMESPACES, key: { namespace: "", name: "kube-system" }, uid: "the-pinned-one" };
const QUESTION = "GET /api/v1/namespaces/kube-system";
const KEY = { namespace: "default", name: "a" };

const namespace = (uid: string) => ({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "kube-system", uid, resourceVersion: "1" },
});

/** Introduces itself as told, and answers anything else with an object. */
const server = async (introduce: FakeAnswer, sockets = 2) => {
  const fake = await startFake((request, response) => {
    const isQuestion = `${request.method} ${request.url}` === QUESTION;
    if (isQuestion) introduce(request, response);
    else sendJson(response, 200, object("a"));
  });
  return { fake, cluster: open({ server: fake.url, token: TOKEN }, { identity, sockets, connectTimeout: 500 }) };
};

const as =
  (uid: string): FakeAnswer =>
  (_request, response) =>
    sendJson(response, 200, namespace(uid));

describe("a connection", () => {
  it("is asked once who is there, with the credential, and then used for as long as it stands", async () => {
    const { fake, cluster } = await server(as("the-pinned-one"), 1);
    for (let round = 0; round < 3; round++) await cluster.get(WIDGETS, KEY);
    expect(fake.requests.map((request) => request === QUESTION)).toEqual([true, false, false, false]);
    expect(fake.headers[0]).toMatchObject({ authorization: `Bearer ${TOKEN}`, host: fake.url.host });
  });

  it("is asked again when it is another one, for watches as for requests", async () => {
    const { fake, cluster } = await server(as("the-pinned-one"));
    await Promise.all([cluster.get(WIDGETS, KEY), cluster.get(WIDGETS, KEY)]);
    cluster.watch(WIDGETS, {}, createRecordingSink());
    await eventually("the watch", () => fake.requests.some((request) => request.includes("watch=true")));
    expect(fake.requests.filter((request) => request === QUESTION)).toHaveLength(3);
  });

  it("to another cluster carries nothing at all, be it a write, a read or a watch", async () => {
    const { fake, cluster } = await server(as("another-one"));
    const refusals = await Promise.all([
      failure(cluster.apply(WIDGETS, KEY, object("a"), "test")),
      failure(cluster.delete(WIDGETS, KEY, "uid-a")),
      failure(cluster.get(WIDGETS, KEY)),
      failure(cluster.ping()),
    ]);
    for (const refused of refusals) {
      expect(refused).toBeInstanceOf(AnotherClusterError);
      expect(refused).toMatchObject({ found: "another-one", message: expect.stringContaining("the-pinned-one") });
    }
    const sink = createRecordingSink();
    cluster.watch(WIDGETS, {}, sink);
    await eventually("the watch to fail", () => sink.failures.length > 0);
    expect(sink.failures[0]).toBeInstanceOf(AnotherClusterError);
    expect(new Set(fake.requests)).toEqual(new Set([QUESTION]));
  });

  it("is used again once the old cluster is back", async () => {
    let uid = "another-one";
    const { cluster } = await server((request, response) => as(uid)(request, response));
    await failure(cluster.get(WIDGETS, KEY));
    uid = "the-pinned-one";
    expect((await cluster.get(WIDGETS, KEY)).metadata.name).toBe("a");
  });

  it.each([401, 403, 429, 503])("that is answered with %s fails what waits for it with just that", async (code) => {
    const { fake, cluster } = await server((_request, response) =>
      sendJson(response, code, status(code, "Any", "not now"), { "retry-after": "7" }),
    );
    const refused = await failure(cluster.get(WIDGETS, KEY));
    expect(refused).toBeInstanceOf(ApiError);
    expect(refused).toMatchObject({ status: code, retryAfter: 7 });
    expect(new Set(fake.requests)).toEqual(new Set([QUESTION]));
  });

  it.each([404, 409, 410, 422])(
    "that is answered with %s is never taken for the answer to something else",
    async (code) => {
      const { cluster } = await server((_request, response) => sendJson(response, code, status(code, "Any", "no")));
      for (const request of [cluster.get(WIDGETS, KEY), cluster.delete(WIDGETS, KEY, "uid-a")]) {
        const refused = await failure(request);
        expect(refused).toBeInstanceOf(UnreachableError);
        expect(refused).not.toBeInstanceOf(AnotherClusterError);
      }
    },
  );

  it.each<[string, FakeAnswer]>([
    ["a page", (_q, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>")],
    ["no identity", (_q, response) => sendJson(response, 200, { metadata: { name: "kube-system" } })],
    ["a redirect", (_q, response) => response.writeHead(302, { location: "https://elsewhere.example" }).end()],
    [
      "half an answer",
      (_q, response) => (response.writeHead(200, { "content-length": "100" }), response.write("{"), response.destroy()),
    ],
    ["an endless one", (_q, response) => flood(response)],
    [
      "its last answer",
      (_q, response) => sendJson(response, 200, namespace("the-pinned-one"), { connection: "close" }),
    ],
    ["silence", () => undefined],
  ])("that answers with %s is not used", async (_what, introduce) => {
    const { fake, cluster } = await server(introduce);
    expect(await failure(cluster.get(WIDGETS, KEY))).toBeInstanceOf(UnreachableError);
    expect(new Set(fake.requests)).toEqual(new Set([QUESTION]));
  });

  const flood = (response: http.ServerResponse): void => {
    response.on("error", () => undefined);
    const more = (): void => {
      while (response.writable && response.write("x".repeat(65_536)));
      if (response.writable) response.once("drain", more);
    };
    more();
  };

  it("may come in chunks, of any size", async () => {
    const { cluster } = await server((_request, response) => {
      const text = JSON.stringify(namespace("the-pinned-one"));
      response.writeHead(200, { "content-type": "application/json" });
      for (let at = 0; at < text.length; at += 7) response.write(text.slice(at, at + 7));
      response.end();
    });
    expect((await cluster.get(WIDGETS, KEY)).metadata.name).toBe("a");
  });

  it("may come in pieces, byte by byte", async () => {
    const body = JSON.stringify(namespace("the-pinned-one"));
    const answer = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const port = await listen((socket) => {
      let first = true;
      socket.on("data", () => {
        if (!first) return void socket.end(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}`);
        first = false;
        const bytes = [...answer];
        const next = (): void => void (bytes.length > 0 && socket.write(bytes.shift() as string, next));
        next();
      });
    });
    const cluster = open({ server: new URL(`http://127.0.0.1:${port}`) }, { identity });
    await cluster.ping();
  });

  it.each([
    ["no HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n"],
    ["more than it was asked for", `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n\r\n`],
    ["chunks that are none", `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`],
    ["no length", `HTTP/1.1 200 OK\r\n\r\n{}`],
  ])("that says %s is not used", async (_what, text) => {
    const port = await listen((socket) => void socket.once("data", () => socket.write(text)));
    const cluster = open({ server: new URL(`http://127.0.0.1:${port}`) }, { identity });
    expect(await failure(cluster.get(WIDGETS, KEY))).toBeInstanceOf(UnreachableError);
  });

  it("that is still being asked ends with the client", async () => {
    const sockets: Socket[] = [];
    const port = await listen((socket) => sockets.push(socket));
    const cluster = open({ server: new URL(`http://127.0.0.1:${port}`) }, { identity, requestTimeout: 30_000 });
    const refused = failure(cluster.get(WIDGETS, KEY));
    await eventually("the question", () => sockets.length === 1);
    await cluster.close();
    expect(await refused).toBeInstanceOf(UnreachableError);
    await eventually("the connection to be closed", () => sockets[0]?.readableEnded || sockets[0]?.destroyed);
  });
});

const listen = async (talk: (socket: Socket) => void): Promise<number> => {
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    talk(socket);
    if (socket.listenerCount("data") === 0) socket.resume();
  });
  raw.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
};
