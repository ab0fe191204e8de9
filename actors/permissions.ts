// Looks after the rights on one cluster: the provider of a Connection, or our own. Computes what is needed, asks what is
// granted, and tells those who report it when the difference changes. Asks every 10 minutes while all is well; while
// something is missing, what concerns that every 5 s; and when a request was refused for a right that it believes in.
// Best effort: it never stands in the way of a request. Rule: docs/reference/behaviour.md, "Permissions".

import { isDeepStrictEqual } from "node:util";
import { covers, describeRights, isGranted, type Right, rightIn } from "../machines/rules/permissions.ts";
import {
  instanceNeeds,
  NAMESPACES_FOR_COPIES,
  type Need,
  ownNeeds,
  providerNeeds,
  relatedNeeds,
} from "../machines/rules/needed-rights.ts";
import { isAllowed, type Standing } from "./access-reviews.ts";
import type { Engine } from "./engine.ts";
import { OURSELVES, permissionsKey } from "./keys.ts";
import { type ApiError, type Cluster, PRIORITY } from "./ports.ts";
import { reconsider, reportRights, tryAgain } from "./permission-news.ts";
import { wantedApis } from "./wanted-apis.ts";
import { wantedRelated } from "./wanted-related.ts";

/** Milliseconds after which an answer is asked for again: as a rule, while a right is missing, and after a refusal. */
const REVIEW = 600_000;
const WHILE_MISSING = 5_000;
const AFTER_DENIAL = 2_000;
/** …and until the next try when no answer was to be had. */
const NO_ANSWER = 15_000;

interface Side {
  cluster: Cluster;
  epoch: number;
  needs: Need[];
}

const connectionsOf = (engine: Engine): string[] =>
  [...engine.directory.connections.values()].map(({ metadata }) => metadata.name);

/** The rights we need on our own cluster, for what all Connections together ask for. */
function needsHere(engine: Engine): Need[] {
  const apis = connectionsOf(engine).flatMap((name) => wantedApis(engine, name));
  const autoBind = [...engine.directory.connections.values()].some(({ spec }) => spec.autoBind);
  const related = connectionsOf(engine).flatMap((name) => wantedRelated(engine, name, OURSELVES));
  return [
    ...ownNeeds(engine.settings.namespace, autoBind),
    ...apis.flatMap(instanceNeeds),
    ...related.flatMap(relatedNeeds),
  ];
}

function needsOn(engine: Engine, name: string): Need[] {
  const connection = engine.directory.connection(name);
  const crds = connection?.spec.schema.source === "CRD" || connection?.status?.activeSchemaSource === "CRD";
  return providerNeeds({ crds, apis: wantedApis(engine, name), related: wantedRelated(engine, name, name) });
}

/** Undefined while the provider is not engaged: then there is nobody to ask. */
function sideOf(engine: Engine, name: string): Side | undefined {
  if (name === OURSELVES) return { cluster: engine.consumer, epoch: 0, needs: needsHere(engine) };
  const engagement = engine.engagements.get(name);
  return engagement && { cluster: engagement.cluster, epoch: engagement.epoch, needs: needsOn(engine, name) };
}

const placesOf = ({ namespace }: Right): string[] => ["", namespace];

/** How old the answer for that namespace may be. */
function mayBe({ doubted, missing }: Standing, namespace: string): number {
  if (doubted.has(namespace)) return AFTER_DENIAL;
  return missing?.some((right) => placesOf(right).includes(namespace)) ? WHILE_MISSING : REVIEW;
}

function dropOld(standing: Standing, now: number): void {
  for (const [namespace, { at }] of standing.answers) {
    if (now - at < mayBe(standing, namespace)) continue;
    standing.answers.delete(namespace);
    standing.doubted.delete(namespace);
  }
}

const isSpared = async ({ right, or }: Need, allowed: (right: Right) => Promise<boolean>): Promise<boolean> =>
  (await allowed(right)) || (or !== undefined && (await allowed(or)));

/** An object that waits for its namespace is tried again every 30 s, so a need that is older is none any more. */
const LASTS = 60_000;

