// What the limiters of the clients are up to, for people: in the metrics for each client, and in the log once when one begins
// to hold requests back, and once when it no longer does. Rule: docs/reference/behaviour.md, "Limits".

import type { Log, Telemetry } from "../../actors/ports.ts";
import type { LimiterReport } from "../kube/limiter.ts";

/** `side`: the Connection whose provider it is, or "consumer", as in the other metrics. */
export const reportLimits = (telemetry: Telemetry, log: Log, side: string): LimiterReport => {
  const labels = { side };
  return {
    opened: (state) => {
      const ends = [
        telemetry.gauge("limiter_limit", () => state.limit, labels),
        telemetry.gauge("limiter_in_flight", () => state.inFlight, labels),
        telemetry.gauge("limiter_waiting", () => state.waiting, labels),
      ];
      return () => ends.forEach((end) => end());
    },
    waited: (milliseconds) => {
      telemetry.count("limiter_waits_total", labels);
      telemetry.count("limiter_wait_seconds_total", labels, milliseconds / 1_000);
    },
    turnedAway: () => telemetry.count("limiter_refusals_total", labels),
    throttled: (why) => log.warn({ side, why }, "requests are held back, the server has too much to do"),
    relieved: (milliseconds) =>
      log.info({ side, seconds: Math.round(milliseconds / 1_000) }, "requests are no longer held back"),
  };
};
