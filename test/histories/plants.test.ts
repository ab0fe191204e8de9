// A test of the test: bugs are planted between the konnector and the provider, as if the konnector had them. The runner must
// see each, play the history again alone, make it short, and keep what happened.

import { readdirSync, rmSync } from "node:fs";

import { afterAll, beforeAll, expect, test } from "vitest";

import { playBatch } from "./batch.ts";
import { CALM } from "./fault-plan.ts";
import type { Tamper } from "./faulty-server.ts";
import { pursue } from "./pursuit.ts";
import { type Stage, startStage } from "./stage.ts";
import type { History, Setting, Step } from "./step.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
  const spoilt = oldSpecs();
  stage.faulty.provider.tamper = (asked, body) => swallowedDelete(asked, body) ?? spoilt(asked, body);
});
afterAll(() => stage?.stop());

const PATIENCE = 3_000;
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

const history = (seed: number, setting: Setting, steps: Step[]): History => ({
  seed,
  setting,
  brought: false,
  steps: steps.map((step, round) => ({ round, step })),
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
  method === "DELETE" && path.includes("/widgets/")
    ? { status: 200, body: { kind: "Status", apiVersion: "v1", status: "Success", details: {} } }
    : undefined;

/** From the second on, each apply of an object carries the spec of the first. */
function oldSpecs(): Tamper {
  const first = new Map<string, unknown>();
  return ({ method, path }, body) => {
    if (method !== "PATCH" || !path.includes("/gadgets/")) return undefined;
    const patch = JSON.parse(body) as { spec: unknown };
    const before = first.get(path);
    if (before === undefined) first.set(path, patch.spec);
    return { body: JSON.stringify({ ...patch, spec: before ?? patch.spec }) };
  };
}

const BUGS: { bug: string; setting: Setting; steps: Step[]; says: RegExp; left: string[] }[] = [
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
];

// Side by side: each bug strikes an API of its own.
test.concurrent.each(BUGS)(
  "a konnector that $bug is found out, and the history told as short as can be",
  async (one) => {
    const whole = history(1 + BUGS.indexOf(one), one.setting, one.steps);
    const candidates = [{ history: whole, faults: false }];
    const batch = { seed: 1, forecast: CALM, candidates, patience: PATIENCE, quiet: 0 };
    const [outcome] = (await playBatch(stage, batch)).outcomes;
    if (outcome === undefined) expect.fail("nothing was played");
    expect(outcome.problems.join("\n")).toMatch(one.says);
    const { again, text, history: short, dir } = await pursue(stage, batch, outcome, PURSUIT);
    expect(again).toBe(true);
    expect(short.steps.map(({ step }) => `${step.do} ${"name" in step ? step.name : ""}`)).toEqual(one.left);
    expect(text).toMatch(one.says);
    expect(text).toContain(dir);
    expect(readdirSync(dir).sort()).toEqual(KEPT);
    rmSync(dir, { recursive: true });
  },
);
