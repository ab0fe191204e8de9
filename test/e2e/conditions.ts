// Waiting for what objects say of themselves: conditions of Connections and bindings, and what is left of an object.

import type { Key, Resource } from "../../crds/kube-object.ts";
import { eventually, NotYet } from "../harness/wait.ts";
import { PATIENCE } from "./landscape.ts";
import type { Body, Objects } from "./objects.ts";

export interface Expected {
  status: "True" | "False" | "Unknown";
  reason?: string;
  message?: RegExp;
}

/** Undefined where there is none. */
export const conditionOf = (object: Body, type: string): Body =>
  object?.status?.conditions?.find((condition: Body) => condition.type === type);

const meets = (condition: Body, { status, reason, message }: Expected): boolean =>
  condition?.status === status &&
  (reason === undefined || condition.reason === reason) &&
  (message === undefined || message.test(condition.message));

/** Waits until each of the named conditions is as expected, at the same time, and answers the object. */
export const conditions = (
  objects: Objects,
  resource: Resource,
  key: Key,
  expected: Record<string, Expected>,
  deadline = PATIENCE,
): Promise<Body> =>
  eventually(
    `${resource.kind} ${key.namespace}/${key.name} to say ${describe(expected)}`,
    async () => {
      const object = await objects.get(resource, key);
      const met = Object.entries(expected).every(([type, one]) => meets(conditionOf(object, type), one));
      return met ? object : new NotYet(object?.status ?? object);
    },
    deadline,
  );

const describe = (expected: Record<string, Expected>): string =>
  Object.entries(expected)
    .map(([type, { status, reason, message }]) =>
      `${type}=${status}/${reason ?? "any"} ${message?.source ?? ""}`.trim(),
    )
    .join(", ");

export const READY: Record<string, Expected> = { Ready: { status: "True", reason: "AsExpected" } };

export const NOTHING: Expected = { status: "False", reason: "AsExpected" };
/** No right is missing on either side. */
export const ALL_GRANTED = { PermissionDenied: NOTHING, LocalPermissionDenied: NOTHING };

/** Waits until the object is as `holds` says and answers it. */
export const object = (
  objects: Objects,
  resource: Resource,
  key: Key,
  what: string,
  holds: (object: Body) => unknown = () => true,
  deadline = PATIENCE,
): Promise<Body> =>
  eventually(
    `${resource.kind} ${key.namespace}/${key.name} ${what}`,
    async () => {
      const found = await objects.get(resource, key);
      return found !== undefined && holds(found) ? found : new NotYet(found ?? "it does not exist");
    },
    deadline,
  );

export const absent = (objects: Objects, resource: Resource, key: Key, deadline = PATIENCE): Promise<true> =>
  eventually(
    `${resource.kind} ${key.namespace}/${key.name} to be gone`,
    async () => {
      const found = await objects.get(resource, key);
      return found === undefined || new NotYet(found.metadata);
    },
    deadline,
  );
