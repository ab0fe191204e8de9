// The konnector's own counters, for what no API server sees: requests to a server that is away, passes that came to rest
// without a request.

import type { Konnector } from "../harness/konnector.ts";

/** The sum of the series of `metric` that carry these labels; 0 where there are none. */
export async function counted(konnector: Konnector, metric: string, labels: Record<string, string>): Promise<number> {
  const page = await (await fetch(`${konnector.metricsUrl}/metrics`)).text();
  const wanted = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return page
    .split("\n")
    .filter((line) => line.includes(`_${metric}{`) && wanted.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}
