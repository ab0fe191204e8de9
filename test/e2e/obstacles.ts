// What may stand in the way of a deletion, and a synced object of which it is tried: each in a lane of its own, with a
// provider's user and a proxy, and an object of somebody else's beside the copy.

import { expect } from "vitest";

import { ANNOTATION } from "../../crds/labels.ts";
import { CLUSTER_BINDINGS, CRDS, EVENTS, SECRETS } from "../../crds/resources.ts";
import { type FaultProxy, kubeconfigAt, startFaultProxy } from "../harness/fault-proxy.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { absent, conditions, object, READY } from "./conditions.ts";
import type { Invariants } from "./invariants.ts";
import { type Lane, openLane, type PieceName } from "./lanes.ts";
import { type Landscape, PATIENCE, served } from "./landscape.ts";
import { apiName, instance, secret } from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import { PROVIDER_RIGHTS } from "./rights.ts";
import { grantAll, providerUserOf, setRules, untilRefused, userWith, without } from "./rules.ts";

const FINALIZERS = [{ op: "remove", path: "/metadata/finalizers" }];

const up = (land: Landscape) => land.provider.objects;
const down = (land: Landscape) => land.consumer.objects;

export interface Case extends Lane {
  land: Landscape;
  proxy: FaultProxy;
  kubeconfig: string;
}

export interface Obstacle {
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

const hold = async ({ land, type, pieces: { instance: held } }: Case, finalizers: string[] | null) =>
  (await up(land).get(type, held.key)) && up(land).merge(type, held.key, { metadata: { finalizers } });

export const OBSTACLES: Obstacle[] = [
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
    arise: async ({ land, word }) => {
      await setRules(land.provider.plane, providerUserOf(word), without(PROVIDER_RIGHTS, mayNotDelete));
      await untilRefused(land.provider.plane, providerUserOf(word), { ...mayNotDelete, resource: `${word}s` }, word);
    },
    cause: "Forbidden",
    says: /cannot delete resource/,
    mend: ({ land, word }) => grantAll(land, word),
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
    arise: async ({ land, type }) => {
      await up(land).remove(CRDS, at(apiName(type)));
      await absent(up(land), CRDS, at(apiName(type)));
    },
    mend: nothing,
  },
  {
    title: "the definition is deleted on the consumer",
    letter: "nodn",
    arise: ({ land, type }) => down(land).remove(CRDS, at(apiName(type))),
    mend: nothing,
  },
  {
    title: "the Secret is gone",
    letter: "nosc",
    arise: async ({ land, pieces: { Secret } }) => {
      await down(land).remove(SECRETS, Secret.key);
      await down(land).patch(SECRETS, Secret.key, FINALIZERS);
    },
    cause: "ProviderUnreachable",
    says: /Secret kube-bind\/\w+ does not exist/,
    mend: async ({ land, word, kubeconfig, pieces: { Secret } }) => {
      await down(land).create(SECRETS, secret(word, kubeconfig));
      // Whoever deletes it again before it is seen is where he was.
      await object(down(land), SECRETS, Secret.key, "to be held", ({ metadata }) => metadata.finalizers?.length);
    },
  },
];

/** With an object of another user's of the same API on the provider. */
export async function bringUp(land: Landscape, word: string): Promise<Case> {
  const [lane, proxy, user] = await Promise.all([
    openLane(land, word),
    startFaultProxy(land.provider.plane.url),
    userWith(land, word, PROVIDER_RIGHTS),
  ]);
  const kubeconfig = kubeconfigAt(user, proxy.url);
  const { pieces, type } = lane;
  await up(land).create(type, instance(type, "bystander", word, { size: "theirs" }));
  await down(land).create(SECRETS, secret(word, kubeconfig));
  for (const name of ["Connection", "binding"] as const)
    await down(land).create(pieces[name].resource, pieces[name].body);
  await conditions(down(land), CLUSTER_BINDINGS, pieces.binding.key, READY);
  await served(land.consumer, type);
  await down(land).create(type, pieces.instance.body);
  await object(up(land), type, pieces.instance.key, "to be there");
  return { ...lane, land, proxy, kubeconfig };
}

export async function nothingIsLeft({ land, pieces, type, word }: Case, invariants: Invariants): Promise<void> {
  await Promise.all(Object.values(pieces).map(({ resource, key }) => absent(down(land), resource, key)));
  await absent(down(land), CRDS, at(apiName(type)));
  await eventually(
    "the copy to be gone, and the bystander to be there",
    async () => {
      const names = (await up(land).list(type, word)).map(({ metadata }) => metadata.name);
      return names.join() === "bystander" || names.length === 0 || new NotYet(names);
    },
    PATIENCE,
  );
  await invariants.check({ word, quiet: false });
}

export const bystander = async ({ land, type, word }: Case) =>
  (await up(land).get(type, at("bystander", word)))?.metadata;

/** Deletes these; some may be gone already. */
export const drop = ({ land, pieces }: Case, ...names: PieceName[]) =>
  Promise.all(names.map((name) => down(land).remove(pieces[name].resource, pieces[name].key)));

/** What a binding that was deleted says of the copies that may be left; there is nothing else in its Events. */
const farewell = ({ land, pieces: { binding } }: Case): Promise<Body> =>
  eventually(
    "an Event of what is left",
    async () => {
      const told = await down(land).list(EVENTS, "default");
      const [event, ...others] = told.filter(
        ({ reason, involvedObject }) => reason === "FinalizerReleased" && involvedObject.name === binding.key.name,
      );
      expect(others).toEqual([]);
      return event ?? new NotYet(told.map(({ message }) => message));
    },
    PATIENCE,
  );

/**
 * The binding goes without the provider's word and says why and what it leaves there; the copy is as the provider has kept
 * it. The whole bundle then goes although nothing is mended.
 */
export async function isLetGo(one: Case, invariants: Invariants, why: string): Promise<void> {
  const { land, type, word, pieces } = one;
  await absent(down(land), pieces.binding.resource, pieces.binding.key);
  const { message, type: kind, involvedObject } = await farewell(one);
  expect([kind, involvedObject.kind]).toEqual(["Warning", "ClusterBinding"]);
  expect(message).toBe(
    `1 object(s) were let go without the provider's word, 1 by ${why}: as many copies may be left there, with the marks of this cluster: ${word}s.example.org one -n ${word}`,
  );
  const copy = await up(land).get(type, pieces.instance.key);
  expect(Object.keys(copy.metadata.annotations)).toContain(ANNOTATION.consumerObjectUid);
  await drop(one, "Connection", "Secret");
  await absent(down(land), pieces.Connection.resource, pieces.Connection.key);
  await hold(one, null);
  await up(land).remove(type, pieces.instance.key);
  await nothingIsLeft(one, invariants);
}
