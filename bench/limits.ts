// A promise about a figure: what a scenario ends with, and the README's table shows.

export interface Limit {
  /** As a reader of the README wants to have it said: "of the bare limit". */
  what: string;
  value: number;
  /** Exactly one of them. */
  least?: number;
  most?: number;
  unit?: string;
}

export const isMet = ({ value, least = -Infinity, most = Infinity }: Limit): boolean => value >= least && value <= most;

const withUnit = (value: number | undefined, { unit }: Limit): string => `${value}${unit ? ` ${unit}` : ""}`;

/** "0.93 of the bare limit in a backlog" */
export const measured = (limit: Limit): string => `${withUnit(limit.value, limit)} ${limit.what}`;

/** "at least 0.85" */
export const bound = (limit: Limit): string =>
  limit.least === undefined ? `at most ${withUnit(limit.most, limit)}` : `at least ${withUnit(limit.least, limit)}`;
