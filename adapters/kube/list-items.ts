// Cuts the items out of a list while it arrives, so that a list of any size costs the memory of one item and no long
// pause: each item goes on as the text it is, what remains is the list without them. Knows JSON's brackets and strings and
// nothing else; whether an item is JSON, its parser finds out.
// Rule: docs/reference/behaviour.md, "Client and watch".

import { TooLargeError } from "./bounded-json.ts";

export interface ItemSplitter {
  /** Throws TooLargeError, and what `onItem` throws. */
  write(chunk: Buffer): void;
  /** The list, its `items` empty; to be asked for at the end. */
  rest(): string;
}

export interface ItemLimits {
  /** Bytes of one item. */
  item: number;
  /** Bytes of what is no item. */
  rest: number;
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const ITEMS = Buffer.from("items");

/** Bytes of one text, collected from the chunks it is spread over. */
const createPiece = (limit: number, what: string) => {
  let parts: Buffer[] = [];
  let size = 0;
  return {
    add: (part: Buffer): void => {
      size += part.length;
      if (size > limit) throw new TooLargeError(`${what} of more than ${limit} bytes`);
      if (part.length > 0) parts.push(part);
    },
    take: (): string => {
      const text = Buffer.concat(parts).toString("utf8");
      parts = [];
      size = 0;
      return text;
    },
  };
};

/** Recognizes the key `items` of the outermost record, byte by byte; an escaped spelling of it is another key. */
const createKeyMatcher = () => {
  let matched = 0;
  let isKey = false;
  let found = false;
  return {
    /** A string begins; `key`: in the place of a key. */
    begin: (key: boolean): void => {
      isKey = key;
      matched = 0;
    },
    inside: (byte: number): void => {
      matched = matched >= 0 && byte === ITEMS[matched] ? matched + 1 : -1;
    },
    end: (): void => {
      found = isKey && matched === ITEMS.length;
    },
    /** Between tokens: does what opens here belong to `items`? */
    opens: (byte: number): boolean => {
      const opens = found && byte === OPEN_BRACKET;
      if (byte !== COLON && !isSpace(byte)) found = false;
      return opens;
    },
  };
};

export const createItemSplitter = (limits: ItemLimits, onItem: (text: string) => void): ItemSplitter => {
  const rest = createPiece(limits.rest, "a list");
  const item = createPiece(limits.item, "an item");
  const key = createKeyMatcher();
  let depth = 0;
  let inString = false;
  let escaped = false;
  let inItems = false;
  /** At depth 1: the next string is a key. */
  let keyNext = false;
  /** Where in this chunk the piece begins that is being collected. */
  let start = 0;

  const collect = (chunk: Buffer, end: number): void => {
    (inItems ? item : rest).add(chunk.subarray(start, end));
    start = end;
  };

  const deliver = (chunk: Buffer, end: number): void => {
    collect(chunk, end);
    const text = item.take();
    if (text.trim() !== "") onItem(text);
  };

  const insideString = (byte: number): void => {
    if (escaped) escaped = false;
    else if (byte === BACKSLASH) escaped = true;
    else if (byte === QUOTE) {
      inString = false;
      if (depth === 1) key.end();
      return;
    }
    if (depth === 1) key.inside(byte);
  };

  const open = (byte: number, chunk: Buffer, index: number): void => {
    depth++;
    if (depth === 1) keyNext = byte === OPEN_BRACE;
    if (depth !== 2 || !isItems) return;
    collect(chunk, index + 1);
    inItems = true;
  };

  const close = (chunk: Buffer, index: number): void => {
    depth--;
    if (!inItems || depth !== 1) return;
    deliver(chunk, index);
    inItems = false;
  };

  const separate = (chunk: Buffer, index: number): void => {
    if (depth === 1) keyNext = true;
    if (!inItems || depth !== 2) return;
    deliver(chunk, index);
    start = index + 1;
  };

  const quote = (): void => {
    inString = true;
    if (depth !== 1) return;
    key.begin(keyNext);
    keyNext = false;
  };

  let isItems = false;
  const outsideString = (byte: number, chunk: Buffer, index: number): void => {
    isItems = depth === 1 && key.opens(byte);
    if (byte === QUOTE) quote();
    else if (byte === COMMA) separate(chunk, index);
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) open(byte, chunk, index);
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) close(chunk, index);
  };

  return {
    write: (chunk) => {
      start = 0;
      for (let index = 0; index < chunk.length; index++) {
        const byte = chunk[index] as number;
        if (inString) insideString(byte);
        else outsideString(byte, chunk, index);
      }
      collect(chunk, chunk.length);
    },
    rest: () => rest.take(),
  };
};
