// Notices that a server no longer answers while watches are open: their connections say nothing when a peer dies or a
// network swallows packets. And notices that it answers again, so that no watch sits out a back-off. One heartbeat per
// cluster, beating only while somebody watches, and only when nothing else has been answered. Rule: docs/reference/behaviour.md, "Client and watch".

import { ApiError, UnreachableError } from "../../actors/ports.ts";
import { askedDelay } from "./backoff.ts";

export interface Watcher {
  /**
   * Two beats in a row have failed: whatever connection you hold is dead, or what was let in by it no longer is (401). The
   * former is told again for every two more.
   */
  dead(error: ApiError | UnreachableError): void;
  /** A beat has succeeded after one that failed: do not sit out a back-off, do not trust what hangs. */
  alive(): void;
}

export interface Heartbeat {
  /** The returned function ends the interest. */
  join(watcher: Watcher): () => void;
  /** A watch could not reach the server: look soon, so that all watches know when it is back. */
  suspect(): void;
  /** The server has just answered another request: as good as a beat. */
  answered(): void;
  stop(): void;
}

export interface HeartbeatOptions {
  /** Rejects when the server does not answer; an ApiError is an answer, and 401 one that concerns every watch. */
  ping: () => Promise<void>;
  /** Milliseconds without an answer after which there is a beat. */
  interval: number;
  /** Runs after the watchers have been told that the connections are dead. */
  onDead: () => void;
}

const FAILURES = 2;
/** Milliseconds: what a failed beat is checked again after. One small request each; it is what bounds the outage. */
const RECHECK = 1_000;
const RECHECK_WHILE_DEAD = 2_000;

export const createHeartbeat = ({ ping, interval, onDead }: HeartbeatOptions): Heartbeat => {
  const watchers = new Set<Watcher>();
  let timer: NodeJS.Timeout | undefined;
  let beating = false;
  let failures = 0;
  let suspected = false;
  let lastBeat = 0;
  let lastAnswer = 0;
  /** Milliseconds: what the server asked us to wait when it was last asked. */
  let asked = 0;

  const failure = async (): Promise<ApiError | UnreachableError | undefined> => {
    asked = 0;
    try {
      await ping();
      return undefined;
    } catch (error) {
      asked = askedDelay(error as Error);
      if (error instanceof ApiError) return error.status === 401 ? error : undefined;
      return error instanceof UnreachableError ? error : new UnreachableError("the heartbeat failed");
    }
  };

  const failed = (error: ApiError | UnreachableError): void => {
    failures++;
    // Watches that were let in again all the same are not sent away a second time.
    if (error instanceof ApiError ? failures !== FAILURES : failures % FAILURES !== 0) return;
    // First the watches, so that each lets go with this error and not with that of a closed pool.
    for (const watcher of [...watchers]) watcher.dead(error);
    onDead();
  };

  const succeeded = (): void => {
    const hadFailed = failures > 0;
    failures = 0;
    if (hadFailed) for (const watcher of [...watchers]) watcher.alive();
  };

  const nextBeat = (error: Error | undefined): number => {
    // One that answers 401 is not away: there is nothing to be back for, only another credential to come.
    const isSteady = failures === 0 || (error instanceof ApiError && failures >= FAILURES);
    if (isSteady) return Math.max(interval, asked);
    return Math.max(Math.min(interval, failures < FAILURES ? RECHECK : RECHECK_WHILE_DEAD), asked);
  };

  const beat = async (): Promise<void> => {
    beating = true;
    suspected = false;
    const error = await failure();
    beating = false;
    lastBeat = performance.now();
    if (watchers.size === 0) return;
    if (error === undefined) succeeded();
    else failed(error);
    schedule(nextBeat(error));
  };

  const schedule = (ms: number): void => {
    if (watchers.size === 0 || timer !== undefined || beating) return;
    timer = setTimeout(() => {
      timer = undefined;
      const quiet = performance.now() - lastAnswer;
      // While there is doubt, only a beat can end it.
      if (failures > 0 || suspected || quiet >= interval) void beat();
      else schedule(interval - quiet);
    }, ms);
    timer.unref();
  };

  const restart = (ms: number): void => {
    clearTimeout(timer);
    timer = undefined;
    schedule(ms);
  };

  const rest = (): void => {
    clearTimeout(timer);
    timer = undefined;
    failures = 0;
    suspected = false;
  };

  return {
    join: (watcher) => {
      watchers.add(watcher);
      schedule(interval);
      return () => {
        watchers.delete(watcher);
        if (watchers.size === 0) rest();
      };
    },
    answered: () => {
      lastAnswer = performance.now();
    },
    suspect: () => {
      suspected = true;
      const wait = Math.max(Math.min(interval, RECHECK), asked);
      if (failures === 0) restart(Math.max(0, lastBeat + wait - performance.now()));
    },
    stop: () => {
      watchers.clear();
      rest();
    },
  };
};
