// Somebody on the provider who disagrees: another field manager that, at each event of a watch, takes fields of copies for
// itself again. Real requests and a real watch, as a controller of the provider would have them.

import { createCluster } from "../../adapters/kube/client.ts";
import { parseKubeconfig } from "../../adapters/kube/kubeconfig.ts";
import type { KubeObject, Resource } from "../../crds/kube-object.ts";
import { keyOf } from "../../crds/kube-object.ts";
import { apiVersionOf } from "../../crds/resources.ts";
import type { Side } from "./landscape.ts";
import type { Body } from "./objects.ts";

export interface Rival {
  /** Times it has taken the fields. */
  readonly turns: number;
  stop(): Promise<void>;
}

/** `name`: the field manager. It wants `spec` of every object of the type whose name begins with `prefix`. */
export function startRival({ plane }: Side, type: Resource, name: string, prefix: string, spec: Body): Rival {
  const cluster = createCluster(parseKubeconfig(plane.kubeconfig));
  let turns = 0;
  let ended = false;
  const differs = (copy: KubeObject) =>
    Object.entries(spec).some(([field, value]) => (copy.spec as Body)?.[field] !== value);
  const take = async (copy: KubeObject): Promise<void> => {
    if (ended || !copy.metadata.name.startsWith(prefix) || !differs(copy)) return;
    turns++;
    const { name: called, namespace } = copy.metadata;
    const body = { apiVersion: apiVersionOf(type), kind: type.kind, metadata: { name: called, namespace }, spec };
    // What fails (the copy has just gone, the test is over) is tried again with the next event.
    await cluster.apply(type, keyOf(copy), body, name).catch(() => undefined);
  };
  const watch = cluster.watch(
    type,
    {},
    {
      seen: (copy) => void take(copy),
      gone: () => undefined,
      listed: () => undefined,
      failed: () => undefined,
      recovered: () => undefined,
    },
  );
  return {
    get turns() {
      return turns;
    },
    async stop() {
      ended = true;
      watch.stop();
      await cluster.close();
    },
  };
}
