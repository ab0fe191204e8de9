// Objects whose refused write is worth another try before its time, because what it was refused for has changed.
// Rule: docs/reference/behaviour.md, "Refusals".

import { parseKey } from "../crds/kube-object.ts";
import type { RefusalCause } from "../machines/object-facts.ts";
import type { Engine } from "./engine.ts";
import { objectKey } from "./keys.ts";
import type { Syncer } from "./syncer.ts";

/** Those that were refused for one of these causes are due in `ms` milliseconds. */
export function retryRefused(
  engine: Engine,
  { connection, api, watching }: Syncer,
  causes: readonly RefusalCause[],
  ms: number,
): void {
  for (const id of watching?.table.failing ?? []) {
    const cause = watching?.table.get(id)?.memory?.refused?.cause;
    if (cause !== undefined && causes.includes(cause)) engine.timers.set(objectKey(connection, api, parseKey(id)), ms);
  }
}
