import net from "node:net";

import { afterEach, beforeEach, expect, test } from "vitest";

import { kubeconfigAt, startFaultProxy, type FaultProxy } from "./fault-proxy.ts";
import { eventually, never } from "./wait.ts";

let echo: net.Server;
let proxy: FaultProxy;
const sockets: net.Socket[] = [];

beforeEach(async () => {
  echo = net.createServer((socket) => socket.on("error", () => undefined).pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  proxy = await startFaultProxy(`https://127.0.0.1:${(echo.address() as net.AddressInfo).port}`);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await proxy.stop();
  await new Promise((resolve) => echo.close(resolve));
});

interface Line {
  socket: net.Socket;
  received: () => string;
  closed: () => string | undefined;
}

const dial = (): Line => {
  const socket = net.connect(Number(new URL(proxy.url).port), "127.0.0.1");
  sockets.push(socket);
  let text = "";
  let end: string | undefined;
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  socket.on("error", (error: NodeJS.ErrnoException) => (end = error.code));
  socket.on("close", () => (end ??= "closed"));
  return { socket, received: () => text, closed: () => end };
};

const talk = async (line: Line, word: string) => {
  line.socket.write(word);
  await eventually(`the echo of ${word}`, () => line.received().endsWith(word));
};

test("pass carries bytes both ways", async () => {
  const line = dial();
  await talk(line, "hello");
  expect(proxy.accepted).toBe(1);
});

test("refuse closes what is open, refuses what is new, and ends with pass at the same address", async () => {
  const line = dial();
  await talk(line, "before");
  await proxy.set("refuse");
  await eventually("the open connection to end", line.closed);
  const refused = dial();
  expect(await eventually("the new connection to be refused", refused.closed)).toBe("ECONNREFUSED");
  await proxy.set("pass");
  await talk(dial(), "after");
});

test("reset tears down open and new connections", async () => {
  const line = dial();
  await talk(line, "before");
  await proxy.set("reset");
  expect(await eventually("the open connection to be reset", line.closed)).toBe("ECONNRESET");
  expect(await eventually("the new connection to be reset", dial().closed)).toBe("ECONNRESET");
});

test("blackhole swallows bytes of open and new connections without closing them", async () => {
  const open = dial();
  await talk(open, "before");
  await proxy.set("blackhole");
  const fresh = dial();
  open.socket.write("lost");
  fresh.socket.write("lost");
  const heard = () => Promise.resolve([open, fresh].map((line) => line.closed()).find((end) => end !== undefined));
  await never("an end", heard, 500);
  expect([open.received(), fresh.received()]).toEqual(["before", ""]);
  await proxy.set("pass");
  await talk(dial(), "after");
});

test("kubeconfigAt replaces the server and nothing else", () => {
  const before =
    "clusters:\n  - name: a\n    cluster:\n      server: https://b\n      certificate-authority-data: eA==\n";
  expect(kubeconfigAt(before, "https://c")).toBe(before.replace("https://b", "https://c"));
});
