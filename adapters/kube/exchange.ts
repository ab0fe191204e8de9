// One HTTP exchange on an undici dispatcher, without streams: an answer collected whole within a time and a size, or a
// body handed on chunk by chunk for as long as it flows. Promises that an exchange ends by its deadline even while it
// still waits for a free socket, and that nothing is called after it has ended. Follows no redirect.

import type { Dispatcher } from "undici";

export interface HttpRequest {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  headers: Record<string, string | string[]>;
  body?: string;
}

export interface Answer {
  status: number;
  headers: Record<string, string | undefined>;
  body: string;
}

export interface ExchangeLimits {
  /** For the whole exchange, waiting for a socket and connecting included. */
  milliseconds: number;
  /** Of the answer's body. */
  bytes: number;
}

/** Why an exchange failed, where undici has no error of its own for it. */
class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type IncomingHeaders = Record<string, string | string[] | undefined>;

const flatten = (headers: IncomingHeaders): Answer["headers"] =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]));

const tooLarge = (bytes: number): ExchangeError =>
  new ExchangeError("ERR_ANSWER_TOO_LARGE", `the answer is larger than ${bytes} bytes`);

const textOf = (chunks: Buffer[]): string =>
  (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString("utf8");

/** Rejects with an ExchangeError or one of undici's errors; any status, a redirect too, is an answer. */
export const exchange = (dispatcher: Dispatcher, request: HttpRequest, limits: ExchangeLimits): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let over = false;
    let size = 0;
    const chunks: Buffer[] = [];
    const answer: Answer = { status: 0, headers: {}, body: "" };

    const end = (failure?: Error): void => {
      if (over) return;
      over = true;
      clearTimeout(deadline);
      if (failure === undefined) resolve({ ...answer, body: textOf(chunks) });
      else {
        reject(failure);
        controller?.abort(failure);
      }
    };
    const expired = (): void => end(new ExchangeError("UND_ERR_HEADERS_TIMEOUT", "no answer in time"));
    const deadline = setTimeout(expired, limits.milliseconds);

    dispatcher.dispatch(
      // reset: undici would close the connection after a DELETE with a body, and each new one costs a TLS handshake.
      { ...request, reset: false, headersTimeout: limits.milliseconds, bodyTimeout: limits.milliseconds },
      {
        onRequestStart: (started) => {
          controller = started;
          if (over) started.abort(new ExchangeError("UND_ERR_ABORTED", "the request has ended"));
        },
        onResponseStart: (_controller, status, headers) => {
          answer.status = status;
          answer.headers = flatten(headers);
        },
        onResponseData: (_controller, chunk) => {
          size += chunk.length;
          if (size > limits.bytes) end(tooLarge(limits.bytes));
          else chunks.push(chunk);
        },
        onResponseEnd: () => end(),
        onResponseError: (_controller, error) => end(error),
      },
    );
  });

export interface Flow {
  /** Ends the flow at once; `ended` then never settles and `onChunk` is not called again. */
  stop(): void;
}

export interface FlowHandler {
  /** The status is 200. */
  onOpen(): void;
  /** May throw; the flow then fails with what it threw. */
  onChunk(chunk: Buffer): void;
  /** Any other status, collected whole. */
  onAnswer(answer: Answer): void;
  /** The body ended (undefined) or the flow failed. */
  onEnd(failure: unknown): void;
}

export interface FlowLimits {
  /** Until the headers of the answer are there, waiting for a socket and connecting included. */
  openMilliseconds: number;
  /** Between two chunks. */
  idleMilliseconds: number;
  /** Of the body of an answer that is not 200. */
  bytes: number;
}

/** Opens a response that flows until it ends, fails or is stopped. Exactly one of onAnswer and onEnd is called, once. */
export const openFlow = (
  dispatcher: Dispatcher,
  request: HttpRequest,
  limits: FlowLimits,
  handler: FlowHandler,
): Flow => {
  let controller: Dispatcher.DispatchController | undefined;
  let over = false;
  let size = 0;
  const refusal: { answer: Answer | undefined; chunks: Buffer[] } = { answer: undefined, chunks: [] };

  const finish = (): boolean => {
    if (over) return false;
    over = true;
    clearTimeout(deadline);
    return true;
  };
  const stop = (): void => {
    if (finish()) controller?.abort(new ExchangeError("UND_ERR_ABORTED", "stopped"));
  };
  const fail = (failure: unknown): void => {
    if (!finish()) return;
    handler.onEnd(failure ?? new ExchangeError("UND_ERR_SOCKET", "the flow failed"));
    controller?.abort(new ExchangeError("UND_ERR_ABORTED", "failed"));
  };
  const deadline = setTimeout(
    () => fail(new ExchangeError("UND_ERR_HEADERS_TIMEOUT", "no answer in time")),
    limits.openMilliseconds,
  );

  const deliver = (chunk: Buffer): void => {
    try {
      handler.onChunk(chunk);
    } catch (thrown) {
      fail(thrown);
    }
  };
  const collect = (chunk: Buffer): void => {
    size += chunk.length;
    if (size > limits.bytes) fail(tooLarge(limits.bytes));
    else refusal.chunks.push(chunk);
  };

  dispatcher.dispatch(
    { ...request, headersTimeout: limits.openMilliseconds, bodyTimeout: limits.idleMilliseconds },
    {
      onRequestStart: (started) => {
        controller = started;
        if (over) started.abort(new ExchangeError("UND_ERR_ABORTED", "stopped"));
      },
      onResponseStart: (_controller, status, headers) => {
        if (over) return;
        clearTimeout(deadline);
        if (status === 200) handler.onOpen();
        else refusal.answer = { status, headers: flatten(headers), body: "" };
      },
      onResponseData: (_controller, chunk) => {
        if (over) return;
        if (refusal.answer === undefined) deliver(chunk);
        else collect(chunk);
      },
      onResponseEnd: () => {
        if (!finish()) return;
        if (refusal.answer === undefined) handler.onEnd(undefined);
        else handler.onAnswer({ ...refusal.answer, body: textOf(refusal.chunks) });
      },
      onResponseError: (_controller, error) => fail(error),
    },
  );
  return { stop };
};
