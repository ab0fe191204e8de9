// How late the process gets to what is due, because something else holds its only thread: what a Lease or a probe would
// wait. Both gauges are about the time since they were last read, so whoever reads them chooses how long that is.
// Rule: docs/reference/behaviour.md, "Process".

import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Telemetry } from "../../actors/ports.ts";

/** Milliseconds between two looks: fifty timers a second cost an idle process nothing that can be measured. */
const RESOLUTION = 20;

/** The histogram counts nanoseconds from one look to the next, of which only what goes beyond the interval is a delay. */
const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - RESOLUTION / 1_000);

export function gaugeEventLoop(telemetry: Telemetry): void {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION });
  delays.enable();
  telemetry.gauge("event_loop_delay_p99_seconds", () => seconds(delays.percentile(99)));
  // The page reads its gauges in the order they were announced: this one ends what both are about.
  telemetry.gauge("event_loop_delay_max_seconds", () => {
    const longest = seconds(delays.max);
    delays.reset();
    return longest;
  });
}
