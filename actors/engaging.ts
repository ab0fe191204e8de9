// Keeps the engaged provider of a Connection as its machine's state asks for: opened, succeeded or closed after each pass.
// Rule: docs/reference/behaviour.md, "Connections".

import { isExcludedGroup } from "../crds/denied-groups.ts";
import type { ConnectionContext } from "../machines/connection-facts.ts";
import type { Candidate } from "./connecting.ts";
import { engage, type Engagement } from "./engagement.ts";
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

/** Opens, succeeds or closes the engaged client as the state asks for. */
export function keepEngagement(
  engine: Engine,
  name: string,
  rest: Rest<ConnectionContext>,
  candidate: Candidate | null,
): void {
  const wanted = rest.hasTag("engaged") ? rest.context.engagedWith : "";
  if (candidate && candidate.fingerprint === wanted) return use(engine, name, candidate);
  void candidate?.cluster.close();
  const current = engine.engagements.get(name);
  if (current === undefined || current.fingerprint === wanted) return;
  engine.engagements.delete(name);
  current.close();
}

/** Another way to the same cluster takes over from the one before; any other client begins anew. */
function use(engine: Engine, name: string, { cluster, fingerprint, remote, local }: Candidate): void {
  const current = engine.engagements.get(name);
  if (current?.remote.uid === remote.uid && current.clusterUid === local) {
    current.succeed(cluster, fingerprint);
    engine.log.info({ connection: name, epoch: current.epoch }, "goes on with another kubeconfig");
    return;
  }
  current?.close();
  const engagement = open(engine, name, { connection: name, cluster, fingerprint, remote, clusterUid: local });
  engine.engagements.set(name, engagement);
  engine.log.info({ connection: name, epoch: engagement.epoch }, "engaged");
}

function open(engine: Engine, name: string, who: Parameters<typeof engage>[0]): Engagement {
  const { clock, documents, settings } = engine;
  return engage(
    who,
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
}
