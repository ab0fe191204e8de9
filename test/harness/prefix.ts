// What the Mapper of prefixed-konnector.ts puts before names, for it and for the tests that look past it (test/e2e/mapped.ts).

/** Nothing else in any test contains it. */
export const PREFIX = "mapped-";
