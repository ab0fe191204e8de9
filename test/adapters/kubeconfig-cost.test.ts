// What it costs to find out that a text is no usable kubeconfig: nothing else runs meanwhile, so whoever may write a Secret
// must not be able to make it long. And that no kubeconfig of the field is refused for its size.

import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { KubeconfigError } from "../../actors/ports.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";

const LARGEST = 256 * 1024;
/** Milliseconds. Alone on a machine it is about a third of this. */
const BEARABLE = 300;

const many = (piece: string): string => piece.repeat(Math.ceil(LARGEST / piece.length)).slice(0, LARGEST);
const within = (before: string, piece: string, after: string): string =>
  before + many(piece).slice(0, LARGEST - before.length - after.length) + after;
const counted = (piece: (n: number) => string, between: string): string => {
  const pieces: string[] = [];
  for (let length = 0; length < LARGEST - 20;) length += pieces[pieces.push(piece(pieces.length)) - 1]!.length + 1;
  return pieces.slice(0, -2).join(between);
};

/** Each of a kind that costs the parser much: as much of it as a kubeconfig may be long. */
const TEXTS: Record<string, string> = {
  "a list of numbers": within("a: [", "1,", "]"),
  "commas in a list": within("[", ",", "]"),
  "line breaks in a list": within("[", "a\n,", "]"),
  "pairs of brackets": many("[]"),
  "lists in a list": within("[", "[],", "]"),
  "mappings in a list": within("[", "{},", "]"),
  "mappings one after the other": many("{a: 1},"),
  "empty entries": many("-\n"),
  entries: many("- a\n"),
  "entries in entries": many("- - - - a\n"),
  "dashes in a line": many("- "),
  "question marks in a line": many("? "),
  "colons in a line": many(": "),
  "the same key": many("a: \n"),
  "the same complex key": many("? a\n: b\n"),
  "other keys": counted((n) => `k${n}:`, "\n"),
  "JSON of other keys": `{${counted((n) => `"k${n}":1`, ",")}}`,
  "quoted keys": many('"a": b\n'),
  "merge keys": many("<<: {}\n"),
  "lists of one": many("a:\n- b\n"),
  "pairs of quotes": many('""\n'),
  "escapes in quotes": within('"', "\\n", '"'),
  "lines in quotes": within('"', "a\n", '"'),
  apostrophes: many("''"),
  "lines of a block": within("a: |\n", " a\n", ""),
  "lines of a folded block": within("a: >\n", " a\n", ""),
  "lines of text": many("a\n"),
  "words of text": many("a "),
  "one word": within("a: ", "x", ""),
  "anchors in a line": many("&a "),
  "anchors in a list": within("[", "&a 1,", "]"),
  "aliases in a line": many("*a "),
  "aliases in a list": within("a: &a 1\nb: [", "*a,", "]"),
  "tags in a line": many("! "),
  "tags in a list": within("[", "!a b,", "]"),
  directives: many("%a\n"),
  "tag directives": many("%TAG ! a\n---\n"),
  comments: many("#\n"),
  "comments in a list": within("[", "#a\n", "]"),
  "empty lines": within("a:", "\n", ""),
  "carriage returns": many("\r"),
  documents: many("---\n"),
  "ends of documents": many("...\n"),
  "block headers": many("|\n"),
  "reserved marks": many("@\n"),
  tabs: within("a:", "\t", "b"),
  spaces: within("a:", " ", "b"),
  "line separators": many("\u2028"),
};

/** The quickest of three: what the text costs, and not what else the machine does. */
const milliseconds = (text: string): number => {
  const times = [1, 2, 3].map(() => {
    const started = performance.now();
    expect(() => parseKubeconfig(text)).toThrow(KubeconfigError);
    return performance.now() - started;
  });
  return Math.min(...times);
};

/** How much of it is let through to the parser, by halves. */
const mostParsed = (text: string): string => {
  let [least, most] = [0, text.length];
  while (most - least > 8_192) {
    const middle = Math.floor((least + most) / 2);
    if (isRefusedUnread(text.slice(0, middle))) most = middle;
    else least = middle;
  }
  return text.slice(0, least);
};

const isRefusedUnread = (text: string): boolean => {
  try {
    parseKubeconfig(text);
    return false;
  } catch (error) {
    return /too many lines or entries|nested too deeply/.test((error as Error).message);
  }
};

describe("a hostile text is refused before it holds up anything else", () => {
  it.each(Object.entries(TEXTS))("%s, as long as it may be", (_what, text) => {
    expect(text.length).toBeLessThanOrEqual(LARGEST);
    expect(milliseconds(text)).toBeLessThan(BEARABLE);
  });

  it.each(Object.entries(TEXTS))("%s, as many as are looked at", (_what, text) => {
    expect(milliseconds(mostParsed(text))).toBeLessThan(BEARABLE);
  });
});

describe("a kubeconfig of many clusters", () => {
  const certificate = Buffer.alloc(1_200, "certificate").toString("base64");
  const names = Array.from({ length: 70 }, (_, n) => `cluster-${n}.eu-central-1.example.org`);
  const large = {
    apiVersion: "v1",
    kind: "Config",
    preferences: {},
    clusters: names.map((name) => ({
      name,
      cluster: { server: `https://${name}:6443`, "certificate-authority-data": certificate },
    })),
    users: names.map((name) => ({ name: `admin@${name}`, user: { token: "a-token" } })),
    contexts: names.map((name) => ({ name, context: { cluster: name, user: `admin@${name}`, namespace: "default" } })),
    "current-context": names[7],
  };
  large.clusters[7]!.cluster = { server: "https://api.example.org" } as (typeof large.clusters)[number]["cluster"];

  it.each([
    ["YAML", stringify(large, { lineWidth: 0 })],
    ["YAML with folded lines", stringify(large, { lineWidth: 80 })],
    ["JSON", JSON.stringify(large)],
    ["JSON as kubectl prints it", JSON.stringify(large, null, 4)],
  ])("is used, as %s", (_form, text) => {
    expect(parseKubeconfig(text).server.href).toBe("https://api.example.org/");
  });
});
