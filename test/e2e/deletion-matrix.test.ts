// Whatever stands in the way of a deletion, and whatever is deleted: it ends clean, or shows what blocks it and ends clean
// once that is mended. Nothing foreign is touched, and nothing of ours is left. Each case has a lane of its own on
// two shared clusters: an API, a provider's user, a proxy, and one synced object.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Key, Resource } from "../../crds/kube-object.ts";
import { ANNOTATION } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, EVENTS } from "../../crds/resources.ts";
import { eventually } from "../harness/wait.ts";
import { absent, conditions, type Expected } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Landscape, PATIENCE, startLandscape } from "./landscape.ts";
import { bringUp, bystander, type Case, drop, isLetGo, nothingIsLeft, OBSTACLES } from "./obstacles.ts";
import { timeToTell } from "./time-to-tell.ts";

/** Milliseconds within which a deletion names what blocks it, and what a machine may add on which 24 cases run side by side. */
const IN_TIME = 5_000;
const BUSY = 3_000;

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

interface Way {
  title: string;
  letter: string;
  remove: (one: Case) => Promise<unknown>;
  /** What is shown while it is blocked. */
  shows: (one: Case, cause: string, says: RegExp) => Promise<unknown>;
  /** What else has to be deleted for the whole bundle to go. */
  finish: (one: Case) => Promise<unknown>;
}

/** Says so, in time. */
async function says({ word }: Case, resource: Resource, key: Key, expected: Record<string, Expected>): Promise<void> {
  await conditions(down(), resource, key, expected, PATIENCE);
  const time = await timeToTell(land, word, resource, key, expected);
  expect(time, `${word} ${resource.kind}`).toBeLessThan(IN_TIME + BUSY);
}

const bindingSays = (one: Case, expected: Record<string, Expected>) =>
  says(one, CLUSTER_BINDINGS, one.pieces.binding.key, expected);

const blocked = (word: string, cause: string): RegExp =>
  new RegExp(`1 deletion\\(s\\) blocked, 1 by ${cause}: ${word}s\\.example\\.org ${word}/one`);

async function instanceSays(one: Case, cause: string, detail: RegExp): Promise<void> {
  const { type, word, pieces } = one;
  const message = new RegExp(`^${cause}: .*${detail.source}`, "s");
  const expected: Expected = { status: "False", reason: "DeletionBlocked", message };
  await says(one, type, pieces.instance.key, { Synced: expected });
  const about = () => down().list(EVENTS, word);
  const [event] = await eventually("an Event", async () => {
    const found = (await about()).filter(({ reason }) => reason === "DeletionBlocked");
    return found.length > 0 && found;
  });
  expect(event).toMatchObject({ type: "Warning", involvedObject: { name: "one" } });
  expect(event.message).toMatch(message);
}

const drains = async (one: Case, cause: string): Promise<unknown> =>
  bindingSays(one, {
    Ready: {
      status: "False",
      reason: "DrainingObjects",
      message: new RegExp(`^1 object\\(s\\) still have a copy.*${blocked(one.word, cause).source}`),
    },
  });

const awaitsBinding = (one: Case) =>
  says(one, CONNECTIONS, one.pieces.Connection.key, {
    Ready: {
      status: "False",
      reason: "DrainingBindings",
      message: new RegExp(`^1 binding\\(s\\).*ClusterBinding ${one.word}`),
    },
  });

const WAYS: Way[] = [
  {
    title: "the object",
    letter: "a",
    remove: (one) => drop(one, "instance"),
    shows: (one, cause, says) =>
      Promise.all([
        instanceSays(one, cause, says),
        bindingSays(one, {
          Synced: { status: "False", reason: "DeletionBlocked", message: blocked(one.word, cause) },
        }),
      ]),
    finish: (one) => drop(one, "binding", "Connection", "Secret"),
  },
  {
    title: "the binding",
    letter: "b",
    remove: (one) => drop(one, "binding"),
    shows: drains,
    finish: (one) => drop(one, "Connection", "Secret"),
  },
  {
    title: "the Connection",
    letter: "c",
    remove: (one) => drop(one, "Connection"),
    shows: awaitsBinding,
    finish: (one) => drop(one, "binding", "Secret"),
  },
  {
    title: "everything at once",
    letter: "d",
    remove: (one) => drop(one, "Secret", "Connection", "binding", "instance"),
    shows: (one, cause, says) => Promise.all([instanceSays(one, cause, says), drains(one, cause), awaitsBinding(one)]),
    // One that was made anew meanwhile.
    finish: (one) => drop(one, "Secret"),
  },
];

const CASES = OBSTACLES.flatMap((obstacle) =>
  WAYS.map((way) => ({ obstacle, way, title: `${obstacle.title}, and one deletes ${way.title}` })),
);

beforeAll(async () => {
  land = await startLandscape();
  invariants = invariantsOf(land);
});
afterAll(() => land?.stop());

describe("a deletion ends clean, if need be once its blocker is mended, where", () => {
  for (const { obstacle, way, title } of CASES)
    test.concurrent(title, async () => {
      const one = await bringUp(land, `${obstacle.letter}${way.letter}`);
      const before = await bystander(one);
      try {
        await obstacle.arise(one);
        await way.remove(one);
        if (obstacle.cause !== undefined) {
          await way.shows(one, obstacle.cause, obstacle.says ?? /./);
          expect(await up().get(one.type, one.pieces.instance.key), "the copy").toBeDefined();
        }
        await obstacle.mend(one);
        if (way.letter === "a") await absent(down(), one.type, one.pieces.instance.key);
        await way.finish(one);
        await nothingIsLeft(one, invariants);
        if (obstacle.letter !== "noup") expect(await bystander(one)).toEqual(before);
      } finally {
        await one.proxy.stop();
      }
    });
});

describe("a binding goes, and says what it leaves, once an operator lets go without the provider's word, where", () => {
  for (const { title, letter, arise, cause, says = /./ } of OBSTACLES) {
    if (cause === undefined) continue;
    test.concurrent(title, async () => {
      const one = await bringUp(land, `${letter}r`);
      const before = await bystander(one);
      try {
        await arise(one);
        await drop(one, "binding");
        await drains(one, cause);
        const release = { metadata: { annotations: { [ANNOTATION.release]: "true" } } };
        const message = new RegExp(
          `${says.source}.*; the annotation core\\.kube-bind\\.io/release: "true" on this binding`,
        );
        await bindingSays(one, { Ready: { status: "False", reason: "DrainingObjects", message } });
        await down().merge(CLUSTER_BINDINGS, one.pieces.binding.key, release);
        await isLetGo(one, invariants, "the annotation core.kube-bind.io/release");
        expect(await bystander(one)).toEqual(before);
      } finally {
        await one.proxy.stop();
      }
    });
  }
});
