// Properties as vitest tests: `test("says something", arbitrary, check)`.

import fc from "fast-check";
import { test as vitestTest } from "vitest";

export { fc };

export const test = <T>(name: string, values: fc.Arbitrary<T>, check: (value: T) => void): void => {
  vitestTest(name, () => {
    fc.assert(fc.property(values, check));
  });
};
