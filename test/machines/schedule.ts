// Random schedules for a replica: facts arrive in any order, late, never or again, passes run at any moment, things happen
// elsewhere between and during them, answers get lost, the process starts anew.

import fc from "fast-check";

import type { Replica } from "./replica.ts";

/** What people and controllers do to a world, by name. */
export type Deeds<World> = Record<string, (world: World) => void>;

export interface Step<Side extends string> {
  told: readonly Side[];
  start: "pass" | "tick" | "restart" | "none";
  deed: string | null;
}

/** A request's fate, and what happens elsewhere just before it. */
export interface Chance<Fate> {
  fate: Fate;
  before: string | null;
}

const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

/** Facts arrive, a pass follows (or the time that was waited for passes), and something happens elsewhere. */
export const steps = <World, Side extends string>(
  sides: readonly Side[],
  deeds: Deeds<World>,
): fc.Arbitrary<Step<Side>[]> =>
  fc.array(
    fc.record({
      told: fc.oneof(fc.constant(sides), fc.subarray([...sides])),
      start: fc.constantFrom("pass", "pass", "pass", "tick", "tick", "restart", "none"),
      deed: sometimes(fc.constantFrom(...Object.keys(deeds))),
    }),
    { maxLength: 12 },
  );

export const chances = <World, Fate>(failures: readonly Fate[], done: Fate, deeds: Deeds<World>) =>
  fc.array(
    fc.record<Chance<Fate>>({
      fate: fc.oneof({ weight: 2, arbitrary: fc.constant(done) }, fc.constantFrom(...failures)),
      before: sometimes(fc.constantFrom(...Object.keys(deeds))),
    }),
    { maxLength: 20 },
  );

/** Takes one chance after the other, then lets everything be done. `last` ends them all. */
export function fates<World, Fate>(world: World, list: readonly Chance<Fate>[], done: Fate, deeds: Deeds<World>) {
  const ahead = [...list];
  const next = (): Fate => {
    const { fate, before } = ahead.shift() ?? { fate: done, before: null };
    if (before !== null) deeds[before]?.(world);
    return fate;
  };
  return { next, end: () => (ahead.length = 0) };
}

export async function take<World, Side extends string>(
  { told, start, deed }: Step<Side>,
  replica: Replica<Side>,
  world: World,
  deeds: Deeds<World>,
): Promise<void> {
  if (start === "restart") replica.restart();
  told.forEach((side) => replica.tell(side));
  if (start === "pass" || start === "tick") await replica[start]();
  if (deed !== null) deeds[deed]?.(world);
}
