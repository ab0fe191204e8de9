// Finds the machines: every file directly under machines/ that exports a `<name>Machine`.

import { readdir } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";

import type { AnyStateMachine } from "xstate";

import { machinePage } from "./machine-page.ts";
import type { Output } from "./output.ts";
import { readStatechart } from "./statechart.ts";

const EXPORT = /^(\w+)Machine$/;

const pagesOf = async (root: string, file: string): Promise<Output[]> => {
  const source = `machines/${file}`;
  const exports = (await import(pathToFileURL(path.join(root, source)).href)) as Record<string, unknown>;
  return Object.entries(exports).flatMap(([name, value]) => {
    const machine = EXPORT.exec(name)?.[1];
    if (machine === undefined) return [];
    const text = machinePage(machine, source, readStatechart(value as AnyStateMachine));
    return [{ path: `docs/machines/${machine}.md`, text }];
  });
};

/** One page per machine, in the order of their names. `root`: the repository's directory. */
export const machinePages = async (root: string): Promise<Output[]> => {
  const entries = await readdir(path.join(root, "machines"), { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".ts")).map((entry) => entry.name);
  const pages = await Promise.all(files.sort().map((file) => pagesOf(root, file)));
  return pages.flat();
};
