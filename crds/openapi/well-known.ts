// Types of Kubernetes' own whose published schema says less, or something else, than what they take: recognised by the end
// of their name, which is the same in every server built on the same libraries, or by their form.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { JsonObject } from "../json.ts";
import { fieldOf, listOf } from "./document.ts";
import { INT_OR_STRING, PRESERVE } from "./keywords.ts";

/** An object with any fields. */
export const OPEN_OBJECT: JsonObject = { type: "object", [PRESERVE]: true };

/** Any value. */
export const ANYTHING: JsonObject = { [PRESERVE]: true };

/** The one form in which an API server allows types inside a condition. */
const EITHER: JsonObject[] = [{ type: "integer" }, { type: "string" }];

export const INTEGER_OR_STRING: JsonObject = { [INT_OR_STRING]: true, anyOf: EITHER };

const BY_NAME: readonly (readonly [RegExp, JsonObject])[] = [
  [/(^|\.)util\.intstr\.IntOrString$/, INTEGER_OR_STRING],
  [/(^|\.)api\.resource\.Quantity$/, INTEGER_OR_STRING],
  [/(^|\.)meta\.v1\.ObjectMeta$/, OPEN_OBJECT],
  [/(^|\.)meta\.v1\.FieldsV1$/, OPEN_OBJECT],
  [/(^|\.)pkg\.runtime\.RawExtension$/, OPEN_OBJECT],
  [/(^|\.)apiextensions\.v1(beta1)?\.JSON$/, ANYTHING],
];

/** The schema to use for a component of this name; undefined for all others. */
export const wellKnown = (name: string): JsonObject | undefined => BY_NAME.find(([pattern]) => pattern.test(name))?.[1];

/** Whether a list of conditions is nothing but "an integer or a string". */
export const isEither = (conditions: readonly unknown[]): boolean =>
  conditions.length === EITHER.length &&
  ["integer", "string"].every((type) =>
    conditions.some(
      (condition) =>
        fieldOf(condition, "type") === type && Object.keys(condition as object).every((key) => key === "type"),
    ),
  );

/** Whether a node takes integers and strings, in whichever way it says so. */
export const isIntegerOrString = (node: JsonObject): boolean =>
  fieldOf(node, INT_OR_STRING) === true ||
  fieldOf(node, "format") === "int-or-string" ||
  (fieldOf(node, "type") === undefined && (isEither(listOf(node, "oneOf")) || isEither(listOf(node, "anyOf"))));
