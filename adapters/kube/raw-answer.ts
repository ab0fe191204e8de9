// Reads one HTTP/1.1 answer from a socket and leaves the socket as it was, for whoever uses the connection next. Bounded in
// time and size; an answer after which the connection cannot be used any more is a failure.

import type { Socket } from "node:net";
import type { Answer } from "./exchange.ts";

const LARGEST = 1024 * 1024;

const failure = (code: string): Error => Object.assign(new Error("no usable answer"), { code });

interface Head {
  status: number;
  headers: Answer["headers"];
  /** Where the body begins. */
  end: number;
}

/** Undefined while it is incomplete. */
function readHead(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const status = /^HTTP\/1\.1 ([1-5]\d\d)(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw failure("HPE");
  const fields = lines.map((line) => /^([^:\s]+):[ \t]*(.*?)[ \t]*$/.exec(line));
  const headers = Object.fromEntries(fields.map((field) => [field?.[1]?.toLowerCase() ?? "", field?.[2] ?? ""]));
  return { status: Number(status), headers, end: end + 4 };
}

/** A body in chunks, whole; undefined while it is incomplete. Trailers are not accepted: no API server sends any. */
function readChunks(bytes: Buffer): { body: Buffer; rest: number } | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = /^([0-9a-f]{1,6})(?:;|$)/i.exec(bytes.toString("latin1", at, end))?.[1];
    if (size === undefined) throw failure("HPE");
    const length = parseInt(size, 16);
    const next = end + 2 + length + 2;
    if (bytes.length < next) return undefined;
    if (bytes.toString("latin1", next - 2, next) !== "\r\n") throw failure("HPE");
    if (length === 0) return { body: Buffer.concat(parts), rest: bytes.length - next };
    parts.push(bytes.subarray(end + 2, next - 2));
    at = next;
  }
}

function readBody({ headers }: Head, bytes: Buffer): { body: Buffer; rest: number } | undefined {
  if (headers["transfer-encoding"]?.toLowerCase() === "chunked") return readChunks(bytes);
  const length = Number(headers["content-length"] ?? "NaN");
  // Without either the body ends with the connection, which then is of no use to anybody.
  if (!Number.isInteger(length) || length < 0) throw failure("ERR_CONNECTION_ENDS");
  return bytes.length < length ? undefined : { body: bytes.subarray(0, length), rest: bytes.length - length };
}

/** Undefined while it is incomplete; throws for what is no HTTP/1.1 answer. */
function parse(bytes: Buffer): Answer | undefined {
  const head = readHead(bytes);
  const content = head && readBody(head, bytes.subarray(head.end));
  if (head === undefined || content === undefined) return undefined;
  if (content.rest > 0) throw failure("HPE");
  const closes = head.status === 200 && head.headers["connection"]?.toLowerCase() === "close";
  if (closes) throw failure("ERR_CONNECTION_ENDS");
  return { status: head.status, headers: head.headers, body: content.body.toString("utf8") };
}

/**
 * Rejects with an error whose code says what came instead: any but UND_ERR_SOCKET and UND_ERR_INFO, after which undici
 * connects again on its own.
 */
export const readAnswer = (socket: Socket, milliseconds: number): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const end = (settle: () => void): void => {
      clearTimeout(deadline);
      socket.off("readable", onReadable).off("end", onEnd).off("close", onEnd).off("error", onError);
      settle();
    };
    const onError = (error: Error): void => end(() => reject(error));
    const onEnd = (): void => onError(failure("ECONNRESET"));
    const deadline = setTimeout(() => onError(failure("UND_ERR_CONNECT_TIMEOUT")), milliseconds);
    const onReadable = (): void => {
      try {
        for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
          bytes = Buffer.concat([bytes, chunk]);
        }
        if (bytes.length > LARGEST) throw failure("ERR_ANSWER_TOO_LARGE");
        const answer = parse(bytes);
        if (answer !== undefined) end(() => resolve(answer));
      } catch (error) {
        onError(error as Error);
      }
    };
    socket.on("readable", onReadable).on("end", onEnd).on("close", onEnd).on("error", onError);
  });
