// A fake: an HTTP server on loopback that answers as it is told. For what no real API server does on demand, such as
// cutting an answer short, redirecting, or not answering; whatever a real one can show is tested against a real one.

import http from "node:http";
import type { AddressInfo } from "node:net";

export interface FakeServer {
  url: URL;
  /** "GET /path?query" of each request so far. */
  requests: string[];
  headers: http.IncomingHttpHeaders[];
  close: () => Promise<void>;
}

export type FakeAnswer = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export const startFakeServer = async (answer: FakeAnswer): Promise<FakeServer> => {
  const requests: string[] = [];
  const headers: http.IncomingHttpHeaders[] = [];
  const server = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    requests,
    headers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

export const sendJson = (response: http.ServerResponse, status: number, body: unknown, headers = {}): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
};
