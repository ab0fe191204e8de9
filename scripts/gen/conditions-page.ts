// The page docs/reference/conditions.md, from the registry.

import type { Subject, Word } from "../../crds/condition-types.ts";
import { CONDITION_TYPES } from "../../crds/condition-types.ts";
import { DELETION_BLOCKERS, EVENT_REASONS, REASONS } from "../../crds/reasons.ts";
import { codes, GENERATED, prose, table } from "./markdown.ts";

interface Entry extends Word {
  on?: readonly string[];
  type?: string;
}

type Table = Readonly<Record<string, Entry>>;

const CARRIERS: Record<Subject, string> = {
  Connection: "a Connection",
  Binding: "a ClusterBinding or Binding",
  API: "one entry of a binding's `status.boundAPIs`",
  Instance: "a synced object",
};

const used = (entries: Table): [string, Entry][] => Object.entries(entries).filter(([, entry]) => !entry.reserved);

const name = (word: string, entry: Entry): string => `\`${word}\`${entry.origin === "new" ? " (new)" : ""}`;

/** One row per word, with columns between the name and the two sentences. */
const rows = (entries: Table, between: (entry: Entry) => string[]): string[][] =>
  used(entries).map(([word, entry]) => [name(word, entry), ...between(entry), prose(entry.when), prose(entry.todo)]);

const carriers = (entry: Entry): string => (entry.on ?? []).map((subject) => CARRIERS[subject as Subject]).join("; ");

/** `Ready=False` of each subject, grouped: "Connection: `Ready=False`, `Connected=False`". */
const places = (entry: Entry): string => {
  const bySubject = Map.groupBy(entry.on ?? [], (place) => place.split(" ")[0] ?? "");
  return [...bySubject]
    .map(([subject, list]) => `${subject}: ${codes(list.map((place) => place.slice(subject.length + 1)))}`)
    .join("; ");
};

const reservedRows = (what: string, entries: Table): string[][] =>
  Object.entries(entries)
    .filter(([, entry]) => entry.reserved)
    .map(([word, entry]) => [name(word, entry), what, prose(entry.when)]);

const section = (title: string, text: string, head: string[], body: string[][]): string[] =>
  body.length === 0 ? [] : [`## ${title}`, text, table(head, body)];

export const conditionsPage = (): string =>
  [
    GENERATED,
    "# Conditions, reasons and Events",
    "Words that programs may rely on: they keep their name and their meaning. Those marked (new) were introduced by this program; the others are older and shared with other tools. The registry is `crds/reasons.ts` with `crds/condition-types.ts`.",
    ...section(
      "Condition types",
      "Every condition carries the `observedGeneration` it was computed from. `Binding` below means both binding kinds, `API` one entry of `status.boundAPIs`, `Instance` a synced object.",
      ["Type", "On", "Meaning", "What to do"],
      rows(CONDITION_TYPES, (entry) => [carriers(entry)]),
    ),
    ...section(
      "Reasons",
      "Where a reason appears, when, and what to do about it.",
      ["Reason", "Appears as", "When", "What to do"],
      rows(REASONS, (entry) => [places(entry)]),
    ),
    ...section(
      "Causes of a blocked deletion",
      "Named and counted in the messages of `DeletionBlocked` and `DrainingObjects`.",
      ["Cause", "When", "What to do"],
      rows(DELETION_BLOCKERS, () => []),
    ),
    ...section(
      "Events",
      "Written when something changes, not again while it lasts. Events about cluster-scoped objects are in the namespace `default`.",
      ["Reason", "Type", "About", "When", "What to do"],
      rows(EVENT_REASONS, (entry) => [entry.type ?? "", carriers(entry)]),
    ),
    ...section(
      "Reserved",
      "Fixed in name and meaning, but not used yet.",
      ["Word", "Kind", "Meaning"],
      [
        ...reservedRows("condition type", CONDITION_TYPES),
        ...reservedRows("reason", REASONS),
        ...reservedRows("cause of a blocked deletion", DELETION_BLOCKERS),
        ...reservedRows("Event", EVENT_REASONS),
      ],
    ),
  ].join("\n\n") + "\n";
