// When an object in conflict may be read again: every Connection has a few turns a second, given out evenly and in the order
// they are asked for, so that however many objects are in conflict the provider hardly notices, and none waits for ever.
// Rule: docs/reference/behaviour.md, "Ownership of copies".

import type { Clock } from "./ports.ts";
import type { Timers } from "./timers.ts";

export interface Rechecks {
  /** 0: now. Otherwise the milliseconds until the turn that `key` now has, for which it asks again when they are over. */
  turn(connection: string, key: string): number;
}

/** Milliseconds between two turns of a Connection: no second sees more than five, a little unpunctuality allowed for. */
const APART = 220;

/** Milliseconds after which a turn that nobody came for is forgotten. */
const FORGOTTEN = 60_000;

interface Line {
  /** When the next turn is that nobody has. */
  next: number;
  /** Turns that were given out, the earliest first. */
  given: Map<string, number>;
}

/** Where an object waits to be read again, which is done by turns. */
const IN_CONFLICT = "conflicted.resting";

/** May the object at that address, which rests there, be read now? If not, it is due again at its turn, unless the pass sets another time. */
export function takesTurn(
  { rechecks, timers }: { rechecks: Rechecks; timers: Pick<Timers, "set"> },
  connection: string,
  address: string,
  rest: string | undefined,
): boolean {
  if (rest !== IN_CONFLICT) return true;
  const wait = rechecks.turn(connection, address);
  if (wait > 0) timers.set(address, wait, 0);
  return wait === 0;
}

export function createRechecks(clock: Clock): Rechecks {
  const lines = new Map<string, Line>();

  const lineOf = (connection: string, now: number): Line => {
    const line = lines.get(connection) ?? { next: now, given: new Map<string, number>() };
    lines.set(connection, line);
    for (const [key, at] of line.given) {
      if (at > now - FORGOTTEN) break;
      line.given.delete(key);
    }
    return line;
  };

  return {
    turn(connection, key) {
      const now = clock.now();
      const line = lineOf(connection, now);
      const given = line.given.get(key);
      if (given !== undefined && given > now) return given - now;
      line.given.delete(key);
      if (given !== undefined) return 0;
      const at = Math.max(now, line.next);
      line.next = at + APART;
      if (at > now) line.given.set(key, at);
      return at - now;
    },
  };
}
