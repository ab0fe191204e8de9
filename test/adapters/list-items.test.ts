// Cutting a list into its items, whatever the list and however it arrives.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createItemSplitter } from "../../adapters/kube/list-items.ts";

const LIMITS = { item: 1_000_000, rest: 1_000_000 };

/** Feeds `text` in pieces of these sizes, the last one again and again. */
const split = (text: string, sizes: readonly number[] = [Infinity], limits = LIMITS) => {
  const items: string[] = [];
  const splitter = createItemSplitter(limits, (item) => items.push(item));
  const bytes = Buffer.from(text);
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const size = sizes[Math.min(turn, sizes.length - 1)] as number;
    splitter.write(bytes.subarray(start, start + size));
    start += size;
  }
  return { items, rest: splitter.rest() };
};

describe("the items of a list", () => {
  it("are those of its JSON, in any spelling and any pieces", () => {
    const property = fc.property(
      fc.array(fc.jsonValue(), { maxLength: 5 }),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(undefined, 1, "\t"),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (items, before, after, indent, sizes) => {
        const list = { ...before, items, ...after };
        const found = split(JSON.stringify(list, undefined, indent), sizes);
        const theirs = Array.isArray(list.items) ? list.items : [];
        const rest = { ...list, items: Array.isArray(list.items) ? [] : list.items };
        expect(found.items.map((item) => JSON.parse(item) as unknown)).toEqual(JSON.parse(JSON.stringify(theirs)));
        expect(JSON.parse(found.rest)).toEqual(JSON.parse(JSON.stringify(rest)));
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it("are only those of the list itself", () => {
    const text = '{"metadata":{"items":[1]},"other":["items",[2]],"a":"items","items" : [ "]", {"items":[3]} ]}';
    expect(split(text, [1])).toEqual({
      items: [' "]"', ' {"items":[3]} '],
      rest: '{"metadata":{"items":[1]},"other":["items",[2]],"a":"items","items" : []}',
    });
  });

  it("may be of any number, but none may be longer than the limit, and neither may the rest", () => {
    const most = { item: 100, rest: 100 };
    expect(split(`{"items":[${"1,".repeat(10_000)}1]}`, [7], most).items).toHaveLength(10_001);
    for (const text of [`{"items":["${"x".repeat(100)}"]}`, `{"x":"${"x".repeat(100)}"}`, "<".repeat(101)])
      expect(() => split(text, [7], most)).toThrow(/more than 100 bytes/);
  });

  it("cost no time worth mentioning, whatever the brackets", () => {
    const started = performance.now();
    split("[".repeat(4_000_000), [16_384], { item: 1e7, rest: 1e7 });
    split(`{"items":[${'{"a":"\\\\"},'.repeat(400_000)}0]}`, [16_384]);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
