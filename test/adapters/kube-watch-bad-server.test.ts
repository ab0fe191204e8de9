// What a watch makes of streams that no real API server sends on demand. The servers are fakes (see fake-server.ts).

import { afterEach, describe, expect, it } from "vitest";
import { type ApiError, UnreachableError } from "../../actors/ports.ts";
import type { ClusterOptions } from "../../adapters/kube/client.ts";
import { eventually, never } from "../harness/wait.ts";
import { closeFakes, object, open, startFake, status, TOKEN } from "./fake-cluster.ts";
import { type FakeAnswer, sendJson } from "./fake-server.ts";
import { createRecordingSink, type RecordingSink } from "./recording-sink.ts";
import { WIDGETS } from "./widgets.ts";

afterEach(closeFakes);

describe("a watch on a misbehaving server", () => {
  const quick = {
    backoff: { base: 20, cap: 200, appearingBase: 20, appearingCap: 100 },
    initialSilence: 150,
    listWithin: 5_000,
    lineWithin: 5_000,
    healthyAfter: 10_000,
    random: () => 1,
  };
  const event = (type: string, body: unknown): string => `${JSON.stringify({ type, object: body })}\n`;
  const endOfList = (resourceVersion: string): string =>
    event("BOOKMARK", {
      kind: "Widget",
      metadata: { resourceVersion, annotations: { "k8s.io/initial-events-end": "true" } },
    });

  /** One script per stream, the last one again and again; anything but a watch is a page with one object. */
  const scripted = async (scripts: FakeAnswer[], options: ClusterOptions = {}) => {
    let stream = 0;
    const server = await startFake((request, response) => {
      if (request.url === "/version") return sendJson(response, 200, {});
      if (!request.url?.includes("watch=true"))
        return sendJson(response, 200, { metadata: { resourceVersion: "50" }, items: [object("paged")] });
      response.setHeader("content-type", "application/json");
      scripts[Math.min(stream++, scripts.length - 1)]?.(request, response);
    });
    const sink = createRecordingSink();
    const cluster = open({ server: server.url, token: TOKEN }, { timing: quick, ...options });
    cluster.watch(WIDGETS, {}, sink);
    const streams = (): string[] => server.requests.filter((request) => request.includes("watch=true"));
    return { sink, server, streams };
  };
  const stay = (_request: unknown, response: { write: (text: string) => void }, ...lines: string[]): void => {
    for (const line of lines) response.write(line);
  };

  it("resumes from the last bookmark after a stream that ended, and lists nothing again", async () => {
    const { sink, streams } = await scripted([
      (_q, r) => {
        r.write(event("ADDED", object("a", "5")) + endOfList("7"));
        r.end(event("BOOKMARK", { kind: "Widget", metadata: { resourceVersion: "9" } }));
      },
      (q, r) => stay(q, r, event("ADDED", object("b", "10"))),
    ]);
    await eventually("the second stream", () => sink.story.includes("seen b"));
    expect(sink.story).toEqual(["seen a", "listed default/a", "seen b"]);
    expect(streams()[0]).toMatch(/sendInitialEvents=true&resourceVersionMatch=NotOlderThan$/);
    expect(streams()[0]).not.toContain("resourceVersion=");
    expect(streams()[1]).toContain("resourceVersion=9");
  });

  it.each<[string, FakeAnswer]>([
    ["an ERROR event", (_q, r) => r.end(event("ERROR", status(410, "Expired", "too old resource version")))],
    ["the HTTP status", (_q, r) => sendJson(r, 410, status(410, "Expired", "too old resource version"))],
  ])("lists anew after a 410 as %s, without calling it a failure", async (_how, gone) => {
    const { sink, streams } = await scripted([
      (_q, r) => r.end(event("ADDED", object("a")) + endOfList("7")),
      gone,
      (q, r) => stay(q, r, event("ADDED", object("b")), endOfList("12")),
    ]);
    await eventually("the second list", () => sink.story.includes("listed default/b"));
    expect(sink.story).toEqual(["seen a", "listed default/a", "seen b", "listed default/b"]);
    expect(streams()[2]).toContain("sendInitialEvents=true");
  });

  it("never calls a list complete that was not", async () => {
    const { sink } = await scripted([
      (_q, r) => r.end(event("ADDED", object("a")) + event("BOOKMARK", { metadata: { resourceVersion: "6" } })),
      (q, r) => stay(q, r, event("ADDED", object("b")), event("DELETED", object("b")), endOfList("12")),
    ]);
    await eventually("the list", () => sink.story.includes("listed"));
    expect(sink.story).toEqual(["seen a", "seen b", "gone b", "listed"]);
  });

  it("falls back to pages where a server ignores what a streaming list is", async () => {
    const { sink, streams } = await scripted([
      (q, r) => stay(q, r, event("ADDED", object("paged"))),
      (q, r) => stay(q, r, event("ADDED", object("b", "51"))),
    ]);
    await eventually("the change after the list", () => sink.story.includes("seen b"));
    expect(sink.story).toEqual(["seen paged", "seen paged", "listed default/paged", "seen b"]);
    expect(streams()[1]).toContain("resourceVersion=50");
  });

  it.each<[string, string]>([
    ["what is not JSON", "garbage\n"],
    ["an event without a type", '{"object":{}}\n'],
    ["an event of an unknown type", event("RENAMED", object("a"))],
    ["an event called like a property of every object", event("constructor", object("a"))],
    ["an event without an object", '{"type":"ADDED"}\n'],
    ["an object without metadata", event("ADDED", { kind: "Widget" })],
    ["a line cut short", '{"type":"ADDED","object":{"metadata":{"name":\n'],
  ])("reports %s and opens the stream again", async (_what, line) => {
    const { sink } = await scripted([
      (_q, r) => r.end(endOfList("7") + line),
      (q, r) => stay(q, r, event("ADDED", object("b", "8"))),
    ]);
    await eventually("the next stream", () => sink.story.includes("seen b"));
    expect(sink.story).toEqual(["listed", "failed", "recovered", "seen b"]);
    expect(sink.failures[0]).toBeInstanceOf(UnreachableError);
  });

  it("is not taken for well again by opening alone while what comes cannot be used", async () => {
    let isOdd = true;
    const { sink } = await scripted(
      [
        (_q, r) => r.end(endOfList("7")),
        (_q, r) => (isOdd ? r.end(`${event("ADDED", object("odd", "8"))}garbage\n`) : r.flushHeaders()),
      ],
      { timing: { ...quick, initialSilence: 5_000, healthyAfter: 300 } },
    );
    await eventually("the same twice", () => sink.failures.length === 2);
    sink.forget();
    await eventually("the same again and again", () => sink.failures.length > 3);
    expect(sink.story).not.toContain("recovered");
    isOdd = false;
    await eventually("a stream that stands", () => sink.story.at(-1) === "recovered");
  });

  it("holds no endless line", async () => {
    const { sink } = await scripted(
      [
        (_q, r) => {
          const chunk = Buffer.alloc(1024 * 1024, "x");
          const more = (): void => {
            while (!r.destroyed && r.write(chunk));
            r.once("drain", more);
          };
          more();
        },
        (q, r) => stay(q, r, endOfList("7")),
      ],
      { timing: { ...quick, initialSilence: 5_000 } },
    );
    await eventually("the next stream", () => sink.story.includes("listed"));
    expect(sink.failures[0]?.message).toContain("larger than we take");
  });

  it("joins events that arrive in pieces, split inside a character", async () => {
    const bytes = Buffer.from(event("ADDED", { ...object("a"), spec: { text: "größe 😀" } }) + endOfList("7"));
    const { sink } = await scripted(
      [
        (_q, r) => {
          let at = 0;
          const next = (): void => {
            if (at < bytes.length) r.write(bytes.subarray(at, ++at), () => setImmediate(next));
          };
          next();
        },
      ],
      { timing: { ...quick, initialSilence: 5_000 } },
    );
    await eventually("the list", () => sink.story.includes("listed default/a"));
    expect(sink.calls[0]).toMatchObject({ object: { spec: { text: "größe 😀" } } });
  });

  it("does not hammer a server that closes every stream at once", async () => {
    const { sink, streams } = await scripted([(_q, r) => r.end()], {
      timing: { ...quick, backoff: { base: 50, cap: 10_000, appearingBase: 50, appearingCap: 10_000 } },
    });
    await eventually("some streams", () => streams().length >= 4);
    await never("a storm", async () => (streams().length > 7 ? `${streams().length} streams` : undefined), 1_000);
    expect(sink.story).toEqual([]);
  });

  it("waits as long as the server asks", async () => {
    const { sink, streams } = await scripted(
      [
        (_q, r) =>
          sendJson(r, 429, status(429, "TooManyRequests", "storage is (re)initializing"), { "retry-after": "1" }),
        (q, r) => stay(q, r, endOfList("7")),
      ],
      { timing: { ...quick, backoff: { base: 1, cap: 5_000, appearingBase: 1, appearingCap: 1 } } },
    );
    await eventually("the refusal", () => sink.story.includes("failed"));
    const refusedAt = performance.now();
    await eventually("the list", () => sink.story.includes("listed"));
    expect(performance.now() - refusedAt).toBeGreaterThan(900);
    expect(streams()).toHaveLength(2);
  });

  it("waits that long although the server shows that it is there again", async () => {
    let pings = 0;
    const refusals: number[] = [];
    const server = await startFake((request, response) => {
      if (request.url === "/version") return pings++ === 0 ? response.destroy() : sendJson(response, 200, {});
      refusals.push(performance.now());
      // Said of this request alone: of the whole server it would silence the heartbeat, too.
      sendJson(response, 429, status(429, "TooManyRequests", "slow down"), {
        "retry-after": "1",
        "audit-id": "of-this-request",
      });
    });
    const cluster = open({ server: server.url, token: TOKEN }, { timing: quick, heartbeatInterval: 50 });
    cluster.watch(WIDGETS, {}, createRecordingSink());
    await eventually("the second attempt", () => refusals.length > 1);
    expect(pings).toBeGreaterThan(5);
    expect((refusals[1] as number) - (refusals[0] as number)).toBeGreaterThan(990);
  });

  it("is patient with a stream that breaks off after each change, but not without a pause", async () => {
    let version = 10;
    const { streams } = await scripted([
      (_q, r) => r.end(endOfList("7")),
      (_q, r) => r.end(event("ADDED", object("a", String(version++)))),
    ]);
    await eventually("some streams", () => streams().length >= 4);
    await never("a storm", async () => (streams().length > 60 ? `${streams().length} streams` : undefined), 1_000);
  });

  it.each<[string, FakeAnswer]>([
    [
      "an error of the server's own",
      (_q, r) => r.end(event("ERROR", status(500, "InternalError", "etcd event received with PrevKv=nil"))),
    ],
    ["a version from the future", (_q, r) => sendJson(r, 504, status(504, "Timeout", "Too large resource version: 9"))],
    ["what cannot be read", (_q, r) => r.end("garbage\n")],
  ])("lists anew when a version is answered with %s again and again", async (_what, answer) => {
    const { sink, streams } = await scripted([
      (_q, r) => r.end(event("ADDED", object("a")) + endOfList("7")),
      answer,
      answer,
      (q, r) => stay(q, r, event("ADDED", object("b")), endOfList("12")),
    ]);
    await eventually("the second list", () => sink.story.includes("listed default/b"));
    expect(streams().map((stream) => stream.includes("sendInitialEvents"))).toEqual([true, false, false, true]);
  });

  it("gives up a list that goes on and on, as a stream or in pages, and a line that only drips", async () => {
    const drip = (text: string): FakeAnswer => {
      return (_q, r) => {
        const timer = setInterval(() => r.write(text), 20);
        r.on("close", () => clearInterval(timer));
      };
    };
    const timing = { ...quick, initialSilence: 5_000, listWithin: 300, lineWithin: 300 };
    const stream = await scripted([drip(event("ADDED", object("a")))], { timing });
    const line = await scripted([(_q, r) => r.end(endOfList("7")), drip("x")], { timing });
    const pages = createRecordingSink();
    let page = 0;
    const server = await startFake((request, response) =>
      request.url?.includes("watch=true") === true
        ? sendJson(response, 400, status(400, "BadRequest", "sendInitialEvents is forbidden"))
        : sendJson(response, 200, {
            metadata: { resourceVersion: "5", continue: `page-${page++}` },
            items: [object("a")],
          }),
    );
    open({ server: server.url, token: TOKEN }, { timing }).watch(WIDGETS, {}, pages);
    for (const sink of [stream.sink, pages]) {
      await eventually("the failure", () => sink.failures.length > 0);
      expect(sink.failures[0]?.message).toContain("its list does not end");
      expect(sink.story.filter((word) => word.startsWith("listed"))).toEqual([]);
    }
    await eventually("the stream to stand", () => line.streams().length > 0);
    await eventually("the failure", () => line.sink.failures.length > 0);
    expect(line.sink.failures[0]?.message).toContain("stopped half-way");
  });

  it("takes no more objects than there is use for, as a stream or in pages", async () => {
    const many = Array.from({ length: 50 }, (_, index) => object(`o-${index}`));
    const streamed = createRecordingSink();
    const paged = createRecordingSink();
    const start = async (sink: RecordingSink, streaming: boolean) => {
      const server = await startFake((request, response) => {
        if (request.url?.includes("watch=true") !== true)
          return sendJson(response, 200, { metadata: { resourceVersion: "5" }, items: many });
        if (!streaming) return sendJson(response, 400, status(400, "BadRequest", "no streaming lists"));
        response.setHeader("content-type", "application/json");
        response.write(many.map((one) => event("ADDED", one)).join("") + endOfList("7"));
      });
      open({ server: server.url, token: TOKEN }, { timing: quick }).watch(WIDGETS, { mostObjects: () => 20 }, sink);
      await eventually("the failure", () => sink.failures.length > 0);
      expect(sink.failures[0]?.message).toContain("more objects than we take");
      expect(sink.story.filter((word) => word.startsWith("listed"))).toEqual([]);
    };
    await start(streamed, true);
    await start(paged, false);
  });

  it("recovers by itself from every status", async () => {
    const statuses = [401, 403, 404, 429, 500, 503];
    const { sink } = await scripted([
      ...statuses.map(
        (code): FakeAnswer =>
          (_q, r) =>
            sendJson(r, code, status(code, "Nope", "no")),
      ),
      (q, r) => stay(q, r, endOfList("7")),
    ]);
    await eventually("the list", () => sink.story.includes("listed"));
    expect(sink.failures.map((error) => (error as ApiError).status)).toEqual(statuses);
    expect(sink.story.slice(-2)).toEqual(["recovered", "listed"]);
  });
});
