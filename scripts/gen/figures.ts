// The tables of figures, from what the scenarios of bench/ have left in bench/results: each promise, what was measured and on
// which machine. A promise that was missed is in them as well. In the README, what was measured on real API servers; in the
// guide to sizing, what was between scripted ones.

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import { bound, isMet, type Limit, measured } from "../../bench/limits.ts";
import { table } from "./markdown.ts";

interface Result {
  scenario: string;
  machine: { cpus: number; model: string; node: string };
  limits?: readonly Limit[];
}

const BEGIN = "<!-- figures: written by npm run gen from bench/results -->";
const END = "<!-- /figures -->";

export const figuresTable = (results: readonly Result[]): string => {
  const rows = results.flatMap(({ scenario, limits = [] }) =>
    limits.map((limit) => [
      measured(limit),
      `${bound(limit)}${isMet(limit) ? "" : " (**missed**)"}`,
      `\`${scenario}\``,
    ]),
  );
  const machines = results.map(({ machine: { cpus, model, node } }) => `${cpus} cores (${model}), Node ${node}`);
  const where = [...new Set(machines)].join("; ");
  return `${table(["Measured", "Promised", "`npm run bench --`"], rows)}\n\nOn ${where}, API servers and etcd included.`;
};

/** Throws where the page has no place for it. */
export function withFigures(page: string, results: readonly Result[]): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no "${BEGIN}" before a "${END}"`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${figuresTable(results)}\n\n${page.slice(end)}`;
}

const isScripted = ({ scenario }: Result): boolean => scenario.startsWith("ceiling");

/** The page of each path with its figures. */
export async function pagesWithFigures(root: string): Promise<{ path: string; text: string }[]> {
  const directory = path.join(root, "bench", "results");
  const names = (await readdir(directory)).filter((name) => name.endsWith(".json")).sort();
  const results = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(path.join(directory, name), "utf8")) as Result),
  );
  const promising = results.filter(({ limits = [] }) => limits.length > 0);
  const pages = [
    { path: "README.md", of: promising.filter((result) => !isScripted(result)) },
    { path: "docs/guides/sizing.md", of: promising.filter(isScripted) },
  ];
  return Promise.all(
    pages.map(async (page) => ({
      path: page.path,
      text: withFigures(await readFile(path.join(root, page.path), "utf8"), page.of),
    })),
  );
}
