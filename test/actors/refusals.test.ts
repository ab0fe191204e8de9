// What an answer of an API server means for a write: each row of docs/reference/behaviour.md, "Refusals". The answers are
// those that kube-apiserver 1.34 gave, as adapters/kube/errors.ts turns them into errors.

import { describe, expect, it } from "vitest";
import { ApiError, UnreachableError } from "../../actors/ports.ts";
import { isNamespaceMissing, isStatus, judge } from "../../actors/refusals.ts";
import { createErrorMapper } from "../../adapters/kube/errors.ts";
import type { RefusalCause } from "../../machines/object-facts.ts";

const mapper = createErrorMapper({ server: new URL("https://provider.example.org:6443") });

interface Cause {
  reason?: string;
  field?: string;
  message?: string;
}

/** The error that comes of a Status answered with that code. */
const answered = (
  code: number,
  reason: string,
  message: string,
  details: { causes?: Cause[]; retryAfterSeconds?: number } = {},
): ApiError => {
  const body = JSON.stringify({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    details,
    code,
  });
  const error = mapper.fromAnswer({ status: code, headers: { "content-type": "application/json" }, body });
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
};

const CONFLICT = answered(
  409,
  "Conflict",
  'Operation cannot be fulfilled on widgets.example.org "a": the object has been modified; please apply your changes to the latest version and try again',
);
const OTHER_UID = answered(
  422,
  "Invalid",
  'Widget.example.org "a" is invalid: metadata.uid: Invalid value: "other": field is immutable',
  { causes: [{ reason: "FieldValueInvalid", field: "metadata.uid", message: "field is immutable" }] },
);
/** A `test` that failed and a `remove` of what is not there look the same. */
const FAILED_TEST = answered(422, "Invalid", "the server rejected our request due to an error in our request");
const NO_NEW_FINALIZER = answered(
  422,
  "Invalid",
  'Widget.example.org "a" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted',
  { causes: [{ reason: "FieldValueForbidden", field: "metadata.finalizers" }] },
);
const INVALID = answered(
  422,
  "Invalid",
  'Widget.example.org "a" is invalid: spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
  { causes: [{ reason: "FieldValueTypeInvalid", field: "spec.size" }] },
);
const FORBIDDEN = answered(
  403,
  "Forbidden",
  'widgets.example.org "a" is forbidden: User "konnector" cannot patch resource "widgets" in API group "example.org" in the namespace "default"',
);
const TERMINATING = answered(
  403,
  "Forbidden",
  'widgets.example.org "b" is forbidden: unable to create new content in namespace dying because it is being terminated',
  { causes: [{ reason: "NamespaceTerminating", field: "metadata.namespace" }] },
);
const TERMINATING_WITHOUT_CAUSE = answered(
  403,
  "Forbidden",
  'widgets.example.org "b" is forbidden: unable to create new content in namespace dying because it is being terminated',
);
const QUOTA = answered(
  403,
  "Forbidden",
  'widgets.example.org "a" is forbidden: exceeded quota: few, requested: count/widgets.example.org=1, used: 1, limited: 1',
);
/** An apply that would create is authorized for patch first, and for create once nothing is found. */
const CREATE_FORBIDDEN = answered(
  403,
  "Forbidden",
  'widgets.example.org "a" is forbidden: User "konnector" cannot create resource "widgets" in API group "example.org" in the namespace "default"',
);
const WEBHOOK = answered(403, "Forbidden", 'admission webhook "no.example.org" denied the request: not on Sundays');
const POLICY = answered(403, "Forbidden", 'widgets.example.org "a" is forbidden: violates PodSecurity "restricted"');
const UNTYPED = answered(
  500,
  "",
  "failed to create typed patch object (default/a; example.org/v1, Kind=Widget): .spec.sise: field not declared in schema",
);
const NO_NAMESPACE = answered(404, "NotFound", 'namespaces "team-a" not found');

