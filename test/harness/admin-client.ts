// The tests' own, minimal way to talk to an API server as its admin: JSON in, JSON out, nothing hidden. Deliberately not
// the konnector's client, so that a mistake in that one cannot hide itself.

import https from "node:https";

export interface Answer {
  status: number;
  /** The parsed body; undefined where it was no JSON. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests reach into objects of every kind
  body: any;
  /** The body as sent, for tests that look at digits. */
  text: string;
}

export interface AdminClient {
  /** Any status is an answer; rejects only when no answer came. `contentType` defaults to application/json. */
  request(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer>;
  close(): void;
}

export interface Credentials {
  server: string;
  caPem: string;
  certPem: string;
  keyPem: string;
}

const TIMEOUT_MS = 30_000;

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

export function adminClient({ server, caPem, certPem, keyPem }: Credentials): AdminClient {
  const agent = new https.Agent({ keepAlive: true, ca: caPem, cert: certPem, key: keyPem });
  const request = (method: string, path: string, body?: unknown, contentType = "application/json") =>
    new Promise<Answer>((resolve, reject) => {
      const payload = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
      // Node frames the body of a DELETE by itself only when it is told its length.
      const framed = { "content-type": contentType, "content-length": Buffer.byteLength(payload ?? "") };
      const headers = { accept: "application/json", ...(payload === undefined ? {} : framed) };
      const req = https.request(new URL(path, server), { method, agent, headers, timeout: TIMEOUT_MS }, (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("error", reject);
        res.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: res.statusCode ?? 0, body: parse(text), text });
        });
      });
      req.on("timeout", () => req.destroy(new Error(`${method} ${path}: no answer within ${TIMEOUT_MS} ms`)));
      req.on("error", reject);
      req.end(payload);
    });
  return { request, close: () => agent.destroy() };
}
