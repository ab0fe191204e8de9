// Draws a statechart as a Mermaid `stateDiagram-v2` that GitHub renders. Mermaid cannot draw an edge between a composite
// state and something inside it; such an edge starts at a node that stands for "any of these", or ends at the state that is
// entered first. Texts are reduced to what Mermaid takes anywhere.

import type { State, Statechart, Transition } from "./statechart.ts";

/** Words Mermaid would read as something else at the start of a line. */
const KEYWORDS = new Set(
  "state note class classDef style scale direction end fork join choice default hide click".split(" "),
);

const ANY = "any";

/** Everything but plain characters as a numeric entity: colons, semicolons and braces mean something to Mermaid. */
const escape = (text: string): string =>
  text.replace(/[^A-Za-z0-9 .,_/()[\]'=+-]/gu, (character) => `#${character.codePointAt(0)};`);

const identifier = (path: readonly string[]): string => {
  const id = path.join("_").replace(/\W/g, "_");
  return KEYWORDS.has(id) ? `${id}_` : id;
};

const isWithin = (path: readonly string[], ancestor: readonly string[]): boolean =>
  ancestor.every((key, index) => path[index] === key);

/** A path as one text, to look it up. */
const keyOf = (path: readonly string[]): string => path.join("/");

const flatten = (state: State): State[] => [state, ...state.children.flatMap(flatten)];

const label = ({ event, guard, actions, turn }: Transition): string =>
  [
    event,
    turn === 0 ? "" : `(${turn})`,
    guard === "" ? "" : `[${guard}]`,
    actions.length === 0 ? "" : `/ ${actions.join(", ")}`,
  ]
    .filter((part) => part !== "")
    .join(" ");

const arrow = (from: string, to: string): string => `${from} --> ${to}`;

const isComposite = (state: State | undefined): boolean => state !== undefined && state.children.length > 0;

/** Whether the edge would run from a composite state to something inside it. */
const startsInside = ({ from, to }: Transition): boolean => to !== undefined && isWithin(to, from);

const drawInside = (state: State, anyNodes: ReadonlySet<string>, indent: string): string[] => {
  const lines = state.children.flatMap((child) => drawState(child, anyNodes, indent));
  if (anyNodes.has(keyOf(state.path))) {
    const text = state.path.length === 0 ? "in any state" : "in any of these";
    lines.unshift(`${indent}state "${text}" as ${identifier([...state.path, ANY])}`);
  }
  if (state.initial !== undefined) lines.unshift(`${indent}${arrow("[*]", identifier(state.initial))}`);
  for (const child of state.children)
    if (child.kind === "final") lines.push(`${indent}${arrow(identifier(child.path), "[*]")}`);
  return lines;
};

/** Regions of a parallel state, each a composite of its own, separated as Mermaid wants it. */
const drawRegions = (state: State, anyNodes: ReadonlySet<string>, indent: string): string[] =>
  state.children.flatMap((region, index) => [
    ...(index === 0 ? [] : [`${indent}--`]),
    ...drawState(region, anyNodes, indent),
  ]);

const drawState = (state: State, anyNodes: ReadonlySet<string>, indent: string): string[] => {
  const id = identifier(state.path);
  const name = escape(state.path.at(-1) ?? "");
  const inner = `${indent}  `;
  if (isComposite(state)) {
    const draw = state.kind === "parallel" ? drawRegions : drawInside;
    return [`${indent}state "${name}" as ${id} {`, ...draw(state, anyNodes, inner), `${indent}}`];
  }
  const notes = [
    ...(state.entry.length === 0 ? [] : [`entry / ${state.entry.join(", ")}`]),
    ...(state.exit.length === 0 ? [] : [`exit / ${state.exit.join(", ")}`]),
  ];
  return [`${indent}state "${name}" as ${id}`, ...notes.map((note) => `${indent}${id} : ${escape(note)}`)];
};

type States = ReadonlyMap<string, State>;

/** The state that is entered in the end when this one is. */
const enteredFirst = (states: States, path: string[]): string[] => {
  const initial = states.get(keyOf(path))?.initial;
  return initial === undefined ? path : enteredFirst(states, initial);
};

const arrowOf = (states: States, transition: Transition, to: string[]): string => {
  const { from } = transition;
  const fromComposite = isComposite(states.get(keyOf(from)));
  const start = fromComposite && startsInside(transition) ? [...from, ANY] : from;
  // Back to a composite state that it is in: to where that one is entered.
  const end = isComposite(states.get(keyOf(to))) && isWithin(from, to) ? enteredFirst(states, to) : to;
  return arrow(identifier(start), identifier(end));
};

/** One edge for all transitions between the same two states, with one line of text for each. */
const drawTransitions = (states: States, transitions: readonly Transition[]): string[] => {
  const labels = new Map<string, string[]>();
  for (const transition of transitions) {
    if (transition.to === undefined) continue;
    const between = arrowOf(states, transition, transition.to);
    labels.set(between, [...(labels.get(between) ?? []), label(transition)]);
  }
  return [...labels].map(([between, texts]) => {
    const text = texts
      .filter((line) => line !== "")
      .map(escape)
      .join("<br/>");
    return text === "" ? between : `${between} : ${text}`;
  });
};

/** Two states whose identifiers would be the same would be drawn as one. */
const requireDistinct = (ids: readonly string[]): void => {
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw new Error(`two states would both be drawn as ${twice}; rename one`);
};

/** The lines of the diagram, without a code fence. The order is that of the machine's definition. */
export const mermaid = ({ root, transitions }: Statechart): string => {
  const all = flatten(root);
  const states = new Map(all.map((state) => [keyOf(state.path), state]));
  const anyNodes = new Map(
    transitions
      .filter((transition) => isComposite(states.get(keyOf(transition.from))) && startsInside(transition))
      .map(({ from }) => [keyOf(from), [...from, ANY]]),
  );
  requireDistinct([...all.map((state) => state.path), ...anyNodes.values()].map(identifier));
  return [
    "stateDiagram-v2",
    ...drawInside(root, new Set(anyNodes.keys()), "  "),
    ...drawTransitions(states, transitions).map((line) => `  ${line}`),
  ].join("\n");
};
