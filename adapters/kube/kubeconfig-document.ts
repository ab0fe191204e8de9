// Reads the text of a kubeconfig into the cluster and user entry that its context selects, as plain data with the paths
// a user knows them by (`users[0].user`). Bounded in size, aliases and depth, no YAML tags, no duplicate keys. What the
// entries may hold is for the caller to judge. No error carries any of the text.
// Rule: docs/reference/behaviour.md, "Kubeconfig allow-list".

import { isNode, isScalar, LineCounter, parseDocument, visit, type YAMLMap } from "yaml";
import { KubeconfigError } from "../../actors/ports.ts";

const LARGEST = 256 * 1024;
const DEEPEST = 64;
const MOST_ALIASES = 100;
const MOST_MARKS = 8_000;

export type Fields = Record<string, unknown>;

export interface Entry {
  /** As a user would name it, with its place in the list. */
  path: string;
  fields: Fields;
}

export interface Selection {
  cluster: Entry;
  /** Absent where the context names no user. */
  user: Entry | undefined;
  context: Entry;
}

export const invalid = (message: string): KubeconfigError => new KubeconfigError("invalid", message);

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** How a value looks to someone who wrote something else by mistake. */
const found = (value: unknown): string => {
  if (Array.isArray(value)) return "a list";
  if (value === null || value === undefined) return "nothing";
  return isFields(value) ? "a mapping" : "plain text";
};

/** A name out of the file may stand in a message only where it looks like one, not like a pasted secret. */
const quoted = (name: string): string => (/^[\w.@:/-]{1,80}$/.test(name) ? ` "${name}"` : "");

const checkText = (text: string): void => {
  if (text.trim() === "") throw invalid("the kubeconfig is empty");
  if (text.length > LARGEST) throw invalid(`the kubeconfig is larger than ${LARGEST / 1024} KiB`);

  if (/[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text)) throw invalid("the kubeconfig is binary data, not text");
};

/**
 * The parser takes up to 40 µs for each of these, and what it makes of 256 KiB of them are seconds in which nothing else
 * runs. A kubeconfig has some 30 for each cluster with its user and context, 100 as JSON: the rest is names and certificates.
 */
