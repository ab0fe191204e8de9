// Facts about one binding, as the tests of the binding machine tell them.

import {
  type ApiVerdict,
  type BindingContext,
  type BindingEvent,
  type BindingFact,
  bindingMachine,
} from "../../machines/binding.ts";
import { sumUp } from "../../machines/rules/blockers.ts";
import { after } from "./drive.ts";

/** A live binding that carries our finalizer. */
export const binding = (change: Partial<BindingFact> = {}): BindingFact => ({
  uid: "binding",
  deleting: false,
  claimed: true,
  connection: "acme",
  stage: "settled",
  through: "acme",
  paused: "",
  unnoted: false,
  ...change,
});

export const READY = { exists: true, ready: true, message: "Connection acme is Ready" };
export const NOT_READY = { exists: true, ready: false, message: "Connection acme is not Ready" };
export const NO_CONNECTION = { exists: false, ready: false, message: "Connection acme does not exist" };

/** An API whose objects are synced. */
export const api = (change: Partial<ApiVerdict> = {}): ApiVerdict => ({
  name: "widgets.example.org",
  reason: "AsExpected",
  message: "synced",
  crdHash: "sha256:0123456789abcdef",
  conflicts: { foreign: 0, another: 0 },
  denied: [],
  deniedHere: [],
  failing: 0,
  paused: 0,
  ...change,
});

export const NOTHING_LEFT = { objects: 0, apis: [], message: "0 object(s) still have a copy on the provider" };
export const SOME_LEFT = { objects: 2, apis: ["widgets.example.org"], message: "2 object(s) still have a copy" };

export const BLOCKED = sumUp([
  { cause: "ProviderFinalizer", detail: "the copy waits for x/y on the provider", name: "widgets.example.org a/one" },
]);

export const told = (
  fact: BindingFact | null,
  connection: typeof READY = READY,
  apis: ApiVerdict[] = [api()],
): BindingEvent[] => [
  fact ? { type: "binding.seen", binding: fact } : { type: "binding.gone" },
  { type: "connection.seen", connection },
  { type: "apis.seen", apis },
];

export const remaining = (left: BindingContext["remaining"]): BindingEvent => ({
  type: "remaining.counted",
  remaining: left,
});

export const PASS = { type: "pass" } as const;
export const DUE = { type: "due" } as const;
export const FAILED: BindingEvent = { type: "failed", message: "on this cluster: not taken" };

/** Where the binding machine is after these events. */
export const drive = (...events: readonly BindingEvent[]) =>
  after<BindingContext, BindingEvent>(bindingMachine, events);
