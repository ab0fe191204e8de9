// What a Connection says in which situation: every condition and reason exactly when, and none that the registry does not
// know. Rules: docs/reference/behaviour.md, "Conditions" and "Connections".

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRegistered, REASONS } from "../../crds/reasons.ts";
import {
  type ConnectionContext,
  type ConnectionFault,
  type Discovery,
  initialConnectionContext,
} from "../../machines/connection-facts.ts";
import {
  connectionConditions,
  type ConnectionState,
  knownExports,
  knownSource,
} from "../../machines/connection-status.ts";
import { sumUp } from "../../machines/rules/blockers.ts";
import {
  complete,
  COMPLETE,
  connection,
  failedDiscovery,
  NO_SECRET,
  secret,
  UNKNOWN,
  WIDGETS,
} from "./connection-samples.ts";

/** A Connection that is Ready, changed. */
const context = (change: Partial<ConnectionContext> = {}): ConnectionContext => ({
  ...initialConnectionContext,
  connection: connection(),
  secret: secret(),
  bindings: 0,
  discovery: COMPLETE,
  engagedWith: "first",
  ...change,
});
const AWAY = { engagedWith: "", discovery: UNKNOWN } as const;
const failed = (fault: ConnectionFault) => ({
  ...AWAY,
  failed: { fault, message: `no: ${fault}`, fingerprint: "first" },
});

