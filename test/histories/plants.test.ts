// A test of the test: bugs are planted between the konnector and the provider, as if the konnector had them. The runner must
// see each, play the history again alone, make it short, and keep what happened.

import { readdirSync, rmSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { playBatch } from "./batch.ts";
import { faultFor, type Forecast, type Sort } from "./fault-plan.ts";
import type { Tamper } from "./faulty-server.ts";
import { pursue } from "./pursuit.ts";
import { type Stage, startStage } from "./stage.ts";
import { type History, ROUNDS, type Setting, type SideName, type Step } from "./step.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
  const { consumer, provider } = stage.faulty;
  const bugs = [swallowedDelete, oldSpecs("/gadgets/", () => true), oldSpecs("/tools/f", isFirstWrite), unguarded];
  provider.tamper = (asked, body) =>
    bugs.reduce<ReturnType<Tamper>>((made, bug) => made ?? bug(asked, body), undefined);
  consumer.disguise = (piece) => piece.replaceAll('"core.kube-bind.io/paused":"true"', UNPAUSED);
  // So that the watches that are open already are told in disguise, too.
  consumer.cut();
  const warm = { history: history(99, "fail", [create("z", 1)]), faults: false };
  await playBatch(stage, { seed: 1, forecast: SLOWLY, candidates: [warm], patience: 30_000, quiet: 0 });
});
afterAll(() => stage?.stop());

/** As long as what it stands for, and without any meaning. */
const UNPAUSED = '"core.kube-bind.io/paused":"nope"';

/** What was done in one round has been carried by the next, as far as a planted bug lets it. */
const SLOWLY: Forecast = { rounds: Array.from({ length: ROUNDS }, () => ({ weather: "calm", paceMs: 500 })) };

const PATIENCE = 3_000;
const QUIET = 1_000;
const PURSUIT = { patience: PATIENCE, budget: 60_000 };

/** Of a divergence, in a directory of its own. */
const KEPT = [
  "audit-consumer.jsonl",
  "audit-provider.jsonl",
  "events.jsonl",
  "history.txt",
  "konnector.log",
  "objects-consumer.jsonl",
  "objects-provider.jsonl",
  "requests.log",
];

const history = (seed: number, setting: Setting, steps: Step[], every = 1): History => ({
  seed,
  setting,
  brought: false,
  steps: steps.map((step, index) => ({ round: index * every, step })),
});

const create = (name: string, count: number): Step => ({
  do: "create",
  name,
  spec: { count, size: `s${count}` },
  labels: {},
});
const edit = (name: string, count: number): Step => ({ do: "edit", name, spec: { count } });

/** A copy that is to be deleted is said to be gone, and is not. */
const swallowedDelete: Tamper = ({ method, path }) =>
  method === "DELETE" && (path.includes("/widgets/") || path.includes("/tools/e"))
    ? { status: 200, body: { kind: "Status", apiVersion: "v1", status: "Success", details: {} } }
    : undefined;

interface Apply {
  metadata: Record<string, unknown>;
  spec: unknown;
}

const isFirstWrite = ({ metadata }: Apply): boolean => metadata["resourceVersion"] === "1";

/** From the second of those that count on, each apply of an object carries the spec of the first. */
function oldSpecs(place: string, counts: (patch: Apply) => boolean): Tamper {
  const first = new Map<string, unknown>();
  return ({ method, path }, body) => {
    if (method !== "PATCH" || !path.includes(place)) return undefined;
    const patch = JSON.parse(body) as Apply;
    if (!counts(patch)) return undefined;
    const before = first.get(path);
    if (before === undefined) first.set(path, patch.spec);
    return { body: JSON.stringify({ ...patch, spec: before ?? patch.spec }) };
  };
}

/** No apply says which state it was decided on. */
const unguarded: Tamper = ({ method, path }, body) => {
  if (method !== "PATCH" || !path.includes("/plains/")) return undefined;
  const patch = JSON.parse(body) as Apply;
  const { uid: _uid, resourceVersion: _version, ...metadata } = patch.metadata;
  return { body: JSON.stringify({ ...patch, metadata }) };
};

interface Bug {
  bug: string;
  setting: Setting;
  steps: Step[];
  /** Rounds for each. */
  every?: number;
  says: RegExp;
  left: string[];
}

