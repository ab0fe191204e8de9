// How soon a blocked deletion says what it waits for, by the clock of the API server that was asked for both: from the answer to
// the last deletion of a lane to the answer to the konnector's first patch of a status that says so. What a test adds by looking
// now and then does not count, only what a busy machine adds.

import { type Key, keyText, type Resource } from "../../crds/kube-object.ts";
import type { Write } from "./audit-policy.ts";
import { conditionOf, type Expected } from "./conditions.ts";
import type { Landscape } from "./landscape.ts";
import { isKonnectors } from "./traffic.ts";

const isOf = (word: string, { objectRef }: Write): boolean => [objectRef?.name, objectRef?.namespace].includes(word);

const isTold = (event: Write, resource: Resource, key: Key, expected: Record<string, Expected>): boolean => {
  const { objectRef, responseObject, verb } = event;
  const { resource: plural, subresource, namespace = "", name = "" } = objectRef ?? {};
  if (verb !== "patch" || plural !== resource.resource || subresource !== "status") return false;
  if (keyText({ namespace, name }) !== keyText(key)) return false;
  return Object.entries(expected).every(([type, { reason, message = /./ }]) => {
    const said = conditionOf(responseObject, type);
    return said?.reason === reason && message.test(said.message);
  });
};

/** Milliseconds. */
export async function timeToTell(
  { consumer }: Landscape,
  word: string,
  resource: Resource,
  key: Key,
  expected: Record<string, Expected>,
): Promise<number> {
  const log: Write[] = await consumer.plane.auditEvents();
  const deleted = log.findLast((event) => event.verb === "delete" && !isKonnectors(event) && isOf(word, event));
  const told = log.find((event) => isKonnectors(event) && isTold(event, resource, key, expected));
  if (deleted === undefined || told === undefined) throw new Error(`${word}: no deletion, or nothing told, in the log`);
  return Date.parse(told.stageTimestamp) - Date.parse(deleted.stageTimestamp);
}
