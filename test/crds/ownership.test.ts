import { describe, expect, test } from "vitest";

import { schemaHash } from "../../crds/canonical.ts";
import type { Crd } from "../../crds/definition-object.ts";
import {
  acceptedSpec,
  decideOwnership,
  installedHash,
  originOf,
  ownerOf,
  type AcceptedSpec,
  type OwnershipDecision,
  type OwnershipFacts,
  type Relation,
} from "../../crds/ownership.ts";
import { consumerCrd, type PulledCrd } from "../../crds/pull.ts";
import { fc, test as prop } from "./properties.ts";
import { ESTABLISHED, version, widgetCrd, type CrdParts } from "./widget-crd.ts";

const provider = widgetCrd();
const desired = consumerCrd(provider, "acme") as PulledCrd;
const OTHER_SPEC = { versions: [version("v1", { storage: true, subresources: {} })] };

/** What a pull by `connection` leaves on the consumer, established. */
const installed = (connection = "acme", { metadata, spec, status }: CrdParts = {}): Crd =>
  widgetCrd({
    metadata: {
      ...(consumerCrd(provider, connection) as PulledCrd).manifest.metadata,
      uid: "crd-uid",
      resourceVersion: "12",
      ...metadata,
    },
    spec: { ...desired.manifest.spec, ...spec },
    status: status ?? { conditions: ESTABLISHED, storedVersions: ["v1"] },
  });

const foreign = (spec = {}): Crd =>
  widgetCrd({ metadata: { labels: { team: "a" } }, spec, status: { conditions: ESTABLISHED } });

const decide = (existing: Crd | undefined, facts: Partial<OwnershipFacts> = {}): OwnershipDecision =>
  decideOwnership({
    connection: "acme",
    desired,
    providerVersions: ["v1"],
    existing,
    pullPolicy: "Bound",
    updatePolicy: "Always",
    relationTo: () => "different",
    ...facts,
  });

describe("where nothing is installed", () => {
  test.each(["Bound", "All"] as const)("it is created under %s", (pullPolicy) => {
    expect(decide(undefined, { pullPolicy })).toEqual({ do: "create", manifest: desired.manifest });
  });

  test("it is awaited under None", () => {
    expect(decide(undefined, { pullPolicy: "None" })).toMatchObject({ do: "wait", reason: "Pending" });
  });

  test("a group that no provider may deliver is refused", () => {
    const crd = widgetCrd({
      metadata: { name: "connections.core.kube-bind.io" },
      spec: { group: "core.kube-bind.io" },
    });
    const critical = consumerCrd(crd, "acme") as PulledCrd;
    expect(decide(undefined, { desired: critical })).toMatchObject({ do: "refuse", reason: "SchemaRejected" });
  });
});

describe("a definition that somebody else made", () => {
  test("is refused where it differs, and never written", () => {
    expect(decide(foreign(OTHER_SPEC))).toMatchObject({ do: "refuse", reason: "ForeignObjectExists" });
    expect(decide(foreign(OTHER_SPEC), { updatePolicy: "Once" })).toMatchObject({ do: "refuse" });
  });

  test.each([
    ["equal", foreign(), "Bound"],
    ["different, under None", foreign(OTHER_SPEC), "None"],
  ] as const)("is used as it is where it is %s", (_, existing, pullPolicy) => {
    const decision = decide(existing, { pullPolicy });
    expect(decision).toMatchObject({ do: "update", why: "stamp" });
    if (decision.do !== "update") throw new Error("no update");
    expect(decision.manifest.spec).toBe(existing.spec);
    expect(decision.manifest.metadata).toMatchObject({
      uid: "crd-uid",
      resourceVersion: "7",
      labels: { team: "a", "core.kube-bind.io/managed": "true" },
      annotations: { "core.kube-bind.io/connection": "acme", "core.kube-bind.io/crd-origin": "user" },
    });
    const stamped = { ...decision.manifest, status: existing.status } as Crd;
    expect(originOf(stamped)).toBe("user");
    expect(decide(stamped, { pullPolicy })).toEqual({
      do: "leave",
      owner: "acme",
      origin: "user",
      hash: schemaHash(existing.spec),
    });
  });

  test("is refused under None where it serves no version that the provider serves", () => {
    expect(decide(foreign(OTHER_SPEC), { pullPolicy: "None", providerVersions: ["v2"] })).toMatchObject({
      do: "refuse",
      reason: "ForeignObjectExists",
    });
  });

  test.each([
    ["scope", { scope: "Cluster" as const }, "Cluster Widget"],
    ["kind", { names: { ...provider.spec.names, kind: "Gizmo", listKind: "GizmoList" } }, "Namespaced Gizmo"],
  ])("is refused under None where its objects are of another %s", (_, spec, nature) => {
    expect(decide(foreign(spec), { pullPolicy: "None" })).toMatchObject({
      do: "refuse",
      reason: "ForeignObjectExists",
      message: expect.stringContaining(`is of ${nature}, the provider's of Namespaced Widget`),
    });
  });

  test("is only pointed to another provider where nothing of the one before has to do with it any more", () => {
    const used = installed("elsewhere", { spec: OTHER_SPEC });
    used.metadata.annotations = { ...used.metadata.annotations, "core.kube-bind.io/crd-origin": "user" };
    const relationTo = () => "left" as const;
    expect(decide(used, { relationTo })).toMatchObject({ do: "refuse", reason: "ForeignObjectExists" });
    const decision = decide(used, { relationTo, pullPolicy: "None" });
    expect(decision).toMatchObject({ do: "update", why: "takeover" });
    if (decision.do === "update") expect(decision.manifest.spec).toBe(used.spec);
  });

  test("stays unwritten when the provider's schema moves away from it later", () => {
    const stamped = installed("acme", { spec: OTHER_SPEC });
    stamped.metadata.annotations = { ...stamped.metadata.annotations, "core.kube-bind.io/crd-origin": "user" };
    expect(decide(stamped)).toMatchObject({ do: "refuse", reason: "ForeignObjectExists" });
  });
});

