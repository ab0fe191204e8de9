// What is known of a Connection when its pass begins: the objects themselves, its bindings and syncers, and what its engaged
// provider has shown. Reads caches only; what follows from it is decided by machines/connection.ts.

import type { Connection } from "../crds/connection.ts";
import type { AnyBinding } from "../crds/binding.ts";
import { hasFinalizer, isDeleting, keyOf, keyText } from "../crds/kube-object.ts";
import { FINALIZER } from "../crds/labels.ts";
import { isPaused } from "../crds/pausing.ts";
import type { Reason } from "../crds/reasons.ts";
import type {
  ConnectionContext,
  ConnectionEvent,
  ConnectionFact,
  Discovery,
  SchemaFact,
} from "../machines/connection-facts.ts";
import type { Engine } from "./engine.ts";
import { blockedIn } from "./leaving.ts";
import { statePath } from "./host.ts";
import { secretFact } from "./kubeconfig-secret.ts";
import { claimed, isAtRest, type Syncer, syncersOf } from "./syncer.ts";

const connectionFact = (engine: Engine, connection: Connection): ConnectionFact => {
  const { spec, status, metadata } = connection;
  const { namespace, name } = spec.kubeconfigSecretRef;
  return {
    uid: metadata.uid,
    deleting: isDeleting(connection),
    paused: isPaused(connection),
    claimed: hasFinalizer(connection, FINALIZER.cleanup),
    secretAllowed: namespace === engine.settings.namespace,
    secretName: `${namespace}/${name}`,
    namespaceAllowed: engine.settings.namespace,
    remoteClusterUid: status?.remoteClusterUID ?? "",
    localClusterUid: status?.localClusterUID ?? "",
  };
};

/** Objects of this Connection that still carry our finalizer, and syncers that have not come to rest. */
const leftovers = (engine: Engine, name: string): number => {
  let count = 0;
  for (const syncer of syncersOf(engine.syncers, name)) {
    const value = engine.records.get(syncer.key)?.value;
    const rests = value !== undefined && isAtRest(statePath(value));
    count += syncer.inFlight + Number(!rests) + claimed(syncer);
  }
  return count;
};

const MOST_NAMES = 5;

/** "ClusterBinding acme", "Binding default/acme": those that go, or leave it, already say themselves what they wait for. */
const nameOf = (binding: AnyBinding, isLeft: boolean): string =>
  `${binding.kind} ${keyText(keyOf(binding)).replace(/^\//, "")}${isLeft || isDeleting(binding) ? " (draining)" : ""}`;

/** What the deletion of the Connection waits for, by name. */
const awaited = (engine: Engine, name: string): ConnectionContext["awaited"] => ({
  bindings: engine.directory
    .bindingsOf(name)
    .slice(0, MOST_NAMES)
    .map((binding) => nameOf(binding, binding.spec.connectionRef.name !== name)),
  blocked: blockedIn(syncersOf(engine.syncers, name), () => true),
});

/** What stands against a definition on this cluster, as opposed to what is merely not there yet. */
const REFUSED: ReadonlySet<Reason> = new Set([
  "ForeignObjectExists",
  "OwnedByAnother",
  "SchemaRejected",
  "ConversionWebhook",
]);

function schemaFact(engine: Engine, name: string): SchemaFact {
  const wanted = syncersOf(engine.syncers, name).filter((syncer) => syncer.wanted);
  const isGood = ({ verdict }: Syncer) => verdict.reason === "AsExpected";
  const told = wanted
    .filter((syncer) => !isGood(syncer) && syncer.verdict.reason !== "APINotExported")
    .map(({ api, verdict: { reason, message } }) => ({ api, reason, message }));
  const autoBind = engine.autoBindTroubles.get(name);
  const troubles = [...told, ...(autoBind ? [{ api: "autoBind", ...autoBind }] : [])];
  return {
    notes: wanted.filter(isGood).flatMap(({ api, desired }) => (desired?.notes ?? []).map((note) => `${api} ${note}`)),
    pending: troubles.filter(({ reason }) => !REFUSED.has(reason)).map(({ api, message }) => `${api} (${message})`),
    refused: troubles.filter(({ reason }) => REFUSED.has(reason)),
  };
}

/** Everything that the machine is told before a pass. */
export function factsOf(engine: Engine, name: string, connection: Connection | undefined): ConnectionEvent[] {
  if (connection === undefined) return [{ type: "connection.gone" }];
  const discovery: Discovery = engine.engagements.get(name)?.discovery() ?? { state: "unknown" };
  return [
    { type: "connection.seen", connection: connectionFact(engine, connection) },
    { type: "secret.seen", secret: secretFact(engine, connection) },
    {
      type: "bindings.counted",
      bindings: engine.directory.bindingsOf(name).length,
      ...(isDeleting(connection)
        ? { leftovers: leftovers(engine, name), awaited: awaited(engine, name) }
        : { leftovers: 0 }),
    },
    { type: "schemas.seen", schemas: schemaFact(engine, name) },
    { type: "discovery.seen", discovery },
  ];
}
