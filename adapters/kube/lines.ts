// Cuts a byte stream into lines, holding no more than the line that is not complete yet.

import { TooLargeError } from "./bounded-json.ts";

const NEWLINE = 0x0a;

/**
 * Returns a function that takes the chunks and says whether a line has begun that is not complete; `onLine` gets each
 * non-empty line, without its end. Throws TooLargeError past `longest` bytes, and whatever `onLine` throws.
 */
export const createLineSplitter = (longest: number, onLine: (line: string) => void): ((chunk: Buffer) => boolean) => {
  let pending: Buffer[] = [];
  let pendingSize = 0;

  const complete = (rest: Buffer): string => {
    if (pendingSize === 0) return rest.toString("utf8");
    const line = Buffer.concat([...pending, rest]).toString("utf8");
    pending = [];
    pendingSize = 0;
    return line;
  };

  const keep = (rest: Buffer): void => {
    if (rest.length === 0) return;
    pendingSize += rest.length;
    if (pendingSize > longest) throw new TooLargeError(`a line is longer than ${longest} bytes`);
    pending.push(rest);
  };

  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const line = complete(chunk.subarray(start, end));
      start = end + 1;
      if (line !== "") onLine(line);
    }
    keep(chunk.subarray(start));
    return pendingSize > 0;
  };
};
