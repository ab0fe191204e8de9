// The page of one machine: its diagram, a table of its states, and what it takes note of without changing state.

import { mermaid } from "./diagram.ts";
import { codes, GENERATED, prose, table } from "./markdown.ts";
import type { State, Statechart, Transition } from "./statechart.ts";

const rowsOf = (state: State): string[][] => [
  [
    codes([state.path.join(".")]),
    prose([state.description, ...state.meta].filter((text) => text !== "").join("; ")),
    codes(state.tags),
    codes(state.entry),
    codes(state.exit),
  ],
  ...state.children.flatMap(rowsOf),
];

const HEAD = ["State", "Meaning", "Tags", "On entry", "On exit"];

/** Only the columns that say something for some state. */
const stateTable = (root: State): string => {
  const rows = root.children.flatMap(rowsOf);
  const used = HEAD.map((_, column) => column < 2 || rows.some((row) => row[column] !== ""));
  const pick = (row: readonly string[]): string[] => row.filter((_, column) => used[column]);
  return table(pick(HEAD), rows.map(pick));
};

const inPlaceRow = ({ from, event, guard, actions }: Transition): string[] => [
  from.length === 0 ? "any" : codes([from.join(".")]),
  codes([event]),
  guard === "" ? "" : codes([guard]),
  codes(actions),
];

const inPlace = (transitions: readonly Transition[]): string[] => {
  const rows = transitions.filter(({ to }) => to === undefined).map(inPlaceRow);
  if (rows.length === 0) return [];
  return ["## Handled without changing state", table(["In state", "Event", "Guard", "Actions"], rows)];
};

const NOTATION =
  "An edge reads `event [guard] / actions`; one without an event is taken as soon as its guard holds. Where several are " +
  "numbered, they are tried in that order and the first whose guard holds is taken.";

/** Markdown of the page `docs/machines/<name>.md`; `source`: path of the machine's file in the repository. */
export const machinePage = (name: string, source: string, chart: Statechart): string =>
  [
    GENERATED,
    `# The machine \`${name}\``,
    ...(chart.root.description === "" ? [] : [prose(chart.root.description)]),
    `Drawn from [\`${source}\`](../../${source}). ${NOTATION}`,
    `\`\`\`mermaid\n${mermaid(chart)}\n\`\`\``,
    "## States",
    stateTable(chart.root),
    ...inPlace(chart.transitions),
  ].join("\n\n") + "\n";
