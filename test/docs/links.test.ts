import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

const ROOT = path.join(import.meta.dirname, "..", "..");
const git = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
const PAGES = execFileSync("git", git, { cwd: ROOT, encoding: "utf8" })
  .trim()
  .split("\n")
  .filter((file) => existsSync(path.join(ROOT, file)));

/** What a link leads to, without anchors; links to other sites are left out. */
const targetsOf = (page: string): string[] =>
  [...readFileSync(path.join(ROOT, page), "utf8").matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .flatMap(([, target]) => target ?? [])
    .filter((target) => !/^[a-z]+:/.test(target));

test.each(PAGES)("every link in %s leads to a file of the project", (page) => {
  const missing = targetsOf(page).filter((target) => !existsSync(path.resolve(ROOT, path.dirname(page), target)));
  expect(missing).toEqual([]);
});

test.each(["README.md", "CONTRIBUTING.md"])("every npm script that %s names exists", (page) => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8"));
  const named = [...readFileSync(path.join(ROOT, page), "utf8").matchAll(/npm run ([\w-]+)/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((name) => !((name as string) in scripts))).toEqual([]);
});
