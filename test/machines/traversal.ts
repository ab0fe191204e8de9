// Walks a machine exhaustively with xstate/graph, by the protocol of actors/host.ts: at rest a machine is told a fact and
// then `pass` or `due`; anywhere else it gets the answer to the effect it has named. Two situations count as the same
// when the state, what is known and what every guard says are the same, so the walk is finite whatever the context holds.
// Each situation stands for the first real path that led there.

import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type AnyStateNode,
  createActor,
  type EventObject,
  type MachineContext,
} from "xstate";
import { getAdjacencyMap, getStateNodes } from "xstate/graph";

type Alternative = AnyStateNode["always"] extends (infer T)[] | undefined ? T : never;

export const nameOf = (thing: unknown): string =>
  typeof thing === "string" ? thing : (thing as { type: string }).type;

/** `source --event [guard]--> target`, as a transition is named in a failing test. */
const labelOf = ({ source, eventType, guard, target }: Alternative): string => {
  const to = target?.map((node: AnyStateNode) => node.id).join("+") ?? "itself";
  return `${source.id} --${eventType || "always"}${guard ? ` [${nameOf(guard)}]` : ""}--> ${to}`;
};

const alternativesOf = (node: AnyStateNode): Alternative[] => [
  ...(node.always ?? []),
  ...[...node.transitions.values()].flat(),
];

/** All states of a machine but the root, by id. */
export const statesOf = (machine: AnyStateMachine): AnyStateNode[] => getStateNodes(machine);

/** All transitions that a machine declares, as labels. */
const transitionsOf = (machine: AnyStateMachine): string[] =>
  [machine.root, ...statesOf(machine)].flatMap(alternativesOf).map(labelOf);

export interface Walk {
  /** Ids of the states that were entered. */
  states: ReadonlySet<string>;
  /** Labels of the transitions that were taken. */
  transitions: ReadonlySet<string>;
  /** How many different situations were met. */
  situations: number;
}

export interface Vocabulary<Event extends EventObject> {
  /** What a machine at rest may be told; a pass follows each. */
  facts: readonly Event[];
  /** What starts a pass. */
  starts: readonly Event[];
  /** What an effect may be answered with. */
  answers: readonly Event[];
  /** What else tells situations apart: facts that no guard asks for alone. */
  apart?: (context: never) => unknown;
}

/** What reaches a machine in one go. */
interface Round extends EventObject {
  type: "round";
  events: readonly EventObject[];
}

const round = (...events: EventObject[]): Round => ({ type: "round", events });

type Guard = (args: { context: MachineContext }) => boolean;

/** Tells situations apart: the state, what is known, and what every guard says. */
function fingerprint(
  machine: AnyStateMachine,
  apart: ((context: never) => unknown) | undefined,
): (snapshot: AnyMachineSnapshot) => string {
  const guards = Object.values(machine.implementations.guards as unknown as Record<string, Guard>);
  return ({ value, context }) => {
    const known = Object.entries(context as MachineContext)
      .map(([name, fact]) => (fact === undefined || fact === null ? `${name}:${fact}` : name))
      .sort();
    const verdicts = guards.map((guard) => Number(guard({ context }))).join("");
    return JSON.stringify([value, known, verdicts, apart?.(context as never)]);
  };
}

/** Calls `see` for each transition taken, transient ones included, while the returned function runs rounds. */
function observed(machine: AnyStateMachine, see: (taken: Alternative) => void) {
  const { system } = createActor(machine, {
    inspect: (seen: { type: string; _transitions?: Alternative[] }) => {
      if (seen.type === "@xstate.microstep") seen._transitions?.forEach(see);
    },
  } as never);
  return (snapshot: AnyMachineSnapshot, { events }: Round, scope: object): AnyMachineSnapshot =>
    events.reduce((now, event) => machine.transition(now, event, { ...scope, system } as never), snapshot);
}

/** Every path the vocabulary allows, each situation once. */
export function walk<Event extends EventObject>(machine: AnyStateMachine, vocabulary: Vocabulary<Event>): Walk {
  const { facts, starts, answers } = vocabulary;
  const atRest = starts.flatMap((start) => [round(start), ...facts.map((fact) => round(fact, start))]);
  const underWay = answers.map((answer) => round(answer));
  const states = new Set<string>();
  const transitions = new Set<string>();
  const transition = observed(machine, (taken) => {
    transitions.add(labelOf(taken));
    // A state that is left at once is never where a path ends.
    for (const target of taken.target ?? []) for (const node of enteredWith(target)) states.add(node.id);
  });
  const logic = { transition, getInitialSnapshot: (scope: never) => machine.getInitialSnapshot(scope) };
  const situations = getAdjacencyMap(
    logic as never,
    {
      events: (snapshot: AnyMachineSnapshot) => (snapshot.hasTag("resting") ? atRest : underWay),
      serializeState: fingerprint(machine, vocabulary.apart),
    } as never,
  ) as unknown as Record<string, { state: AnyMachineSnapshot }>;
  for (const { state } of Object.values(situations)) for (const node of state._nodes) states.add(node.id);
  return { states, transitions, situations: Object.keys(situations).length };
}

/** What of the machine's definition no path of the walk has met. */
export const unreached = (machine: AnyStateMachine, walked: Walk): { states: string[]; transitions: string[] } => ({
  states: statesOf(machine)
    .map(({ id }) => id)
    .filter((id) => !walked.states.has(id)),
  transitions: transitionsOf(machine).filter((label) => !walked.transitions.has(label)),
});

/** A state, those around it and, down its initial states, those inside it. */
function enteredWith(node: AnyStateNode): AnyStateNode[] {
  const inside = node.type === "compound" ? (node.initial.target ?? []).flatMap(enteredWith) : [];
  return [node, ...inside, ...(node.parent ? [node.parent] : [])];
}
