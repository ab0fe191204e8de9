// One watch that never gives up: lists (streaming, or paged where the server refuses that), follows, resumes a lost
// stream from the last version it saw, lists again after a 410, and backs off on errors. Promises the order and the
// calls of WatchSink (actors/ports.ts), and silence from the moment it is stopped. One line of the stream is in memory
// at a time. Rule: docs/reference/behaviour.md, "Client and watch".

import { ApiError, UnreachableError, type Watch, type WatchSink } from "../../actors/ports.ts";
import { keyOf, keyText, type Resource } from "../../crds/kube-object.ts";
import { BACKOFF, backoffDelay, type BackoffLimits } from "./backoff.ts";
import type { ErrorMapper } from "./errors.ts";
import type { Flow, FlowHandler } from "./exchange.ts";
import type { Heartbeat, Watcher } from "./heartbeat.ts";
import type { Page } from "./objects.ts";
import { followStream, type StreamEnd } from "./watch-follow.ts";
import { createEventReader, isExpired } from "./watch-stream.ts";

export interface WatchTiming {
  backoff: BackoffLimits;
  /** Milliseconds without a byte after which an initial streaming list counts as refused. */
  initialSilence: number;
  /** Milliseconds a stream must stand for its loss to be retried as if nothing had failed before. */
  healthyAfter: number;
  random: () => number;
}

export const WATCH_TIMING: WatchTiming = {
  backoff: BACKOFF,
  initialSilence: 10_000,
  healthyAfter: 5_000,
  random: Math.random,
};

/** What a watch needs of its cluster. */
export interface WatchSource {
  resource: Resource;
  /** Opens the stream from `version`, or, without one, a streaming list. */
  open(version: string | undefined, handler: FlowHandler): Flow;
  page(next: string): Promise<Page>;
  errors: ErrorMapper;
  heartbeat: Heartbeat;
  /** Shared by the watches of a cluster: it has refused a streaming list before. */
  streaming: { refused: boolean };
}

/** What is to be done after an attempt. Without any of it: try again, at once if all was well. */
interface Ending {
  error?: ApiError | UnreachableError;
  /** The version is worthless: list again. */
  relist?: boolean;
  /** Say nothing and try again at once: by a paged list, or because what was tried before may hang. */
  again?: boolean;
}

const refusesStreaming = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 400 || error.status === 422);

/** The API went away, or its server cannot read our version: what comes back may be another storage. */
const losesVersion = (error: unknown): boolean => error instanceof ApiError && [400, 404, 422].includes(error.status);

const guard = (sink: WatchSink, isStopped: () => boolean): Required<WatchSink> => ({
  seen: (object) => {
    if (!isStopped()) sink.seen(object);
  },
  gone: (object) => {
    if (!isStopped()) sink.gone(object);
  },
  listed: (keys) => {
    if (!isStopped()) sink.listed(keys);
  },
  failed: (error) => {
    if (!isStopped()) sink.failed(error);
  },
  recovered: () => {
    if (!isStopped()) sink.recovered?.();
  },
});

/** Delivers a whole list page by page; answers with its version and keys. */
const listPages = async (
  source: WatchSource,
  sink: WatchSink,
  isStopped: () => boolean,
): Promise<{ version: string; keys: Set<string> }> => {
  const keys = new Set<string>();
  let version: string | undefined;
  for (let next = ""; ;) {
    const page = await source.page(next);
    version ??= page.resourceVersion;
    for (const object of page.items) {
      keys.add(keyText(keyOf(object)));
      sink.seen(object);
    }
    if (page.next === "" || isStopped()) return { version, keys };
    next = page.next;
  }
};

