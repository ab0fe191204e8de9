// Drives a machine with events and says where it then is. The machines are pure, so this is all a test of them needs.

import { type AnyStateMachine, createActor, type EventObject } from "xstate";

import { statePath } from "../../actors/host.ts";

export interface Where<Context> {
  /** The state as a path: "cleaningUp.draining". */
  at: string;
  context: Context;
  tags: ReadonlySet<string>;
}

/** Where a fresh machine is after these events. */
export function after<Context, Event extends EventObject>(machine: AnyStateMachine, events: readonly Event[]) {
  const actor = createActor(machine).start();
  for (const event of events) actor.send(event);
  const { value, context, tags } = actor.getSnapshot();
  return { at: statePath(value), context, tags } as Where<Context>;
}
