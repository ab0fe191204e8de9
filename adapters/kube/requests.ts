// The requests to one API server that have an answer: authorized, bounded, read as JSON, counted. Promises that every way
// one can fail is an ApiError or an UnreachableError. Leaves to client.ts what is asked, to errors.ts what an error means, to
// limiter.ts when a request may go. Rule: docs/reference/behaviour.md, "Client and watch".

import type { Dispatcher } from "undici";
import { ApiError } from "../../actors/ports.ts";
import { peaceAsked } from "./backoff.ts";
import { MOST_VALUES, parseBounded, TooLargeError } from "./bounded-json.ts";
import type { ErrorMapper } from "./errors.ts";
import { type Answer, exchange, type ExchangeLimits, type HttpRequest } from "./exchange.ts";
import { createLimiter, type LimiterReport } from "./limiter.ts";
import { createItemSplitter } from "./list-items.ts";
import { credentialHeaders, type ServerAccess } from "./server-access.ts";
import type { Rate } from "./token-bucket.ts";
import type { Transport } from "./transport.ts";

export interface RequestOptions {
  userAgent?: string;
  /** How fast requests may follow each other. Default: as fast as they come. */
  rate?: Rate;
  /** How many may be in flight, at most; what is, the server's answers decide. Default 32. */
  inFlight?: number;
  /** Is told how long requests had to wait, and why. */
  limiterReport?: LimiterReport;
  /** Milliseconds a request may take, waiting for its turn and for a socket included. Default 30 s. */
  requestTimeout?: number;
  /** Bytes of one answer that is no list. Default 8 MiB, far beyond the 1.5 MB that etcd takes of an object. */
  maxAnswer?: number;
  /** Bytes of one page of a list. Default 64 MiB; no more than one object of it is in memory at a time. */
  maxPage?: number;
  /** Told of each request that has ended; `code` 0 means no answer. For a watch: of each stream, when it opens. */
  onRequest?: (verb: Verb, resource: string, code: number, milliseconds: number) => void;
}

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "apply" | "delete";

export interface Success {
  status: number;
  /** Parsed; of a list without its items; undefined for 304. */
  body: unknown;
  /** Of the body's text; 0 for a list. */
  bytes: number;
  etag: string;
}

export interface RequestLimits extends ExchangeLimits {
  /** JSON values in one answer, or in one object of a list. */
  values: number;
}

/** What stands in the counters: the verb, and what it was about. */
export interface Subject {
  verb: Verb;
  resource: string;
}

export interface Requests {
  authorized(request: HttpRequest): HttpRequest;
  /** Sends one request and runs `read` on the answer. A prompt one does not wait for its turn. */
  call<T>(
    subject: Subject,
    request: HttpRequest,
    read: (success: Success) => T,
    how?: { limits?: Partial<RequestLimits>; dispatcher?: Dispatcher; isPrompt?: boolean },
  ): Promise<T>;
  /** The same for a list: `onItem` gets each item as it comes, `read` the list without them. */
  items<T>(
    subject: Subject,
    request: HttpRequest,
    onItem: (item: unknown) => void,
    read: (success: Success) => T,
  ): Promise<T>;
  /** What an answer to a request that went another way (a watch) says of the whole server. */
  heed: (error: Error, sent: number) => void;
  /** Why nothing is to be asked now that can wait, if the server wants to be left in peace. */
  resting: () => ApiError | undefined;
  /** Resolves when the server does not want to be left in peace. */
  peace: () => Promise<void>;
  /** Whoever waits for a turn has it, and fails with the connections. */
  close(): void;
}

const MiB = 1024 * 1024;

/** Requests in flight where nothing else is configured. */
export const IN_FLIGHT = 32;

const WRITES: ReadonlySet<Verb> = new Set(["create", "update", "patch", "apply", "delete"]);

/** It has been dealt with as such requests are; a failure of the server's own says nothing of how fast it is. */
const isAnswer = (code: number): boolean => code > 0 && code < 500 && code !== 429;