const BUGS: Bug[] = [
  {
    bug: "swallows a delete",
    setting: "fail",
    steps: [create("a", 1), edit("a", 2), create("b", 3), { do: "delete", name: "a" }, edit("b", 5)],
    says: /a: the copy of .* is left/,
    left: ["create a", "delete a"],
  },
  {
    bug: "applies an old spec",
    setting: "adopt",
    steps: [create("a", 1), create("b", 2), { do: "hush", name: "b" }, edit("a", 4), create("c", 5)],
    says: /a: spec.count: 4 here, 1 there/,
    left: ["create a", "edit a"],
  },
  {
    bug: "does not know of pauses",
    setting: "fail",
    steps: [create("b", 1), create("a", 2), { do: "pause", name: "a", on: true }, edit("a", 4)],
    says: /carried 4 of an object that is paused/,
    left: ["create a", "pause a", "edit a"],
  },
  {
    bug: "drains nothing when the binding names another provider",
    setting: "own",
    steps: [{ do: "bind", policy: "Fail" }, create("e", 1), edit("e", 2), { do: "via", connection: "other" }],
    says: /e: it has a copy, and nothing binds it/,
    left: ["bind", "create e", "via"],
  },
  {
    bug: "remembers too much when a binding is made anew",
    setting: "own",
    steps: [
      { do: "bind", policy: "Fail" },
      create("f", 1),
      edit("f", 2),
      { do: "unbind" },
      { do: "bind", policy: "Fail" },
    ],
    every: 2,
    says: /f: spec.count: 2 here, 1 there/,
    left: ["bind", "create f", "edit f", "unbind", "bind"],
  },
];

async function findOut({ says, left }: Pick<Bug, "says" | "left">, whole: History, faults: boolean): Promise<void> {
  // A few side by side: on a busy machine a step may come before the one before it has been carried.
  const candidates = Array.from({ length: 3 }, () => ({ history: whole, faults }));
  const batch = { seed: 1, forecast: SLOWLY, candidates, patience: PATIENCE, quiet: faults ? QUIET : 0 };
  const { outcomes } = await playBatch(stage, batch);
  const outcome = outcomes.find(({ problems }) => says.test(problems.join("\n")));
  if (outcome === undefined)
    expect.fail(`it was not found out: ${JSON.stringify(outcomes.map((one) => one.problems))}`);
  const { again, text, history: short, dir } = await pursue(stage, batch, outcome, PURSUIT);
  expect(again).toBe(true);
  expect(short.steps.map(({ step }) => `${step.do}${"name" in step ? ` ${step.name}` : ""}`)).toEqual(left);
  expect(text).toMatch(says);
  expect(text).toContain(dir);
  expect(readdirSync(dir).sort()).toEqual(KEPT);
  rmSync(dir, { recursive: true });
}

// Side by side: each bug strikes objects of its own.
describe.concurrent("a konnector that", () => {
  test.each(BUGS)("$bug is found out, and the history told as short as can be", (one) =>
    findOut(one, history(1 + BUGS.indexOf(one), one.setting, one.steps, one.every), false),
  );
});

/**
 * The smallest seed with which the second apply comes late and the third fails, so that there is time for a newer one, and
 * nothing else of that object does.
 */
function seedOfALateApply(): number {
  const fate = (seed: number, side: SideName, sort: Sort) =>
    [0, 1, 2, 3, 4, 5].map((nth) => faultFor(seed, side, sort, "plains/a", nth)?.kind);
  const isFit = (seed: number) => {
    const [first, second, third, ...others] = fate(seed, "provider", "apply");
    const rest = [first, ...others, ...fate(seed, "consumer", "patch")];
    return second === "late" && third === "dropped" && rest.every((one) => one === undefined);
  };
  let seed = 1;
  while (!isFit(seed)) seed++;
  return seed;
}

// Alone: the faults of a stage are those of one batch.
test("a konnector that does not guard its writes is found out by one that arrives late", () => {
  const steps = [create("a", 1), edit("a", 2), edit("a", 3)];
  const says = /V6: patch plains .*\/a came late and was taken/;
  return findOut(
    { says, left: ["create a", "edit a", "edit a"] },
    history(seedOfALateApply(), "plain", steps, 2),
    true,
  );
});
