// Somebody on the provider who is faster: holds each apply of the konnector under way, does something to that very name, and
// only then lets the apply through. So what was decided on is no longer so when the write arrives, every time.

import { type RewritingProxy, startRewritingProxy } from "../harness/rewriting-proxy.ts";

export interface NameRace extends RewritingProxy {
  /** Done while an apply is held: `time` counts those of that name, from 1. */
  meanwhile: (namespace: string, name: string, time: number) => Promise<unknown>;
}

const APPLY = /\/namespaces\/([^/]+)\/[^/]+\/([^/?]+)\?.*fieldManager=/;

/** `kubeconfig`: of the konnector's user on the provider. */
export async function startNameRace(kubeconfig: string): Promise<NameRace> {
  const times = new Map<string, number>();
  const proxy = await startRewritingProxy(kubeconfig, async (request) => {
    const [, namespace, name] = (request.method === "PATCH" && APPLY.exec(request.path)) || [];
    if (namespace !== undefined && name !== undefined) {
      const time = (times.get(`${namespace}/${name}`) ?? 0) + 1;
      times.set(`${namespace}/${name}`, time);
      await race.meanwhile(namespace, name, time);
    }
    return request;
  });
  const race: NameRace = Object.assign(proxy, { meanwhile: () => Promise.resolve() });
  return race;
}
