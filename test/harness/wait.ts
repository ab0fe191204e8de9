// Waiting for a state with a deadline: the only way a test waits. No sleeps, no retries of assertions elsewhere.

import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 50;

const show = (value: unknown): string => {
  if (value instanceof Error) return value.message;
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
};

/** What a probe that is not satisfied yet may answer to have its last look shown when the deadline passes. */
export class NotYet {
  readonly state: unknown;
  constructor(state: unknown) {
    this.state = state;
  }
}

const isAnswer = <T>(answer: T | NotYet | undefined | false | null): answer is T =>
  answer !== undefined && answer !== false && answer !== null && !(answer instanceof NotYet);

/**
 * Asks `probe` again and again until it answers something other than undefined, null, false or a NotYet, and returns
 * that answer. A probe that throws counts as "not yet". After `deadlineMs` it fails, naming `what` and the last state.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | NotYet | undefined | false | null> | T | NotYet | undefined | false | null,
  deadlineMs = 10_000,
): Promise<T> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    let last: unknown;
    try {
      const answer = await probe();
      if (isAnswer(answer)) return answer;
      last = answer instanceof NotYet ? answer.state : answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) throw new Error(`waited ${deadlineMs} ms for ${what}; last: ${show(last)}`);
    await sleep(POLL_MS);
  }
}

/** Looks at `probe` for `ms` and fails as soon as it answers something (a sentence that says what is wrong). */
export async function never(what: string, probe: () => Promise<string | undefined>, ms: number): Promise<void> {
  const end = Date.now() + ms;
  do {
    const wrong = await probe();
    if (wrong !== undefined) throw new Error(`${what} must not happen, but: ${wrong}`);
    await sleep(POLL_MS);
  } while (Date.now() < end);
}
