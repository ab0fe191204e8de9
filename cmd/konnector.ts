// The konnector as it ships: objects have the same names on both sides. See process.ts.

import { konnector } from "./process.ts";

process.exitCode = await konnector(process.argv.slice(2));
