// Keeps the engaged provider of a Connection as its machine's state asks for: opened, swapped or closed after each pass.
// Rule: docs/reference/behaviour.md, "Connections".

import { isExcludedGroup } from "../crds/denied-groups.ts";
import type { ConnectionContext } from "../machines/connection-facts.ts";
import type { Candidate } from "./connecting.ts";
import { engage } from "./engagement.ts";
import type { Engine } from "./engine.ts";
import type { Rest } from "./host.ts";
import { connectionKey } from "./keys.ts";
import type { SourceWish } from "./source-choice.ts";
import { syncersOf } from "./syncer.ts";

/** Where the Connection wants its exports from, and what was decided and known before. */
function sourceWish(engine: Engine, name: string): SourceWish {
  const { spec, status } = engine.directory.connection(name) ?? {};
  return {
    source: spec?.schema.source ?? "Auto",
    decided: status?.activeSchemaSource ?? "",
    exported: status?.exportedAPIs ?? null,
  };
}

/** Has the engaged provider, if there is one, follow what the spec says by now. */
export function followSpec(engine: Engine, name: string): void {
  engine.engagements.get(name)?.follow(sourceWish(engine, name));
}

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
  const { clock, documents, settings } = engine;
  const engagement = engage(
    { connection: name, cluster: candidate.cluster, fingerprint: wanted, clusterUid: local },
    {
      clock,
      documents,
      resync: settings.resyncInterval,
      isExcluded: (group) => isExcludedGroup(group, settings.groups),
    },
    sourceWish(engine, name),
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
