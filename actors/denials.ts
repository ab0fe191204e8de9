// A client that tells of every answer which says that a right is missing, whoever sent the request. Changes nothing else.
// Reviews are left out: they are how missing rights are looked into.

import type { ApiError, Cluster } from "./ports.ts";
import { isRightMissing } from "./refusals.ts";

export function tellingDenials<Kind extends Cluster>(cluster: Kind, denied: (error: ApiError) => void): Kind {
  const note = (error: unknown): never => {
    if (isRightMissing(error)) denied(error);
    throw error;
  };
  return {
    ...cluster,
    get: (...request) => cluster.get(...request).catch(note),
    list: (...request) => cluster.list(...request).catch(note),
    apply: (...request) => cluster.apply(...request).catch(note),
    create: (...request) => cluster.create(...request).catch(note),
    replace: (...request) => cluster.replace(...request).catch(note),
    patch: (...request) => cluster.patch(...request).catch(note),
    delete: (...request) => cluster.delete(...request).catch(note),
    watch: (resource, options, sink) =>
      cluster.watch(resource, options, {
        ...sink,
        failed(error) {
          if (isRightMissing(error)) denied(error);
          sink.failed(error);
        },
      }),
  };
}
