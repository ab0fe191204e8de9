// Counters and gauges of the process in the Prometheus text format. Metric and label names are the program's own; label
// values may be anything and are escaped. A metric that would exceed its series counts the rest under `overflow`. Counters are
// there for good, the series of a gauge for as long as somebody reads it.

import type { Telemetry } from "../../actors/ports.ts";

export interface Metrics extends Telemetry {
  /** The page that `/metrics` serves. */
  render(): string;
}

export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const PREFIX = "konnector_";
const MOST_SERIES = 1_000;

/** Almost no value needs it, and each request is counted. */
const escape = (value: string): string =>
  /["\\\n]/.test(value) ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n") : value;

const labelsText = (labels: Record<string, string>): string => {
  let text = "";
  for (const name of Object.keys(labels).sort()) text += `${text && ","}${name}="${escape(labels[name] as string)}"`;
  return text && `{${text}}`;
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

const sumOf = (reads: Iterable<() => number>): number => {
  let sum = 0;
  for (const read of reads) sum += readSafely(read);
  return sum;
};

const number = (value: number): string => (Number.isFinite(value) ? String(value) : "NaN");

export const createMetrics = (): Metrics => {
  const counters = new Map<string, Map<string, number>>();
  /** By metric and labels: those that are added up. */
  const gauges = new Map<string, Map<string, Set<() => number>>>();

  const seriesOf = <T>(metrics: Map<string, Map<string, T>>, metric: string): Map<string, T> => {
    let series = metrics.get(metric);
    if (series === undefined) metrics.set(metric, (series = new Map<string, T>()));
    return series;
  };
  const nameIn = (series: ReadonlyMap<string, unknown>, labels: Record<string, string>): string => {
    const wanted = labelsText(labels);
    return series.has(wanted) || series.size < MOST_SERIES ? wanted : OVERFLOW;
  };

  return {
    count: (metric, labels, amount = 1) => {
      const series = seriesOf(counters, metric);
      const name = nameIn(series, labels);
      series.set(name, (series.get(name) ?? 0) + amount);
    },
    gauge: (metric, read, labels = {}) => {
      const series = seriesOf(gauges, metric);
      const name = nameIn(series, labels);
      const reads = series.get(name) ?? new Set<() => number>();
      series.set(name, reads.add(read));
      return () => {
        reads.delete(read);
        if (reads.size === 0 && series.get(name) === reads) series.delete(name);
      };
    },
    render: () => {
      const lines: string[] = [];
      for (const [metric, series] of counters) {
        lines.push(`# TYPE ${PREFIX}${metric} counter`);
        for (const [labels, value] of series) lines.push(`${PREFIX}${metric}${labels} ${value}`);
      }
      for (const [metric, series] of gauges) {
        lines.push(`# TYPE ${PREFIX}${metric} gauge`);
        for (const [labels, reads] of series) lines.push(`${PREFIX}${metric}${labels} ${number(sumOf(reads))}`);
      }
      return `${lines.join("\n")}\n`;
    },
  };
};
