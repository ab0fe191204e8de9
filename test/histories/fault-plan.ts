// Which requests of the konnector fail, and how: decided by a seed and by how many requests of that class for that object
// came before, never by time. So a history that is played alone meets the faults that it met among others. What strikes
// all at once (weather) is decided by the seed of the batch, round by round.

import { randomFrom } from "./random.ts";
import { ROUNDS, type SideName } from "./step.ts";

/**
 * lost: carried out, but the connection breaks before the answer. dropped: the connection breaks before it is carried out.
 * late: likewise, and it reaches the server after the next write to that object, if there is one. cut: a stream breaks off after so many pieces. gone: a watch is told that its version is too old, in the stream.
 */
export type Fault =
  | { kind: "status"; code: 409 | 422 | 429 | 500 | 410 }
  | { kind: "lost" | "dropped" | "late" | "gone" }
  | { kind: "cut"; after: number };

export type Sort = "apply" | "patch" | "delete" | "get" | "watch" | "other";

const CODES = { conflict: 409, failedTest: 422, tooMany: 429, broken: 500, expired: 410 } as const;
type Choice = keyof typeof CODES | "lost" | "dropped" | "late" | "gone" | "cut";

/** What may happen to a request of that sort, and to how many in a hundred. */
const RISKS: Record<Sort, { rate: number; choices: readonly Choice[] }> = {
  apply: { rate: 35, choices: ["conflict", "tooMany", "broken", "lost", "dropped", "late"] },
  patch: { rate: 30, choices: ["conflict", "failedTest", "tooMany", "broken", "lost", "dropped", "late"] },
  delete: { rate: 35, choices: ["conflict", "tooMany", "broken", "lost", "dropped", "late"] },
  get: { rate: 25, choices: ["tooMany", "broken", "lost", "dropped"] },
  watch: { rate: 40, choices: ["tooMany", "broken", "expired", "gone", "dropped", "cut", "cut", "cut"] },
  other: { rate: 8, choices: ["tooMany", "broken", "lost", "dropped"] },
};

/** The `nth` request (from 0) with that seed, side, sort and place. */
export function faultFor(
  seed: number | string,
  side: SideName,
  sort: Sort,
  place: string,
  nth: number,
): Fault | undefined {
  const random = randomFrom("fault", seed, side, sort, place, nth);
  const { rate, choices } = RISKS[sort];
  if (!random.chance(rate / 100)) return undefined;
  const choice = random.pick(choices);
  if (choice === "cut") return { kind: "cut", after: 1 + random.below(150) };
  return choice in CODES ? { kind: "status", code: CODES[choice as keyof typeof CODES] } : { kind: choice as "lost" };
}

/**
 * What strikes everything after a round. kill: SIGKILL of the konnector and a new one. cut: every connection to that side
 * breaks. away: nothing is answered there until the next round is done. misled: the provider's address leads to another
 * cluster until then. paused: the Connection is, until then. rebound: a ClusterBinding is deleted, and made anew once it is gone.
 */
export type Weather =
  "calm" | "kill" | `${"cut" | "away"} ${SideName}` | "misled" | "paused" | `rebound ${"fail" | "adopt" | "plain"}`;

const WEATHERS: readonly Weather[] = [
  ...Array.from({ length: 12 }, () => "calm" as const),
  ...(["kill", "cut consumer", "cut provider"] as const),
];

export interface Forecast {
  /** One for each round. */
  rounds: readonly { weather: Weather; paceMs: number }[];
}

const PACES = [0, 0, 50, 150, 400];

/** A batch has at least one of each, but for cuts. */
export function forecastOf(seed: number): Forecast {
  const random = randomFrom("weather", seed);
  const rounds = Array.from({ length: ROUNDS }, () => ({ weather: random.pick(WEATHERS), paceMs: random.pick(PACES) }));
  const rebound = `rebound ${random.pick(["fail", "adopt", "plain"] as const)}` as const;
  const sure: readonly Weather[] = ["kill", "away provider", rebound, "paused", "away consumer", "misled"];
  const start = random.below(ROUNDS - 2 * sure.length);
  for (const [index, weather] of sure.entries()) {
    const round = rounds[start + 2 * index];
    if (round !== undefined) round.weather = weather;
  }
  return { rounds };
}

/** At the same pace. */
export const calmed = ({ rounds }: Forecast): Forecast => ({
  rounds: rounds.map(({ paceMs }) => ({ weather: "calm", paceMs })),
});
