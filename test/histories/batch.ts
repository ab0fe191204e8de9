// Plays histories side by side, each in a namespace of its own, on one stage: round by round, with the weather that strikes
// them all, until nothing is held or broken any more; waits until each has come to its end, watches whether anything is
// still written, and says for each what is wrong with it.

import { setTimeout as pause } from "node:timers/promises";

import { CLUSTER_BINDINGS, CONNECTIONS } from "../../crds/resources.ts";
import type { Write } from "../e2e/audit-policy.ts";
import type { Traffic } from "../e2e/traffic.ts";
import { isSettled, settle, wroteItsLast } from "./endings.ts";
import type { Forecast, Weather } from "./fault-plan.ts";
import { lateWrites, violations } from "./log-checks.ts";
import { openRoom, type Play, playRound } from "./player.ts";
import { eachOf } from "../harness/pool.ts";
import { faultPlan } from "./requests.ts";
import type { Stage } from "./stage.ts";
import type { History, SideName } from "./step.ts";

export interface Candidate {
  history: History;
  /** Requests for its objects fail as its seed says. */
  faults: boolean;
}

export interface Batch {
  seed: number;
  forecast: Forecast;
  candidates: readonly Candidate[];
  /** Milliseconds until all must have settled. */
  patience: number;
  /** Milliseconds in which nothing may be written then. */
  quiet: number;
}

export interface Outcome {
  play: Play;
  /** Nothing where all is well. */
  problems: string[];
}

export interface Result {
  outcomes: Outcome[];
  /** What is wrong, and no history's in particular. */
  everybodys: string[];
}

/** Cluster-wide, they say why what they bind was let go of. */
const BINDING_KINDS: ReadonlySet<string | undefined> = new Set([CLUSTER_BINDINGS.resource, CONNECTIONS.resource]);

let rooms = 0;

/** Strikes, and answers how it ends; what lasts goes on while the next round is played. */
async function strike(stage: Stage, weather: Weather): Promise<() => unknown> {
  const [kind, side] = weather.split(" ") as [string, SideName];
  if (kind === "rebound") await stage.unbind(side as never);
  if (kind === "paused") {
    await stage.pause(true);
    return () => stage.pause(false);
  }
  if (kind === "kill") await stage.restart();
  if (kind === "cut") stage.faulty[side].cut();
  if (kind === "away") {
    stage.faulty[side].away = true;
    stage.faulty[side].cut();
    return () => void (stage.faulty[side].away = false);
  }
  if (kind !== "misled") return () => undefined;
  stage.faulty.provider.mislead(true);
  return () => stage.faulty.provider.mislead(false);
}

async function playRounds(stage: Stage, { forecast }: Batch, plays: readonly Play[]): Promise<void> {
  let clear: () => unknown = () => undefined;
  const last = Math.max(...plays.flatMap(({ history }) => history.steps.map(({ round }) => round)));
  for (const [round, { weather, paceMs }] of forecast.rounds.slice(0, last + 1).entries()) {
    await eachOf(plays, (play) => playRound(stage, play, round));
    await pause(paceMs); // the pace is part of the history: nothing is awaited
    await clear();
    await stage.remake();
    clear = await strike(stage, weather);
  }
  await clear();
}

/** The rooms, and what fails in them from now on. */
async function open(stage: Stage, { seed, candidates }: Batch): Promise<Play[]> {
  const plan = faultPlan(seed);
  for (const server of Object.values(stage.faulty)) server.plan = plan;
  const plays = candidates.map(({ history, faults }): Play => {
    const namespace = `h${history.seed}-${rooms++}`;
    plan.enrol(namespace, faults ? history.seed : undefined);
    return { history, namespace, deeds: [] };
  });
  await eachOf(plays, (play) => openRoom(stage, play));
  plan.on = candidates.some(({ faults }) => faults);
  return plays;
}

async function logsOf({ sides }: Stage): Promise<Traffic> {
  const { consumer, provider } = sides;
  const [below, above] = await Promise.all([consumer.plane.auditEvents(), provider.plane.auditEvents()]);
  return { consumer: below, provider: above };
}

function byNamespace(events: Write[]): (namespace: string) => Write[] {
  const found = new Map<string, Write[]>();
  for (const event of events) {
    const { namespace = "" } = event.objectRef ?? {};
    const of = found.get(namespace);
    if (of === undefined) found.set(namespace, [event]);
    else of.push(event);
  }
  return (namespace) => found.get(namespace) ?? [];
}

/** Plays all of them to their end. */
export async function playBatch(stage: Stage, batch: Batch): Promise<Result> {
  const plays = await open(stage, batch);
  await playRounds(stage, batch, plays);
  const { plan } = stage.faulty.provider;
  plan.on = false;
  const ends = await settle(stage, batch.patience, plays);
  const watched = batch.quiet > 0 && isSettled(ends);
  if (watched) await wroteItsLast(stage);
  const settled = new Date().toISOString();
  if (watched) await pause(batch.quiet); // no waiting for anything: in this time nothing may be written
  const traffic = await logsOf(stage);
  const late = watched ? lateWrites(traffic, settled) : [];
  const strayed = Object.values(stage.faulty).flatMap((server) => server.strayed.map((line) => `V7: ${line}`));
  const isSomebodys = (line: string) => plays.some(({ namespace }) => line.includes(namespace));
  const everybodys = [...ends.everybodys, ...strayed, ...late.filter((line) => !isSomebodys(line))];
  const [below, above] = [byNamespace(traffic.consumer), byNamespace(traffic.provider)];
  const everybodysBindings = below("").filter(({ objectRef }) => BINDING_KINDS.has(objectRef?.resource));
  const outcomes = plays.map((play) => {
    const own = { consumer: [...everybodysBindings, ...below(play.namespace)], provider: above(play.namespace) };
    const ownLate = late.filter((line) => line.includes(play.namespace));
    const onTheWay = [...violations(own, play.deeds), ...ownLate];
    return { play, problems: [...(ends.wrong.get(play) ?? []), ...onTheWay] };
  });
  return { outcomes, everybodys };
}
