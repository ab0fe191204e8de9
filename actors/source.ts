// Where an engaged provider's exported APIs and their definitions come from, as the rest of the program sees it; one file
// per source (source-crd.ts, source-openapi.ts), and source-choice.ts for `Auto`.
// Promises of every source: what was known is kept through any failure; `discovery` is told after each change of what it
// answers, `offer` after each change of one API; nothing is called after `close`.
// Rule: docs/reference/behaviour.md, "Schema sources".

import type { ExportedApi } from "../crds/connection.ts";
import type { Crd } from "../crds/definition-object.ts";
import type { ConnectionFault, Discovery } from "../machines/connection-facts.ts";
import type { SchemaSource } from "../machines/rules/schema-source.ts";
import { ApiError, type Clock, type Cluster } from "./ports.ts";

/** What discovery keeps of an exported API: enough to decide, without the schema. */
export interface Offer {
  api: ExportedApi;
  /** A new one means that the definition has to be read again. */
  version: string;
  webhookConversion: boolean;
}

export interface Source {
  /** Null while `Auto` has not decided. */
  readonly kind: SchemaSource | null;
  discovery(): Discovery;
  offer(api: string): Offer | undefined;
  /** The definition behind the offer, whole. Rejects like a request; 404 when the API is no longer there. */
  definition(api: string): Promise<Crd>;
  close(): void;
}

export interface SourceEvents {
  /** The first list is complete, or what is known, or a failure, has changed. */
  discovery(): void;
  /** The provider's definition of that API appeared, changed or went. */
  offer(api: string): void;
}

/** What every source works with. */
export interface SourceTools {
  cluster: Cluster;
  clock: Clock;
  /** Milliseconds between looks at what cannot be watched. */
  resync: number;
  /** What this very source exported before, from the status, or null: it stands while the first look fails. */
  before: readonly ExportedApi[] | null;
}

export interface Failure {
  fault: ConnectionFault;
  message: string;
}

export const faultOf = (error: unknown): ConnectionFault => {
  if (!(error instanceof ApiError)) return "unreachable";
  if (error.status === 401) return "unauthorized";
  return error.status === 403 ? "forbidden" : "degraded";
};

export const failureOf = (what: string, error: unknown): Failure => ({
  fault: faultOf(error),
  message: `${what}: ${error instanceof Error ? error.message : String(error)}`,
});

/** Calls back in `ms`, a little later each time than asked, so that many Connections do not look at the same moment. */
export function laterBy(clock: Clock, ms: number, callback: () => void): () => void {
  return clock.after(Math.round(ms * (1 + 0.2 * Math.random())), callback);
}
