// One engaged provider: the client built from a Connection's Secret, and the source that shows what the provider exports.
// Exists only after the provider's identity has been compared with the pin; ends with `close`, after which nothing is
// sent any more. Who may engage, and when it ends, is decided by machines/connection.ts.

import type { Discovery } from "../machines/connection-facts.ts";
import type { SchemaSource } from "../machines/rules/schema-source.ts";
import type { ApiError, Cluster } from "./ports.ts";
import { type Failure, faultOf, type Source, type SourceEvents } from "./source.ts";
import { openSource, type SourceWish, type SourceWorld } from "./source-choice.ts";

export interface Engagement extends Pick<Source, "discovery" | "offer" | "definition"> {
  connection: string;
  /** Grows with each engagement of the process: syncers notice a new client by it. */
  epoch: number;
  cluster: Cluster;
  /** Of the kubeconfig the client was built from. */
  fingerprint: string;
  /** UID of the consumer cluster. */
  clusterUid: string;
  /** Where exports and definitions come from; null while `Auto` has not decided. */
  readonly source: SchemaSource | null;
  /** What the Connection asks for now: another source replaces the present one. */
  follow(wish: SourceWish): void;
  /** A request was answered as if the client were no longer any good: to be verified. */
  suspect(error: ApiError): void;
  /** It was verified. */
  trust(): void;
  close(): void;
}

let epochs = 0;

export function engage(
  who: Pick<Engagement, "connection" | "cluster" | "fingerprint" | "clusterUid">,
  world: SourceWorld,
  wish: SourceWish,
  events: SourceEvents,
): Engagement {
  let suspicion: Failure | null = null;
  let wanted = wish.source;
  const open = (now: SourceWish): Source =>
    openSource({ ...world, cluster: who.cluster, connection: who.connection }, now, events);
  let source = open(wish);
  return {
    ...who,
    epoch: ++epochs,
    get source() {
      return source.kind;
    },
    discovery(): Discovery {
      const found = source.discovery();
      if (suspicion === null) return found;
      const exports = found.state === "unknown" ? null : found.exports;
      return { state: "failed", source: source.kind, ...suspicion, exports };
    },
    offer: (api) => source.offer(api),
    definition: (api) => source.definition(api),
    follow(now) {
      if (now.source === wanted) return;
      wanted = now.source;
      source.close();
      source = open(now);
    },
    suspect(error) {
      suspicion = { fault: faultOf(error), message: error.message };
      events.discovery();
    },
    trust() {
      suspicion = null;
    },
    close() {
      source.close();
      void who.cluster.close();
    },
  };
}
