// What was done and what the servers said to it: all that the oracle knows of a history.

import type { Step } from "./step.ts";

export interface Deed {
  round: number;
  step: Step;
  /** Of the write; 0 where there was nothing to write to. */
  status: number;
  /** What was answered: for a write that was taken, the object as it then was. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- objects as they are
  body: any;
}
