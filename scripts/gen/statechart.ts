// Reads an XState machine definition into plain data: states, transitions and the names of what happens on them. It runs
// nothing. diagram.ts draws it, machine-page.ts lists it.

import type { AnyStateMachine, AnyStateNode } from "xstate";

export interface Transition {
  /** Path of the state it is declared on; [] is the machine itself. */
  from: string[];
  /** Path of the state it leads to; undefined: handled without leaving the state. */
  to: string[] | undefined;
  /** "" for a transition taken as soon as its guard holds. */
  event: string;
  /** "" for none; "else" where other transitions of the same event come first. */
  guard: string;
  actions: string[];
  /** 1, 2, … where at least three transitions of the same state and event are tried in turn; else 0. */
  turn: number;
}

export interface State {
  path: string[];
  kind: "atomic" | "compound" | "parallel" | "final" | "history";
  /** Path of the state that is entered first. */
  initial: string[] | undefined;
  description: string;
  /** `meta` as `key: value` texts, in the order of the definition. */
  meta: string[];
  tags: string[];
  entry: string[];
  exit: string[];
  children: State[];
}

export interface Statechart {
  id: string;
  root: State;
  /** In the order of the definition, which is the order in which guards are tried. */
  transitions: Transition[];
}

const nameOf = (thing: unknown, unnamed: string): string => {
  if (typeof thing === "string") return thing;
  if (typeof thing === "object" && thing !== null && "type" in thing) return String(thing.type);
  return (typeof thing === "function" && thing.name) || unnamed;
};

/** What XState itself adds to a state with a delayed transition: it starts and cancels the delay. */
const isDelay = (action: unknown): boolean => {
  const { id, sendId } = Object(action) as { id?: unknown; sendId?: unknown };
  return [id, sendId].some((text) => typeof text === "string" && text.startsWith("xstate.after."));
};

const actionNames = (actions: readonly unknown[]): string[] =>
  actions.filter((action) => !isDelay(action)).map((action) => nameOf(action, "action"));

/** XState's own event names, in words. */
const eventName = (type: string): string =>
  type
    .replace(/^xstate\.after\.([^.]+)\..*$/, "after $1")
    .replace(/^xstate\.done\.state\..*$/, "done")
    .replace(/^xstate\.(done|error)\.actor\.(.*)$/, "$1 $2");

const metaOf = (meta: unknown): string[] =>
  Object.entries((meta ?? {}) as Record<string, unknown>).map(
    ([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );

const readState = (node: AnyStateNode): State => ({
  path: node.path,
  kind: node.type,
  initial: node.type === "compound" ? node.initial.target?.[0]?.path : undefined,
  description: node.description ?? "",
  meta: metaOf(node.meta),
  tags: node.tags,
  entry: actionNames(node.entry),
  exit: actionNames(node.exit),
  children: Object.values<AnyStateNode>(node.states).map(readState),
});

type Alternatives = readonly {
  target?: readonly AnyStateNode[] | undefined;
  guard?: unknown;
  actions: readonly unknown[];
}[];

const readAlternatives = (from: string[], type: string, alternatives: Alternatives): Transition[] =>
  alternatives.flatMap(({ target, guard, actions }, index): Transition[] => {
    const common = {
      from,
      event: eventName(type),
      guard: guard === undefined ? (index > 0 ? "else" : "") : nameOf(guard, "guard"),
      actions: actionNames(actions),
      turn: alternatives.length > 2 ? index + 1 : 0,
    };
    return target === undefined ? [{ ...common, to: undefined }] : target.map((node) => ({ ...common, to: node.path }));
  });

const readTransitions = (node: AnyStateNode): Transition[] => [
  ...readAlternatives(node.path, "", node.always ?? []),
  ...[...node.transitions].flatMap(([type, alternatives]) => readAlternatives(node.path, type, alternatives)),
  ...Object.values<AnyStateNode>(node.states).flatMap(readTransitions),
];

export const readStatechart = (machine: AnyStateMachine): Statechart => ({
  id: machine.id,
  root: readState(machine.root),
  transitions: readTransitions(machine.root),
});
