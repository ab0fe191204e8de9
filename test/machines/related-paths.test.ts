// Every state and transition of the machine of related objects can be reached the way the host drives it.

import { expect, test } from "vitest";

import type { RelatedContext, RelatedEvent } from "../../machines/related-facts.ts";
import { relatedMachine } from "../../machines/related.ts";
import { another, copy, DUE, foreign, gate, PASS, refused, source } from "./related-samples.ts";
import { unreached, walk } from "./traversal.ts";

const copies = [
  copy(),
  copy({ owned: "b" }),
  copy({ immutable: true, whole: "b", owned: "b" }),
  copy({ type: "example.org/other" }),
  copy({ deleting: true }),
  another(),
  foreign(),
];
const gates = [
  gate(),
  gate({ adopt: true }),
  gate({ mode: "remove" }),
  gate({ mode: "held" }),
  gate({ mode: "elsewhere" }),
  gate({ open: false }),
  gate({ paused: "Connection acme" }),
];

const facts: RelatedEvent[] = [
  { type: "source.seen", source: source() },
  ...copies.map((fact): RelatedEvent => ({ type: "copy.seen", copy: fact })),
  ...gates.map((fact): RelatedEvent => ({ type: "gate.seen", gate: fact })),
  { type: "source.gone" },
  { type: "copy.gone" },
];

const answers: RelatedEvent[] = [
  { type: "applied", source: source(), copy: copy(), sent: "a" },
  { type: "occupied" },
  { type: "namespace.missing" },
  { type: "namespace.ready" },
  { type: "looked", found: null },
  { type: "looked", found: foreign() },
  { type: "deleted" },
  { type: "delete.waiting", copy: copy({ deleting: true }) },
  { type: "told" },
  refused("rejected"),
];

/** How often it has been repaired, and what has been said. */
const apart = ({ contest, said }: RelatedContext) => [contest?.spent, said];

const left = unreached(relatedMachine, walk(relatedMachine, { facts, starts: [PASS, DUE], answers, apart }));

test("every state is reached", () => expect(left.states).toEqual([]));

test("every transition is taken", () => expect(left.transitions).toEqual([]));
