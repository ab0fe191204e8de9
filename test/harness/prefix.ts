/** What the Mapper of prefixed-konnector.ts puts before names. Nothing else in any test contains it. */
export const PREFIX = "mapped-";
