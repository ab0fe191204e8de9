// Follows one watch stream from its request to its end, line by line, and says how it ended. What is to be done then is
// for watch.ts to decide.

import type { Answer, Flow, FlowHandler } from "./exchange.ts";
import { createLineSplitter } from "./lines.ts";
import type { EventReader } from "./watch-stream.ts";

/** An object of 1.5 MB is the most etcd takes; with managedFields and an older copy this is far beyond. */
const LONGEST_LINE = 16 * 1024 * 1024;

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

const isQuiet = (failure: unknown): boolean =>
  (failure as { code?: unknown } | undefined)?.code === "UND_ERR_BODY_TIMEOUT";

/** `silence`: milliseconds without a byte that a streaming list may take before it is complete. */
export const followStream = (
  open: (handler: FlowHandler) => Flow,
  reader: EventReader,
  silence: number,
  onOpen: () => void,
): Following => {
  const { promise, resolve } = Promise.withResolvers<StreamEnd>();
  let openedAt: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const end = (how: StreamEnd): void => {
    clearTimeout(timer);
    resolve(how);
  };
  const split = createLineSplitter(LONGEST_LINE, (line) => {
    if (!stopped) reader.read(line);
  });
  const tooSilent = (): void => {
    flow.stop();
    end({ how: "silent" });
  };

  const flow = open({
    onOpen: () => {
      openedAt = performance.now();
      if (reader.version === undefined) timer = setTimeout(tooSilent, silence);
      onOpen();
    },
    onChunk: (chunk) => {
      split(chunk);
      if (reader.version === undefined) timer?.refresh();
      else clearTimeout(timer);
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
      clearTimeout(timer);
      flow.stop();
    },
  };
};