describe("an answer to a write", () => {
  it.each<[string, Error, RefusalCause]>([
    ["409", CONFLICT, "outdated"],
    ["422 on metadata.uid", OTHER_UID, "outdated"],
    ["403 for want of a right", FORBIDDEN, "forbidden"],
    ["403 of a right that the apply of a new copy needs", CREATE_FORBIDDEN, "forbidden"],
    ["403 of a quota", QUOTA, "rejected"],
    ["403 of an admission webhook", WEBHOOK, "rejected"],
    ["403 of admission that words it as it likes", POLICY, "rejected"],
    ["403 of who knows what", answered(403, "", "no entry"), "forbidden"],
    ["403 of a terminating namespace", TERMINATING, "terminating"],
    ["403 of a terminating namespace, said in words only", TERMINATING_WITHOUT_CAUSE, "terminating"],
    ["400", answered(400, "BadRequest", "the object provided is unrecognized"), "rejected"],
    ["413", answered(413, "RequestEntityTooLarge", "limit is 3145728"), "rejected"],
    ["422 of a schema", INVALID, "rejected"],
    ["422 without causes, of a write that tested nothing", FAILED_TEST, "rejected"],
    ["500 of a field that the schema does not declare", UNTYPED, "rejected"],
    ["500 of what etcd would not take", answered(500, "InternalError", "etcdserver: request is too large"), "rejected"],
    [
      "500 of what is too large to be sent to etcd",
      answered(500, "", "rpc error: code = ResourceExhausted desc = trying to send message larger than max (1 vs. 2)"),
      "rejected",
    ],
    ["500 of anything else", answered(500, "InternalError", "Internal error occurred: etcdserver: timeout"), "fault"],
    ["401", answered(401, "Unauthorized", "Unauthorized"), "fault"],
    ["404 of the type", answered(404, "NotFound", "the server could not find the requested resource"), "fault"],
    ["429", answered(429, "TooManyRequests", "too many requests"), "fault"],
    ["503", answered(503, "ServiceUnavailable", "the server is currently unable to handle the request"), "fault"],
    ["no answer", new UnreachableError("https://provider.example.org:6443 cannot be used"), "fault"],
    ["a bug of ours", new TypeError("undefined is not a function"), "fault"],
  ])("%s", (_name, error, cause) => {
    expect(judge(error, "apply widgets default/a on the provider").cause).toBe(cause);
  });

  it("is told with what was tried and the server's own words", () => {
    expect(judge(INVALID, "apply widgets default/a on the provider").message).toBe(
      `apply widgets default/a on the provider: ${INVALID.message}`,
    );
    expect(judge("odd", "get widgets default/a").message).toBe("get widgets default/a: odd");
  });

  it("carries the seconds that the server asked us to wait, and nothing where it asked for none", () => {
    const busy = answered(429, "TooManyRequests", "too many requests", { retryAfterSeconds: 7 });
    expect(judge(busy, "apply").retryAfter).toBe(7);
    expect(judge(CONFLICT, "apply")).not.toHaveProperty("retryAfter");
  });
});

describe("an answer to a JSON patch that tested what it was decided on", () => {
  it.each<[string, Error, RefusalCause]>([
    ["422 of a failed test", FAILED_TEST, "outdated"],
    ["422 on metadata.uid", OTHER_UID, "outdated"],
    ["422 on the metadata that it changes, as of an object that is being deleted", NO_NEW_FINALIZER, "outdated"],
    ["422 of a schema, which no newer state will change", INVALID, "rejected"],
    ["409", CONFLICT, "outdated"],
    ["403", FORBIDDEN, "forbidden"],
    ["503", answered(503, "ServiceUnavailable", "shutting down"), "fault"],
  ])("%s", (_name, error, cause) => {
    expect(judge(error, "patch", true).cause).toBe(cause);
  });
});

describe("a 404", () => {
  it("is about the namespace only where it names that very one", () => {
    expect(isNamespaceMissing(NO_NAMESPACE, "team-a")).toBe(true);
    expect(isNamespaceMissing(NO_NAMESPACE, "team-b")).toBe(false);
    expect(isNamespaceMissing(NO_NAMESPACE, "team")).toBe(false);
    expect(isNamespaceMissing(answered(404, "NotFound", 'widgets.example.org "team-a" not found'), "team-a")).toBe(
      false,
    );
  });

  it("has to be one", () => {
    expect(isNamespaceMissing(answered(403, "Forbidden", NO_NAMESPACE.message), "team-a")).toBe(false);
    expect(isNamespaceMissing(new Error(NO_NAMESPACE.message), "team-a")).toBe(false);
  });
});

describe("a status", () => {
  it("is only that of an API server's answer", () => {
    expect(isStatus(CONFLICT, 404, 409)).toBe(true);
    expect(isStatus(CONFLICT, 404)).toBe(false);
    expect(isStatus(new UnreachableError("gone"), 409)).toBe(false);
    expect(isStatus({ status: 409 }, 409)).toBe(false);
  });
});
