import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRawNumber, isRecord, type Json, parseJson, sameJson, stringifyJson } from "../../crds/json.ts";

const DELICATE = ["1.10", "9007199254740993", "1.5e-7", "-0", "1.0", "1e400", "-12345678901234567890.50", "1E3", "0e0"];
const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(..."0123456789"), minLength: min, maxLength: max });
const numberText = fc
  .tuple(
    fc.constantFrom("", "-"),
    fc.oneof(
      fc.constant("0"),
      fc.tuple(fc.constantFrom(..."123456789"), digits(0, 25)).map((p) => p.join("")),
    ),
    fc.oneof(
      fc.constant(""),
      digits(1, 20).map((d) => `.${d}`),
    ),
    fc.oneof(
      fc.constant(""),
      fc.tuple(fc.constantFrom("e", "E", "e+", "E-"), digits(1, 3)).map((p) => p.join("")),
    ),
  )
  .map((parts) => parts.join(""));
const space = fc.constantFrom("", " ", "\n", "\t  ", "\r\n");
const wrapped = fc
  .tuple(fc.array(numberText, { minLength: 1, maxLength: 5 }), space, space)
  .map(([numbers, before, after]) => ({
    text: `{"a":[${numbers.map((n) => before + n + after).join(",")}],"b":${before}${numbers[0]}${after}}`,
    compact: `{"a":[${numbers.join(",")}],"b":${numbers[0]}}`,
  }));

describe("lossless JSON", () => {
  it.each(DELICATE)("keeps %s digit for digit, wherever it stands", (number) => {
    for (const text of [number, `[${number}]`, `{"x":${number}}`, `[1,${number},{"y":[[${number}]]}]`])
      expect(stringifyJson(parseJson(text))).toBe(text);
  });

  it("keeps every number of every text, whatever the white space around it", () => {
    fc.assert(
      fc.property(wrapped, ({ text, compact }) => {
        expect(stringifyJson(parseJson(text))).toBe(compact);
      }),
    );
  });

  it("leaves numbers that survive as plain numbers", () => {
    fc.assert(
      fc.property(fc.integer(), (n) => {
        expect(parseJson(`{"n":${n},"half":0.5}`)).toEqual({ n: n === 0 ? 0 : n, half: 0.5 });
      }),
    );
    expect(parseJson("999999999999999")).toBe(999999999999999);
    expect(parseJson("[1.5,1.5e-7]")).toEqual([1.5, 1.5e-7]);
  });

  it("is JSON.parse for every text without delicate numbers", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(stringifyJson(parseJson(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  it("is not fooled by numbers in strings", () => {
    const body = {
      image: "registry:1.10",
      text: ': 1.0, [9007199254740993] "x":-0',
      time: "2026-01-01T00:00:05.000000Z",
    };
    expect(parseJson(JSON.stringify(body))).toEqual(body);
  });

  it("keeps a field called __proto__ as an ordinary field", () => {
    const text = '{"__proto__":{"polluted":1.0},"n":1.10}';
    expect(stringifyJson(parseJson(text))).toBe(text);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("refuses what is not JSON", () => {
    for (const text of ["", "{", "{'a':1.0}", "[01]", "[1.]", "NaN", "<html>"]) expect(() => parseJson(text)).toThrow();
  });

  it("checks a hostile text in linear time", () => {
    const started = performance.now();
    for (const filler of ["9", ":9", ": ", "1.", "e-", ":1e"]) parseJson(JSON.stringify(filler.repeat(300_000)));
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it("tells records from arrays, null and raw numbers", () => {
    const [raw, plain, record] = parseJson("[1.10,1,{}]") as Json[];
    expect([isRawNumber(raw), isRawNumber(plain), isRawNumber({ rawJSON: "1" })]).toEqual([true, false, false]);
    expect([isRecord(raw), isRecord(null), isRecord([]), isRecord(record)]).toEqual([false, false, false, true]);
  });

  it("compares values by content and numbers by spelling", () => {
    const parse = (text: string): Json => parseJson(text) as Json;
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const copy = JSON.parse(JSON.stringify(value)) as Json;
        expect(sameJson(copy, JSON.parse(JSON.stringify(copy)) as Json)).toBe(true);
        expect(sameJson(copy, [copy])).toBe(false);
      }),
    );
    expect(sameJson(parse('{"a":1.10,"b":[null]}'), parse('{"b":[null],"a":1.10}'))).toBe(true);
    expect(sameJson(parse("1.10"), parse("1.1"))).toBe(false);
    expect(sameJson(parse("[]"), parse("{}"))).toBe(false);
    expect(sameJson(parse('{"a":null}'), parse('{"b":null}'))).toBe(false);
    expect(sameJson(parse("1.0"), { rawJSON: "1.0" })).toBe(false);
  });
});
