// One engaged provider: the client built from a Connection's Secret, and the watch that shows what the provider exports.
// Exists only after the provider's identity has been compared with the pin; ends with `close`, after which nothing is
// sent any more. Who may engage, and when it ends, is decided by machines/connection.ts.

import type { ExportedApi } from "../crds/connection.ts";
import { type Crd, hasWebhookConversion } from "../crds/definition-object.ts";
import { exportsOf } from "../crds/exports.ts";
import { LABEL } from "../crds/labels.ts";
import { CRDS } from "../crds/resources.ts";
import type { ConnectionFault, Discovery } from "../machines/connection-facts.ts";
import { createCache } from "./cache.ts";
import { ApiError, type Cluster, type Watch } from "./ports.ts";

/** What discovery keeps of an exported API: enough to decide, without the schema. */
export interface Offer {
  api: ExportedApi;
  /** resourceVersion of the provider's CRD: a new one means the definition has to be read again. */
  version: string;
  webhookConversion: boolean;
}

export interface Engagement {
  connection: string;
  /** Grows with each engagement of the process: syncers notice a new client by it. */
  epoch: number;
  cluster: Cluster;
  /** Of the kubeconfig the client was built from. */
  fingerprint: string;
  /** UID of the consumer cluster. */
  clusterUid: string;
  discovery(): Discovery;
  offer(api: string): Offer | undefined;
  /** The definition behind the offer, whole. Rejects like a request; 404 when the API is no longer there. */
  definition(api: string): Promise<Crd>;
  /** A request was answered as if the client were no longer any good: to be verified. */
  suspect(error: ApiError): void;
  /** It was verified. */
  trust(): void;
  close(): void;
}

export interface EngagementEvents {
  /** The first list is complete, or a watch failure changed what is known. */
  discovery(): void;
  /** The provider's definition of that API appeared, changed or went. */
  offer(api: string): void;
}

interface Failure {
  fault: ConnectionFault;
  message: string;
}

let epochs = 0;

export const faultOf = (error: unknown): ConnectionFault => {
  if (!(error instanceof ApiError)) return "unreachable";
  if (error.status === 401) return "unauthorized";
  return error.status === 403 ? "forbidden" : "degraded";
};

/** Only what decisions need: schemas are large and are read again when they are pulled. */
const trimmed = (crd: Crd): Crd => ({
  ...crd,
  metadata: { ...crd.metadata, managedFields: undefined },
  spec: {
    group: crd.spec.group,
    names: crd.spec.names,
    scope: crd.spec.scope,
    versions: crd.spec.versions.map(({ name, served, storage }) => ({ name, served, storage })),
    ...(crd.spec.conversion ? { conversion: { strategy: crd.spec.conversion.strategy } } : {}),
  },
  status: {},
});

export function engage(
  who: Pick<Engagement, "connection" | "cluster" | "fingerprint" | "clusterUid">,
  events: EngagementEvents,
): Engagement {
  let failure: Failure | null = null;
  let suspicion: Failure | null = null;
  const crds = createCache<Crd>({
    changed: (before, after) => {
      failure = null;
      const name = (after ?? before)?.metadata.name;
      if (crds.complete && name !== undefined) {
        events.offer(name);
        events.discovery();
      }
    },
    listed: () => {
      failure = null;
      events.discovery();
    },
    recovered: () => {
      failure = null;
      events.discovery();
    },
    failed: (error) => {
      failure = { fault: faultOf(error), message: `list customresourcedefinitions on the provider: ${error.message}` };
      events.discovery();
    },
  });
  const { sink } = crds;
  const watch: Watch = who.cluster.watch(
    CRDS,
    { labelSelector: `${LABEL.exported}=true` },
    { ...sink, seen: (object) => sink.seen(trimmed(object as Crd)) },
  );
  const exports = () => (crds.complete ? exportsOf([...crds.values()]) : null);
  return {
    ...who,
    epoch: ++epochs,
    discovery() {
      const known = exports();
      const doubt = suspicion ?? failure;
      if (doubt !== null) return { state: "failed", ...doubt, exports: known };
      return known === null ? { state: "unknown" } : { state: "complete", exports: known };
    },
    offer(name) {
      const crd = crds.get(`/${name}`);
      const api = exports()?.find((exported) => exported.name === name);
      if (!crd || !api) return undefined;
      return { api, version: crd.metadata.resourceVersion, webhookConversion: hasWebhookConversion(crd) };
    },
    definition: async (api) => (await who.cluster.get(CRDS, { namespace: "", name: api })) as Crd,
    suspect(error) {
      suspicion = { fault: faultOf(error), message: error.message };
      events.discovery();
    },
    trust() {
      suspicion = null;
    },
    close() {
      watch.stop();
      void who.cluster.close();
    },
  };
}
