// A free loopback port, for processes that must be told theirs.

import net from "node:net";

const given = new Set<number>();

/** Never the same port twice from one process; another process may take it before it is used, which is rare. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await new Promise<number>((resolve, reject) => {
      const server = net.createServer();
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => {
        const { port: free } = server.address() as net.AddressInfo;
        server.close(() => resolve(free));
      });
    });
    if (!given.has(port)) {
      given.add(port);
      return port;
    }
  }
}
