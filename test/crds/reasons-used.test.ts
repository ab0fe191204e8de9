// The registry against the code: what is not reserved is used somewhere, and what is reserved nowhere. (That every word
// in use is registered is the compiler's to show: code takes its words from the registry's types.)

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

import { CONDITION_TYPES, type Word } from "../../crds/condition-types.ts";
import { DELETION_BLOCKERS, EVENT_REASONS, REASONS } from "../../crds/reasons.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const REGISTRY = ["crds/reasons.ts", "crds/condition-types.ts"].map((file) => path.join(ROOT, file));

const code = ["crds", "machines", "actors", "adapters", "cmd"]
  .flatMap((directory) => readdirSync(path.join(ROOT, directory), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => path.join(entry.parentPath, entry.name))
  .filter((file) => !REGISTRY.includes(file))
  .map((file) => readFileSync(file, "utf8"))
  .join("\n");

/** Some words stand in several tables; one is reserved if it is in all of them. */
const words = new Map<string, boolean>();
for (const table of [CONDITION_TYPES, REASONS, EVENT_REASONS, DELETION_BLOCKERS])
  for (const [word, entry] of Object.entries<Word>(table))
    words.set(word, (words.get(word) ?? true) && entry.reserved === true);

const isUsed = (word: string): boolean => code.includes(`"${word}"`);

test("every word that is not reserved is used in the code", () => {
  expect([...words].filter(([word, reserved]) => !reserved && !isUsed(word)).map(([word]) => word)).toEqual([]);
});

test("no reserved word is used in the code", () => {
  expect([...words].filter(([word, reserved]) => reserved && isUsed(word)).map(([word]) => word)).toEqual([]);
});
