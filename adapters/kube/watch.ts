// One watch that never gives up: lists (streaming, or paged where the server refuses that), follows, resumes a lost
// stream from the last version it saw, lists again after a 410, and backs off on errors. Promises the order and the
// calls of WatchSink (actors/ports.ts), and silence from the moment it is stopped. One line of the stream is in memory
// at a time. Rule: docs/reference/behaviour.md, "Client and watch".

import type { UnreachableError } from "../../actors/ports.ts";
import { ApiError, type Watch, type WatchSink } from "../../actors/ports.ts";
import { keyOf, keyText, type Resource } from "../../crds/kube-object.ts";
import { BACKOFF, backoffDelay, type BackoffLimits } from "./backoff.ts";
import type { ErrorMapper } from "./errors.ts";
import type { Flow, FlowHandler } from "./exchange.ts";
import type { Heartbeat, Watcher } from "./heartbeat.ts";
import { createLineSplitter } from "./lines.ts";
import type { Page } from "./objects.ts";
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
  healthyAfter: 10_000,
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

/** An object of 1.5 MB is the most etcd takes; with managedFields and an older copy this is far beyond. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** How one stream ended. `error` undefined: the server closed it, as it does every few minutes. */
interface Ending {
  error?: ApiError | UnreachableError;
  /** The version is worthless: list again. */
  relist?: boolean;
  /** Say nothing and try again at once, by a paged list. */
  fallBack?: boolean;
  /** Try again at once: what was tried before the server came back may hang. */
  again?: boolean;
}

const refusesStreaming = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 400 || error.status === 422);

const isIdleTimeout = (failure: unknown): boolean =>
  (failure as { code?: unknown } | undefined)?.code === "UND_ERR_BODY_TIMEOUT";

export const startWatch = (source: WatchSource, sink: WatchSink, timing: WatchTiming = WATCH_TIMING): Watch => {
  let stopped = false;
  let version: string | undefined;
  let paged = false;
  let failures = 0;
  let healthy = false;
  let failing = false;
  /** Drops what is going on at the moment, a stream or a pause, for good. */
  let release: (() => void) | undefined;
  /** How what is going on takes what the heartbeat says. */
  let watcher: Partial<Watcher> = {};

  const guarded: WatchSink = {
    seen: (object) => {
      if (!stopped) sink.seen(object);
    },
    gone: (object) => {
      if (!stopped) sink.gone(object);
    },
    listed: (keys) => {
      if (!stopped) sink.listed(keys);
    },
    failed: (error) => {
      if (!stopped) sink.failed(error);
    },
  };

  const recovered = (): void => {
    if (failing && !stopped) sink.recovered?.();
    failing = false;
  };

  /** Resolves when the stream has ended; never once the watch is stopped. */
  const follow = (): Promise<Ending> =>
    new Promise((resolve) => {
      const reader = createEventReader(source.resource, guarded, source.errors, version);
      let openedAt: number | undefined;
      let silence: NodeJS.Timeout | undefined;

      const end = (ending: Ending): void => {
        clearTimeout(silence);
        release = undefined;
        watcher = {};
        version = ending.relist === true ? undefined : reader.version;
        healthy = reader.moved || (openedAt !== undefined && performance.now() - openedAt > timing.healthyAfter);
        resolve(ending);
      };
      const leave = (ending: Ending): void => {
        flow.stop();
        end(ending);
      };
      const watchSilence = (): void => {
        if (reader.version === undefined) silence?.refresh();
        else clearTimeout(silence);
      };
      const split = createLineSplitter(LONGEST_LINE, (line) => {
        if (!stopped) reader.read(line);
      });

      release = () => {
        clearTimeout(silence);
        flow.stop();
      };
      watcher = {
        dead: (error) => leave({ error }),
        alive: () => {
          if (openedAt === undefined) leave({ again: true });
        },
      };
      const flow = source.open(version, {
        onOpen: () => {
          openedAt = performance.now();
          recovered();
          if (version === undefined) silence = setTimeout(() => leave({ fallBack: true }), timing.initialSilence);
        },
        onChunk: (chunk) => {
          split(chunk);
          watchSilence();
        },
        onAnswer: (answer) => end(judge(source.errors.fromAnswer(answer))),
        onEnd: (failure) => end(failure === undefined || isIdleTimeout(failure) ? {} : judge(failure)),
      });
    });

  const judge = (failure: unknown): Ending => {
    const error = source.errors.fromFailure(failure);
    if (isExpired(error)) return { relist: true };
    if (version === undefined && refusesStreaming(error)) {
      source.streaming.refused = true;
      return { fallBack: true };
    }
    // The API went away, or its server cannot read our version: what comes back may be another storage.
    return { error, relist: error instanceof ApiError && [400, 404, 422].includes(error.status) };
  };

  /** Delivers a whole list page by page; undefined when it is complete and `version` is set. */
  const list = async (): Promise<Ending | undefined> => {
    const keys = new Set<string>();
    let first: string | undefined;
    try {
      for (let next: string | undefined = ""; next !== undefined;) {
        const page: Page = await source.page(next);
        if (stopped) return undefined;
        first ??= page.resourceVersion;
        for (const object of page.items) {
          keys.add(keyText(keyOf(object)));
          guarded.seen(object);
        }
        next = page.next === "" ? undefined : page.next;
      }
    } catch (failure) {
      const error = source.errors.fromFailure(failure);
      return isExpired(error) ? {} : { error };
    }
    version = first;
    recovered();
    guarded.listed(keys);
    return undefined;
  };

  const attempt = async (): Promise<Ending> => {
    healthy = false;
    watcher = {};
    if (version === undefined && (paged || source.streaming.refused)) {
      const ending = await list();
      if (ending !== undefined || stopped) return ending ?? {};
    }
    return follow();
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

  const delayAfter = ({ error, fallBack, again }: Ending): number => {
    if (fallBack === true || again === true) return 0;
    const before = healthy ? 0 : failures;
    failures = before + 1;
    if (error === undefined && before === 0) return 0;
    return backoffDelay(before, error ?? new Error("closed"), timing.backoff, timing.random);
  };

  const run = async (): Promise<void> => {
    while (!stopped) {
      const ending = await attempt().catch((failure: unknown): Ending => ({
        error: source.errors.fromFailure(failure),
      }));
      if (stopped) return;
      if (ending.fallBack === true) paged = true;
      if (ending.error !== undefined) {
        failing = true;
        guarded.failed(ending.error);
      }
      await pause(delayAfter(ending));
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
