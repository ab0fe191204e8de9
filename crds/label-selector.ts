// A label selector as users write it: judged, matched against labels, and put into the words of a list or watch request.
// Rules: docs/reference/behaviour.md, "Related objects".

import type { z } from "zod";
import type { labelSelector } from "./meta.ts";

export type LabelSelector = z.infer<typeof labelSelector>;

type Labels = Readonly<Record<string, string>>;

interface Operator {
  /** How many values it takes. */
  values: "some" | "none";
  matches(value: string | undefined, values: readonly string[]): boolean;
  text(key: string, values: readonly string[]): string;
}

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  [
    "In",
    {
      values: "some",
      matches: (value, values) => value !== undefined && values.includes(value),
      text: (key, values) => `${key} in (${values.join(",")})`,
    },
  ],
  [
    "NotIn",
    {
      values: "some",
      matches: (value, values) => value === undefined || !values.includes(value),
      text: (key, values) => `${key} notin (${values.join(",")})`,
    },
  ],
  ["Exists", { values: "none", matches: (value) => value !== undefined, text: (key) => key }],
  ["DoesNotExist", { values: "none", matches: (value) => value === undefined, text: (key) => `!${key}` }],
]);

interface Requirement {
  key: string;
  operator: Operator;
  values: readonly string[];
}

const requirementsOf = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector): Requirement[] =>
  [
    ...Object.entries(matchLabels).map(([key, value]) => ({ key, operator: "In", values: [value] })),
    ...matchExpressions.map(({ key, operator, values = [] }) => ({ key, operator, values })),
  ].flatMap(({ operator: name, ...rest }) => {
    const operator = OPERATORS.get(name);
    return operator === undefined ? [] : [{ ...rest, operator }];
  });

/** Without any requirement: it selects everything. */
export const isEmpty = (selector: LabelSelector): boolean => requirementsOf(selector).length === 0;

/** Of one that `problemOf` finds nothing wrong with. */
export const matches = (selector: LabelSelector, labels: Labels): boolean =>
  requirementsOf(selector).every(({ key, operator, values }) =>
    operator.matches(Object.hasOwn(labels, key) ? labels[key] : undefined, values),
  );

/** As the `labelSelector` of a request, the same for selectors that mean the same requirements in another order. */
export const requestText = (selector: LabelSelector): string =>
  requirementsOf(selector)
    .map(({ key, operator, values }) => operator.text(key, [...new Set(values)].sort()))
    .sort()
    .join(",");

const NAME = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) return NAME.test(key);
  return PREFIX.test(key.slice(0, slash)) && slash <= 253 && NAME.test(key.slice(slash + 1));
}

const isLabelValue = (value: string): boolean => value === "" || NAME.test(value);

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));

function problemWith(key: string, values: readonly string[], keyField: string, valuesField: string): string | null {
  if (!isLabelKey(key)) return `${keyField}: ${quoted(key)} is not the key of a label`;
  const wrong = values.find((value) => !isLabelValue(value));
  return wrong === undefined ? null : `${valuesField}: ${quoted(wrong)} is not the value of a label`;
}

function problemOfExpression(field: string, key: string, name: string, values: readonly string[]): string | null {
  const operator = OPERATORS.get(name);
  if (operator === undefined) {
    return `${field}.operator: ${quoted(name)} is none of ${[...OPERATORS.keys()].join(", ")}`;
  }
  if (operator.values === "some" && values.length === 0) return `${field}.values: ${name} needs at least one value`;
  if (operator.values === "none" && values.length > 0) return `${field}.values: ${name} takes no values`;
  return problemWith(key, values, `${field}.key`, `${field}.values`);
}

/** What an API server would not accept of it, naming the field; null for nothing. `field`: where the selector stands. */
export function problemOf(selector: LabelSelector, field: string): string | null {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const problems = [
    ...Object.entries(matchLabels).map(([key, value]) =>
      problemWith(key, [value], `${field}.matchLabels`, `${field}.matchLabels[${key}]`),
    ),
    ...matchExpressions.map(({ key, operator, values = [] }, index) =>
      problemOfExpression(`${field}.matchExpressions[${index}]`, key, operator, values),
    ),
  ];
  return problems.find((problem) => problem !== null) ?? null;
}
