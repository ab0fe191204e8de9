// A Cluster whose client can be succeeded by another one while everything that uses it goes on: a new credential, or another
// way to the same cluster. Promises: requests under way end on the client they began with, which closes after the last of
// them; watches go on with the next client from where they stood, without a list; what a client was refused for its
// credential (401) after it had been succeeded is asked of the next one. That both lead to one cluster is for the caller
// to make sure of. Tells of every error that anybody meets. Rule: docs/reference/behaviour.md, "Rotation".

import type { Cluster, Watch, WatchOptions, WatchSink } from "./ports.ts";
import type { Resource } from "../crds/kube-object.ts";
import { isStatus } from "./refusals.ts";

export interface Succession extends Cluster {
  /** From now on everything is asked of `next`, which belongs to this Cluster then. */
  succeed(next: Cluster): void;
}

interface Line {
  cluster: Cluster;
  /** Requests under way. */
  busy: number;
  succeeded: boolean;
}

interface Follower {
  /** Watches through another client, from there. */
  follow(cluster: Cluster, from: string | undefined): void;
  watch: Watch;
}

const noWatch: Watch = { stop: () => {}, position: () => undefined };

/** `recovered` is passed on only where `failed` was: a watch that takes over for another cannot know. */
function paired(sink: WatchSink, heard: (error: Error) => void): WatchSink {
  let failing = false;
  return {
    listing: () => sink.listing?.(),
    seen: (object) => sink.seen(object),
    gone: (object) => sink.gone(object),
    listed: (keys) => sink.listed(keys),
    failed(error) {
      failing = true;
      heard(error);
      sink.failed(error);
    },
    recovered() {
      if (failing) sink.recovered?.();
      failing = false;
    },
  };
}

function follower(cluster: Cluster, resource: Resource, options: WatchOptions, told: WatchSink): Follower {
  const one: Follower = {
    watch: noWatch,
    follow(next, from) {
      one.watch.stop();
      one.watch = next.watch(resource, { ...options, from }, told);
    },
  };
  one.follow(cluster, options.from);
  return one;
}

export function succession(first: Cluster, heard: (error: Error) => void = () => undefined): Succession {
  let current: Line = { cluster: first, busy: 0, succeeded: false };
  const open = new Set<Line>([current]);
  const followers = new Set<Follower>();

  const closeIfDone = (line: Line): void => {
    if (!line.succeeded || line.busy > 0) return;
    open.delete(line);
    void line.cluster.close();
  };

  async function ask<T>(request: (cluster: Cluster) => Promise<T>): Promise<T> {
    const line = current;
    line.busy++;
    try {
      return await request(line.cluster);
    } catch (error) {
      // Refused before anything was done, and for a credential that is no longer the one in use.
      if (!line.succeeded || !isStatus(error, 401)) {
        heard(error as Error);
        throw error;
      }
    } finally {
      line.busy--;
      closeIfDone(line);
    }
    return ask(request);
  }

  return {
    get: (...what) => ask((cluster) => cluster.get(...what)),
    list: (...what) => ask((cluster) => cluster.list(...what)),
    apply: (...what) => ask((cluster) => cluster.apply(...what)),
    create: (...what) => ask((cluster) => cluster.create(...what)),
    review: (...what) => ask((cluster) => cluster.review(...what)),
    replace: (...what) => ask((cluster) => cluster.replace(...what)),
    patch: (...what) => ask((cluster) => cluster.patch(...what)),
    delete: (...what) => ask((cluster) => cluster.delete(...what)),
    groups: () => ask((cluster) => cluster.groups()),
    discover: () => ask((cluster) => cluster.discover()),
    dryRun: (...what) => ask((cluster) => cluster.dryRun(...what)),
    coreResources: () => ask((cluster) => cluster.coreResources()),
    documents: () => ask((cluster) => cluster.documents()),
    document: (...what) => ask((cluster) => cluster.document(...what)),
    ping: () => ask((cluster) => cluster.ping()),
    watch(resource, options, sink) {
      const one = follower(current.cluster, resource, options, paired(sink, heard));
      followers.add(one);
      return {
        stop() {
          followers.delete(one);
          one.watch.stop();
        },
        position: () => one.watch.position(),
      };
    },
    succeed(next) {
      const before = current;
      current = { cluster: next, busy: 0, succeeded: false };
      open.add(current);
      for (const one of followers) one.follow(next, one.watch.position());
      before.succeeded = true;
      closeIfDone(before);
    },
    async close() {
      for (const one of followers) one.watch.stop();
      followers.clear();
      await Promise.all([...open].map(({ cluster }) => cluster.close()));
    },
  };
}
