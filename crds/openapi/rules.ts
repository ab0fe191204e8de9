// CEL rules of a node: their parts in the right form, where an API server can compile them.
// Rules: docs/reference/behaviour.md, "OpenAPI".

import type { Json, JsonObject } from "../json.ts";
import { isRecord } from "../json.ts";
import { affordsNodes, type Budget } from "./budget.ts";
import { listOf } from "./document.ts";
import { INT_OR_STRING, isText, taken } from "./keywords.ts";

const VALIDATIONS = "x-kubernetes-validations";

const RULE_FIELDS: Record<string, (value: Json) => boolean> = {
  rule: isText,
  message: isText,
  messageExpression: isText,
  reason: isText,
  fieldPath: isText,
  optionalOldSelf: (value) => typeof value === "boolean",
};

/**
 * Whether an API server has a type for rules to be about: it has none for what may be anything, nor for lists and maps of
 * it, and refuses rules there.
 */
const hasRuleType = (schema: JsonObject): boolean => {
  if (schema[INT_OR_STRING] === true) return true;
  const parts = schema["type"] === "array" ? schema["items"] : schema["additionalProperties"];
  return schema["type"] !== undefined && (!isRecord(parts) || hasRuleType(parts));
};

/** A node's rules, given its translated schema. */
export const validations = (node: JsonObject, schema: JsonObject, budget: Budget): JsonObject => {
  const written = listOf(node, VALIDATIONS);
  if (written.length === 0 || !affordsNodes(budget, written.length) || !hasRuleType(schema)) return {};
  const rules = written
    .filter(isRecord)
    .map((rule) => taken(rule, RULE_FIELDS, budget))
    .filter((rule) => Object.hasOwn(rule, "rule"));
  return rules.length === 0 ? {} : { [VALIDATIONS]: rules };
};