export const startWatch = (source: WatchSource, outside: WatchSink, timing: WatchTiming = WATCH_TIMING): Watch => {
  let stopped = false;
  const isStopped = (): boolean => stopped;
  const sink = guard(outside, isStopped);
  /** Where to resume; undefined: with a list. */
  let version: string | undefined;
  let paged = false;
  /** Attempts in a row that did not end well. */
  let failures = 0;
  /** The last stream stood for a while, or delivered something after its list. */
  let healthy = false;
  /** `failed` was told, `recovered` not yet. */
  let failing = false;
  /** Drops what is going on at the moment, a stream or a pause, for good. */
  let release: (() => void) | undefined;
  /** How what is going on takes what the heartbeat says. */
  let watcher: Partial<Watcher> = {};

  const recovered = (): void => {
    if (failing) sink.recovered();
    failing = false;
  };

  const judgeFailure = (failure: unknown): Ending => {
    const error = source.errors.fromFailure(failure);
    if (isExpired(error)) return { relist: true };
    if (version !== undefined || !refusesStreaming(error)) return { error, relist: losesVersion(error) };
    source.streaming.refused = true;
    return { again: true };
  };

  const judge = (end: StreamEnd): Ending => {
    if (end.how === "closed") return {};
    if (end.how === "failed") return judgeFailure(end.failure);
    if (end.how === "refused") return judgeFailure(source.errors.fromAnswer(end.answer));
    paged = true;
    return { again: true };
  };

  /** Resolves when the stream has ended; never once the watch is stopped. */
  const follow = async (): Promise<Ending> => {
    const reader = createEventReader(source.resource, sink, source.errors, version);
    const stream = followStream((handler) => source.open(version, handler), reader, timing.initialSilence, recovered);
    const interrupted = new Promise<Ending>((resolve) => {
      const leave = (ending: Ending): void => {
        stream.stop();
        resolve(ending);
      };
      watcher = {
        dead: (error) => leave({ error }),
        alive: () => {
          if (stream.openedAt === undefined) leave({ again: true });
        },
      };
    });
    release = stream.stop;
    const ending = await Promise.race([stream.ended.then(judge), interrupted]);
    const { openedAt } = stream;
    healthy = reader.moved || (openedAt !== undefined && performance.now() - openedAt > timing.healthyAfter);
    version = ending.relist === true ? undefined : reader.version;
    return ending;
  };

  const list = async (): Promise<Ending | undefined> => {
    try {
      const complete = await listPages(source, sink, isStopped);
      version = complete.version;
      recovered();
      sink.listed(complete.keys);
      return undefined;
    } catch (failure) {
      const error = source.errors.fromFailure(failure);
      return isExpired(error) ? {} : { error };
    }
  };

  const attempt = async (): Promise<Ending> => {
    healthy = false;
    watcher = {};
    if (version !== undefined || !(paged || source.streaming.refused)) return follow();
    const ending = await list();
    return ending ?? (isStopped() ? {} : follow());
  };

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      release = () => clearTimeout(timer);
      watcher = {
        alive: () => {
          clearTimeout(timer);
          resolve();
        },
      };
    });

  const delayAfter = ({ error, again }: Ending): number => {
    if (again === true) return 0;
    const before = healthy ? 0 : failures;
    failures = before + 1;
    if (error === undefined && before === 0) return 0;
    return backoffDelay(before, error ?? new Error("closed"), timing.backoff, timing.random);
  };

  const run = async (): Promise<void> => {
    while (!stopped) {
      const ending = await attempt().catch((failure): Ending => ({ error: source.errors.fromFailure(failure) }));
      if (isStopped()) return;
      if (ending.error !== undefined) {
        failing = true;
        if (ending.error instanceof UnreachableError) source.heartbeat.suspect();
        sink.failed(ending.error);
      }
      // A sink may have stopped the watch from inside the call: then there is nothing to wait for.
      if (!isStopped()) await pause(delayAfter(ending));
    }
  };

  const leaveHeartbeat = source.heartbeat.join({
    dead: (error) => watcher.dead?.(error),
    alive: () => watcher.alive?.(),
  });
  void run();
  return {
    stop: () => {
      stopped = true;
      leaveHeartbeat();
      release?.();
      release = undefined;
    },
  };
};
