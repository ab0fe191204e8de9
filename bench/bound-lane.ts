// A lane that is bound: its Secret, Connection and binding are applied and Ready, and the consumer serves its API.

import { CLUSTER_BINDINGS, CONNECTIONS } from "../crds/resources.ts";
import { conditions, READY } from "../test/e2e/conditions.ts";
import { type Landscape, served } from "../test/e2e/landscape.ts";
import { type Lane } from "../test/e2e/lanes.ts";
import { secret } from "../test/e2e/manifests.ts";
import { at } from "../test/e2e/objects.ts";

const PATIENCE = 90_000;

export async function readyLane(land: Landscape, { word, type }: Lane): Promise<void> {
  const { objects } = land.consumer;
  await conditions(objects, CONNECTIONS, at(word), READY, PATIENCE);
  await conditions(objects, CLUSTER_BINDINGS, at(word), READY, PATIENCE);
  await served(land.consumer, type);
}

/** `kubeconfig`: what the lane's Secret holds. */
export async function bindLane(land: Landscape, lane: Lane, kubeconfig = land.kubeconfig): Promise<void> {
  const { Secret, Connection, binding } = lane.pieces;
  await land.consumer.objects.create(Secret.resource, secret(lane.word, kubeconfig));
  for (const { resource, body } of [Connection, binding]) await land.consumer.objects.create(resource, body);
  await readyLane(land, lane);
}
