// Requests and watches with nothing around them: what the bare limit is made of, and what the scenarios observe with.
// Deliberately not the konnector's client. A body is read to its end and thrown away, since a client that reads nothing
// would be let off something that every client has to do.

import { Pool } from "undici";

import { parseKubeconfig } from "../adapters/kube/kubeconfig.ts";
import type { Body } from "../test/e2e/objects.ts";

export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: Body;
}

export interface Wire {
  /** Rejects for anything but a success. */
  send(method: "POST" | "PATCH" | "DELETE", path: string, body: unknown, type?: string): Promise<void>;
  /** Resolves when the stream is open; with `onEvent` each line is parsed. */
  watch(path: string, onEvent?: (event: WatchEvent) => void): Promise<void>;
  close(): Promise<void>;
}

/** As many sockets as the konnector's own pool has. */
const SOCKETS = 32;

export function openWire(kubeconfig: string): Wire {
  const { server, ca, clientCert, clientKey } = parseKubeconfig(kubeconfig);
  const connect = { ca, cert: clientCert, key: clientKey } as { ca: string; cert: string; key: string };
  const requests = new Pool(server.origin, { connections: SOCKETS, allowH2: false, connect });
  let closed = false;
  const watches = new Pool(server.origin, { allowH2: false, connect, bodyTimeout: 0 });
  return {
    async send(method, path, body, type = "application/json") {
      const headers = { "content-type": type, accept: "application/json" };
      const answer = await requests.request({ method, path, headers, body: JSON.stringify(body), reset: false });
      if (answer.statusCode < 300) return answer.body.dump();
      throw new Error(`${method} ${path} answered ${answer.statusCode}: ${await answer.body.text()}`);
    },
    async watch(path, onEvent) {
      const answer = await watches.request({ method: "GET", path, headers: { accept: "application/json" } });
      if (answer.statusCode !== 200) throw new Error(`GET ${path} answered ${answer.statusCode}`);
      let rest = "";
      answer.body.setEncoding("utf8").on("data", (text: string) => {
        if (onEvent === undefined) return;
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) onEvent(JSON.parse(line) as WatchEvent);
      });
      // It ends when the wire is closed, and must not before: who waits for an event would wait for ever.
      const ended = (error?: Error): void => {
        if (!closed) throw new Error(`GET ${path} ended: ${error?.message ?? "the server closed it"}`);
      };
      answer.body.on("error", ended).on("end", ended);
    },
    close: async () => {
      closed = true;
      await Promise.all([requests.destroy(), watches.destroy()]);
    },
  };
}
