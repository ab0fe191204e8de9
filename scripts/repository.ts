// The gate for what no other tool looks at: how files are named, that each source file says what it is for, that the rules
// it cites are written down, and that no file names a machine's directories or a package registry. Looks at every file git tracks or would track.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

type Check = (file: string, text: string) => string | undefined;

const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const EMPTY_NAMES = ["util", "utils", "helper", "helpers", "common", "manager", "misc", "index"];
const isCode = (file: string) => /\.(ts|mjs)$/.test(file);
/** Written by Go, whose module paths look like hosts. */
const isGoModule = (file: string) => /(^|\/)go\.(sum|mod)$/.test(file);

/** Spelled so that this file does not contain what it forbids. */
const dotted = (...parts: string[]) => parts.join(".");
const REGISTRIES = [
  dotted("npmjs", "org"),
  dotted("npmjs", "com"),
  dotted("proxy", "golang", "org"),
  dotted("sum", "golang", "org"),
  dotted("ghcr", "io"),
  dotted("gcr", "io"),
  dotted("quay", "io"),
  dotted("docker", "io"),
  dotted("registry", "k8s", "io"),
  dotted("pypi", "org"),
];
const HOMES = ["root", "home", "work", "Users"];
const HOME = new RegExp(`(^|[\\s"'\`(=:])/(${HOMES.join("|")})/`);

const nameIsKebab: Check = (file) => {
  const directories = path.dirname(file).split("/");
  const bad = directories.filter((dir) => dir !== "." && !KEBAB.test(dir.replace(/^\./, "")));
  if (bad.length > 0) return `directory ${bad[0]} is not kebab-case`;
  const stem = path.basename(file).split(".")[0] ?? "";
  return isCode(file) && !file.startsWith(".") && !KEBAB.test(stem) ? "file name is not kebab-case" : undefined;
};

const nameSaysSomething: Check = (file) => {
  const parts = file.split("/").map((part) => part.split(".")[0] ?? "");
  const empty = parts.find((part) => EMPTY_NAMES.includes(part));
  return empty !== undefined && isCode(file) ? `"${empty}" says nothing: name the one thing it is about` : undefined;
};

const opensWithPurpose: Check = (file, text) => {
  if (!isCode(file) || file.endsWith(".test.ts")) return undefined;
  const first = text.startsWith("#!") ? text.slice(text.indexOf("\n") + 1) : text;
  return first.startsWith("// ") ? undefined : "does not open with a comment that says what it is for";
};

const namesNoMachine: Check = (_file, text) => {
  const line = text.split("\n").findIndex((content) => HOME.test(content));
  return line < 0 ? undefined : `line ${line + 1} names a directory of some machine`;
};

const namesNoRegistry: Check = (_file, text) => {
  const line = text.split("\n").findIndex((content) => REGISTRIES.some((host) => content.includes(host)));
  return line < 0 ? undefined : `line ${line + 1} names a package registry`;
};

const BEHAVIOUR = "docs/reference/behaviour.md";
const headings = (): Set<string> =>
  new Set(
    existsSync(BEHAVIOUR)
      ? [...readFileSync(BEHAVIOUR, "utf8").matchAll(/^## (.+)$/gm)].map(([, name]) => name ?? "")
      : [],
  );
const known = headings();

/** A rule is cited by the headings it stands under, in quotes after the file, perhaps wrapped in a comment. */
const citesWhatStands: Check = (file, text) => {
  if (!isCode(file)) return undefined;
  const flowing = text.replaceAll(/\n\s*(?:\/\/|\*)\s?/g, " ");
  const cited = [...flowing.matchAll(/behaviour\.md, ((?:"[^"]+"(?:,? and |, )?)+)/g)].flatMap(([, list]) => [
    ...(list ?? "").matchAll(/"([^"]+)"/g),
  ]);
  const missing = cited.map(([, name]) => name ?? "").find((name) => !known.has(name));
  return missing === undefined ? undefined : `cites the section "${missing}", which ${BEHAVIOUR} does not have`;
};

const CHECKS = [nameIsKebab, nameSaysSomething, opensWithPurpose, namesNoMachine, namesNoRegistry, citesWhatStands];

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "-z"], {
  encoding: "utf8",
})
  .split("\0")
  .filter((file) => file !== "" && existsSync(file) && !isGoModule(file));
if (files.length === 0) throw new Error("git names no files");

const problems = files.flatMap((file) => {
  const text = readFileSync(file, "utf8");
  return CHECKS.flatMap((check) => check(file, text) ?? []).map((problem) => `${file}: ${problem}`);
});
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
