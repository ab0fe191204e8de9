// What becomes of a history that did not end as the oracle says: it is played again alone, in the simplest circumstances in
// which it still goes wrong, made as short as it can be, and told as text, with the place where everything about it is kept.

import { type Batch, type Outcome, playBatch } from "./batch.ts";
import { keepEvidence } from "./evidence.ts";
import { calmed, type Forecast } from "./fault-plan.ts";
import { shrink } from "./shrink.ts";
import type { Stage } from "./stage.ts";
import { type History, tell } from "./step.ts";

export interface Pursued {
  /** As short as it got; the whole one where it went well when it was played alone. */
  history: History;
  /** Went wrong again. */
  again: boolean;
  text: string;
  /** Where everything about it is kept. */
  dir: string;
}

interface Way {
  called: string;
  faults: boolean;
  forecast: Forecast;
}

/** The same history side by side, because what goes wrong may be a matter of moments. */
const COPIES = 3;

const isWrong = ({ problems }: Outcome): boolean => problems.length > 0;

/** `patience`: milliseconds for each try to settle; `budget`: for all of them together. */
export async function pursue(
  stage: Stage,
  batch: Batch,
  first: Outcome,
  { patience, budget }: { patience: number; budget: number },
): Promise<Pursued> {
  const end = Date.now() + budget;
  let worst = first;
  // What is written once all looks well shows only to who waits for it.
  const quiet = first.problems.some((one) => /^V[56]/.test(one)) ? batch.quiet : 0;
  const tried = async (histories: readonly History[], { faults, forecast }: Way): Promise<boolean[]> => {
    const candidates = histories.flatMap((history) => Array.from({ length: COPIES }, () => ({ history, faults })));
    const { outcomes } = await playBatch(stage, { ...batch, forecast, candidates, patience, quiet });
    const wrong = histories.map((history) => outcomes.find((one) => one.play.history === history && isWrong(one)));
    worst = wrong.find((one) => one !== undefined) ?? worst;
    return wrong.map((one) => one !== undefined);
  };
  const { history } = first.play;
  const ways: Way[] = [
    { called: "without any fault", faults: false, forecast: calmed(batch.forecast) },
    { called: "with the faults of its requests", faults: true, forecast: calmed(batch.forecast) },
    { called: "with these faults and the weather of its batch", faults: true, forecast: batch.forecast },
  ];
  let way: Way | undefined;
  for (const one of ways) if (way === undefined && Date.now() < end && (await tried([history], one))[0]) way = one;
  const found = way;
  if (found === undefined) return told(stage, first, "It went well when it was played again alone.", false);
  const withSteps = (steps: History["steps"]): History => ({ ...history, steps });
  await shrink(
    history.steps,
    (all) => tried(all.map(withSteps), found),
    () => Date.now() > end,
  );
  return told(stage, worst, `Played again alone ${found.called}, and made shorter:`, true);
}

async function told(stage: Stage, outcome: Outcome, what: string, again: boolean): Promise<Pursued> {
  const { history } = outcome.play;
  const dir = await keepEvidence(stage, outcome);
  const text = [what, tell(history), ...outcome.problems.map((one) => `  ${one}`), `Everything about it: ${dir}`];
  return { history, again, text: text.join("\n"), dir };
}
