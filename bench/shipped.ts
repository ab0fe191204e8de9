// The konnector as it is shipped: one file, started with the flags that go with it.

import path from "node:path";

import { bundle, NODE_FLAGS } from "../scripts/bundle.ts";
import { type Landscape, type LandscapeOptions, startLandscape } from "../test/e2e/landscape.ts";
import { guardedDir } from "../test/harness/process-guard.ts";

/** What to start; gone with this process. */
export const shipped = async () => ({ entry: await bundle(path.join(guardedDir(), "bundle")), nodeFlags: NODE_FLAGS });

/** The landscape with that konnector: what every scenario on real API servers measures. */
export const startShipped = async (options: Omit<LandscapeOptions, "konnector"> = {}): Promise<Landscape> =>
  startLandscape({ ...options, konnector: await shipped() });
