// Has a syncer count anew what its objects owe, for those who wait for them: at once after a quiet moment, and while thousands
// of them change, once in a while. Each count leads to passes of its bindings and its Connection, which say the same of a
// hundred objects as of one. Rule: docs/reference/behaviour.md, "Cost".

import type { Engine } from "./engine.ts";
import { PRIORITY } from "./ports.ts";
import type { Syncer } from "./syncer.ts";

/** Milliseconds between two counts. */
const PACE = 100;

export function recount(engine: Engine, syncer: Syncer): void {
  if (syncer.recounting) return;
  const wait = syncer.recountedAt + PACE - engine.clock.now();
  const count = (): void => {
    syncer.recounting = false;
    syncer.recountedAt = engine.clock.now();
    engine.wake(syncer.key, PRIORITY.backlog);
  };
  if (wait <= 0) return count();
  syncer.recounting = true;
  engine.clock.after(wait, count);
}
