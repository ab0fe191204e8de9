// Writes that are held back: whoever sent one is told nothing, as if the connection had broken, and it reaches the server
// after the next write to the same object has been taken. A guard must refuse it then; the log of the API server tells which
// came so. One after which no other write comes never arrives.

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import https from "node:https";

import type { Asked } from "./requests.ts";

export interface Upstream {
  url: string;
  agent: https.Agent;
}

export interface HeldBack {
  hold(asked: Asked, body: string): void;
  /** A write of that kind has been taken. */
  deliver(after: Asked): void;
}

/** How the names of late requests begin in an API server's log. */
export const LATE = "late-";

/** The object that a write is for, whichever part of it. */
const objectOf = ({ path }: Asked): string => path.replace(/\?.*/, "").replace(/\/status$/, "");

export async function whole(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

export function heldBack({ url, agent }: Upstream, note: (asked: Asked, what: string) => void): HeldBack {
  const held = new Map<string, { asked: Asked; body: string }[]>();

  const send = (asked: Asked, body: string): void => {
    const { authorization: _token, host: _host, ...others } = asked.headers;
    const ours = { "audit-id": `${LATE}${randomUUID()}`, "content-length": Buffer.byteLength(body) };
    const headers = { ...others, ...ours };
    const onward = https.request(new URL(asked.path, url), { method: asked.method, headers, agent }, (answer) => {
      note(asked, `LATE ${answer.statusCode}`);
      answer.resume();
    });
    onward.on("error", () => undefined);
    onward.end(body);
  };

  return {
    hold(asked, body) {
      const key = objectOf(asked);
      held.set(key, [...(held.get(key) ?? []), { asked, body }]);
    },
    deliver(after) {
      const key = objectOf(after);
      const all = held.get(key) ?? [];
      held.delete(key);
      for (const { asked, body } of all) send(asked, body);
    },
  };
}
