// The konnector as it is shipped: one file, started with the flags that go with it.

import path from "node:path";

import { bundle, NODE_FLAGS } from "../scripts/bundle.ts";
import { guardedDir } from "../test/harness/process-guard.ts";

/** For `startLandscape`; gone with this process. */
export const shipped = async () => ({ entry: await bundle(path.join(guardedDir(), "bundle")), nodeFlags: NODE_FLAGS });
