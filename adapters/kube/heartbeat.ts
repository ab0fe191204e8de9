// Notices that a server no longer answers while watches are open: their connections say nothing when a peer dies or a
// network swallows packets. One heartbeat per cluster, beating only while somebody watches.
// Rule: docs/reference/behaviour.md, "Client and watch".

import { type ApiError, UnreachableError } from "../../actors/ports.ts";

export interface Heartbeat {
  /** Called once for each watch; the returned function ends its interest. */
  join(onDead: (error: UnreachableError) => void): () => void;
  stop(): void;
}

export interface HeartbeatOptions {
  /** Rejects when the server does not answer; an ApiError is an answer. */
  ping: () => Promise<void>;
  /** Milliseconds between two beats. */
  interval: number;
  /** Runs after two beats in a row have failed and the watches have been told. */
  onDead: () => void;
}

const FAILURES = 2;

export const createHeartbeat = ({ ping, interval, onDead }: HeartbeatOptions): Heartbeat => {
  const members = new Set<(error: UnreachableError) => void>();
  let timer: NodeJS.Timeout | undefined;
  let beating = false;
  let failures = 0;

  const failure = async (): Promise<UnreachableError | undefined> => {
    try {
      await ping();
    } catch (error) {
      if (error instanceof UnreachableError) return error;
      if ((error as ApiError).name !== "ApiError") return new UnreachableError("the heartbeat failed");
    }
    return undefined;
  };

  const declareDead = (error: UnreachableError): void => {
    failures = 0;
    // First the watches, so that each lets go with this error and not with that of a closed pool.
    for (const tell of [...members]) tell(error);
    onDead();
  };

  const beat = async (): Promise<void> => {
    beating = true;
    const error = await failure();
    beating = false;
    failures = error === undefined ? 0 : failures + 1;
    if (error !== undefined && failures >= FAILURES) declareDead(error);
    // A first failure is checked again at once: what it costs is one small request.
    schedule(failures > 0 ? Math.min(interval, 1_000) : interval);
  };

  const schedule = (ms: number): void => {
    if (members.size === 0 || timer !== undefined || beating) return;
    timer = setTimeout(() => {
      timer = undefined;
      void beat();
    }, ms);
    timer.unref();
  };

  const rest = (): void => {
    clearTimeout(timer);
    timer = undefined;
    failures = 0;
  };

  return {
    join: (tell) => {
      // A wrapper, so that two watches with the same callback count twice.
      const member = (error: UnreachableError): void => tell(error);
      members.add(member);
      schedule(interval);
      return () => {
        members.delete(member);
        if (members.size === 0) rest();
      };
    },
    stop: () => {
      members.clear();
      rest();
    },
  };
};
