// An engaged provider: its client, the APIs it exports, kept up to date by a source (source.ts), and what puts it in doubt.
// Exists only after the provider's identity has been compared with the pin; ends with `close`, after which nothing is
// sent any more. Who may engage, and when it ends, is decided by machines/connection.ts.

import type { Discovery } from "../machines/connection-facts.ts";
import type { SchemaSource } from "../machines/rules/schema-source.ts";
import { createAssurance } from "./assurance.ts";
import { confirmIdentity } from "./identity.ts";
import { AnotherClusterError, type Cluster, type Identity } from "./ports.ts";
import { isStatus } from "./refusals.ts";
import { type Failure, faultOf, type Source, type SourceEvents } from "./source.ts";
import { openSource, type SourceWish, type SourceWorld } from "./source-choice.ts";
import { succession } from "./succession.ts";

export interface Engagement extends Pick<Source, "discovery" | "offer" | "definition"> {
  connection: string;
  /** Grows with each engagement of the process: syncers notice a new client by it. */
  epoch: number;
  /**
   * A credential that it is refused for (401), and another cluster that is met at the other end, put the whole engagement in
   * doubt, whoever asked: `discovery` tells, and the Connection verifies.
   */
  cluster: Cluster;
  /** Of the kubeconfig the client was built from. */
  readonly fingerprint: string;
  /** Which cluster it leads to. */
  remote: Identity;
  /** UID of the consumer cluster. */
  clusterUid: string;
  /** Where exports and definitions come from; null while `Auto` has not decided. */
  readonly source: SchemaSource | null;
  /** What the Connection asks for now: another source replaces the present one. */
  follow(wish: SourceWish): void;
  /** Goes on with another client for the same cluster: whatever uses this engagement notices nothing. */
  succeed(next: Cluster, fingerprint: string): void;
  /**
   * Makes sure that it was the pinned cluster that answered: resolves once a look that began after this call has found it
   * there. Many callers share one look. Rejects with AnotherClusterError, or with why it cannot be told.
   */
  confirm(): Promise<void>;
  /** UID of another cluster that was met where this one should be; undefined while none was. */
  stranger(): string | undefined;
  /** Something else answers in our own cluster's place: nothing may be done for it. */
  doubtOurselves(): void;
  /** It was verified. */
  trust(): void;
  close(): void;
}

interface Doubt extends Failure {
  stranger: string | undefined;
}

/** Undefined for an error that is no matter of the whole engagement. */
function doubtIn(error: Error): Doubt | undefined {
  const stranger = error instanceof AnotherClusterError ? error.found : undefined;
  if (stranger === undefined && !isStatus(error, 401)) return undefined;
  return { fault: faultOf(error), message: error.message, stranger };
}

let epochs = 0;

export function engage(
  who: Pick<Engagement, "connection" | "cluster" | "fingerprint" | "remote" | "clusterUid">,
  world: SourceWorld,
  wish: SourceWish,
  events: SourceEvents,
): Engagement {
  let { fingerprint } = who;
  let doubt: Doubt | null = null;
  const suspect = (error: Error): void => {
    const found = doubtIn(error);
    if (found === undefined) return;
    doubt = found;
    events.discovery();
  };
  const cluster = succession(who.cluster, suspect);
  let wanted = wish.source;
  const open = (now: SourceWish): Source => openSource({ ...world, cluster, connection: who.connection }, now, events);
  let source = open(wish);
  return {
    ...who,
    cluster,
    get fingerprint() {
      return fingerprint;
    },
    epoch: ++epochs,
    get source() {
      return source.kind;
    },
    discovery(): Discovery {
      const found = source.discovery();
      if (doubt === null) return found;
      const { fault, message } = doubt;
      const exports = found.state === "unknown" ? null : found.exports;
      return { state: "failed", source: source.kind, fault, message, exports };
    },
    offer: (api) => source.offer(api),
    definition: (api) => source.definition(api),
    follow(now) {
      if (now.source === wanted) return;
      wanted = now.source;
      source.close();
      source = open(now);
    },
    succeed(next, from) {
      fingerprint = from;
      doubt = null;
      cluster.succeed(next);
      events.discovery();
    },
    confirm: createAssurance(async () => {
      try {
        await confirmIdentity(cluster, who.remote);
      } catch (error) {
        suspect(error as Error);
        throw error;
      }
    }),
    stranger: () => doubt?.stranger,
    doubtOurselves() {
      const message = "another cluster answers at the address of this one";
      doubt = { fault: "unreachable", message, stranger: doubt?.stranger };
      events.discovery();
    },
    trust() {
      doubt = null;
    },
    close() {
      source.close();
      void cluster.close();
    },
  };
}
