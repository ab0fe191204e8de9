// Makes a history of a seed: ten to twenty-five acts over a few names, in random order, most of them on something that is
// there. Every value that is written is its own, so that whatever is found later tells where it came from, and `count`
// grows with each write of the consumer's, so that a copy that goes back in time is seen.

import { type Random, randomFrom } from "./random.ts";
import {
  type ConnectionName,
  type Fields,
  type History,
  type Policy,
  ROUNDS,
  type Setting,
  type SideName,
  type Step,
} from "./step.ts";

const FEWEST = 10;
const MOST = 25;
const NAMES = ["a", "b", "c"];
const SETTINGS: readonly Setting[] = ["fail", "fail", "adopt", "plain", "own", "own"];
const POLICIES: readonly Policy[] = ["Fail", "Adopt"];
const CONNECTIONS: readonly ConnectionName[] = ["acme", "acme", "acme", "twin", "twin", "other"];
const SIDES: readonly SideName[] = ["consumer", "provider"];

type Draw = (random: Random, name: string, serial: number) => Step;

/** Whom an act is for: a name of the consumer's, one that it has not, one that is likely to be on the provider, any. */
type Aim = "mine" | "free" | "there" | "any";

interface Act {
  /** How often it is drawn, against the others. */
  weight: number;
  aim: Aim;
  draw: Draw;
}

const fields = (random: Random, serial: number): Fields => ({
  count: serial,
  ...(random.chance(0.6) ? { size: `s${serial}` } : {}),
  ...(random.chance(0.4) ? { color: `c${serial}` } : {}),
  ...(random.chance(0.3) ? { parts: [{ name: `p${serial}`, weight: serial + 0.5 }, { name: "q" }] } : {}),
});

const edited = (random: Random, serial: number): Fields => {
  const removed = random.pick(["", "", "size", "color", "parts"]);
  return { ...fields(random, serial), ...(removed === "" ? {} : { [removed]: null }) };
};

const labels = (random: Random, serial: number): Record<string, string> =>
  random.chance(0.5) ? { tier: `t${serial}` } : {};

const create: Draw = (random, name, serial) => ({
  do: "create",
  name,
  spec: fields(random, serial),
  labels: labels(random, serial),
});
const edit: Draw = (random, name, serial) => ({ do: "edit", name, spec: edited(random, serial) });
const label: Draw = (random, name, serial) => ({ do: "label", name, value: random.chance(0.7) ? `t${serial}` : null });
const report: Draw = (random, name, serial) => ({
  do: "report",
  name,
  phase: `ph${serial}`,
  observed: random.pick(["now", "now", "before", "no"]),
});
const drift: Draw = (random, name, serial) => ({
  do: "drift",
  name,
  spec: random.pick<Fields>([{ size: `d${serial}` }, { count: -serial }, { color: `d${serial}` }, { size: null }]),
});
const occupy: Draw = (random, name, serial) => ({
  do: "occupy",
  name,
  spec: { size: `f${serial}`, ...(random.chance(0.5) ? { color: `f${serial}` } : {}) },
  marked: random.chance(0.2),
});

const act = (weight: number, aim: Aim, draw: Draw): Act => ({ weight, aim, draw });

const ACTS: readonly Act[] = [
  act(12, "free", create),
  act(9, "mine", edit),
  act(3, "mine", label),
  act(7, "mine", (_random, name) => ({ do: "delete", name })),
  act(2, "mine", (random, name) => ({ do: "orphan", name, on: random.chance(0.7) })),
  act(1, "any", (_random, name) => ({ do: "force", name })),
  act(3, "mine", (random, name) => ({ do: "pause", name, on: random.chance(0.6) })),
  act(2, "mine", (_random, name) => ({ do: "hold", name, side: "consumer" })),
  act(2, "there", (_random, name) => ({ do: "hold", name, side: "provider" })),
  act(3, "any", (random, name) => ({ do: "lift", name, side: random.pick(SIDES) })),
  act(8, "there", report),
  act(2, "there", (_random, name) => ({ do: "hush", name })),
  act(4, "there", drift),
  act(3, "there", (_random, name, serial) => ({ do: "add", name, value: serial })),
  act(1, "there", (_random, name) => ({ do: "unlabel", name })),
  act(1, "there", (_random, name) => ({ do: "disown", name })),
  act(5, "there", (_random, name) => ({ do: "remove", name })),
  act(4, "free", occupy),
];

const BINDING_ACTS: readonly Act[] = [
  act(4, "any", (random) => ({ do: "bind", policy: random.pick(POLICIES) })),
  act(2, "any", () => ({ do: "unbind" })),
  act(2, "any", (random) => ({ do: "policy", policy: random.pick(POLICIES) })),
  act(1, "any", () => ({ do: "list", on: false })),
  act(2, "any", () => ({ do: "list", on: true })),
  act(2, "any", (random) => ({ do: "suspend", on: random.chance(0.6) })),
  act(4, "any", (random) => ({ do: "via", connection: random.pick(CONNECTIONS) })),
];
/** One that was deleted is likely to be made anew as soon as it is gone, which nobody knows. */
const ANEW = [1, 2, 4];

function drawn(acts: readonly Act[], random: Random): Act {
  let left = random.next() * acts.reduce((sum, { weight }) => sum + weight, 0);
  const found = acts.find(({ weight }) => (left -= weight) < 0);
  return found ?? act(1, "any", create);
}

/** What is likely to be where: enough to aim by, and right often enough. */
class Guess {
  readonly mine = new Set<string>();
  readonly there = new Set<string>();

  aim(random: Random, aim: Aim): string {
    const fits = NAMES.filter((name) => {
      if (aim === "mine") return this.mine.has(name);
      if (aim === "free") return !this.mine.has(name);
      return aim === "any" || this.mine.has(name) || this.there.has(name);
    });
    return random.pick(fits.length === 0 || random.chance(0.15) ? NAMES : fits);
  }

  note(step: Step): void {
    if (step.do === "create") this.mine.add(step.name);
    if (step.do === "delete") this.mine.delete(step.name);
    if (step.do === "occupy") this.there.add(step.name);
    if (step.do === "remove") this.there.delete(step.name);
  }
}

export function historyOf(seed: number): History {
  const random = randomFrom("history", seed);
  const setting = random.pick(SETTINGS);
  const count = FEWEST + random.below(MOST - FEWEST + 1);
  const rounds = Array.from({ length: count }, () => random.below(ROUNDS)).sort((a, b) => a - b);
  const guess = new Guess();
  const steps = rounds.flatMap((round, index) => {
    const { aim, draw } = drawn(setting === "own" && random.chance(0.25) ? BINDING_ACTS : ACTS, random);
    const step = (index === 0 ? create : draw)(random, guess.aim(random, aim), index + 1);
    guess.note(step);
    return [{ round, step }, ...(step.do === "unbind" && random.chance(0.6) ? madeAnew(random, round) : [])];
  });
  const bound: Step = { do: "bind", policy: random.pick(POLICIES) };
  const first = setting === "own" && random.chance(0.8) ? [{ round: 0, step: bound }] : [];
  const inOrder = steps.sort((a, b) => a.round - b.round);
  return { seed, setting, brought: random.chance(0.4), steps: [...first, ...inOrder] };
}

function madeAnew(random: Random, round: number): { round: number; step: Step }[] {
  const step: Step = { do: "bind", policy: random.pick(POLICIES) };
  return ANEW.map((later) => ({ round: round + later, step })).filter((one) => one.round < ROUNDS);
}
