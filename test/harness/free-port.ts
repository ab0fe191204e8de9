// Free loopback ports, for those who must be told theirs or must find it free again later. Taken from below the range
// that systems give to outgoing connections: a port from within it may be somebody's the moment it is let go.

import net from "node:net";

const FIRST = 15_000;
const COUNT = 17_000;

/** Test processes run side by side: each begins its search elsewhere. */
let next = (process.pid * 41) % COUNT;

const canListen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** Never the same port twice from one process (within the range's size). */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < COUNT; tried += 1) {
    const port = FIRST + next;
    next = (next + 1) % COUNT;
    if (await canListen(port)) return port;
  }
  throw new Error(`no free port from ${FIRST} to ${FIRST + COUNT}`);
}
