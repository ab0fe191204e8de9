// Every state and transition of the object machine can be reached the way the host drives it.

import { expect, test } from "vitest";

import type { ObjectContext, ObjectEvent } from "../../machines/object-facts.ts";
import { objectMachine } from "../../machines/object.ts";
import { another, consumer, copy, DUE, foreign, gate, PASS, refused, status, unclaimed } from "./object-samples.ts";
import { unreached, walk } from "./traversal.ts";

const consumers = [
  unclaimed(),
  unclaimed({ deleting: true }),
  consumer(),
  consumer({ mark: "ForeignObjectExists" }),
  consumer({ deleting: true }),
  consumer({ deleting: true, orphan: true }),
  consumer({ paused: true }),
];
const copies = [
  copy(),
  copy({ owned: "b" }),
  copy({ heldByUpdate: true }),
  copy({ status: status("ready") }),
  copy({ deleting: true }),
  another(),
];
const gates = [
  gate(),
  gate({ adopt: true }),
  gate({ mode: "held" }),
  gate({ mode: "elsewhere" }),
  gate({ engaged: false }),
  gate({ paused: "Connection acme" }),
  gate({ mode: "drain", letGo: true }),
  gate({ mode: "drain", letGo: true, engaged: false }),
];

const facts: ObjectEvent[] = [
  ...consumers.map((fact): ObjectEvent => ({ type: "consumer.seen", consumer: fact })),
  ...copies.map((fact): ObjectEvent => ({ type: "copy.seen", copy: fact })),
  ...gates.map((fact): ObjectEvent => ({ type: "gate.seen", gate: fact })),
  { type: "consumer.gone" },
  { type: "copy.gone" },
  { type: "copy.gone", unseen: true },
];

const answers: ObjectEvent[] = [
  { type: "claimed", consumer: consumer() },
  { type: "applied", consumer: consumer(), copy: copy(), sent: "a" },
  { type: "contest.named", message: "somebody else writes it, too" },
  { type: "reowned", copy: copy() },
  { type: "occupied" },
  { type: "namespace.missing" },
  { type: "namespace.ready" },
  { type: "looked", found: null },
  { type: "looked", found: foreign() },
  {
    type: "mirrored",
    consumer: consumer({ status: status("ready") }),
    copy: copy({ status: status("ready") }),
    sent: "ready",
  },
  { type: "marked", consumer: consumer({ mark: "ForeignObjectExists" }) },
  { type: "unmarked", consumer: consumer() },
  { type: "deleted" },
  { type: "delete.waiting", copy: copy({ deleting: true }) },
  { type: "orphaned" },
  { type: "released" },
  { type: "consumer.gone" },
  refused("rejected"),
];

/** How often it has been repaired. */
const apart = ({ contest }: ObjectContext) => contest?.spent;

const left = unreached(objectMachine, walk(objectMachine, { facts, starts: [PASS, DUE], answers, apart }));

test("every state is reached", () => expect(left.states).toEqual([]));

test("every transition is taken", () => expect(left.transitions).toEqual([]));
