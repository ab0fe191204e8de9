// Keeps the engaged provider of a Connection as its machine's state asks for: opened, swapped or closed after each pass.
// Rule: docs/reference/behaviour.md, "Connections".

import type { ConnectionContext } from "../machines/connection-facts.ts";
import type { Candidate } from "./connecting.ts";
import { engage } from "./engagement.ts";
import type { Engine } from "./engine.ts";
import type { Rest } from "./host.ts";
import { connectionKey } from "./keys.ts";
import { syncersOf } from "./syncer.ts";

/** Opens, swaps or closes the engaged client as the state asks for. */
export function keepEngagement(
  engine: Engine,
  name: string,
  rest: Rest<ConnectionContext>,
  candidate: Candidate | null,
): void {
  const current = engine.engagements.get(name);
  const wanted = rest.hasTag("engaged") ? rest.context.engagedWith : "";
  if (current && current.fingerprint !== wanted) {
    engine.engagements.delete(name);
    current.close();
  }
  if (candidate === null) return;
  if (candidate.fingerprint !== wanted) {
    void candidate.cluster.close();
    return;
  }
  engine.engagements.get(name)?.close();
  const local = rest.context.identity?.local ?? "";
  const engagement = engage(
    { connection: name, cluster: candidate.cluster, fingerprint: wanted, clusterUid: local },
    {
      discovery: () => engine.wake(connectionKey(name)),
      offer: (api) => {
        for (const syncer of syncersOf(engine.syncers, name)) if (syncer.api === api) engine.wake(syncer.key);
      },
    },
  );
  engine.engagements.set(name, engagement);
  engine.log.info({ connection: name, epoch: engagement.epoch }, "engaged");
}
