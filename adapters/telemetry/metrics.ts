// Counters and gauges of the process in the Prometheus text format. Metric and label names are the program's own; label
// values may be anything and are escaped. A metric that would exceed its series counts the rest under `overflow`.

import type { Telemetry } from "../../actors/ports.ts";

export interface Metrics extends Telemetry {
  /** The page that `/metrics` serves. */
  render(): string;
}

export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const PREFIX = "konnector_";
const MOST_SERIES = 1_000;

const escape = (value: string): string => value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const labelsText = (labels: Record<string, string>): string => {
  const pairs = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? "" : `{${pairs.map(([name, value]) => `${name}="${escape(value)}"`).join(",")}}`;
};

const OVERFLOW = '{overflow="true"}';

/** A gauge that cannot be read must not cost the whole page. */
const readSafely = (read: () => number): number => {
  try {
    return read();
  } catch {
    return Number.NaN;
  }
};

const number = (value: number): string => (Number.isFinite(value) ? String(value) : "NaN");

export const createMetrics = (): Metrics => {
  const counters = new Map<string, Map<string, number>>();
  const gauges = new Map<string, () => number>();

  const seriesOf = (metric: string): Map<string, number> => {
    let series = counters.get(metric);
    if (series === undefined) counters.set(metric, (series = new Map<string, number>()));
    return series;
  };

  return {
    count: (metric, labels) => {
      const series = seriesOf(metric);
      const wanted = labelsText(labels);
      const name = series.has(wanted) || series.size < MOST_SERIES ? wanted : OVERFLOW;
      series.set(name, (series.get(name) ?? 0) + 1);
    },
    gauge: (metric, read) => {
      gauges.set(metric, read);
    },
    render: () => {
      const lines: string[] = [];
      for (const [metric, series] of counters) {
        lines.push(`# TYPE ${PREFIX}${metric} counter`);
        for (const [labels, value] of series) lines.push(`${PREFIX}${metric}${labels} ${value}`);
      }
      for (const [metric, read] of gauges)
        lines.push(`# TYPE ${PREFIX}${metric} gauge`, `${PREFIX}${metric} ${number(readSafely(read))}`);
      return `${lines.join("\n")}\n`;
    },
  };
};
