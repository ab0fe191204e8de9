// Whatever stands in the way of a deletion, and whatever is deleted: it ends clean, or shows what blocks it and ends clean
// once that is mended. Nothing foreign is touched, and nothing of ours is left. Each case has a lane of its own on
// two shared clusters: an API, a provider's user, a proxy, and one synced object.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Key, Resource } from "../../crds/kube-object.ts";
import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, EVENTS, SECRETS } from "../../crds/resources.ts";
import { type FaultProxy, kubeconfigAt, startFaultProxy } from "../harness/fault-proxy.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { absent, conditions, type Expected, object, READY } from "./conditions.ts";
import { invariantsOf, type Invariants } from "./invariants.ts";
import { type Lane, openLane } from "./lanes.ts";
import { type Landscape, PATIENCE, served, startLandscape } from "./landscape.ts";
import { apiName, instance, secret } from "./manifests.ts";
import { at } from "./objects.ts";
import { PROVIDER_RIGHTS } from "./rights.ts";
import { timeToTell } from "./time-to-tell.ts";
import { grantAll, providerUserOf, setRules, untilRefused, userWith, without } from "./rules.ts";

/** Milliseconds within which a deletion names what blocks it, and what a machine may add on which 24 cases run side by side. */
const IN_TIME = 5_000;
const BUSY = 3_000;

const FINALIZERS = [{ op: "remove", path: "/metadata/finalizers" }];

let land: Landscape;
let invariants: Invariants;
const up = () => land.provider.objects;
const down = () => land.consumer.objects;

interface Case extends Lane {
  proxy: FaultProxy;
  kubeconfig: string;
}

interface Obstacle {
  title: string;
  letter: string;
  /** Brings it about, before anything is deleted. */
  arise: (one: Case) => Promise<unknown>;
  /** The cause that is shown; undefined: it is in nobody's way. */
  cause?: string;
  /** What else is said of it. */
  says?: RegExp;
  mend: (one: Case) => Promise<unknown>;
}

const mayNotDelete = { group: "example.org", resource: "*", verb: "delete" };
const nothing = async () => undefined;

const hold = async ({ type, pieces: { instance: held } }: Case, finalizers: string[] | null) =>
  (await up().get(type, held.key)) && up().merge(type, held.key, { metadata: { finalizers } });

const OBSTACLES: Obstacle[] = [
  {
    title: "the provider is down",
    letter: "down",
    arise: ({ proxy }) => proxy.set("refuse"),
    cause: "ProviderUnreachable",
    says: /connection was refused/,
    mend: ({ proxy }) => proxy.set("pass"),
  },
  {
    title: "the provider does not allow deletes",
    letter: "forb",
    arise: async ({ word }) => {
      await setRules(land.provider.plane, providerUserOf(word), without(PROVIDER_RIGHTS, mayNotDelete));
      await untilRefused(land.provider.plane, providerUserOf(word), { ...mayNotDelete, resource: `${word}s` }, word);
    },
    cause: "Forbidden",
    says: /cannot delete resource/,
    mend: ({ word }) => grantAll(land, word),
  },
  {
    title: "the copy has a finalizer of the provider's",
    letter: "held",
    arise: (one) => hold(one, ["example.org/hold"]),
    cause: "ProviderFinalizer",
    says: /example\.org\/hold/,
    mend: (one) => hold(one, null),
  },
  {
    title: "the definition is gone on the provider",
    letter: "noup",
    arise: async ({ type }) => {
      await up().remove(CRDS, at(apiName(type)));
      await absent(up(), CRDS, at(apiName(type)));
    },
    mend: nothing,
  },
  {
    title: "the definition is deleted on the consumer",
    letter: "nodn",
    arise: ({ type }) => down().remove(CRDS, at(apiName(type))),
    mend: nothing,
  },
  {
    title: "the Secret is gone",
    letter: "nosc",
    arise: async ({ pieces: { Secret } }) => {
      await down().remove(SECRETS, Secret.key);
      await down().patch(SECRETS, Secret.key, FINALIZERS);
    },
    cause: "ProviderUnreachable",
    says: /Secret kube-bind\/\w+ does not exist/,
    mend: async ({ word, kubeconfig, pieces: { Secret } }) => {
      await down().create(SECRETS, secret(word, kubeconfig));
      // Whoever deletes it again before it is seen is where he was.
      await object(down(), SECRETS, Secret.key, "to be held", ({ metadata }) => metadata.finalizers?.length);
    },
  },
];

interface Way {
  title: string;
  letter: string;
  remove: (one: Case) => Promise<unknown>;
  /** What is shown while it is blocked. */
  shows: (one: Case, cause: string, says: RegExp) => Promise<unknown>;
  /** What else has to be deleted for the whole bundle to go. */
  finish: (one: Case) => Promise<unknown>;
}

const drop = ({ pieces }: Case, ...names: (keyof Lane["pieces"])[]) =>
  Promise.all(names.map((name) => down().remove(pieces[name].resource, pieces[name].key)));

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

/** With an object of another user's of the same API on the provider. */
async function bringUp(word: string): Promise<Case> {
  const [lane, proxy, user] = await Promise.all([
    openLane(land, word),
    startFaultProxy(land.provider.plane.url),
    userWith(land, word, PROVIDER_RIGHTS),
  ]);
  const kubeconfig = kubeconfigAt(user, proxy.url);
  const { pieces, type } = lane;
  await up().create(type, instance(type, "bystander", word, { size: "theirs" }));
  await down().create(SECRETS, secret(word, kubeconfig));
  for (const name of ["Connection", "binding"] as const) await down().create(pieces[name].resource, pieces[name].body);
  await conditions(down(), CLUSTER_BINDINGS, pieces.binding.key, READY);
  await served(land.consumer, type);
  await down().create(type, pieces.instance.body);
  await object(up(), type, pieces.instance.key, "to be there");
  return { ...lane, proxy, kubeconfig };
}

async function nothingIsLeft({ pieces, type, word }: Case): Promise<void> {
  await Promise.all(Object.values(pieces).map(({ resource, key }) => absent(down(), resource, key)));
  await absent(down(), CRDS, at(apiName(type)));
  await eventually(
    "the copy to be gone, and the bystander to be there",
    async () => {
      const names = (await up().list(type, word)).map(({ metadata }) => metadata.name);
      return names.join() === "bystander" || names.length === 0 || new NotYet(names);
    },
    PATIENCE,
  );
  await invariants.check({ word, quiet: false });
}

const hasBystander = async ({ type, word }: Case) => (await up().get(type, at("bystander", word)))?.metadata;

describe("a deletion ends clean, if need be once its blocker is mended, where", () => {
  for (const { obstacle, way, title } of CASES)
    test.concurrent(title, async () => {
      const one = await bringUp(`${obstacle.letter}${way.letter}`);
      const before = await hasBystander(one);
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
        await nothingIsLeft(one);
        if (obstacle.letter !== "noup") expect(await hasBystander(one)).toEqual(before);
      } finally {
        await one.proxy.stop();
      }
    });
});
