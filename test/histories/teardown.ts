// The end of everything: all bindings go, then the Connections and their Secrets; and V3, that nothing of ours is left on either
// side then, but for the copies whose objects were taken from us by force or kept by Orphan while the provider was away.

import { BINDINGS, CLUSTER_BINDINGS, CONNECTIONS, SECRETS } from "../../crds/resources.ts";
import { leftovers } from "../e2e/leftovers.ts";
import { SECRET_NAMESPACE } from "../e2e/manifests.ts";
import { at, type Body } from "../e2e/objects.ts";
import { look, type World } from "../e2e/world.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import type { Outcome } from "./batch.ts";
import { mayStay } from "./oracle.ts";
import { eachOf } from "../harness/pool.ts";
import { asLandscape, CLUSTER_WIDE, CONNECTION_NAMES, type Stage } from "./stage.ts";

const MARKS = "core.kube-bind.io";

/** Copies that stay and may: of other konnectors, and those let go of as the histories say. As `leftovers` names them. */
function allowed({ clusterUid }: Stage, world: World, outcomes: readonly Outcome[]): Set<string> {
  const deeds = new Map(outcomes.map(({ play }) => [play.namespace, play.deeds]));
  const fine = world.apis.flatMap(({ name: api, provider }) =>
    provider
      .filter(({ metadata: { name, namespace, annotations = {} } }: Body) => {
        const owner = annotations[`${MARKS}/consumer-object-uid`];
        const isOthers = annotations[`${MARKS}/consumer-cluster-uid`] !== clusterUid;
        return isOthers || mayStay(deeds.get(namespace) ?? [], name, owner);
      })
      .map(({ metadata: { name, namespace } }) => `V3: copy ${api} ${namespace}/${name} has no object`),
  );
  return new Set(fine);
}

/** Rejects with what is left when `patience` milliseconds have passed. */
export async function tearDown(stage: Stage, outcomes: readonly Outcome[], patience: number): Promise<void> {
  const { objects } = stage.sides.consumer;
  const own = await objects.list(BINDINGS);
  await eachOf(
    own,
    async ({ metadata: { name, namespace } }) => void (await objects.remove(BINDINGS, at(name, namespace))),
  );
  for (const name of CLUSTER_WIDE) await objects.remove(CLUSTER_BINDINGS, at(name));
  for (const name of CONNECTION_NAMES) {
    await objects.remove(CONNECTIONS, at(name));
    await objects.remove(SECRETS, at(name, SECRET_NAMESPACE));
  }
  await eventually(
    "nothing of ours to be left on either side",
    async () => {
      const world = await look(asLandscape(stage));
      const fine = allowed(stage, world, outcomes);
      const left = leftovers(world).filter((line) => !fine.has(line));
      const gone = world.bindings.length + world.connections.length + world.secrets.length === 0;
      return (gone && left.length === 0) || new NotYet([...left.slice(0, 10), `${left.length} in all`].join("\n"));
    },
    patience,
  );
}
