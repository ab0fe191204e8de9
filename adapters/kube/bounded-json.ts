// Parses JSON that a server sent, within bounds of time and memory: a document is refused unread when it holds more values
// than any real one, because parsing it would leave the process deaf and cost a hundred times its size in memory.
// Rule: docs/reference/behaviour.md, "Client and watch".

import { parseJson } from "../../crds/json.ts";

export class TooLargeError extends Error {
  override readonly name = "TooLargeError";
  readonly code = "ERR_ANSWER_TOO_LARGE";
}

/**
 * What etcd takes of one object is 1.5 MB, which has room for 786,000 values: whatever an API server can store is read.
 * Measured (Node 24, the worst that could be made of as many values): 0.7 s and 150 MB; of 8 MB without this bound: 2.7 s and
 * 800 MB.
 */
export const MOST_VALUES = 800_000;

const [COMMA, COLON, BRACKET, BRACE] = [0x2c, 0x3a, 0x5b, 0x7b];

/** An upper bound: what stands inside a string counts, too. A text is as long as twice its values at least. */
const holdsMoreThan = (most: number, text: string): boolean => {
  if (text.length <= 2 * most) return false;
  let count = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === COMMA || code === COLON || code === BRACKET || code === BRACE) count++;
  }
  return count > most;
};

/** Throws TooLargeError, and what `parseJson` throws. */
export const parseBounded = (text: string, mostValues = MOST_VALUES): unknown => {
  if (holdsMoreThan(mostValues, text)) throw new TooLargeError(`more than ${mostValues} values`);
  return parseJson(text);
};