describe("our own definition", () => {
  test("is left alone while it is what we want", () => {
    expect(decide(installed())).toEqual({ do: "leave", owner: "acme", origin: "ours", hash: desired.hash });
  });

  test("is awaited until it is served, and a clash of names is told", () => {
    expect(decide(installed("acme", { status: {} }))).toMatchObject({ do: "wait", reason: "Pending" });
    const conditions = [{ type: "NamesAccepted", status: "False", message: '"wd" is already in use' }];
    expect(decide(installed("acme", { status: { conditions } }))).toMatchObject({
      do: "wait",
      message: expect.stringContaining('"wd" is already in use'),
    });
  });

  test("follows the provider's schema under Always, not under Once, and not under None", () => {
    const old = installed("acme", { spec: OTHER_SPEC });
    old.metadata.annotations = {
      ...old.metadata.annotations,
      "core.kube-bind.io/schema-hash": "sha256:old",
      keep: "me",
    };
    const decision = decide(old);
    expect(decision).toMatchObject({ do: "update", why: "schema", manifest: { spec: desired.manifest.spec } });
    if (decision.do === "update") expect(decision.manifest.metadata.annotations).toMatchObject({ keep: "me" });
    expect(decide(old, { updatePolicy: "Once" })).toMatchObject({ do: "leave", hash: "sha256:old" });
    expect(decide(old, { pullPolicy: "None" })).toMatchObject({ do: "leave" });
  });

  test("is repaired after an edit under Always, and left under Once", () => {
    const edited = installed("acme", { spec: OTHER_SPEC });
    expect(decide(edited)).toMatchObject({ do: "update", why: "drift" });
    expect(decide(edited, { updatePolicy: "Once" })).toMatchObject({ do: "leave" });
  });

  test("is not repaired for what the API server itself made of our write", () => {
    const answer = installed("acme", { spec: OTHER_SPEC });
    const accepted = acceptedSpec(desired, answer);
    expect(decide(answer, { accepted })).toMatchObject({ do: "leave" });
    const edited = installed("acme", { spec: { ...OTHER_SPEC, scope: "Cluster" } });
    expect(decide(edited, { accepted })).toMatchObject({ do: "update", why: "drift" });
  });

  test("gets a lost label back", () => {
    const unlabelled = installed("acme", { metadata: { labels: {} } });
    expect(ownerOf(unlabelled)).toBe("acme");
    expect(decide(unlabelled)).toMatchObject({
      do: "update",
      why: "stamp",
      manifest: { metadata: { labels: { "core.kube-bind.io/managed": "true" } } },
    });
  });

  test("is waited for while it is being deleted", () => {
    const deleting = installed("acme", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } });
    expect(decide(deleting)).toMatchObject({ do: "wait", reason: "Pending" });
  });

  test("does not say whose it is when its marks are gone", () => {
    expect(ownerOf(installed("acme", { metadata: { labels: {}, annotations: {} } }))).toBeUndefined();
    expect(ownerOf(installed("acme", { metadata: { annotations: {} } }))).toBeUndefined();
  });
});

