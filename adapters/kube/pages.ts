// Reads a whole list, page by page, and knows when to give up on one: when it goes on without an end, or holds more objects
// than there is use for. Rule: docs/reference/behaviour.md, "Client and watch".

import type { KubeObject } from "../../crds/kube-object.ts";
import type { Page } from "./objects.ts";

/** A list that takes longer, or more pages with nothing in them, than any real one. */
export class EndlessListError extends Error {
  override readonly name = "EndlessListError";
  readonly code = "ERR_LIST_WITHOUT_END";
}

/** A list of more objects than whoever asked can have use for. */
class TooLongError extends Error {
  override readonly name = "TooLongError";
  readonly code = "ERR_LIST_TOO_LONG";
}

/** To be called for each object of a list; throws once there are more than `most()`. */
export const createListGauge = (most: () => number): (() => void) => {
  let count = 0;
  return () => {
    if (++count > most()) throw new TooLongError("the list is too long");
  };
};

/** Pages in a row that may be empty although more follow. */
const EMPTY_PAGES = 10;

export interface PageBounds {
  mostObjects: () => number;
  /** Milliseconds for the whole list. */
  within: number;
  /** Asked between two pages. */
  isStopped?: () => boolean;
}

/** Hands each object to `onItem` as it comes; answers with the version of the list. */
export const readPages = async (
  page: (next: string, onItem: (object: KubeObject) => void) => Promise<Page>,
  { mostObjects, within, isStopped = () => false }: PageBounds,
  onItem: (object: KubeObject) => void,
): Promise<string> => {
  const deadline = performance.now() + within;
  const counted = createListGauge(mostObjects);
  let version: string | undefined;
  let empty = 0;
  const take = (object: KubeObject): void => {
    counted();
    empty = 0;
    onItem(object);
  };
  for (let next = ""; ;) {
    empty++;
    const read = await page(next, take);
    version ??= read.resourceVersion;
    if (read.next === "" || isStopped()) return version;
    if (read.next === next || empty > EMPTY_PAGES || performance.now() > deadline)
      throw new EndlessListError("the list does not end");
    next = read.next;
  }
};
