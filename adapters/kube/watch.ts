// One watch that never gives up: lists (streaming, or paged where the server refuses that), follows, resumes a lost
// stream from the last version it saw, lists again after a 410, and backs off on errors. Promises the order and the
// calls of WatchSink (actors/ports.ts), and silence from the moment it is stopped. One line of the stream is in memory
// at a time. Rule: docs/reference/behaviour.md, "Client and watch".

import { ApiError, UnreachableError, type Watch, type WatchSink } from "../../actors/ports.ts";
import { isOlderVersion, type Key, keyOf, keyText, type KubeObject, type Resource } from "../../crds/kube-object.ts";
import { askedDelay, BACKOFF, backoffDelay, type BackoffLimits } from "./backoff.ts";
import type { ErrorMapper } from "./errors.ts";
import type { Flow, FlowHandler } from "./exchange.ts";
import type { Heartbeat, Watcher } from "./heartbeat.ts";
import type { Page } from "./objects.ts";
import { readPages } from "./pages.ts";
import { followStream, type StreamEnd } from "./watch-follow.ts";
import type { Turns } from "./turns.ts";
import { createEventReader, isExpired } from "./watch-stream.ts";
import { createTrail } from "./watch-trail.ts";

export interface WatchTiming {
  backoff: BackoffLimits;
  /** Milliseconds without a byte after which an initial streaming list counts as refused. */
  initialSilence: number;
  /** Milliseconds that a list may take in all, however it comes. */
  listWithin: number;
  /** Milliseconds that one line of a stream may take. */
  lineWithin: number;
  /** Milliseconds a stream must stand for its loss to be retried as if nothing had failed before. */
  healthyAfter: number;
  /** Milliseconds after which servers end streams of their own accord; what ends earlier has broken off. 0: none has. */
  regularEnd?: number;
  random: () => number;
}

export const WATCH_TIMING: WatchTiming = {
  backoff: BACKOFF,
  initialSilence: 10_000,
  listWithin: 300_000,
  lineWithin: 30_000,
  healthyAfter: 5_000,
  regularEnd: 240_000,
  random: Math.random,
};

/** What a watch needs of its cluster. */
export interface WatchSource {
  resource: Resource;
  /** Opens the stream from `version`, or, without one, a streaming list. */
  open(version: string | undefined, handler: FlowHandler): Flow;
  page: (next: string, onItem: (object: KubeObject) => void) => Promise<Page>;
  /** The version that the server is at, and that object as it is now, by the smallest list there is. */
  look: (key: Key) => Promise<{ newest: string; object: KubeObject | undefined }>;
  /** A longer list fails. */
  mostObjects: () => number;
  errors: ErrorMapper;
  heartbeat: Heartbeat;
  /** Shared by the watches of a cluster: it has refused a streaming list before. */
  streaming: { refused: boolean };
  /** To begin: until the list is complete, or a stream that resumes stands. */
  turns: Turns;
  /** Where another watch stood that this one goes on for. */
  from?: string | undefined;
}

/** What is to be done after an attempt. Without any of it: try again, at once if all was well. */
interface Ending {
  error?: ApiError | UnreachableError;
  /** The version is worthless: list again. */
  relist?: boolean;
  /** Say nothing and try again at once: by a paged list, or because what was tried before may hang. */
  again?: boolean;
  /** It may be the version that fails: if it happens again from the same one, list again. */
  doubtful?: boolean;
}

/** Milliseconds until a server that could not be asked which version it is at is asked again. */
const LOOK_AGAIN = 1_000;
/** …and how often that is refused before it is given up. */
const MOST_REFUSALS = 20;

/** Failures in a row, from the same version, that put it in doubt. */
const DOUBTS = 2;
/** Streams in a row that may come to grief before one has to stand to be believed. */
const MOST_GARBLED = 2;

const refusesStreaming = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 400 || error.status === 422);

/** The API went away, or its server cannot read our version: what comes back may be another storage. */
const losesVersion = (error: unknown): boolean => error instanceof ApiError && [400, 404, 422].includes(error.status);

/**
 * What a server cannot deliver from this version it may never deliver: an event that it has half forgotten (500), a version
 * from before its data were restored (504), what cannot be read. Being away or busy (503) says nothing about the version.
 */
