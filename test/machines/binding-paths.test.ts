// Every state and transition of the binding machine can be reached the way the host drives it.

import { expect, test } from "vitest";

import { type BindingEvent, bindingMachine, NOTHING_RELATED } from "../../machines/binding.ts";
import {
  api,
  binding,
  BLOCKED,
  DUE,
  FAILED,
  NOT_READY,
  NOTHING_LEFT,
  PASS,
  READY,
  remaining,
  SOME_LEFT,
} from "./binding-samples.ts";
import { unreached, walk } from "./traversal.ts";

const bindings = [
  binding({ claimed: false }),
  binding(),
  binding({ deleting: true }),
  binding({ claimed: false, deleting: true }),
  binding({ paused: "Connection acme" }),
  binding({ stage: "unrecorded" }),
  binding({ stage: "draining", through: "old" }),
  binding({ stage: "waiting", through: "old" }),
  binding({ unnoted: true }),
];

const facts: BindingEvent[] = [
  ...bindings.map((fact): BindingEvent => ({ type: "binding.seen", binding: fact })),
  { type: "binding.gone" },
  ...[READY, NOT_READY].map((connection): BindingEvent => ({ type: "connection.seen", connection })),
  ...[[], [api()], [api({ reason: "Pending" })], [api({ reason: "ForeignObjectExists" })]].map(
    (apis): BindingEvent => ({ type: "apis.seen", apis }),
  ),
  { type: "related.seen", related: NOTHING_RELATED },
  { type: "related.seen", related: { ...NOTHING_RELATED, pending: ["secrets are being listed"] } },
  { type: "blocked.seen", blocked: BLOCKED },
  { type: "orphans.seen", orphaned: { count: 1, names: ["widgets.example.org one"] } },
  ...[null, SOME_LEFT, NOTHING_LEFT].map(remaining),
];

const answers: BindingEvent[] = [
  { type: "claimed" },
  { type: "recorded" },
  { type: "noted" },
  { type: "released" },
  { type: "binding.gone" },
  FAILED,
];

const left = unreached(bindingMachine, walk(bindingMachine, { facts, starts: [PASS, DUE], answers }));

test("every state is reached", () => expect(left.states).toEqual([]));

test("every transition is taken", () => expect(left.transitions).toEqual([]));
