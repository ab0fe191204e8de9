// V3: nothing of ours stays on either side without a reason: copies, finalizers, marks, definitions. A settled system
// holds nothing back, so an object that waits for its deletion is a leftover, too.

import { ANNOTATION, FINALIZER, LABEL } from "../../crds/labels.ts";
import { FOREIGN } from "./manifests.ts";
import type { Body } from "./objects.ts";
import { covering, type ApiWorld, type World } from "./world.ts";

export const leftovers = (world: World): string[] =>
  [
    ...world.apis.flatMap((api) => [...strayCopies(world, api), ...heldInstances(world, api)]),
    ...heldSecrets(world),
    ...strayDefinitions(world),
    ...[...world.connections, ...world.bindings]
      .filter(({ metadata }) => metadata.deletionTimestamp !== undefined)
      .map(({ kind, metadata, status }) => `${kind} ${metadata.name} is still going: ${JSON.stringify(status)}`),
  ].map((leftover) => `V3: ${leftover}`);

const isMarked = ({ metadata }: Body, clusterUid: string): boolean =>
  metadata.annotations?.[ANNOTATION.consumerClusterUid] === clusterUid ||
  metadata.labels?.[LABEL.consumerClusterUid] === clusterUid ||
  metadata.annotations?.[ANNOTATION.consumerObjectUid] !== undefined;

/** Copies that carry our marks although no bound object of ours stands behind them. */
const strayCopies = (world: World, api: ApiWorld): string[] =>
  api.provider
    .filter((copy) => isMarked(copy, world.clusterUid))
    .filter((copy) => {
      const owner = api.consumer.find(
        ({ metadata }) => metadata.uid === copy.metadata.annotations?.[ANNOTATION.consumerObjectUid],
      );
      return owner === undefined || covering(world, api.name, owner).length === 0;
    })
    .map(({ metadata }) => `copy ${api.name} ${metadata.namespace ?? ""}/${metadata.name} has no object`)
    .filter((line) => !line.includes(FOREIGN));

const heldInstances = (world: World, api: ApiWorld): string[] =>
  api.consumer.flatMap((instance) => {
    const { namespace = "", name, finalizers = [], annotations = {}, deletionTimestamp } = instance.metadata;
    const what = `${api.name} ${namespace}/${name}`;
    const ours = [
      ...(finalizers.includes(FINALIZER.syncer) ? ["finalizer"] : []),
      ...(annotations[ANNOTATION.conflict] === undefined ? [] : ["conflict mark"]),
    ];
    if (ours.length === 0) return [];
    if (deletionTimestamp !== undefined) return [`${what} is being deleted and carries our ${ours.join(" and ")}`];
    const bound = covering(world, api.name, instance).length > 0;
    return bound ? [] : [`${what} is not bound and carries our ${ours.join(" and ")}`];
  });

const heldSecrets = ({ secrets, connections }: World): string[] =>
  secrets
    .filter(({ metadata }) => metadata.finalizers?.includes(FINALIZER.cleanup))
    .filter(({ metadata }) => !connections.some(({ spec }) => spec.kubeconfigSecretRef.name === metadata.name))
    .map(({ metadata }) => `Secret ${metadata.name} carries our finalizer and no Connection refers to it`);

const strayDefinitions = ({ definitions, connections }: World): string[] =>
  definitions
    .filter(({ metadata }) => metadata.labels?.[LABEL.managed] ?? metadata.annotations?.[ANNOTATION.connection])
    .filter(({ metadata }) => {
      const owner = metadata.annotations?.[ANNOTATION.connection];
      return metadata.deletionTimestamp !== undefined || !connections.some((one) => one.metadata.name === owner);
    })
    .map(({ metadata }) => `definition ${metadata.name} is left`);