const doubtsVersion = (failure: unknown): boolean =>
  failure instanceof ApiError
    ? failure.status >= 500 && failure.status !== 503
    : ["ERR_NOT_KUBERNETES", "ERR_ANSWER_TOO_LARGE"].includes(String((failure as { code?: unknown })?.code));

const guard = (sink: WatchSink, isStopped: () => boolean, begun: () => void): Required<WatchSink> => ({
  seen: (object) => {
    if (!isStopped()) sink.seen(object);
  },
  listing: () => {
    if (!isStopped()) sink.listing?.();
  },
  gone: (object) => {
    if (!isStopped()) sink.gone(object);
  },
  listed: (keys) => {
    begun();
    if (!isStopped()) sink.listed(keys);
  },
  failed: (error) => {
    if (!isStopped()) sink.failed(error);
  },
  recovered: () => {
    if (!isStopped()) sink.recovered?.();
  },
});

export const startWatch = (source: WatchSource, outside: WatchSink, timing: WatchTiming = WATCH_TIMING): Watch => {
  let stopped = false;
  const isStopped = (): boolean => stopped;
  /** Gives our turn to the next. */
  let begun = (): void => {};
  const trail = createTrail();
  const sink = guard(trail.along(outside), isStopped, () => begun());
  /** Where to resume; undefined: with a list. */
  let version = source.from;
  let position = (): string | undefined => version;
  let paged = false;
  /** Attempts in a row that did not end well. */
  let failures = 0;
  /** The last stream stood for a while. */
  let stood = false;
  /** The last stream delivered something after its list. */
  let moved = false;
  /** New lists in a row because history was gone. */
  let relists = 0;
  /** Attempts in a row that put `version` in doubt. */
  let doubts = 0;
  /** `failed` was told, perhaps by the watch before, `recovered` not yet. */
  let failing = source.from !== undefined;
  /** Streams in a row, none of which stood, over which came what cannot be used: that the next one opens says nothing then. */
  let garbled = 0;
  let proof: NodeJS.Timeout | undefined;
  /** The last stream broke off: when its server is back it may hold an older state, as after a restore from a backup. */
  let broken = false;
  /** Drops what is going on at the moment, a stream or a pause, for good. */
  let release: (() => void) | undefined;
  /** How what is going on takes what the heartbeat says. */
  let watcher: Partial<Watcher> = {};

  const opened = (): void => {
    if (version !== undefined) begun();
    if (garbled < MOST_GARBLED) recovered();
    else proof = setTimeout(recovered, timing.healthyAfter).unref();
  };

  const recovered = (): void => {
    if (failing) sink.recovered();
    failing = false;
  };

  const judgeFailure = (failure: unknown): Ending => {
    const error = source.errors.fromFailure(failure);
    if (isExpired(error)) return { relist: true };
    if (version !== undefined || !refusesStreaming(error))
      return { error, relist: losesVersion(error), doubtful: doubtsVersion(failure) };
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

  /** Is the server to be asked whether it still is where the stream that has just ended stood? */
  const isBroken = (openedAt: number | undefined): boolean => {
    const { regularEnd = 0 } = timing;
    if (version === undefined || regularEnd === 0) return false;
    return broken || openedAt === undefined || performance.now() - openedAt < regularEnd;
  };

  /** Resolves when the stream has ended; never once the watch is stopped. */
  const follow = async (): Promise<Ending> => {
    const reader = createEventReader(source.resource, sink, source.errors, version, source.mostObjects);
    const patience = { line: timing.lineWithin, silence: timing.initialSilence, list: timing.listWithin };
    const stream = followStream((handler) => source.open(version, handler), reader, patience, opened);
    let isCurrent = true;
    const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<Ending>();
    const leave = (ending: Ending): void => {
      stream.stop();
      interrupt(ending);
    };
    watcher = {
      dead: (error) => leave({ error }),
      alive: () => {
        if (stream.openedAt === undefined) leave({ again: true });
      },
    };
    if (version !== undefined && broken) void lookBack(version, () => isCurrent && !stopped, leave);
    release = stream.stop;
    position = () => reader.version;
    const ending = await Promise.race([stream.ended.then(judge), interrupted]);
    clearTimeout(proof);
    isCurrent = false;
    learn(ending, stream.openedAt, reader.moved);
    version = ending.relist === true || doubts >= DOUBTS ? undefined : reader.version;
    broken = isBroken(stream.openedAt);
    position = () => version;
    return ending;
  };

  /** What the stream that has just ended shows of the next. */
  const learn = ({ doubtful, relist }: Ending, openedAt: number | undefined, hasMoved: boolean): void => {
    stood = openedAt !== undefined && performance.now() - openedAt > timing.healthyAfter;
    moved = hasMoved && relist !== true;
    if (stood) garbled = 0;
    if (doubtful !== true) {
      doubts = 0;
      return;
    }
    doubts = moved ? 1 : doubts + 1;
    if (openedAt !== undefined) garbled++;
  };

  const list = async (): Promise<Ending | undefined> => {
    try {
      const keys = new Set<string>();
      const bounds = { mostObjects: source.mostObjects, within: timing.listWithin, isStopped };
      version = await readPages(source.page, bounds, (object) => {
        keys.add(keyText(keyOf(object)));
        sink.seen(object);
      });
      if (garbled < MOST_GARBLED) recovered();
      sink.listed(keys);
      return undefined;
    } catch (failure) {
      const error = source.errors.fromFailure(failure);
      return isExpired(error) ? {} : { error };
    }
  };

  /** It is if what was told last is still so, and the server has come as far as we have. */
  const isSameHistory = async (from: string): Promise<boolean> => {
    const last = trail.last();
    if (last === undefined) return false;
    const { newest, object } = await source.look(last.key);
    // What has been told meanwhile is of the same history.
    const known = [last.version, trail.last()?.version];
    return object !== undefined && known.includes(object.metadata.resourceVersion) && !isOlderVersion(newest, from);
  };

  /**
   * A server whose data were restored from a backup counts its versions from there: a stream that is resumed from a later one
   * says nothing until they are reached again, which may be soon, and then tells of another past. Asked beside the stream,
   * which waits for nothing. A server that has just begun refuses what it will grant in a moment; who is refused again and again
   * has no right to list, and then there is no telling.
   */
  const lookBack = async (from: string, isCurrent: () => boolean, leave: (ending: Ending) => void): Promise<void> => {
    for (let refusals = 0; isCurrent() && refusals < MOST_REFUSALS;) {
      try {
        const isSame = await isSameHistory(from);
        if (isCurrent()) broken = false;
        return isSame ? undefined : leave({ relist: true });
      } catch (failure) {
        if (!(source.errors.fromFailure(failure) instanceof UnreachableError)) refusals++;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN).unref());
    }
  };

  const attempt = async (): Promise<Ending> => {
    stood = moved = false;
    watcher = {};
    const turn = source.turns();
    begun = release = turn.leave;
    await turn.come;
    if (isStopped()) return {};
    return begin().finally(turn.leave);
  };

  const begin = async (): Promise<Ending> => {
    if (version === undefined) sink.listing();
    if (version !== undefined || !(paged || source.streaming.refused)) return follow();
    const ending = await list();
    return ending ?? (isStopped() ? {} : follow());
  };

  /** `asked`: by the server, so that not even its coming back ends the pause. */
  const pause = (ms: number, asked: boolean): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      release = () => clearTimeout(timer);
      const alive = (): void => {
        clearTimeout(timer);
        resolve();
      };
      watcher = asked ? {} : { alive };
    });

  /** How many attempts like this one have failed before it, as far as they count. */
  const failedBefore = ({ error, relist, doubtful }: Ending): number => {
    // History that is gone is no fault of the server's: the first new list is not held back by what failed before it.
    if (relist === true && error === undefined) return stood ? 0 : relists++;
    relists = 0;
    // One that breaks off after each change is well, but must not be taken up again without a pause for ever.
    const isWell = moved && doubtful !== true;
    const before = stood ? 0 : isWell ? Math.min(failures, 1) : failures;
    failures = before + 1;
    return before;
  };

  const delayAfter = (ending: Ending): number => {
    if (ending.again === true) return 0;
    const before = failedBefore(ending);
    if (ending.error === undefined && before === 0) return 0;
    return backoffDelay(before, ending.error ?? new Error("closed"), timing.backoff, timing.random);
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
      if (!isStopped()) await pause(delayAfter(ending), askedDelay(ending.error) > 0);
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
      begun();
      release = undefined;
    },
    position: () => position(),
  };
};
