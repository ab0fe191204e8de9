// Where on the provider a copy is, when the address it was written to answers that nothing is there: a provider may stop
// serving a version while the same object goes on in another one, and then a 404 says nothing of the object. Promises that
// "nowhere" is told only of an object that is in no version that discovery shows. Whose answer that was is for the caller.
// Rule: docs/reference/behaviour.md, "Identity".

import type { Key, KubeObject, Resource } from "../crds/kube-object.ts";
import type { Cluster } from "./ports.ts";
import { isStatus, isTypeMissing } from "./refusals.ts";

export interface Whereabouts {
  resource: Resource;
  object: KubeObject;
}

const versionless = ({ resource, group }: Resource): string => `${resource}.${group}`;

/** The same type in another version; undefined if it is served in none. Rejects when that cannot be told. */
async function otherVersion(cluster: Cluster, resource: Resource): Promise<Resource | undefined> {
  const group = (await cluster.discover()).find(({ name }) => name === resource.group);
  // Of another scope it is another type, and what was there has gone with the first.
  const same = group?.resources.filter(
    (one) => one.resource === resource.resource && one.namespaced === resource.namespaced,
  );
  const other = same?.find(({ version }) => version !== resource.version);
  if (other !== undefined) return { ...resource, version: other.version, kind: other.kind };
  if (same?.length || group?.failed.length) {
    throw new Error(`the provider does not tell at the moment in which version it serves ${versionless(resource)}`);
  }
  return undefined;
}

async function read(cluster: Cluster, resource: Resource, key: Key): Promise<KubeObject | "absent" | "unserved"> {
  try {
    return await cluster.get(resource, key);
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    return isTypeMissing(error) ? "unserved" : "absent";
  }
}

/** Null: nowhere. Rejects when it cannot be told. */
export async function whereabouts(cluster: Cluster, resource: Resource, key: Key): Promise<Whereabouts | null> {
  const found = await read(cluster, resource, key);
  if (found === "absent") return null;
  if (found !== "unserved") return { resource, object: found };
  const other = await otherVersion(cluster, resource);
  if (other === undefined) return null;
  const there = await read(cluster, other, key);
  if (there === "unserved")
    throw new Error(`the provider serves ${versionless(resource)} in no version for the moment`);
  return there === "absent" ? null : { resource: other, object: there };
}
