// What the objects of one bound API have in common, read from its CRD on the consumer.

import { resourceOf, syncedVersion } from "../crds/definition-object.ts";
import type { Engine } from "./engine.ts";
import type { Shape } from "./facts.ts";
import type { Syncer } from "./syncer.ts";

/** Undefined while there is no CRD, or none of its versions is served. */
export function shapeOf(engine: Engine, syncer: Syncer): Shape | undefined {
  const resource = syncer.crd === null ? undefined : resourceOf(syncer.crd);
  if (syncer.crd === null || resource === undefined) return undefined;
  // Without a Connection nothing is engaged, and nothing can be judged or written by it; objects are only counted.
  const clusterUid = engine.directory.connection(syncer.connection)?.status?.localClusterUID ?? "";
  const version = syncedVersion(syncer.crd);
  const { mapper, travel } = engine.settings;
  const subresources = (version?.["subresources"] ?? {}) as { status?: unknown };
  return {
    resource,
    mapper,
    travel,
    clusterUid,
    hasStatus: subresources.status !== undefined,
    keepsConditions: keepsConditions(version?.["schema"]),
  };
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  openAPIV3Schema?: SchemaNode;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
}

function keepsConditions(schema: unknown): boolean {
  const root = (schema as SchemaNode | undefined)?.openAPIV3Schema;
  const status = root?.properties?.["status"];
  if (status === undefined) return root?.["x-kubernetes-preserve-unknown-fields"] === true;
  return status["x-kubernetes-preserve-unknown-fields"] === true || status.properties?.["conditions"] !== undefined;
}
