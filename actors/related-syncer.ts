// The related objects on one route of a Connection (a kind of objects and the way they go) as the process holds them. Data only:
// what the bindings mean for them is in related-ruling.ts, the watches in related-watches.ts.

import type { Route } from "../crds/related.ts";
import type { Feeds } from "./feeds.ts";
import { relatedSyncerKey } from "./keys.ts";
import type { Cluster } from "./ports.ts";
import type { RelatedTable, Sides } from "./related-table.ts";

/** One watch, or one for each namespace, of the sources that one or more rules select. */
export interface SelectionWatch {
  feeds: Feeds;
  everywhere: boolean;
  /** Of the consumer. */
  namespaces: ReadonlySet<string>;
  /** Of the consumer; null: any. */
  names: ReadonlySet<string> | null;
}

/** What is watched, while it is watched. */
export interface RelatedWatching extends Sides {
  /** Of the engagement it was started with; 0: without one. */
  epoch: number;
  target: Cluster;
  copies: Feeds;
  table: RelatedTable;
  /** By what they select. */
  selections: Map<string, SelectionWatch>;
}

/** Whatever is watched of either side. */
export const feedsOf = ({ copies, selections }: RelatedWatching): Feeds[] => [
  copies,
  ...[...selections.values()].map(({ feeds }) => feeds),
];

export interface RelatedSyncer {
  key: string;
  connection: string;
  route: Route;
  watching: RelatedWatching | null;
  /** What its last pass found to decide over the objects. */
  ruled: string;
  /** What it last told the bindings. */
  told: string;
  /** A first write has shown that the guard is ignored on the side of the copies. */
  unguarded: boolean;
  /** Passes under way. */
  busy: number;
}

export const createRelatedSyncer = (connection: string, route: Route): RelatedSyncer => ({
  key: relatedSyncerKey(connection, route),
  connection,
  route,
  watching: null,
  ruled: "",
  told: "",
  unguarded: false,
  busy: 0,
});
