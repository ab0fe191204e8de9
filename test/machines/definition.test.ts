// What the definitions of the machines promise by their shape alone: no dead words, no state that neither acts nor
// rests, no effect left unanswered when a machine comes to rest.

import { type AnyStateMachine, type AnyStateNode, createActor } from "xstate";
import { describe, expect, test } from "vitest";

import { bindingMachine } from "../../machines/binding.ts";
import { connectionMachine } from "../../machines/connection.ts";
import { objectMachine } from "../../machines/object.ts";
import { relatedMachine } from "../../machines/related.ts";
import { syncerMachine } from "../../machines/syncer.ts";
import { nameOf, statesOf } from "./traversal.ts";

/** Effects that only tell somebody something: nothing waits for their answer. */
const REPORTS = new Set(["reportRefusal", "reportPause"]);

/** What each effect may be answered with, by actors/connection-actor.ts and so on. */
const ANSWERS: Record<string, Record<string, readonly string[]>> = {
  connection: {
    claim: ["claimed", "connection.gone", "failed"],
    identify: ["identified", "unusable", "failed"],
    writePins: ["pinned", "connection.gone", "failed"],
    verify: ["verified", "failed"],
    sweep: ["swept", "failed"],
    release: ["released", "failed"],
  },
  binding: {
    claim: ["claimed", "binding.gone", "failed"],
    record: ["recorded", "binding.gone", "failed"],
    note: ["noted", "binding.gone", "failed"],
    release: ["released", "binding.gone", "failed"],
  },
  syncer: {
    installCrd: ["installed", "failed"],
    removeCrd: ["removed", "failed"],
  },
  object: {
    addFinalizer: ["claimed", "consumer.gone", "refused"],
    applyCopy: ["applied", "occupied", "namespace.missing", "consumer.gone", "refused"],
    reownFields: ["reowned", "refused"],
    createNamespace: ["namespace.ready", "refused"],
    lookUpCopy: ["looked", "refused"],
    writeStatus: ["mirrored", "consumer.gone", "refused"],
    markConflict: ["marked", "consumer.gone", "refused"],
    clearMark: ["unmarked", "consumer.gone", "refused"],
    deleteCopy: ["deleted", "delete.waiting", "consumer.gone", "refused"],
    stripMarkers: ["orphaned", "refused"],
    removeFinalizer: ["released", "consumer.gone", "refused"],
    letGo: ["released", "consumer.gone", "refused"],
    nameRivals: ["contest.named"],
  },
  related: {
    applyCopy: ["applied", "occupied", "namespace.missing", "refused"],
    createNamespace: ["namespace.ready", "refused"],
    lookUpCopy: ["looked", "refused"],
    deleteCopy: ["deleted", "delete.waiting", "refused"],
    reportConflict: ["told"],
    reportContest: ["told"],
  },
};

type Implementations = Record<string, Record<string, { type?: string }>>;

const implemented = (machine: AnyStateMachine, kind: "actions" | "guards"): string[] =>
  Object.keys((machine.implementations as unknown as Implementations)[kind] ?? {});

/** Memory is assigned; every other action reaches outside and is carried out by the actor. */
const effectsOf = (machine: AnyStateMachine): Set<string> => {
  const { actions = {} } = machine.implementations as unknown as Implementations;
  return new Set(Object.keys(actions).filter((name) => actions[name]?.type !== "xstate.assign"));
};

const transitionsOf = (node: AnyStateNode) => [...(node.always ?? []), ...[...node.transitions.values()].flat()];

const named = (actions: readonly unknown[]): string[] => actions.map(nameOf);

/** Does the state, or one around it, go somewhere on that event? */
const leavesOn = (node: AnyStateNode | undefined, type: string): boolean => {
  const alternatives = node?.transitions.get(type);
  if (alternatives !== undefined) return alternatives.every(({ target }) => target !== undefined);
  return node !== undefined && leavesOn(node.parent, type);
};

const MACHINES: [string, AnyStateMachine][] = [
  ["connection", connectionMachine],
  ["binding", bindingMachine],
  ["syncer", syncerMachine],
  ["object", objectMachine],
  ["related", relatedMachine],
];

describe.each(MACHINES)("the %s machine", (name, machine) => {
  const answers = ANSWERS[name] ?? {};
  const nodes = [machine.root, ...statesOf(machine)];
  const atomic = nodes.filter(({ type }) => type === "atomic");
  const effects = effectsOf(machine);
  const isResting = ({ tags }: AnyStateNode) => tags.includes("resting");
  const asked = ({ entry }: AnyStateNode) => named(entry).filter((action) => effects.has(action));

  test("uses every action and every guard it declares, and no others", () => {
    const transitions = nodes.flatMap(transitionsOf);
    const actions = [
      ...transitions.flatMap((one) => one.actions),
      ...nodes.flatMap((node) => [...node.entry, ...node.exit]),
    ];
    const guards = transitions.flatMap(({ guard }) => (guard === undefined ? [] : [guard]));
    expect(new Set(named(actions))).toEqual(new Set(implemented(machine, "actions")));
    expect(new Set(named(guards))).toEqual(new Set(implemented(machine, "guards")));
  });

  test("either rests in a state, or acts in it, or leaves it at once", () => {
    const stuck = atomic.filter(
      (node) =>
        [isResting(node), asked(node).length === 1, (node.always ?? []).length > 0].filter(Boolean).length !== 1,
    );
    expect(stuck.map(({ id }) => id)).toEqual([]);
  });

  test("always leaves a state that does not rest by a rule that holds without a condition", () => {
    const hesitating = atomic.filter(
      ({ always }) => always !== undefined && always.length > 0 && always.at(-1)?.guard !== undefined,
    );
    expect(hesitating.map(({ id }) => id)).toEqual([]);
  });

  test("asks for effects where it waits for their answer, and nowhere else", () => {
    const elsewhere = [
      ...nodes.flatMap(transitionsOf).flatMap(({ actions }) => named(actions)),
      ...nodes.flatMap(({ exit }) => named(exit)),
      ...nodes.filter((node) => node.type !== "atomic" || isResting(node)).flatMap(({ entry }) => named(entry)),
    ];
    expect(elsewhere.filter((action) => effects.has(action) && !REPORTS.has(action))).toEqual([]);
  });

  test("understands every answer to every effect", () => {
    expect(new Set(Object.keys(answers))).toEqual(new Set([...effects].filter((effect) => !REPORTS.has(effect))));
    const deaf = atomic.flatMap((node) =>
      asked(node)
        .flatMap((effect) => answers[effect] ?? [])
        .filter((answer) => !leavesOn(node, answer))
        .map((answer) => `${node.id} does not understand ${answer}`),
    );
    expect(deaf).toEqual([]);
  });

  test("rests at first, and starts a pass from wherever it rests", () => {
    expect(createActor(machine).getSnapshot().hasTag("resting")).toBe(true);
    expect(["pass", "due"].every((type) => machine.root.transitions.has(type))).toBe(true);
  });

  test("says of every state but the deciding ones what it is about", () => {
    const silent = atomic.filter((node) => (node.always ?? []).length === 0 && !node.description);
    expect(silent.map(({ id }) => id)).toEqual([]);
  });
});
