// What the two suites about rights do in a lane: connect it with a user of its own, wait for what Connection and binding say,
// make and change objects, and grant what was missing.

import { CLUSTER_BINDINGS, CONNECTIONS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { ALL_GRANTED, conditions, type Expected, NOTHING, object, READY } from "./conditions.ts";
import type { Lane } from "./lanes.ts";
import { type Landscape, served } from "./landscape.ts";
import * as manifests from "./manifests.ts";
import { at, type Body } from "./objects.ts";
import type { Rule } from "./rights.ts";
import { grantAll, userWith } from "./rules.ts";

/** Milliseconds: what was refused is tried again after 30 s at the latest, and a little jitter. */
export const LONG = 60_000;
export const CRDS_GROUP = "apiextensions.k8s.io";
export const DEFINITIONS = "customresourcedefinitions";

const exactly = (text: string): Expected => ({
  status: "True",
  reason: "Forbidden",
  message: new RegExp(`^${text.replaceAll(/[.*]/g, "\\$&")}$`),
});

/** Exactly this is missing, there or here. */
export const onProvider = (text: string) => ({ PermissionDenied: exactly(`missing on the provider: ${text}`) });
export const here = (text: string) => ({
  LocalPermissionDenied: exactly(`missing for the konnector on this cluster: ${text}`),
});

export type LaneWork = ReturnType<typeof workIn>;

export function workIn(land: Landscape) {
  const up = land.provider.objects;
  const down = land.consumer.objects;

  const says = (resource: Resource, { pieces }: Lane, expected: Record<string, Expected>, deadline = LONG) => {
    const { key } = resource === CONNECTIONS ? pieces.Connection : pieces.binding;
    return conditions(down, resource, key, expected, deadline);
  };

  /** Secret, Connection and binding, with a user of the provider who has these rights. */
  async function connect(which: Lane, rules: readonly Rule[]): Promise<void> {
    const kubeconfig = await userWith(land, which.word, rules);
    const { Connection, binding, Secret } = which.pieces;
    await down.create(Secret.resource, manifests.secret(which.word, kubeconfig));
    for (const { resource, body } of [Connection, binding]) await down.create(resource, body);
  }

  const make = ({ type, word }: Lane, name: string, namespace = word): Promise<Body> =>
    down.create(type, manifests.instance(type, name, namespace));

  const copyOf = ({ type, word }: Lane, name: string, what = "to be there", holds?: (copy: Body) => unknown) =>
    object(up, type, at(name, word), what, holds, LONG);

  /** An edit here, and its arrival there. */
  async function resize(which: Lane, name: string, size: string): Promise<void> {
    await down.merge(which.type, at(name, which.word), { spec: { size } });
    await copyOf(which, name, `to be ${size}`, ({ spec }) => spec.size === size);
  }

  /** Waits until it is Ready, makes objects of these names and waits for their copies. */
  async function sync(which: Lane, ...names: string[]): Promise<void> {
    await says(which.pieces.binding.resource, which, READY);
    await served(land.consumer, which.type);
    for (const name of names) await make(which, name);
    for (const name of names) await copyOf(which, name);
  }

  /** The right is granted: nothing is missing any more, and all that was asked for comes about. */
  async function heal(which: Lane): Promise<void> {
    await grantAll(land, which.word);
    await says(CONNECTIONS, which, { ...READY, ...ALL_GRANTED });
    await says(CLUSTER_BINDINGS, which, { ...READY, ...ALL_GRANTED, Synced: { status: "True" } });
  }

  /** Connection and binding both say so, and do not say it of this cluster. */
  async function named(which: Lane, text: string): Promise<void> {
    const expected = { ...onProvider(text), LocalPermissionDenied: NOTHING };
    await Promise.all([says(CONNECTIONS, which, expected), says(CLUSTER_BINDINGS, which, expected)]);
  }

  return { up, down, says, connect, make, copyOf, resize, sync, heal, named };
}
