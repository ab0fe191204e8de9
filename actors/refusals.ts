// What an error of an API server means for a write of ours. The only place that reads statuses, reasons and causes.
// Rule: docs/reference/behaviour.md, "Refusals".

import type { RefusalCause } from "../machines/object-facts.ts";
import { rightIn } from "../machines/rules/permissions.ts";
import { ApiError, UnreachableError } from "./ports.ts";

export interface Judgement {
  cause: RefusalCause;
  message: string;
  /** Seconds. */
  retryAfter?: number;
}

const isTerminating = (error: ApiError): boolean =>
  error.causes.some((cause) => cause.reason === "NamespaceTerminating") ||
  error.message.includes("because it is being terminated");

/**
 * A 403 for want of a right says who cannot do what. Quotas, webhooks and other admission answer 403, too, once the right
 * has been found to be there: they refuse this object. What is neither is taken for a right.
 */
export const isRightMissing = (error: unknown): error is ApiError =>
  isStatus(error, 403) && !isTerminating(error) && !isAdmission(error);

const isAdmission = ({ message }: ApiError): boolean =>
  rightIn(message) === undefined && /denied the request|is forbidden: /.test(message);

/** A namespaced write answered 404: is it the namespace that is missing (or else the type, or the object)? */
export const isNamespaceMissing = (error: unknown, namespace: string): boolean =>
  error instanceof ApiError && error.status === 404 && error.message.includes(`namespaces "${namespace}" not found`);

export const isStatus = (error: unknown, ...statuses: number[]): error is ApiError =>
  error instanceof ApiError && statuses.includes(error.status);

/** Nothing is served at that address, as opposed to: the object is not there, which an API server says by its name. */
export const isTypeMissing = (error: unknown): boolean =>
  isStatus(error, 404) &&
  (error.reason !== "NotFound" || error.message.includes("could not find the requested resource"));

/** Schema skew: the body has a field or type that the server's schema does not declare. It answers 500, not 4xx. */
const isUntyped = (error: ApiError): boolean =>
  error.status === 500 && error.message.includes("failed to create typed patch object");

/** Larger than etcd takes, or than the API server may send it: a matter of the object, told as a fault of the server. */
const isTooLarge = (error: ApiError): boolean =>
  error.status === 500 && /request is too large|trying to send message larger than max/.test(error.message);

/** 409, a guard on the uid, or a JSON patch whose `test` failed: the state it was decided on is no longer the state. */
const isOutdated = (error: ApiError, tested: boolean): boolean =>
  error.status === 409 ||
  (error.status === 422 &&
    (isFailedTest(error, tested) || error.causes.some((cause) => cause.field === "metadata.uid")));

/** A failed test names no field, a change of metadata that came too late names that; other fields are the content's. */
const isFailedTest = (error: ApiError, tested: boolean): boolean =>
  tested && error.causes.every(({ field = "" }) => field === "" || field.startsWith("metadata"));

const REJECTED = new Set([400, 405, 413, 422]);

function causeOf(error: ApiError, tested: boolean): RefusalCause {
  if (isOutdated(error, tested)) return "outdated";
  if (error.status === 403) return causeOfRefusal(error);
  return REJECTED.has(error.status) || isUntyped(error) || isTooLarge(error) ? "rejected" : "fault";
}

function causeOfRefusal(error: ApiError): RefusalCause {
  if (isTerminating(error)) return "terminating";
  return isRightMissing(error) ? "forbidden" : "rejected";
}

/** How long the server asked to be left in peace, in seconds; whoever failed, also where only a page in between said so. */
export const askedToWait = (error: unknown): { retryAfter?: number } => {
  const asked = error instanceof ApiError || error instanceof UnreachableError ? error.retryAfter : undefined;
  return asked === undefined ? {} : { retryAfter: asked };
};

/** `tested`: the write was a JSON patch with `test` operations, so 422 means one of them failed. */
export function judge(error: unknown, what: string, tested = false): Judgement {
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  const cause = error instanceof ApiError ? causeOf(error, tested) : "fault";
  return { cause, message, ...askedToWait(error) };
}