/** "Ready=False/Pending" of each condition, by type. */
const told = (change: Partial<ConnectionContext> = {}, state: Partial<ConnectionState> = {}) => {
  const at = { ready: (change.engagedWith ?? "first") !== "", identityChanged: false, ...state };
  const conditions = connectionConditions(at, context(change));
  return {
    all: Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status}/${reason}`])),
    message: Object.fromEntries(conditions.map(({ type, message }) => [type, message])),
  };
};

const GOOD = {
  SecretValid: "True/AsExpected",
  Connected: "True/AsExpected",
  PermissionDenied: "False/AsExpected",
  LocalPermissionDenied: "False/AsExpected",
  SchemaInSync: "True/AsExpected",
  Ready: "True/AsExpected",
};
const UNTOLD = {
  PermissionDenied: "Unknown/Pending",
  LocalPermissionDenied: "False/AsExpected",
  SchemaInSync: "Unknown/Pending",
};
/** What follows from a Secret that cannot be used. */
const noSecret = (reason: string) => ({
  ...UNTOLD,
  SecretValid: `False/${reason}`,
  Connected: "False/SecretNotFound",
  Ready: `False/${reason}`,
});

const REFUSED = { api: WIDGETS.name, reason: "ForeignObjectExists", message: "exists already" };

describe("a Connection says", () => {
  it.each<[string, Partial<ConnectionContext>, Record<string, string>, Partial<ConnectionState>?]>([
    ["that all is well", {}, GOOD],
    ["nothing before it has been looked at", { ...AWAY, connection: undefined, secret: undefined }, {
      ...UNTOLD, SecretValid: "Unknown/Pending", Connected: "False/SecretNotFound", Ready: "False/Pending" }],
    ["that the Secret is in a namespace that is not read", { ...AWAY, connection: connection({ secretAllowed: false }) }, noSecret("NamespaceNotAllowed")],
    ["that the Secret is missing", { ...AWAY, secret: NO_SECRET }, noSecret("SecretNotFound")],
    ["that its key is missing or empty", { ...AWAY, secret: secret({ fingerprint: "", problem: "has no key kubeconfig" }) }, noSecret("SecretNotFound")],
    ["that it holds no kubeconfig", { ...AWAY, unusable: { fingerprint: "first", reason: "SecretNotFound", message: "not YAML" } }, noSecret("SecretNotFound")],
    ["that its kubeconfig uses a forbidden field", { ...AWAY, unusable: { fingerprint: "first", reason: "ForbiddenField", message: "exec" } }, noSecret("ForbiddenField")],
    ["nothing bad of a Secret that was mended since", { unusable: { fingerprint: "before", reason: "ForbiddenField", message: "exec" } }, GOOD],
    ["that it is connecting", AWAY, { ...GOOD, ...UNTOLD, Connected: "False/Pending", Ready: "False/Pending" }],
    ["that the provider is away", failed("unreachable"), { ...GOOD, ...UNTOLD, Connected: "False/Pending", Ready: "False/Pending" }],
    ["that the provider is in trouble", failed("degraded"), { ...GOOD, ...UNTOLD, Connected: "False/Pending", Ready: "False/Pending" }],
    ["that its own cluster refuses, which is no denial of the provider's", failed("local"), { ...GOOD, ...UNTOLD, Connected: "False/Pending", Ready: "False/Pending" }],
    ["that the credential is not accepted", failed("unauthorized"), { ...GOOD, ...UNTOLD, Connected: "False/Unauthorized", Ready: "False/Unauthorized" }],
    ["that a right is missing to learn who is there", failed("forbidden"), {
      ...GOOD, ...UNTOLD, Connected: "False/Forbidden", PermissionDenied: "True/Forbidden", Ready: "False/Forbidden" }],
    ["that another cluster answers", { ...AWAY, identity: { remote: "other", local: "consumer-cluster" } }, {
      ...GOOD, ...UNTOLD, Connected: "False/ClusterIdentityChanged", Ready: "False/ClusterIdentityChanged" }, { identityChanged: true }],
    ["that the first list is awaited", { discovery: UNKNOWN }, { ...GOOD, SchemaInSync: "False/Pending", Ready: "False/Pending" }, { ready: false }],
    ["that the first list is forbidden", { discovery: failedDiscovery("forbidden", null) }, {
      ...GOOD, PermissionDenied: "True/Forbidden", SchemaInSync: "False/Pending", Ready: "False/Forbidden" }, { ready: false }],
    ["that the first list failed", { discovery: failedDiscovery("degraded", null) }, {
      ...GOOD, SchemaInSync: "False/Pending", Ready: "False/Pending" }, { ready: false }],
    ["Ready as before when a later list fails", { discovery: failedDiscovery("degraded") }, { ...GOOD, SchemaInSync: "False/Pending" }],
    ["Ready as before when a later list is forbidden", { discovery: failedDiscovery("forbidden") }, {
      ...GOOD, PermissionDenied: "True/Forbidden", SchemaInSync: "False/Pending" }],
    ["that a required API is awaited", { schemas: { pending: [WIDGETS.name], refused: [] } }, { ...GOOD, SchemaInSync: "False/Pending" }],
    ["what stands against a required API", { schemas: { pending: ["others"], refused: [REFUSED] } }, { ...GOOD, SchemaInSync: "False/ForeignObjectExists" }],
    ["that nothing is exported, which is in order", { discovery: complete([]) }, GOOD],
    ["that the exports come by OpenAPI", { discovery: complete([WIDGETS], { source: "OpenAPI" }) }, GOOD],
    ["Ready as before when a part of the exports cannot be told", { discovery: complete([WIDGETS], { missing: ["example.net/v1"] }) }, { ...GOOD, SchemaInSync: "False/Pending" }],
    ["that bindings still name it", { connection: connection({ deleting: true }), bindings: 2 }, { ...GOOD, Ready: "False/DrainingBindings" }],
    ["that it goes, whatever else is wrong", { ...AWAY, connection: connection({ deleting: true }), secret: NO_SECRET, bindings: 1 }, {
      ...noSecret("SecretNotFound"), Ready: "False/DrainingBindings" }],
  ])("%s", (_situation, change, expected, state) => {
    expect(told(change, state).all).toEqual(expected);
  }); // prettier-ignore

  it("all of its conditions each time, Ready last, so that none goes stale", () => {
    const types = connectionConditions({ ready: false, identityChanged: false }, context(AWAY)).map(({ type }) => type);
    expect(types).toEqual([
      "SecretValid",
      "Connected",
      "PermissionDenied",
      "LocalPermissionDenied",
      "SchemaInSync",
      "Ready",
    ]);
  });
});

describe("its message", () => {
  it("names the Secret, and where it would have to be", () => {
    const { message } = told({ ...AWAY, connection: connection({ secretAllowed: false, secretName: "x/acme" }) });
    expect(message["SecretValid"]).toContain("x/acme");
    expect(message["SecretValid"]).toContain("namespace kube-bind");
    expect(told({ ...AWAY, secret: NO_SECRET }).message["Ready"]).toContain("kube-bind/acme");
  });

  it("names both pinned and both found identities", () => {
    const changed = { ...AWAY, identity: { remote: "found-remote", local: "found-local" } };
    const message = told(changed, { identityChanged: true }).message["Connected"];
    for (const uid of ["provider-cluster", "consumer-cluster", "found-remote", "found-local"])
      expect(message).toContain(uid);
  });

  it("counts the bindings, and then what is left of their objects", () => {
    const deleting = { connection: connection({ deleting: true }) };
    expect(told({ ...deleting, bindings: 2 }).message["Ready"]).toMatch(/^2 binding/);
    expect(told({ ...deleting, bindings: 0, leftovers: 3 }).message["Ready"]).toMatch(/^3 object/);
  });

  it("names what its deletion waits for, what blocks that, and what keeps it from being worked with", () => {
    const blocked = sumUp([{ cause: "Forbidden", detail: "may not", name: "widgets.example.org a/one" }]);
    const awaited = { bindings: ["ClusterBinding acme (draining)", "Binding a/acme"], blocked };
    const deleting = { connection: connection({ deleting: true }), bindings: 3, awaited };
    const draining =
      "3 binding(s) still refer to this Connection; delete them: ClusterBinding acme (draining), Binding a/acme";
    const blocking = "1 deletion(s) blocked, 1 by Forbidden: widgets.example.org a/one (may not)";
    expect(told(deleting).message["Ready"]).toBe(`${draining} and more; ${blocking}`);
    const { message } = told({ ...AWAY, ...deleting, secret: NO_SECRET });
    expect(message["Ready"]).toContain("Secret kube-bind/acme does not exist");
  });

  it("lists at most ten APIs, and counts the others", () => {
    const pending = Array.from({ length: 14 }, (_, n) => `api-${n}`);
    const message = told({ schemas: { pending, refused: [] } }).message["SchemaInSync"];
    expect(message).toContain("api-9 and 4 more");
    expect(message).not.toContain("api-10");
  });

  it("lists every refused API with its own words", () => {
    const refused = [REFUSED, { api: "gadgets.example.org", reason: "OwnedByAnother", message: "of other" }];
    const message = told({ schemas: { pending: [], refused } }).message["SchemaInSync"];
    expect(message).toContain("widgets.example.org: exists already");
    expect(message).toContain("gadgets.example.org: of other");
  });

  it("names the groups that cannot be told, and how the source works where that is unusual", () => {
    const missing = complete([WIDGETS], { missing: ["example.net/v1", "example.net/v2"] });
    expect(told({ discovery: missing }).message["SchemaInSync"]).toContain("example.net/v1, example.net/v2");
    const note = complete([WIDGETS], { note: "looked at every 30 s" });
    expect(told({ discovery: note }).message["SchemaInSync"]).toContain("looked at every 30 s");
  });
});

describe("its exports", () => {
  it("are unknown until a list was complete, and kept through any failure", () => {
    expect(knownExports(context({ discovery: UNKNOWN }))).toBeNull();
    expect(knownExports(context({ discovery: failedDiscovery("degraded", null) }))).toBeNull();
    expect(knownExports(context())).toEqual([WIDGETS]);
    expect(knownExports(context({ discovery: failedDiscovery("unreachable") }))).toEqual([WIDGETS]);
  });

  it("come from the source that showed them, and from none while they are not known", () => {
    expect(knownSource(context({ discovery: UNKNOWN }))).toBeNull();
    expect(knownSource(context({ discovery: failedDiscovery("degraded", null) }))).toBeNull();
    expect(knownSource(context())).toBe("CRD");
    expect(knownSource(context({ discovery: failedDiscovery("unreachable") }))).toBe("CRD");
    expect(knownSource(context({ discovery: complete([], { source: "OpenAPI" }) }))).toBe("OpenAPI");
  });
});

describe("whatever the situation", () => {
  const faults = fc.constantFrom<ConnectionFault>("unreachable", "unauthorized", "forbidden", "local", "degraded");
  const discovery: fc.Arbitrary<Discovery> = fc.oneof(
    fc.constant(UNKNOWN),
    fc.constant(COMPLETE),
    fc.constant(complete([])),
    fc.constant(complete([WIDGETS], { source: "OpenAPI", missing: ["example.net/v1"], note: "unusual" })),
    faults.chain((fault) =>
      fc.constantFrom<Discovery>(
        { state: "failed", source: null, fault, message: "no", exports: null },
        { state: "failed", source: "OpenAPI", fault, message: "no", exports: [WIDGETS] },
      ),
    ),
  );
  const situation = fc.record<ConnectionContext>({
    ...(Object.fromEntries(
      Object.entries(initialConnectionContext).map(([name, value]) => [name, fc.constant(value)]),
    ) as unknown as { [K in keyof ConnectionContext]: fc.Arbitrary<ConnectionContext[K]> }),
    connection: fc.oneof(
      fc.constant(undefined),
      fc
        .record({
          deleting: fc.boolean(),
          secretAllowed: fc.boolean(),
        })
        .map(connection),
    ),
    secret: fc.constantFrom(undefined, NO_SECRET, secret(), secret({ fingerprint: "", problem: "empty" })),
    unusable: fc.constantFrom(
      null,
      { fingerprint: "first", reason: "ForbiddenField" as const, message: "exec" },
      { fingerprint: "first", reason: "SecretNotFound" as const, message: "no YAML" },
    ),
    failed: fc.oneof(
      fc.constant(null),
      faults.map((fault) => ({ fault, message: "no", fingerprint: "first" })),
    ),
    engagedWith: fc.constantFrom("", "first"),
    identity: fc.constant({ remote: "r", local: "l" }),
    discovery,
    bindings: fc.nat(2),
    schemas: fc.record({
      pending: fc.constantFrom([], ["a"]),
      refused: fc.constantFrom(
        [],
        ...["ForeignObjectExists", "OwnedByAnother", "SchemaRejected"].map((reason) => [{ ...REFUSED, reason }]),
      ),
    }),
  });
  const state = fc.record({ ready: fc.boolean(), identityChanged: fc.boolean() });

  it("each word is registered for its place", () => {
    fc.assert(
      fc.property(state, situation, (at, now) => {
        for (const { type, status, reason, message } of connectionConditions(at, now)) {
          expect(isRegistered("Connection", type, status, reason), `${type}=${status}/${reason}`).toBe(true);
          expect(message).not.toBe("");
          expect(message).not.toContain("undefined");
        }
      }),
      { numRuns: 500 },
    );
  });

  it("it is Ready only with a valid Secret and connected", () => {
    fc.assert(
      fc.property(state, situation, (at, now) => {
        const all = Object.fromEntries(connectionConditions(at, now).map(({ type, status }) => [type, status]));
        if (all["Ready"] !== "True") return;
        expect([all["SecretValid"], all["Connected"]]).toEqual(["True", "True"]);
      }),
      { numRuns: 500 },
    );
  });

  it("the reasons of refused definitions are the registry's", () => {
    for (const reason of ["ForeignObjectExists", "OwnedByAnother", "SchemaRejected"] as const) {
      expect(REASONS[reason].on).toContain("Connection SchemaInSync=False");
    }
  });
});