const checkMarks = (text: string): void => {
  let marks = 0;
  for (const _mark of text.matchAll(/[\n\r,[\]{}"'&*!%#|>@`?]|[:-](?=\s)/g))
    if (++marks > MOST_MARKS) throw invalid("the kubeconfig has too many lines or entries; keep the one that is used");
};

/** A recursive parser must not meet what would exhaust its stack; no real kubeconfig nests ten deep. */
const checkDepth = (text: string): void => {
  const indents = /^[ \t]*(?:[-?][ \t]+)*/gm;
  let depth = 0;
  for (const char of text) {
    if (char === "[" || char === "{") depth++;
    else if (char === "]" || char === "}") depth--;
    if (depth > DEEPEST) throw invalid("the kubeconfig is nested too deeply");
  }
  for (const [indent] of text.matchAll(indents))
    if (indent.length > DEEPEST * 4) throw invalid("the kubeconfig is nested too deeply");
};

const yamlProblem = (code: string, line: number | undefined): KubeconfigError =>
  invalid(`the kubeconfig is not valid YAML (${code}${line === undefined ? "" : `, line ${line}`})`);

/** The parser's own check compares every key of a mapping with every other: seconds for a hostile mapping. */
const checkKeys = (map: YAMLMap, lines: LineCounter): void => {
  const seen = new Set<string>();
  for (const { key } of map.items) {
    const name = isScalar(key) ? String(key.value) : "";
    if (seen.has(name))
      throw yamlProblem("DUPLICATE_KEY", isNode(key) ? lines.linePos(key.range?.[0] ?? 0).line : undefined);
    seen.add(name);
  }
};

const parseYaml = (text: string): unknown => {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: "core",
    version: "1.2",
    uniqueKeys: false,
    stringKeys: true,
    lineCounter: lines,
    // Pretty errors quote the text, which may be a secret, and cost seconds where a hostile text has many.
    prettyErrors: false,
  });
  const [error] = document.errors;
  if (error !== undefined) throw yamlProblem(error.code, lines.linePos(error.pos[0]).line);
  if (document.warnings.length > 0) throw invalid("the kubeconfig uses a YAML tag; write plain values");
  let aliases = 0;
  visit(document, {
    Alias: () => {
      if (++aliases > MOST_ALIASES) throw invalid("the kubeconfig uses too many YAML aliases");
    },
    Map: (_key, map) => checkKeys(map, lines),
  });
  return document.toJS({ maxAliasCount: MOST_ALIASES });
};

const toMapping = (text: string): Fields => {
  let root: unknown;
  try {
    root = parseYaml(text);
  } catch (error) {
    throw error instanceof KubeconfigError ? error : invalid("the kubeconfig is not valid YAML");
  }
  if (!isFields(root))
    throw invalid(`the kubeconfig is ${found(root)}; expected a mapping with clusters, users and contexts`);
  const kind = root["kind"];
  if (kind !== undefined && kind !== "Config")
    throw invalid(
      `the kubeconfig's kind is${typeof kind === "string" ? quoted(kind) || " something else" : " odd"}, not Config`,
    );
  return root;
};

/** The entries of `clusters`, `users` or `contexts`, each unwrapped. */
const entriesOf = (root: Fields, list: string, inner: string): (Entry & { name: string })[] => {
  const items = root[list] ?? [];
  if (!Array.isArray(items)) throw invalid(`${list} must be a list, found ${found(items)}`);
  return items.map((item: unknown, index) => {
    if (!isFields(item)) throw invalid(`${list}[${index}] must be a mapping, found ${found(item)}`);
    const { name } = item;
    if (typeof name !== "string" || name === "") throw invalid(`${list}[${index}].name must be set`);
    const fields = item[inner] ?? {};
    const path = `${list}[${index}].${inner}`;
    if (!isFields(fields)) throw invalid(`${path} must be a mapping, found ${found(fields)}`);
    return { name, path, fields };
  });
};

const named = (entries: (Entry & { name: string })[], name: string, list: string, by: string): Entry => {
  const matching = entries.filter((entry) => entry.name === name);
  const [entry] = matching;
  if (entry === undefined) throw invalid(`${by} names${quoted(name) || " an entry"}, which is not among ${list}`);
  if (matching.length > 1) throw invalid(`${list} holds${quoted(name) || " a name"} more than once`);
  return { path: entry.path, fields: entry.fields };
};

const selectContext = (root: Fields): Entry => {
  const contexts = entriesOf(root, "contexts", "context");
  const current = root["current-context"] ?? "";
  if (typeof current !== "string") throw invalid(`current-context must be text, found ${found(current)}`);
  if (current !== "") return named(contexts, current, "contexts", "current-context");
  const [only, ...others] = contexts;
  if (only === undefined) throw invalid("contexts is empty: there must be a context that names a cluster and a user");
  if (others.length > 0) throw invalid("current-context is not set and there is more than one context");
  return { path: only.path, fields: only.fields };
};

const reference = (context: Entry, field: string): string => {
  const name = context.fields[field] ?? "";
  if (typeof name !== "string") throw invalid(`${context.path}.${field} must be text, found ${found(name)}`);
  return name;
};

/** Throws KubeconfigError of problem "invalid". */
export const readKubeconfig = (text: string): Selection => {
  const plain = text.replace(/^\ufeff/, "");
  checkText(plain);
  checkMarks(plain);
  checkDepth(plain);
  const root = toMapping(plain);
  const context = selectContext(root);
  const cluster = reference(context, "cluster");
  const user = reference(context, "user");
  if (cluster === "") throw invalid(`${context.path}.cluster must be set`);
  return {
    context,
    cluster: named(entriesOf(root, "clusters", "cluster"), cluster, "clusters", `${context.path}.cluster`),
    user: user === "" ? undefined : named(entriesOf(root, "users", "user"), user, "users", `${context.path}.user`),
  };
};
