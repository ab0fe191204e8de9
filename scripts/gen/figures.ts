// The README's table of figures, from what the scenarios of bench/ have left in bench/results: each promise, what was measured
// and on which machine. A promise that was missed is in it as well.

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

/** Throws where the README has no place for it. */
export function withFigures(readme: string, results: readonly Result[]): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md has no "${BEGIN}" before a "${END}"`);
  return `${readme.slice(0, begin)}${BEGIN}\n\n${figuresTable(results)}\n\n${readme.slice(end)}`;
}

export async function readmeWithFigures(root: string): Promise<string> {
  const directory = path.join(root, "bench", "results");
  const names = (await readdir(directory)).filter((name) => name.endsWith(".json")).sort();
  const results = await Promise.all(
    names.map(async (name) => JSON.parse(await readFile(path.join(directory, name), "utf8")) as Result),
  );
  const promising = results.filter(({ limits = [] }) => limits.length > 0);
  return withFigures(await readFile(path.join(root, "README.md"), "utf8"), promising);
}
