// What the scenarios on real servers stand on: a provider, a consumer and the konnector between them, without an audit log and
// without a proxy; types of their own, objects of about 1 KB, and a Connection that is Ready.

import { CLUSTER_BINDINGS, CONNECTIONS, CRDS, SECRETS } from "../crds/resources.ts";
import type { Resource } from "../crds/kube-object.ts";
import { conditions, READY } from "../test/e2e/conditions.ts";
import { type Landscape, offer, served } from "../test/e2e/landscape.ts";
import { apiDefinition, clusterBinding, connection, instance, secret } from "../test/e2e/manifests.ts";
import { at, type Body } from "../test/e2e/objects.ts";
import { makeRoom } from "../test/e2e/rooms.ts";
import { kubeconfigAt } from "../test/harness/fault-proxy.ts";
import { startShipped } from "./shipped.ts";

/** The one namespace of the objects. */
export const ROOM = "bench";
/** The one Connection. */
export const BENCH = "bench";
const PATIENCE = 120_000;

/** `direct`: the kubeconfig that leads straight to the provider. */
export async function startSetting(): Promise<{ land: Landscape; direct: string }> {
  const land = await startShipped({ audit: false });
  const direct = kubeconfigAt(land.kubeconfig, land.provider.plane.url);
  await makeRoom(land, ROOM);
  await land.consumer.objects.create(SECRETS, secret(BENCH, direct));
  await land.consumer.objects.create(CONNECTIONS, connection(BENCH));
  await conditions(land.consumer.objects, CONNECTIONS, at(BENCH), READY, PATIENCE);
  return { land, direct };
}

/** The type is exported there and, as if a user had installed it, served here, so that objects can exist before a binding. */
export async function offerOnBoth(land: Landscape, type: Resource): Promise<void> {
  await land.consumer.objects.create(CRDS, apiDefinition(type, { exported: false }));
  await Promise.all([offer(land, type), served(land.consumer, type)]);
}

export const bindingOf = (type: Resource): Body => clusterBinding(type.resource, [type], { connection: BENCH });

export const bound = (land: Landscape, type: Resource): Promise<Body> =>
  conditions(land.consumer.objects, CLUSTER_BINDINGS, at(type.resource), READY, PATIENCE);

/** About 1 KB. */
export const spec = (size: string): Body => ({ size, any: { text: "x".repeat(900) } });

export const namesOf = (count: number, prefix = "object"): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

export const manifest = (type: Resource, name: string): Body => instance(type, name, ROOM, spec("small"));

/** Binds the type and waits until it is served here. */
export async function bind(land: Landscape, type: Resource): Promise<void> {
  await offer(land, type);
  await land.consumer.objects.create(CLUSTER_BINDINGS, bindingOf(type));
  await bound(land, type);
  await served(land.consumer, type);
}

/** Runs `run` for each at that pace, whether or not earlier ones have ended; resolves when all have. */
export async function paced<T>(
  items: Iterable<T>,
  perSecond: number,
  run: (item: T) => Promise<unknown>,
): Promise<void> {
  const under: Promise<unknown>[] = [];
  const began = performance.now();
  for (const item of items) {
    const due = began + (under.length * 1_000) / perSecond;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    under.push(run(item));
  }
  await Promise.all(under);
}
