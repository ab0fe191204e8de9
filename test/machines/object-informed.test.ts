// What a pass begins with is what the machine would have come to, had it been told each fact.

import { describe, expect, test } from "vitest";
import { transition } from "xstate";

import { stateAt } from "../../actors/host.ts";
import { initialObjectContext } from "../../machines/object-facts.ts";
import { type Fact, informed } from "../../machines/object-memory.ts";
import { objectMachine } from "../../machines/object.ts";
import { consumer, copy, foreign, gate } from "./object-samples.ts";

const FACTS: Fact[] = [
  { type: "gate.seen", gate: gate({ mode: "drain" }) },
  { type: "consumer.seen", consumer: consumer() },
  { type: "consumer.gone" },
  { type: "copy.seen", copy: copy() },
  { type: "copy.gone" },
  { type: "copy.gone", unseen: true },
];

const RESTS = Object.values(objectMachine.root.states)
  .flatMap((outer) => [outer, ...Object.values(outer.states)])
  .filter(({ tags }) => tags.includes("resting"))
  .map(({ path }) => path.join("."));

const known = { ...initialObjectContext, consumer: consumer(), copy: copy(), found: foreign(), unseen: true };

describe.each(RESTS)("at %s", (rest) => {
  test.each(FACTS)("$type changes what is known, and nothing else", (fact) => {
    const before = objectMachine.resolveState({ value: stateAt(rest), context: known });
    const [after] = transition(objectMachine, before, fact);
    expect(after.value).toEqual(before.value);
    expect(informed(known, [fact])).toEqual(after.context);
  });
});

test("facts are taken in one after the other", () => {
  const [, seen, , again] = FACTS as [Fact, Fact, Fact, Fact];
  expect(informed(initialObjectContext, [seen, again])).toMatchObject({ consumer: consumer(), copy: copy() });
  expect(RESTS.length).toBeGreaterThan(10);
});
