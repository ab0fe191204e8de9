// Whether the histories of a batch have come to their end: looks at every object and binding of theirs, and asks the oracle.

import { setTimeout as pause } from "node:timers/promises";

import { BINDINGS, CLUSTER_BINDINGS } from "../../crds/resources.ts";
import { conditionOf } from "../e2e/conditions.ts";
import type { Body } from "../e2e/objects.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { ruleOf } from "./model.ts";
import { judge } from "./oracle.ts";
import { eachOf } from "../harness/pool.ts";
import { liftAll, type Play } from "./player.ts";
import { CLUSTER_WIDE, type Stage, TYPES } from "./stage.ts";
import type { SideName } from "./step.ts";

type Sides = Record<SideName, Body[]>;

interface View {
  of(play: Play): Sides;
  binding(play: Play): Body;
  /** What is wrong with the bindings of everybody. */
  everybodys: string[];
}

async function listed(stage: Stage, side: SideName): Promise<Map<string, Body[]>> {
  const found = new Map<string, Body[]>();
  for (const [setting, type] of Object.entries(TYPES)) {
    for (const object of await stage.sides[side].objects.list(type)) {
      const place = `${setting} ${object.metadata.namespace}`;
      found.set(place, [...(found.get(place) ?? []), object]);
    }
  }
  return found;
}

const isMarked = ({ metadata }: Body): boolean => metadata.annotations?.["core.kube-bind.io/conflict"] !== undefined;

/** Every object of every history's namespace, on both sides, and the bindings of those that have their own. */
async function lookAround(stage: Stage): Promise<View> {
  const { consumer: below } = stage.sides;
  const [consumer, provider, bindings, clusterBindings] = await Promise.all([
    listed(stage, "consumer"),
    listed(stage, "provider"),
    below.objects.list(BINDINGS),
    below.objects.list(CLUSTER_BINDINGS),
  ]);
  const markedIn = (setting: string) =>
    [...consumer].flatMap(([place, objects]) => (place.startsWith(`${setting} `) ? objects.filter(isMarked) : []))
      .length;
  const placeOf = ({ history, namespace }: Play) => `${history.setting} ${namespace}`;
  return {
    of: (play) => ({ consumer: consumer.get(placeOf(play)) ?? [], provider: provider.get(placeOf(play)) ?? [] }),
    binding: ({ namespace }) => bindings.find(({ metadata }) => metadata.namespace === namespace),
    everybodys: CLUSTER_WIDE.flatMap((setting) => {
      const binding = clusterBindings.find(({ metadata }) => metadata.name === setting);
      const wrong = binding ? bindingSays(binding, markedIn(setting)) : ["its binding is gone"];
      return wrong.map((what) => `${setting}: ${what}`);
    }),
  };
}

const namesIn = ({ deeds }: Play): string[] => [
  ...new Set(deeds.flatMap(({ step }) => ("name" in step ? [step.name] : []))),
];

const named = (objects: Body[], name: string): Body => objects.find(({ metadata }) => metadata.name === name);

function ending(stage: Stage, play: Play, objects: Sides, binding: Body): string[] {
  const wrong = namesIn(play).flatMap((name) => {
    const end = { consumer: named(objects.consumer, name), provider: named(objects.provider, name) };
    return judge(play.history, play.deeds, name, end, stage.clusterUid).map((what) => `${name}: ${what}`);
  });
  return play.history.setting === "own" ? [...wrong, ...bindingEnd(play, objects, binding)] : wrong;
}

/** The binding is there or gone as its user left it. */
function bindingEnd(play: Play, { consumer }: Sides, binding: Body): string[] {
  const { bound, astray } = ruleOf(play.history, play.deeds);
  if (!binding) return bound || astray ? ["its binding is gone"] : [];
  if (binding.metadata.deletionTimestamp) return [`its binding is still going: ${JSON.stringify(binding.status)}`];
  if (astray) return strandedSays(binding);
  return bindingSays(binding, consumer.filter(isMarked).length);
}

/** Where it leads nothing is exported; with the Connection that it named before nothing of it is left. */
function strandedSays(binding: Body): string[] {
  const ready = conditionOf(binding, "Ready");
  const bound = binding.metadata.annotations?.["core.kube-bind.io/bound-connection"];
  return ready?.reason === "APINotExported" && bound === "other"
    ? []
    : [`its binding does not say that nothing is exported there: ${JSON.stringify([ready, bound])}`];
}

/** It is ready, and counts what is in conflict. */
function bindingSays(binding: Body, marked: number): string[] {
  const [ready, synced] = ["Ready", "Synced"].map((type) => conditionOf(binding, type));
  const counted = binding.status?.boundAPIs?.[0]?.conflictCount ?? 0;
  return [
    ...(ready?.status === "True" ? [] : [`its binding is not ready: ${JSON.stringify(ready)}`]),
    ...(counted === marked ? [] : [`its binding counts ${counted} conflicts of ${marked}`]),
    ...((synced?.status === "False") === marked > 0 ? [] : [`its binding says ${JSON.stringify(synced)}`]),
  ];
}

/** Milliseconds between two looks: looking costs the servers more than anything else by then. */
const LOOK_MS = 500;

export interface Ends {
  /** What is wrong with each. */
  wrong: Map<Play, string[]>;
  /** What is wrong, and nobody's in particular. */
  everybodys: string[];
}

/** Until no history has anything wrong, or the deadline; answers what is wrong then. */
export async function settle(stage: Stage, patience: number, plays: readonly Play[]): Promise<Ends> {
  let last: Ends = { wrong: new Map(), everybodys: [] };
  const look = async () => {
    const world = await lookAround(stage);
    await stage.remake();
    await eachOf(plays, (play) => liftAll(stage, play, world.of(play), world.binding(play)));
    const wrong = new Map(plays.map((play) => [play, ending(stage, play, world.of(play), world.binding(play))]));
    last = { wrong, everybodys: world.everybodys };
    if (isSettled(last)) return true;
    await pause(LOOK_MS);
    return new NotYet(last.everybodys);
  };
  // A deadline that passes is no failure here: what is wrong by then is what is answered.
  await eventually("every history to come to its end", look, patience).catch(() => undefined);
  return last;
}

/** Milliseconds without a write after which what follows what was seen (an Event, say) is through. */
const THROUGH_MS = 1_000;
const THROUGH_BY = 15_000;

/** Whoever goes on writing is found out by what is written after that. */
export const wroteItsLast = ({ faulty }: Stage): Promise<unknown> =>
  eventually(
    "the last writes to be through",
    () => Object.values(faulty).every(({ lastWrite }) => Date.now() - lastWrite > THROUGH_MS),
    THROUGH_BY,
  ).catch(() => undefined);

export const isSettled = ({ wrong, everybodys }: Ends): boolean =>
  everybodys.length === 0 && [...wrong.values()].every((one) => one.length === 0);
