// Random histories on real API servers, with faults in between, each compared with an oracle that knows the rules only. What
// is drawn, and which faults strike, follows from a seed that is printed: `npm run histories -- --seed <n>` plays the same.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { type Batch, type Candidate, type Outcome, playBatch } from "./batch.ts";
import { forecastOf } from "./fault-plan.ts";
import { historyOf } from "./generator.ts";
import { pursue } from "./pursuit.ts";
import { type Stage, startStage } from "./stage.ts";
import { tearDown } from "./teardown.ts";

const wanted = (name: string): number | undefined =>
  process.env[name] === undefined ? undefined : Number(process.env[name]);

const SEED = wanted("HISTORIES_SEED") ?? 1;
const COUNT = wanted("HISTORIES_COUNT") ?? 512;
/** One of them, alone. */
const ONLY = wanted("HISTORIES_ONLY");

const IN_A_BATCH = 256;
/** Seeds of histories tell of which batch they are, and so which weather they met. */
const SEEDS_OF_A_BATCH = 1_000;

const PATIENCE = 90_000;
const QUIET = 3_000;
/** Divergences that are looked into; the others are named. */
const PURSUED = 2;

const candidate = (seed: number): Candidate => ({ history: historyOf(seed), faults: true });

const batchOf = (seed: number, candidates: Candidate[]): Batch => ({
  seed,
  forecast: forecastOf(seed),
  candidates,
  patience: PATIENCE,
  quiet: QUIET,
});

function batches(): Batch[] {
  if (ONLY !== undefined) return [batchOf(Math.floor(ONLY / SEEDS_OF_A_BATCH), [candidate(ONLY)])];
  return Array.from({ length: Math.ceil(COUNT / IN_A_BATCH) }, (_, index) => {
    const seed = SEED + index;
    const count = Math.min(IN_A_BATCH, COUNT - index * IN_A_BATCH);
    return batchOf(
      seed,
      Array.from({ length: count }, (_one, history) => candidate(seed * SEEDS_OF_A_BATCH + history)),
    );
  });
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

let stage: Stage;
const played: Outcome[] = [];

beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage?.stop());

/** For the log of a run: what was played, and that the faults have struck. */
function summary({ seed, candidates, forecast }: Batch, outcomes: Outcome[], struck: number, took: number): string {
  const acts = outcomes.flatMap(({ play }) => play.deeds).filter(({ status }) => status >= 200 && status < 300).length;
  const weather = forecast.rounds.map((one) => one.weather).filter((one) => one !== "calm");
  const what = `${candidates.length} histories, ${acts} acts, ${struck} faults, ${weather.join(", ")}`;
  return `seed ${seed}: ${what}; ${(took / 1000).toFixed(1)} s`;
}

const faultsSoFar = (): number =>
  Object.values(stage.faulty).reduce(
    (sum, { lines }) => sum + lines.filter((line) => line.includes("FAULT")).length,
    0,
  );

async function explained(batch: Batch, wrong: Outcome[]): Promise<string> {
  const texts = [];
  for (const outcome of wrong.slice(0, PURSUED)) {
    const { text } = await pursue(stage, batch, outcome, { patience: 40_000, budget: 240_000 });
    const { seed } = outcome.play.history;
    texts.push(`npm run histories -- --only ${seed}\n${outcome.problems.join("\n")}\n${text}`);
  }
  const others = wrong.slice(PURSUED).map(({ play, problems }) => `history ${play.history.seed}: ${problems[0]}`);
  return [...texts, ...others].join("\n\n");
}

describe("however people, controllers and faults follow each other", () => {
  const all = batches();
  test.each(all)(
    "each history of seed $seed ends as the rules say, and nothing forbidden happens on the way",
    async (batch) => {
      const [before, start] = [faultsSoFar(), Date.now()];
      const { outcomes, everybodys } = await playBatch(stage, batch);
      played.push(...outcomes);
      say(summary(batch, outcomes, faultsSoFar() - before, Date.now() - start));
      const wrong = outcomes.filter(({ problems }) => problems.length > 0);
      if (wrong.length > 0) expect.fail(`${wrong.length} histories diverged\n${await explained(batch, wrong)}`);
      expect(everybodys).toEqual([]);
    },
    900_000,
  );

  test("nothing of ours is left when the bindings and the Connection are gone", () =>
    tearDown(stage, played, PATIENCE));
});