describe("a definition that came through another Connection", () => {
  const others = installed("first");
  const withRelation = (relation: Relation, existing = others) => decide(existing, { relationTo: () => relation });

  test("is shared where that leads to the same provider: the first stays the owner", () => {
    expect(withRelation("same")).toMatchObject({ do: "leave", owner: "first" });
  });

  test("is handed over when that one is being deleted, with its spec untouched", () => {
    const decision = withRelation("leaving");
    expect(decision).toMatchObject({ do: "update", why: "handover", manifest: { spec: others.spec } });
    if (decision.do === "update") expect(ownerOf(decision.manifest)).toBe("acme");
  });

  test("is refused where that leads to another provider", () => {
    expect(withRelation("different")).toMatchObject({ do: "refuse", reason: "OwnedByAnother" });
  });

  test("is brought to this provider's schema where nothing that leads to the other has to do with it any more", () => {
    const other = installed("first", { spec: OTHER_SPEC });
    const decision = withRelation("left", other);
    expect(decision).toMatchObject({ do: "update", why: "takeover", manifest: { spec: desired.manifest.spec } });
    if (decision.do === "update") expect(ownerOf(decision.manifest)).toBe("acme");
  });

  test("is taken over from one that is gone only where it is what we want", () => {
    expect(withRelation("gone")).toMatchObject({ do: "update", why: "handover" });
    const other = installed("first");
    other.metadata.annotations = { ...other.metadata.annotations, "core.kube-bind.io/schema-hash": "sha256:else" };
    expect(withRelation("gone", other)).toMatchObject({ do: "refuse", reason: "OwnedByAnother" });
  });

  test("is waited for while it is not known where that leads", () => {
    expect(withRelation("unknown")).toMatchObject({ do: "wait", reason: "Pending" });
  });
});

test("the installed hash is what we wrote, or what a user's own definition says", () => {
  expect(installedHash(installed("acme", { spec: OTHER_SPEC }))).toBe(desired.hash);
  expect(installedHash(foreign(OTHER_SPEC))).toBe(schemaHash(foreign(OTHER_SPEC).spec));
});

describe("whatever is there", () => {
  const existing = fc.option(
    fc
      .record({
        labelled: fc.boolean(),
        connection: fc.constantFrom(undefined, "acme", "first"),
        hash: fc.constantFrom(undefined, desired.hash, "sha256:old"),
        user: fc.boolean(),
        spec: fc.constantFrom({}, OTHER_SPEC),
        deleting: fc.boolean(),
        established: fc.boolean(),
      })
      .map(({ labelled, connection, hash, user, spec, deleting, established }) =>
        widgetCrd({
          metadata: {
            labels: labelled ? { "core.kube-bind.io/managed": "true" } : undefined,
            annotations: {
              ...(connection === undefined ? {} : { "core.kube-bind.io/connection": connection }),
              ...(hash === undefined ? {} : { "core.kube-bind.io/schema-hash": hash }),
              ...(user ? { "core.kube-bind.io/crd-origin": "user" } : {}),
            },
            ...(deleting ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
          },
          spec,
          status: { conditions: established ? ESTABLISHED : [] },
        }),
      ),
    { nil: undefined },
  );
  const facts = fc.record({
    existing,
    pullPolicy: fc.constantFrom("Bound" as const, "All" as const, "None" as const),
    updatePolicy: fc.constantFrom("Always" as const, "Once" as const),
    relation: fc.constantFrom<Relation>("same", "leaving", "different", "left", "gone", "unknown"),
    serverDrops: fc.boolean(),
  });

  prop(
    "a spec is rewritten only where it is our own, through this Connection or left to it",
    facts,
    ({ relation, ...given }) => {
      const decision = decide(given.existing, { ...given, relationTo: () => relation });
      if (decision.do !== "update" || given.existing === undefined) return;
      if (decision.manifest.spec === given.existing.spec) return;
      const isLeft = relation === "left" && ownerOf(given.existing) !== "acme";
      expect([ownerOf(given.existing), originOf(given.existing)]).toEqual([isLeft ? "first" : "acme", "ours"]);
      expect([given.pullPolicy === "None", isLeft || given.updatePolicy === "Always"]).toEqual([false, true]);
    },
  );

  prop(
    "decisions come to rest, even on a server that stores something else than was sent",
    facts,
    ({ relation, serverDrops, ...given }) => {
      const store = (body: { metadata: object; spec: Crd["spec"] }): Crd => {
        const sent = structuredClone(body);
        const metadata = { uid: "crd-uid", resourceVersion: "8", ...sent.metadata } as Crd["metadata"];
        const dropped = sent.spec.versions.map(({ subresources: _, ...kept }) => kept);
        const spec = serverDrops ? { ...sent.spec, versions: dropped as typeof sent.spec.versions } : sent.spec;
        return { ...widgetCrd(), metadata, spec, status: { conditions: ESTABLISHED } };
      };
      let { existing } = given;
      let accepted: AcceptedSpec | undefined;
      const writes: OwnershipDecision[] = [];
      for (let pass = 0; pass < 10; pass++) {
        const decision = decide(existing, { ...given, existing, accepted, relationTo: () => relation });
        if (decision.do !== "create" && decision.do !== "update") break;
        writes.push(decision);
        existing = store(decision.manifest);
        if (decision.do === "create" || ["schema", "drift", "takeover"].includes(decision.why))
          accepted = acceptedSpec(desired, existing);
      }
      expect(writes.length).toBeLessThanOrEqual(2);
    },
  );
});
