// What a binding says in which situation: every condition and reason exactly when, and none that the registry does not
// know. Rules: docs/reference/behaviour.md, "Conditions" and "Bindings".

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isRegistered, type Reason, REASONS } from "../../crds/reasons.ts";
import {
  type ApiVerdict,
  type BindingContext,
  initialBindingContext,
  NOTHING_RELATED,
} from "../../machines/binding.ts";
import { bindingConditions, boundApis } from "../../machines/binding-status.ts";
import { NOTHING_BLOCKED } from "../../machines/rules/blockers.ts";
import { api, binding, BLOCKED, NO_CONNECTION, NOT_READY, READY } from "./binding-samples.ts";

const THEN = "2026-01-01T00:00:00Z";
const NOW = "2026-02-02T02:02:02Z";

const bad = (reason: Reason, name = "gadgets.example.org") => api({ name, reason, message: `${name} is ${reason}` });

const context = (change: Partial<BindingContext> = {}): BindingContext => ({
  ...initialBindingContext,
  binding: binding(),
  connection: READY,
  apis: [api()],
  ...change,
});

const told = (change: Partial<BindingContext> = {}) => {
  const conditions = bindingConditions(context(change));
  return {
    all: Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status}/${reason}`])),
    message: Object.fromEntries(conditions.map(({ type, message }) => [type, message])),
    reason: Object.fromEntries(conditions.map(({ type, reason }) => [type, reason])),
  };
};

const GOOD = {
  Connected: "True/AsExpected",
  Synced: "True/AsExpected",
  Conflicts: "False/AsExpected",
  OrphanedCopies: "False/AsExpected",
  PermissionDenied: "False/AsExpected",
  LocalPermissionDenied: "False/AsExpected",
  Ready: "True/AsExpected",
};
const because = (reason: string) => ({ ...GOOD, Ready: `False/${reason}`, Synced: `False/${reason}` });
const UNCONNECTED = { ...because("Pending"), Connected: "False/Pending", PermissionDenied: "Unknown/Pending" };
const ORPHANED = { count: 7, names: ["widgets.example.org one -n a"] };
const deleting = { binding: binding({ deleting: true }) };

/** All reasons an API may have for not being in order, the one that decides for the whole binding first. */
const WORST_FIRST: Reason[] = [
  "APINotExported",
  "Forbidden",
  "ForeignObjectExists",
  "OwnedByAnother",
  "ConversionWebhook",
  "SchemaRejected",
  "ClusterScopedAPI",
  "CoveredByClusterBinding",
  "CoveredByBinding",
  "Paused",
  "Pending",
];

describe("a binding says", () => {
  it.each<[string, Partial<BindingContext>, Record<string, string>]>([
    ["that all is well", {}, GOOD],
    ["that copies have lost their objects", { orphaned: ORPHANED }, { ...GOOD, OrphanedCopies: "True/OrphanedCopies" }],
    ["that deletions of its objects are blocked", { blocked: BLOCKED }, { ...GOOD, Synced: "False/DeletionBlocked" }],
    ["that they are also while the provider is away", { blocked: BLOCKED, connection: NOT_READY },
      { ...UNCONNECTED, Synced: "False/DeletionBlocked" }],
    ["what it is drained of, whatever blocks it", { ...deleting, blocked: BLOCKED }, because("DrainingObjects")],
    ["that its Connection is not known yet", { connection: undefined }, UNCONNECTED],
    ["that its Connection is missing", { connection: NO_CONNECTION }, UNCONNECTED],
    ["that its Connection is not ready", { connection: NOT_READY }, UNCONNECTED],
    ["that its Connection is not ready, before anything its APIs say", { connection: NOT_READY, apis: [bad("APINotExported")] }, UNCONNECTED],
    ["that a step of its own failed", { failed: "patch clusterbindings: no" }, because("Pending")],
    ["that it drains", deleting, because("DrainingObjects")],
    ["that it drains, whatever else is wrong", { ...deleting, connection: NOT_READY, failed: "no" }, {
      ...UNCONNECTED, Ready: "False/DrainingObjects", Synced: "False/DrainingObjects" }],
    ["that writes of its objects fail", { apis: [api(), api({ name: "b", failing: 2 })] }, { ...GOOD, Synced: "False/SyncFailed" }],
    ["that a right is missing for its objects", { apis: [api({ denied: ["create widgets in default"] })] }, { ...GOOD, PermissionDenied: "True/Forbidden" }],
    ["that a right of our own is missing for its objects", { apis: [api({ deniedHere: ["patch widgets in default"] })] }, {
      ...GOOD, LocalPermissionDenied: "True/Forbidden" }],
    ["that a right is missing for a definition", { apis: [bad("Forbidden")] }, { ...because("Forbidden"), PermissionDenied: "True/Forbidden" }],
    ["that a right is missing, also while its Connection is away", { connection: NOT_READY, apis: [api({ denied: ["create widgets"] })] }, {
      ...UNCONNECTED, PermissionDenied: "True/Forbidden" }],
  ])("%s", (_situation, change, expected) => {
    expect(told(change).all).toEqual(expected);
  }); // prettier-ignore

  it.each(WORST_FIRST)("%s as the whole's reason, where one API does and the others are synced", (reason) => {
    expect(told({ apis: [api(), bad(reason)] }).all).toMatchObject({
      Ready: `False/${reason}`,
      Synced: `False/${reason}`,
    });
  });

  it("of several reasons the one that comes first", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(WORST_FIRST, { minLength: 1 }), (reasons) => {
        const worst = WORST_FIRST.find((reason) => reasons.includes(reason));
        const apis = [api(), ...reasons.map((reason, index) => bad(reason, `api-${index}`))];
        expect(told({ apis }).all["Ready"]).toBe(`False/${worst}`);
      }),
    );
  });

  it("Ready only if each reason that an API may have is weighed", () => {
    const known = Object.entries(REASONS).flatMap(([reason, { on }]) =>
      (on as readonly string[]).includes("API Ready=False") ? [reason] : [],
    );
    expect(known.sort()).toEqual([...WORST_FIRST].sort());
  });

  it.each<[string, ApiVerdict["conflicts"][], string]>([
    ["no conflict", [{ foreign: 0, another: 0 }], "False/AsExpected"],
    ["one with an object that no konnector made", [{ foreign: 1, another: 0 }], "True/ForeignObjectExists"],
    ["one with somebody else's", [{ foreign: 0, another: 1 }], "True/OwnedByAnother"],
    ["both kinds, by the one that can be mended here", [{ foreign: 0, another: 5 }, { foreign: 1, another: 0 }], "True/ForeignObjectExists"],
  ])("of conflicts: %s", (_what, conflicts, expected) => {
    const apis = conflicts.map((one, index) => api({ name: `api-${index}`, conflicts: one }));
    expect(told({ apis }).all["Conflicts"]).toBe(expected);
  }); // prettier-ignore

  it("all of its conditions each time, Ready last, so that none goes stale", () => {
    const types = bindingConditions(context({ apis: undefined })).map(({ type }) => type);
    expect(types).toEqual([
      "Connected",
      "Synced",
      "Conflicts",
      "OrphanedCopies",
      "PermissionDenied",
      "LocalPermissionDenied",
      "Ready",
    ]);
  });
});

describe("its message", () => {
  it("says what can be done about a drain that is blocked, and what is done about it, and no more", () => {
    const of = (fact: object, blocked = BLOCKED) =>
      told({ binding: binding({ deleting: true, ...fact }), blocked }).message["Ready"];
    expect(of({})).toMatch(/; the annotation core\.kube-bind\.io\/release: "true" on this binding lets go .* there$/);
    expect(of({ drainEnd: THEN })).toContain(`; at ${THEN} --drain-timeout does so`);
    const by = "--drain-timeout, which is over";
    expect(of({ drainEnd: THEN, letGoBy: by })).toMatch(
      /; let go without the provider's word, by --drain-timeout, .*$/,
    );
    expect(of({ drainEnd: THEN }, NOTHING_BLOCKED)).not.toContain("release");
    expect(told({ blocked: BLOCKED }).message["Synced"]).not.toContain("core.kube-bind.io/release");
  });

  it("is the Connection's own while that is not ready", () => {
    const { message } = told({ connection: NOT_READY });
    expect([message["Ready"], message["Connected"]]).toEqual([NOT_READY.message, NOT_READY.message]);
  });

  it("lists what each API that is not in order says, at most five, and names the others", () => {
    const apis = Array.from({ length: 7 }, (_, n) => bad("APINotExported", `api-${n}`));
    const message = told({ apis: [api(), ...apis] }).message["Ready"];
    expect(message).toContain("api-0: api-0 is APINotExported; api-1:");
    expect(message).toMatch(/; and api-5, api-6$/);
    expect(message).not.toContain("widgets.example.org");
  });

  it("counts and names copies without objects, and says what to do", () => {
    const message = told({ orphaned: ORPHANED }).message["OrphanedCopies"];
    expect(message).toMatch(
      /^7 copies .*: widgets\.example\.org one -n a and 6 more\. .*kubectl delete widgets\.example\.org one -n a\)/,
    );
  });

  it("says what is left to drain, or what stands in the way", () => {
    expect(told(deleting).message["Ready"]).toContain("waiting");
    const remaining = { objects: 2, apis: [], message: "2 object(s) still have a copy" };
    expect(told({ ...deleting, remaining }).message["Ready"]).toBe(remaining.message);
    expect(told({ ...deleting, remaining, failed: "no right" }).message["Ready"]).toBe("no right");
  });

  it("counts the conflicts of all APIs", () => {
    const apis = [
      api({ conflicts: { foreign: 2, another: 1 } }),
      api({ name: "b", conflicts: { foreign: 0, another: 4 } }),
    ];
    expect(told({ apis }).message["Conflicts"]).toMatch(/^7 object/);
  });

  it("names what is refused, of objects and definitions alike", () => {
    const message = told({ apis: [api({ denied: ["create widgets in default"] }), bad("Forbidden")] }).message;
    expect(message["PermissionDenied"]).toContain("create widgets in default");
    expect(message["PermissionDenied"]).toContain("gadgets.example.org is Forbidden");
  });

  it("says on Ready which rule for related objects is not followed, and goes on with everything else", () => {
    const problems = [{ reason: "SelectorRequired" as const, message: "spec.relatedResources[0].selector: say which" }];
    const { message, reason } = told({ related: { ...NOTHING_RELATED, problems } });
    expect([message["Ready"], reason["Ready"]]).toEqual([
      "relatedResources: spec.relatedResources[0].selector: say which",
      "SelectorRequired",
    ]);
  });

  it("names the kind of related objects that may not be listed, and counts conflicts among them", () => {
    const unlisted = ["list and watch secrets in namespace blue on the provider: forbidden"];
    const conflicts = { foreign: 0, another: 2 };
    const { message, reason } = told({ related: { ...NOTHING_RELATED, unlisted, denied: unlisted, conflicts } });
    expect(reason["Ready"]).toBe("Forbidden");
    expect(message["PermissionDenied"]).toContain("secrets in namespace blue");
    expect(message["Conflicts"]).toMatch(/^2 related object/);
  });
});

describe("an API of a binding", () => {
  it("has its own condition, with the generation that was looked at", () => {
    const [entry] = boundApis([bad("APINotExported")], [], 3, NOW);
    expect(entry).toEqual({
      name: "gadgets.example.org",
      crdHash: api().crdHash,
      conditions: [
        {
          type: "Ready",
          status: "False",
          observedGeneration: 3,
          lastTransitionTime: NOW,
          reason: "APINotExported",
          message: "gadgets.example.org is APINotExported",
        },
      ],
    });
  });

  it("shows its hash and its conflicts only where it has some", () => {
    const [entry] = boundApis([api({ crdHash: "" })], [], 1, NOW);
    expect(entry).not.toHaveProperty("crdHash");
    expect(entry).not.toHaveProperty("conflictCount");
    expect(boundApis([api({ conflicts: { foreign: 2, another: 1 } })], [], 1, NOW)[0]?.conflictCount).toBe(3);
  });

  it("keeps its place by name and its time while its status stays", () => {
    const before = boundApis([api({ name: "b" }), bad("Pending", "a")], [], 1, THEN);
    expect(before.map(({ name }) => name)).toEqual(["a", "b"]);
    const after = boundApis([bad("Forbidden", "a"), bad("Pending", "b"), api({ name: "c" })], before, 2, NOW);
    expect(after.map(({ name, conditions }) => [name, conditions?.[0]?.lastTransitionTime])).toEqual([
      ["a", THEN],
      ["b", NOW],
      ["c", NOW],
    ]);
  });

  it("goes from the status with its verdict", () => {
    expect(boundApis([], boundApis([api()], [], 1, THEN), 1, NOW)).toEqual([]);
  });
});

describe("whatever the situation", () => {
  const verdict = fc.record<ApiVerdict>({
    name: fc.constantFrom("a", "b", "c"),
    reason: fc.constantFrom<Reason>("AsExpected", ...WORST_FIRST),
    message: fc.constant("a sentence"),
    crdHash: fc.constantFrom("", "sha256:0"),
    conflicts: fc.record({ foreign: fc.nat(2), another: fc.nat(2) }),
    denied: fc.constantFrom([], ["create widgets"]),
    deniedHere: fc.constantFrom([], ["patch widgets"]),
    failing: fc.nat(2),
    paused: fc.nat(1),
  });
  const situation = fc.record({
    binding: fc.boolean().map((isGoing) => binding({ deleting: isGoing })),
    connection: fc.constantFrom(undefined, READY, NOT_READY),
    apis: fc.oneof(fc.constant(undefined), fc.array(verdict, { maxLength: 4 })),
    remaining: fc.constantFrom<BindingContext["remaining"][]>(undefined, null, {
      objects: 1,
      apis: ["a"],
      message: "1 object",
    }),
    failed: fc.constantFrom(null, "no"),
  });

  it("each word is registered for its place", () => {
    fc.assert(
      fc.property(situation, (now) => {
        for (const { type, status, reason, message } of bindingConditions(context(now))) {
          expect(isRegistered("Binding", type, status, reason), `${type}=${status}/${reason}`).toBe(true);
          expect(message).not.toBe("");
        }
        for (const { conditions } of boundApis(now.apis ?? [], [], 1, NOW)) {
          for (const { type, status, reason } of conditions ?? []) {
            expect(isRegistered("API", type, status, reason), `${type}=${status}/${reason}`).toBe(true);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("it is synced only if it is Ready, and Ready only if it is connected and every API is", () => {
    fc.assert(
      fc.property(situation, (now) => {
        const all = Object.fromEntries(bindingConditions(context(now)).map(({ type, status }) => [type, status]));
        if (all["Synced"] === "True") expect(all["Ready"]).toBe("True");
        if (all["Ready"] !== "True") return;
        expect(all["Connected"]).toBe("True");
        expect((now.apis ?? []).every(({ reason }) => reason === "AsExpected")).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
