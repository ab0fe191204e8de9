// As much of JSON Patch as the konnector makes use of: test, add, replace and remove, on a copy of the body.

import { isDeepStrictEqual } from "node:util";
import type { Json } from "../../crds/json.ts";
import { invalid, unscripted } from "./collection.ts";

export interface Operation {
  op: string;
  path: string;
  value?: Json;
}

type Holder = Record<string, Json>;

const segments = (path: string): string[] =>
  path
    .split("/")
    .slice(1)
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));

function add(holder: Holder | Json[], member: string, value: Json): void {
  if (!Array.isArray(holder)) holder[member] = value;
  else holder.splice(member === "-" ? holder.length : Number(member), 0, value);
}

function remove(holder: Holder | Json[], member: string): void {
  if (Array.isArray(holder)) holder.splice(Number(member), 1);
  else delete holder[member];
}

function change(holder: Holder | Json[], member: string, { op, value = null }: Operation): void {
  if (op === "add") add(holder, member, value);
  else if (op === "replace") (holder as Holder)[member] = value;
  else if (op === "remove") remove(holder, member);
  else throw unscripted(op);
}

function operate(body: Json, operation: Operation): void {
  const { op, path, value } = operation;
  const [last = "", ...before] = segments(path).reverse();
  let holder = body as Holder | undefined;
  for (const segment of before.reverse()) holder = holder?.[segment] as Holder | undefined;
  if (holder === undefined) throw invalid(`there is no ${path}`);
  if (op !== "test") change(holder, last, operation);
  else if (!isDeepStrictEqual(holder[last], value)) throw invalid(`testing ${path} has failed`);
}

export function patched<T>(body: T, operations: readonly Operation[]): T {
  const changed = structuredClone(body);
  for (const operation of operations) operate(changed as Json, operation);
  return changed;
}
