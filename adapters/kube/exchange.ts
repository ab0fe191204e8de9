// One HTTP exchange on an undici dispatcher, without streams: an answer collected whole (or handed on chunk by chunk)
// within a time and a size, or a body that flows for as long as it does. Promises that an exchange ends by its deadline
// even while it still waits for a free socket, and that nothing is called after it has ended. Follows no redirect.

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
  /** Of the body of a success. Of anything else, and of what is no JSON, only the beginning is read. */
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

/** What is read of a refusal or of a page: enough for a Status, and for a message. */
const REFUSAL_BYTES = 1024 * 1024;

type IncomingHeaders = Record<string, string | string[] | undefined>;

const flatten = (headers: IncomingHeaders): Answer["headers"] =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]));

const tooLarge = (bytes: number): ExchangeError =>
  new ExchangeError("ERR_ANSWER_TOO_LARGE", `the answer is larger than ${bytes} bytes`);

const textOf = (chunks: Buffer[]): string =>
  (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString("utf8");

/** The content type without its parameters; "" where none is said. */
export const contentType = ({ headers }: Pick<Answer, "headers">): string =>
  (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";

/** Only such a body is worth reading whole. */
const isSuccess = (answer: Answer): boolean =>
  answer.status >= 200 && answer.status < 300 && /^$|json$/.test(contentType(answer));

/**
 * undici lends a socket out again one turn of the event loop after its answer: who went on at once would be given another
 * connection, with a handshake and an introduction of its own.
 */
const onceFree = (goOn: () => void): void => queueMicrotask(() => setImmediate(goOn));

/**
 * Rejects with an ExchangeError or one of undici's errors; any status, a redirect too, is an answer. With `onChunk` the
 * body of a success goes there and `body` stays empty; what it throws ends the exchange.
 */
export const exchange = (
  dispatcher: Dispatcher,
  request: HttpRequest,
  limits: ExchangeLimits,
  onChunk?: (chunk: Buffer) => void,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let over = false;
    let size = 0;
    let success = false;
    const chunks: Buffer[] = [];
    const answer: Answer = { status: 0, headers: {}, body: "" };

    const finish = (): boolean => {
      if (over) return false;
      over = true;
      clearTimeout(deadline);
      return true;
    };
    const end = (failure: Error): void => {
      if (!finish()) return;
      reject(failure);
      controller?.abort(failure);
    };
    const done = (): void => {
      if (finish()) onceFree(() => resolve({ ...answer, body: textOf(chunks) }));
    };
    const take = (chunk: Buffer): void => {
      if (size > limits.bytes) return end(tooLarge(limits.bytes));
      if (onChunk === undefined) return void chunks.push(chunk);
      try {
        onChunk(chunk);
      } catch (thrown) {
        end(thrown as Error);
      }
    };
    const takeRefusal = (chunk: Buffer): void => {
      chunks.push(chunk);
      if (size < REFUSAL_BYTES) return;
      done();
      controller?.abort(new ExchangeError("UND_ERR_ABORTED", "enough was read"));
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
          success = isSuccess(answer);
        },
        onResponseData: (_controller, chunk) => {
          if (over) return;
          size += chunk.length;
          if (success) take(chunk);
          else takeRefusal(chunk);
        },
        onResponseEnd: done,
        onResponseError: (_controller, error) => end(error),
      },
    );
  });

export interface Flow {
  /** Ends the flow at once; `ended` then never settles and `onChunk` is not called again. */
  stop(): void;
}

export interface FlowHandler {
  /** The status is 200 and the body may be JSON. */
  onOpen(): void;
  /** May throw; the flow then fails with what it threw. */
  onChunk(chunk: Buffer): void;
  /** Any other answer; of its body the beginning. */
  onAnswer(answer: Answer): void;
  /** The body ended (undefined) or the flow failed. */
  onEnd(failure: unknown): void;
}

export interface FlowLimits {
  /** Until the flow is open, or its refusal read, waiting for a socket and connecting included. */
  openMilliseconds: number;
  /** Between two chunks. */
  idleMilliseconds: number;
  /** From its opening to its end, whatever flows. */
  lifeMilliseconds: number;
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
  const overdue = (): void => fail(new ExchangeError("UND_ERR_BODY_TIMEOUT", "it flows for too long"));
  const late = (): void => fail(new ExchangeError("UND_ERR_HEADERS_TIMEOUT", "no answer in time"));
  let deadline = setTimeout(late, limits.openMilliseconds);

  const deliver = (chunk: Buffer): void => {
    try {
      handler.onChunk(chunk);
    } catch (thrown) {
      fail(thrown);
    }
  };
  const refused = (answer: Answer): void => {
    if (finish()) handler.onAnswer({ ...answer, body: textOf(refusal.chunks) });
  };
  const collect = (answer: Answer, chunk: Buffer): void => {
    size += chunk.length;
    refusal.chunks.push(chunk);
    if (size < REFUSAL_BYTES) return;
    refused(answer);
    controller?.abort(new ExchangeError("UND_ERR_ABORTED", "enough was read"));
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
        const answer: Answer = { status, headers: flatten(headers), body: "" };
        if (status !== 200 || !isSuccess(answer)) refusal.answer = answer;
        else {
          clearTimeout(deadline);
          deadline = setTimeout(overdue, limits.lifeMilliseconds);
          handler.onOpen();
        }
      },
      onResponseData: (_controller, chunk) => {
        if (over) return;
        if (refusal.answer === undefined) deliver(chunk);
        else collect(refusal.answer, chunk);
      },
      onResponseEnd: () => {
        if (refusal.answer !== undefined) refused(refusal.answer);
        else if (finish()) handler.onEnd(undefined);
      },
      onResponseError: (_controller, error) => fail(error),
    },
  );
  return { stop };
};
