// Follows one watch stream from its request to its end, line by line, and says how it ended. What is to be done then is
// for watch.ts to decide.

import type { Answer, Flow, FlowHandler } from "./exchange.ts";
import { createLineSplitter } from "./lines.ts";
import { EndlessListError } from "./pages.ts";
import type { EventReader } from "./watch-stream.ts";

/** An object of 1.5 MB is the most etcd takes; with managedFields and an older copy this is far beyond. */
const LONGEST_LINE = 8 * 1024 * 1024;

export type StreamEnd =
  /** The server closed it, as it does every few minutes, or it was quiet for so long that its connection is suspect. */
  | { how: "closed" }
  /** It was opened for a streaming list and went silent before the list was complete. */
  | { how: "silent" }
  | { how: "refused"; answer: Answer }
  | { how: "failed"; failure: unknown };

export interface Following {
  /** Never settles after `stop`. */
  ended: Promise<StreamEnd>;
  /** `performance.now()` when the server accepted the request; undefined before that. */
  readonly openedAt: number | undefined;
  /** After this nothing is read any more. */
  stop: () => void;
}

class SlowLineError extends Error {
  override readonly name = "SlowLineError";
  readonly code = "UND_ERR_BODY_TIMEOUT";
}

const isQuiet = (failure: unknown): boolean =>
  (failure as { code?: unknown } | undefined)?.code === "UND_ERR_BODY_TIMEOUT";

export interface Patience {
  /** Milliseconds that one line may take to arrive. */
  line: number;
  /** Milliseconds without a byte that a streaming list may take before it is complete. */
  silence: number;
  /** Milliseconds that it may take in all. */
  list: number;
}

/** Calls back once unless it is stopped before; setting it again while it runs changes nothing. */
const createAlarm = (ms: number, ring: () => void) => {
  let timer: NodeJS.Timeout | undefined;
  return {
    set: () => void (timer ??= setTimeout(ring, ms)),
    refresh: () => void timer?.refresh(),
    stop: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  };
};

export const followStream = (
  open: (handler: FlowHandler) => Flow,
  reader: EventReader,
  patience: Patience,
  onOpen: () => void,
): Following => {
  const { promise, resolve } = Promise.withResolvers<StreamEnd>();
  let openedAt: number | undefined;
  let stopped = false;
  let lines = 0;

  const giveUp = (how: StreamEnd) => (): void => {
    flow.stop();
    end(how);
  };
  const stuck: StreamEnd = { how: "failed", failure: new SlowLineError("a line did not end") };
  const endless: StreamEnd = { how: "failed", failure: new EndlessListError("a list did not end") };
  const silence = createAlarm(patience.silence, giveUp({ how: "silent" }));
  const list = createAlarm(patience.list, giveUp(endless));
  const line = createAlarm(patience.line, giveUp(stuck));
  const alarms = [silence, list, line];

  const end = (how: StreamEnd): void => {
    for (const alarm of alarms) alarm.stop();
    resolve(how);
  };
  const split = createLineSplitter(LONGEST_LINE, (text) => {
    lines++;
    if (!stopped) reader.read(text);
  });
  const watchLine = (before: number, begun: boolean): void => {
    if (lines > before) line.stop();
    if (begun) line.set();
  };

  const flow = open({
    onOpen: () => {
      openedAt = performance.now();
      if (reader.version === undefined) for (const alarm of [silence, list]) alarm.set();
      onOpen();
    },
    onChunk: (chunk) => {
      const before = lines;
      watchLine(before, split(chunk));
      if (reader.version === undefined) return silence.refresh();
      silence.stop();
      list.stop();
    },
    onAnswer: (answer) => end({ how: "refused", answer }),
    onEnd: (failure) => end(failure === undefined || isQuiet(failure) ? { how: "closed" } : { how: "failed", failure }),
  });

  return {
    ended: promise,
    get openedAt() {
      return openedAt;
    },
    stop: () => {
      stopped = true;
      for (const alarm of alarms) alarm.stop();
      flow.stop();
    },
  };
};