export const createRequests = (
  access: ServerAccess,
  transport: Pick<Transport, "requests">,
  errors: ErrorMapper,
  options: RequestOptions,
): Requests => {
  const limits: RequestLimits = {
    milliseconds: options.requestTimeout ?? 30_000,
    bytes: options.maxAnswer ?? 8 * MiB,
    values: MOST_VALUES,
  };
  const pageLimits: ExchangeLimits = { ...limits, bytes: options.maxPage ?? 64 * MiB };

  const limiter = createLimiter(
    { inFlight: options.inFlight ?? IN_FLIGHT, rate: options.rate ?? { qps: 0, burst: 1 } },
    options.limiterReport,
  );
  /** What is left of the time once it is its turn: at least half, so that a slow turn is never the server's fault. */
  const onItsTurn = async <L extends ExchangeLimits>({ verb }: Subject, limit: L): Promise<L> => {
    const turn = limiter.enter(limit.milliseconds / 2, WRITES.has(verb));
    const waited = typeof turn === "number" ? turn : await turn;
    return waited === 0 ? limit : { ...limit, milliseconds: limit.milliseconds - waited };
  };
  const heed = (error: Error, sent: number): void => {
    const seconds = peaceAsked(error);
    if (seconds > 0) limiter.refused(sent, seconds, error.message);
  };

  const authorized = (request: HttpRequest): HttpRequest => ({
    ...request,
    headers: {
      "user-agent": options.userAgent ?? "konnector",
      accept: "application/json",
      ...request.headers,
      ...credentialHeaders(access),
    },
  });

  const parsed = (text: string, values: number, notJson: () => Error): unknown => {
    try {
      return parseBounded(text, values);
    } catch (error) {
      throw error instanceof TooLargeError ? error : notJson();
    }
  };

  const succeeded = async (
    dispatcher: Dispatcher,
    request: HttpRequest,
    limit: ExchangeLimits,
    onChunk?: (chunk: Buffer) => void,
  ): Promise<Answer> => {
    const answer = await exchange(dispatcher, authorized(request), limit, onChunk);
    const isUnchanged = answer.status === 304 && "if-none-match" in request.headers;
    if (!isUnchanged && (answer.status < 200 || answer.status > 299)) throw errors.fromAnswer(answer);
    return answer;
  };

  const counted = async <T>(
    { verb, resource }: Subject,
    send: () => Promise<Success>,
    read: (success: Success) => T,
    hasEntered: boolean,
  ): Promise<T> => {
    const started = performance.now();
    let code = 0;
    try {
      const success = await send();
      code = success.status;
      return read(success);
    } catch (failure) {
      const error = errors.fromFailure(failure);
      if (error instanceof ApiError) code = error.status;
      heed(error, started);
      throw error;
    } finally {
      const now = performance.now();
      if (hasEntered) limiter.leave(started, now, isAnswer(code), WRITES.has(verb));
      options.onRequest?.(verb, resource, code, now - started);
    }
  };

  return {
    authorized,
    call: async (subject, request, read, how = {}) => {
      const wanted = { ...limits, ...how.limits };
      const hasEntered = how.isPrompt !== true;
      const most = hasEntered ? await onItsTurn(subject, wanted) : wanted;
      const send = async (): Promise<Success> => {
        const answer = await succeeded(how.dispatcher ?? transport.requests, request, most);
        const { status, body: text } = answer;
        const body = status === 304 ? undefined : parsed(text, most.values, () => errors.notJson(answer));
        return { status, body, bytes: Buffer.byteLength(text), etag: answer.headers["etag"] ?? "" };
      };
      return counted(subject, send, read, hasEntered);
    },
    items: async (subject, request, onItem, read) => {
      const most = await onItsTurn(subject, pageLimits);
      const notJson = (): Error => errors.unreachable("its answer is not valid JSON");
      const send = async (): Promise<Success> => {
        const pieces = createItemSplitter({ item: limits.bytes, rest: MiB }, (text) =>
          onItem(parsed(text, limits.values, notJson)),
        );
        const answer = await succeeded(transport.requests, request, most, (chunk) => pieces.write(chunk));
        const body = parsed(answer.body || pieces.rest(), limits.values, () => errors.notJson(answer));
        return { status: answer.status, body, bytes: 0, etag: "" };
      };
      return counted(subject, send, read, true);
    },
    heed,
    resting: limiter.resting,
    peace: limiter.peace,
    close: limiter.close,
  };
};
