// Cuts a byte stream into lines, holding no more than the line that is not complete yet.

const NEWLINE = 0x0a;

class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";
  readonly code = "ERR_ANSWER_TOO_LARGE";
}

/**
 * Returns a function that takes the chunks; `onLine` gets each non-empty line, without its end. Throws LineTooLongError
 * past `longest` bytes, and whatever `onLine` throws.
 */
export const createLineSplitter = (longest: number, onLine: (line: string) => void): ((chunk: Buffer) => void) => {
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
    if (pendingSize > longest) throw new LineTooLongError(`a line is longer than ${longest} bytes`);
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
  };
};