async function missingOn({ cluster }: Side, { answers, needs, homeless }: Standing, now: number): Promise<Right[]> {
  const missing: Right[] = [];
  const allowed = (right: Right) => isAllowed(cluster, answers, right, now);
  const all = now - homeless < LASTS ? [...needs, NAMESPACES_FOR_COPIES] : needs;
  for (const need of all) if (!(await isSpared(need, allowed))) missing.push(need.right);
  return missing;
}

const nextLook = (standing: Standing, now: number): number =>
  Math.min(REVIEW, ...[...standing.answers].map(([namespace, { at }]) => at + mayBe(standing, namespace) - now));

const freshStanding = (epoch: number): Standing => ({
  epoch,
  answers: new Map(),
  needs: [],
  missing: null,
  unanswered: false,
  doubted: new Set(),
  homeless: -Infinity,
});

/** One pass. `name`: of a Connection, or OURSELVES. Never rejects but for bugs. */
export async function permissionsPass(engine: Engine, name: string): Promise<void> {
  const key = permissionsKey(name);
  engine.timers.takeDue(key);
  const side = sideOf(engine, name);
  if (side === undefined) {
    engine.standings.delete(name);
    engine.timers.set(key, null);
    return;
  }
  const known = engine.standings.get(name);
  const standing = known?.epoch === side.epoch ? known : freshStanding(side.epoch);
  engine.standings.set(name, standing);
  standing.needs = side.needs;
  await look(engine, name, side, standing);
}

async function look(engine: Engine, name: string, side: Side, standing: Standing): Promise<void> {
  const key = permissionsKey(name);
  const now = engine.clock.now();
  const everywhere = standing.answers.get("")?.rules;
  dropOld(standing, now);
  try {
    const before = standing.missing;
    standing.missing = await missingOn(side, standing, now);
    standing.unanswered = false;
    engine.timers.set(key, Math.max(0, nextLook(standing, now)));
    if (!isDeepStrictEqual(everywhere, standing.answers.get("")?.rules)) reconsider(engine, name);
    if (isDeepStrictEqual(before, standing.missing)) return;
    tell(engine, name, standing.missing);
    if (before?.some((right) => !standing.missing?.includes(right))) {
      tryAgain(engine, name);
      doubtEverywhere(engine, key, standing);
    }
    await reportRights(engine, name);
  } catch (error) {
    standing.unanswered = true;
    engine.timers.set(key, NO_ANSWER);
    engine.log.debug({ connection: name, error: String((error as Error).message) }, "rights could not be asked");
  }
}

/** What was granted may be granted everywhere, and just not yet when that was asked, before its namespace was asked about. */
function doubtEverywhere(engine: Engine, key: string, standing: Standing): void {
  if (standing.answers.size < 2) return;
  standing.doubted.add("");
  engine.timers.set(key, AFTER_DENIAL);
}

function tell({ log }: Engine, name: string, missing: readonly Right[]): void {
  const whose = name === OURSELVES ? { side: "consumer" } : { side: "provider", connection: name };
  if (missing.length === 0) log.info(whose, "no right is missing");
  else log.warn({ ...whose, missing: describeRights(missing) }, "rights are missing");
}

/** More than is needed, which would have done as well; and the last review of the whole cluster says that it is granted. */
function isBelieved({ answers, needs }: Standing, right: Right): boolean {
  const rules = answers.get("")?.rules;
  return rules !== undefined && isGranted(rules, right) && needs.some((need) => covers(right, need.right));
}

/** A request was refused. What was believed to be granted is asked for again soon; what is known to be missing is not. */
export function noteDenial(engine: Engine, name: string, { message }: ApiError): void {
  const right = rightIn(message);
  const standing = engine.standings.get(name);
  if (right === undefined || !standing?.missing) return;
  const isHome = covers(NAMESPACES_FOR_COPIES.right, right);
  if (isHome) standing.homeless = engine.clock.now();
  const isNeeded =
    isHome || standing.needs.some((need) => [need.right, need.or].some((one) => one && covers(one, right)));
  if (!(isNeeded || isBelieved(standing, right)) || standing.missing.some((one) => covers(one, right))) return;
  for (const namespace of placesOf(right)) standing.doubted.add(namespace);
  engine.wake(permissionsKey(name), PRIORITY.backlog);
}
