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
  /** Resolves when the stream is open; with `onEvent` each line is parsed. Begins with what is there, or with what comes. */
  watch(path: string, onEvent?: (event: WatchEvent) => void, begin?: "there" | "now"): Promise<void>;
  close(): Promise<void>;
}

/** As many sockets as the konnector's own pool has. */
const SOCKETS = 32;

/** What a stream begins with is in no order of time. */
const later = (a: string, b: string): string => (BigInt(a) > BigInt(b) ? a : b);

/** Ends the process: an exception in a stream's listener would only have that stream opened again, and again. */
const giveUp = (error: Error): void => {
  setImmediate(() => {
    throw error;
  });
};

export function openWire(kubeconfig: string): Wire {
  const { server, ca, clientCert, clientKey } = parseKubeconfig(kubeconfig);
  const connect = { ca, cert: clientCert, key: clientKey } as { ca: string; cert: string; key: string };
  const requests = new Pool(server.origin, { connections: SOCKETS, allowH2: false, connect });
  let closed = false;
  const watches = new Pool(server.origin, { allowH2: false, connect, bodyTimeout: 0 });
  /** A server closes the stream of who is slow to read; it is opened anew from where it stood. */
  const follow = async (path: string, from: string, onEvent?: (event: WatchEvent) => void): Promise<void> => {
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${from}`;
    const whole = `${path}${path.includes("?") ? "&" : "?"}${query}`;
    const answer = await watches.request({ method: "GET", path: whole, headers: { accept: "application/json" } });
    if (answer.statusCode !== 200) throw new Error(`GET ${whole} answered ${answer.statusCode}`);
    let rest = "";
    let seen = from;
    answer.body
      .setEncoding("utf8")
      .on("data", (text: string) => {
        if (onEvent === undefined) return;
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const event = JSON.parse(line) as WatchEvent;
          if (event.type === "ERROR") return giveUp(new Error(`GET ${whole}: ${line}`));
          seen = later(seen, event.object.metadata.resourceVersion);
          if (event.type !== "BOOKMARK") onEvent(event);
        }
      })
      .on("error", () => undefined)
      .on("close", () => {
        if (!closed) void follow(path, seen, onEvent);
      });
  };

  /** The version that the server's cache of a list has now: one that it has not reached yet would be waited for. */
  const newest = async (path: string): Promise<string> => {
    const answer = await requests.request({ method: "GET", path: `${path}?limit=1&resourceVersion=0` });
    const { metadata } = (await answer.body.json()) as { metadata: { resourceVersion: string } };
    return metadata.resourceVersion;
  };

  return {
    async send(method, path, body, type = "application/json") {
      const headers = { "content-type": type, accept: "application/json" };
      const answer = await requests.request({ method, path, headers, body: JSON.stringify(body), reset: false });
      if (answer.statusCode < 300) return answer.body.dump();
      throw new Error(`${method} ${path} answered ${answer.statusCode}: ${await answer.body.text()}`);
    },
    watch: async (path, onEvent, begin = "there") => follow(path, begin === "now" ? await newest(path) : "0", onEvent),
    close: async () => {
      closed = true;
      await Promise.all([requests.destroy(), watches.destroy()]);
    },
  };
}
