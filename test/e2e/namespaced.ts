// Bindings in many namespaces, with rights in each of them or in the whole cluster, and what is watched of their objects.

import { BINDINGS } from "../../crds/resources.ts";
import type { Resource } from "../../crds/kube-object.ts";
import { kubeconfigAt } from "../harness/fault-proxy.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { conditions, type Expected, READY } from "./conditions.ts";
import type { Lane } from "./lanes.ts";
import { type Landscape, PATIENCE, type Side } from "./landscape.ts";
import { binding, GROUP, secret } from "./manifests.ts";
import { at } from "./objects.ts";
import { CONSUMER_RIGHTS, grant, grantAccess, KONNECTOR_USER, PROVIDER_RIGHTS, rule, type Rule } from "./rights.ts";
import { providerUserOf } from "./rules.ts";
import { isKonnectors } from "./traffic.ts";

const others = (rules: readonly Rule[]): Rule[] => rules.filter(({ apiGroups }) => !apiGroups.includes(GROUP));

/** What the konnector needs on either side besides the rights on instances. */
export const GENERAL_HERE = others(CONSUMER_RIGHTS);
const GENERAL_THERE = others(PROVIDER_RIGHTS);

/** What it needs on the instances of a type, as a Role or a ClusterRole grants it. */
export const instancesHere = ({ resource }: Resource): Rule[] => [
  rule(GROUP, resource, "get list watch patch"),
  rule(GROUP, `${resource}/status`, "patch"),
];
export const instancesThere = ({ resource }: Resource): Rule[] => [
  rule(GROUP, resource, "get list watch create patch delete"),
];

/** Roles in that namespace of both sides, for the lane's API; the namespace "" is the whole cluster. */
export async function grantIn(
  { consumer, provider }: Landscape,
  { word, type }: Lane,
  namespace: string,
): Promise<void> {
  const name = `${word}-instances`;
  await Promise.all([
    grant(consumer.plane, KONNECTOR_USER, instancesHere(type), namespace, name),
    grant(provider.plane, providerUserOf(word), instancesThere(type), namespace, name),
  ]);
}

/** Secret and Connection of the lane, with a user of the provider who may do nothing with instances yet. */
export async function connect(land: Landscape, { word, pieces }: Lane): Promise<void> {
  const user = providerUserOf(word);
  const kubeconfig = kubeconfigAt(await land.provider.plane.addUser(user), land.proxy.url);
  await grantAccess(land.provider.plane, user, GENERAL_THERE);
  await land.consumer.objects.create(pieces.Secret.resource, secret(word, kubeconfig));
  await land.consumer.objects.create(pieces.Connection.resource, pieces.Connection.body);
}

/** A Binding in the namespace, named after the lane. */
export const bind = ({ consumer }: Landscape, { word, type }: Lane, namespace: string) =>
  consumer.objects.create(BINDINGS, binding(word, namespace, [type], { connection: word }));

export const says = ({ consumer }: Landscape, { word }: Lane, namespace: string, expected: Record<string, Expected>) =>
  conditions(consumer.objects, BINDINGS, at(word, namespace), expected, 2 * PATIENCE);

export const ready = (land: Landscape, lane: Lane, namespace: string) => says(land, lane, namespace, READY);

/** The namespaces of the konnector's watches of the type that are open at the moment, "" for the whole cluster; sorted. */
export async function streams({ plane }: Side, { resource }: Resource): Promise<string[]> {
  const open = new Map<string, string>();
  for (const event of await plane.auditEvents()) {
    const { auditID, stage, verb, objectRef, responseStatus } = event;
    if (verb !== "watch" || objectRef?.resource !== resource || !isKonnectors(event)) continue;
    if (stage === "ResponseStarted" && responseStatus?.code === 200) open.set(auditID, objectRef.namespace ?? "");
    else open.delete(auditID);
  }
  return [...open.values()].sort();
}

/** Waits until exactly these are watched, on both sides. */
export const watched = ({ consumer, provider }: Landscape, type: Resource, namespaces: readonly string[]) =>
  eventually(
    `${type.resource} to be watched in ${namespaces.length} places`,
    async () => {
      const found = await Promise.all([consumer, provider].map((side) => streams(side, type)));
      const wanted = JSON.stringify([...namespaces].sort());
      return found.every((one) => JSON.stringify(one) === wanted) || new NotYet(found);
    },
    2 * PATIENCE,
  );
