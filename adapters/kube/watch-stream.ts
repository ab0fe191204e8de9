// Reads the events of one watch stream: the initial list of a streaming list and its end, changes, bookmarks, errors.
// Knows nothing of retries (watch.ts) and of HTTP (exchange.ts).

import { ApiError, type WatchSink } from "../../actors/ports.ts";
import { isRecord } from "../../crds/json.ts";
import { keyOf, keyText, type Resource } from "../../crds/kube-object.ts";
import { parseBounded, TooLargeError } from "./bounded-json.ts";
import type { ErrorMapper } from "./errors.ts";
import { createListGauge } from "./pages.ts";
import { resourceVersionOf, ShapeError, toObject } from "./objects.ts";

const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

export interface EventReader {
  /** Takes one line. Throws ApiError for an ERROR event, and for what is no event. */
  read(line: string): void;
  /** Where a new stream may resume; undefined until the initial list is complete. */
  readonly version: string | undefined;
  /** Whether anything came after the initial list. */
  readonly moved: boolean;
}

const endsInitialList = (bookmark: unknown): boolean => {
  const metadata = isRecord(bookmark) ? bookmark["metadata"] : undefined;
  const annotations = isRecord(metadata) ? metadata["annotations"] : undefined;
  return isRecord(annotations) && annotations[INITIAL_EVENTS_END] === "true";
};

/**
 * `version` undefined: the stream begins with the initial list, of at most `most()` objects. Twice as many events may come
 * in it, since objects change while they are listed.
 */
export const createEventReader = (
  resource: Resource,
  sink: WatchSink,
  errors: ErrorMapper,
  version: string | undefined,
  most: () => number = () => Infinity,
): EventReader => {
  const counted = createListGauge(() => 2 * most());
  let initial = version === undefined ? new Set<string>() : undefined;
  let current = version;
  let moved = false;

  const advance = (object: unknown): void => {
    if (initial !== undefined) return;
    const next = resourceVersionOf(object);
    if (next !== "") current = next;
    moved = true;
  };

  const changed = (value: unknown): void => {
    const object = toObject(value, resource);
    if (initial !== undefined) {
      counted();
      initial.add(keyText(keyOf(object)));
    }
    sink.seen(object);
    advance(object);
  };

  const deleted = (value: unknown): void => {
    const object = toObject(value, resource);
    initial?.delete(keyText(keyOf(object)));
    sink.gone(object);
    advance(object);
  };

  const bookmark = (value: unknown): void => {
    if (initial === undefined) return advance(value);
    if (!endsInitialList(value)) return;
    const keys = initial;
    initial = undefined;
    current = resourceVersionOf(value);
    sink.listed(keys);
  };

  const refused = (value: unknown): never => {
    throw errors.fromStatus(value);
  };

  const handlers: Record<string, (value: unknown) => void> = {
    ADDED: changed,
    MODIFIED: changed,
    DELETED: deleted,
    BOOKMARK: bookmark,
    ERROR: refused,
  };

  return {
    read: (line) => {
      const event = parseEvent(line);
      const handle = Object.hasOwn(handlers, event.type) ? handlers[event.type] : undefined;
      if (handle === undefined) throw new ShapeError("a watch event has an unknown type");
      handle(event.object);
    },
    get version() {
      return initial === undefined ? current : undefined;
    },
    get moved() {
      return moved;
    },
  };
};

const parseEvent = (line: string): { type: string; object: unknown } => {
  let event: unknown;
  try {
    event = parseBounded(line);
  } catch (error) {
    if (error instanceof TooLargeError) throw error;
    throw new ShapeError("a watch event is not valid JSON");
  }
  if (!isRecord(event) || typeof event["type"] !== "string") throw new ShapeError("a watch event has no type");
  return { type: event["type"], object: event["object"] };
};

/** The version we hold is too old, or is not this storage's: only a new list helps. */
export const isExpired = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 410 || error.reason === "Expired" || error.reason === "Gone");
