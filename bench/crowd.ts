// Many objects of one type: made, counted and taken away a few at a time, because the API servers share the machine.

import { pathOf, type Body } from "../test/e2e/objects.ts";
import type { Side } from "../test/e2e/landscape.ts";
import type { Resource } from "../crds/kube-object.ts";

const AT_ONCE = 16;

/** Runs for each item, sixteen at a time, in order of their start. */
export async function forEach<T>(items: Iterable<T>, run: (item: T) => Promise<unknown>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) await run(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** How many objects of a type there are, without listing them. */
export async function countOf({ plane }: Side, type: Resource): Promise<number> {
  const { body } = await plane.admin.request("GET", `${pathOf(type, "")}?limit=1`);
  return body.items.length + (body.metadata.remainingItemCount ?? 0);
}

const LINES = 10;
const LINE = "abcdefghijklmnopqrstuvwxyz0123456789".repeat(2);

/** A spec of about 1 KB, in many fields as users have them, another one for each `turn`. */
export const kilobyte = (turn: number): Body => ({
  size: "small",
  count: turn,
  color: `#${turn}`,
  any: Object.fromEntries(Array.from({ length: LINES }, (_, line) => [`field-${line}`, `${turn} ${LINE}`])),
});
