// Compares generated files with what stands in the repository, and writes those that differ. A directory that is generated
// as a whole may hold nothing else, so that a page whose source is gone is noticed.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { format, resolveConfig } from "prettier";

export interface Output {
  /** Relative to the repository's directory. */
  path: string;
  text: string;
}

/** Formatted as the repository's own formatter would, so that it has nothing to change later. */
const formatted = async (root: string, output: Output): Promise<Output> => {
  const filepath = path.join(root, output.path);
  return { ...output, text: await format(output.text, { ...(await resolveConfig(filepath)), filepath }) };
};

const readIfThere = (file: string): Promise<string | undefined> =>
  readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });

const filesIn = async (root: string, directory: string): Promise<string[]> => {
  const names = await readdir(path.join(root, directory)).catch(() => []);
  return names.map((name) => `${directory}/${name}`);
};

export interface Difference {
  path: string;
  /** The text it should have; undefined: it should not be there. */
  text: string | undefined;
}

/** What differs from the outputs, by path. `owned`: directories in which every file is generated. */
export const differences = async (root: string, outputs: Output[], owned: string[]): Promise<Difference[]> => {
  const wanted = await Promise.all(outputs.map((output) => formatted(root, output)));
  const present = await Promise.all(wanted.map((output) => readIfThere(path.join(root, output.path))));
  const changed = wanted.filter((output, index) => present[index] !== output.text);
  const known = new Set(outputs.map((output) => output.path));
  const strays = (await Promise.all(owned.map((directory) => filesIn(root, directory))))
    .flat()
    .filter((file) => !known.has(file))
    .map((file) => ({ path: file, text: undefined }));
  return [...changed, ...strays].sort((a, b) => (a.path < b.path ? -1 : 1));
};

export const write = async (root: string, { path: file, text }: Difference): Promise<void> => {
  const target = path.join(root, file);
  if (text === undefined) return rm(target);
  await mkdir(path.dirname(target), { recursive: true });
  await writeFile(target, text);
};
