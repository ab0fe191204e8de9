// V1: every live consumer object that a ready binding reaches has exactly one copy that says the same, or says itself why
// it has none.

import { isDeepStrictEqual } from "node:util";

import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { conditionOf } from "./conditions.ts";
import type { Body } from "./objects.ts";
import { covering, type ApiWorld, type World } from "./world.ts";

export const pairing = (world: World): string[] =>
  world.apis.flatMap((api) =>
    api.consumer
      .filter((instance) => isSynced(world, api, instance))
      .flatMap((instance) => judge(world, api, instance)),
  );

const isSynced = (world: World, { name }: ApiWorld, instance: Body): boolean =>
  instance.metadata.deletionTimestamp === undefined &&
  covering(world, name, instance).some((binding) => isReadyFor(binding, name));

const isReadyFor = ({ metadata, status }: Body, api: string): boolean =>
  metadata.deletionTimestamp === undefined &&
  conditionOf({ status: status?.boundAPIs?.find((one: Body) => one.name === api) }, "Ready")?.status === "True";

function judge(world: World, api: ApiWorld, instance: Body): string[] {
  const { namespace = "", name, uid, annotations = {}, finalizers = [] } = instance.metadata;
  const what = `V1: ${api.name} ${namespace}/${name}`;
  const copies = api.provider.filter((copy) => copy.metadata.annotations?.[ANNOTATION.consumerObjectUid] === uid);
  const excuse = annotations[ANNOTATION.conflict] ?? conditionOf(instance, "Synced")?.reason;
  if (excuse !== undefined) return copies.length > 1 ? [`${what} says ${excuse} but has ${copies.length} copies`] : [];
  if (copies.length !== 1) return [`${what} has ${copies.length} copies and does not say why`];
  const claimed = finalizers.includes(FINALIZER.syncer) ? [] : [`${what} has a copy but not our finalizer`];
  return [...claimed, ...compare(world, instance, copies[0]).map((wrong) => `${what} ${wrong}`)];
}

function compare({ clusterUid }: World, instance: Body, copy: Body): string[] {
  const wrong: string[] = [];
  const place = ({ metadata }: Body) => `${metadata.namespace ?? ""}/${metadata.name}`;
  if (place(copy) !== place(instance)) wrong.push(`has its copy at ${place(copy)}`);
  if (copy.metadata.annotations[ANNOTATION.consumerClusterUid] !== clusterUid)
    wrong.push("is marked for another cluster");
  if (!includes(copy.spec, instance.spec)) wrong.push(`differs: ${JSON.stringify([instance.spec, copy.spec])}`);
  if (!isDeepStrictEqual(timeless(instance.status), timeless(copy.status))) {
    wrong.push(`shows another status: ${JSON.stringify([instance.status, copy.status])}`);
  }
  return wrong;
}

/** Does `whole` hold at least what `part` says? Others may add fields to a copy. */
function includes(whole: Body, part: Body): boolean {
  if (part === null || typeof part !== "object" || Array.isArray(part)) return isDeepStrictEqual(whole, part);
  return Object.entries(part).every(([field, value]) => includes(whole?.[field], value));
}

/** Observed generations are each side's own. */
const timeless = (status: unknown): unknown =>
  status === undefined
    ? undefined
    : JSON.parse(JSON.stringify(status, (field, value: unknown) => (field === "observedGeneration" ? 0 : value)));
