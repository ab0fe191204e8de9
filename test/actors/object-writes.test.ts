// The bodies of the writes that concern one object: their fences, and what they leave alone. What an API server makes of
// such bodies is tried in test/adapters/kube-client.test.ts.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { consumerFact, copyFact, projectionOf } from "../../actors/facts.ts";
import * as writes from "../../actors/object-writes.ts";
import type { PatchOperation } from "../../actors/ports.ts";
import type { KubeObject } from "../../crds/kube-object.ts";
import { ANNOTATION, FINALIZER, LABEL } from "../../crds/labels.ts";
import { WIDGETS } from "../adapters/widgets.ts";
import { CLUSTER, copyOfWidget, shapeOf, widget } from "./widget-objects.ts";

const shape = shapeOf();
const SAME = [
  { op: "test", path: "/metadata/uid", value: "uid-a" },
  { op: "test", path: "/metadata/resourceVersion", value: "5" },
];
const CONFLICT_PATH = "/metadata/annotations/core.kube-bind.io~1conflict";
const fact = (...args: Parameters<typeof widget>) => consumerFact(shape, widget(...args));

describe("an apply", () => {
  const projection = projectionOf(shape, widget());

  it("that is the first carries a resourceVersion that no live object has, and no uid", () => {
    const body = writes.guardedApply(projection, null);
    expect(body).toEqual({ ...projection, metadata: { ...projection.metadata, resourceVersion: "1" } });
    expect(body).not.toHaveProperty("metadata.uid");
  });

  it("that is a later one names the copy as last seen", () => {
    const copy = copyFact(shape, copyOfWidget(shape, widget()));
    expect(writes.guardedApply(projection, copy)).toEqual({
      ...projection,
      metadata: { ...projection.metadata, uid: "copy-of-uid-a", resourceVersion: "50" },
    });
  });

  it("does not change the projection that it guards", () => {
    const before = JSON.stringify(projection);
    writes.guardedApply(projection, null);
    expect(JSON.stringify(projection)).toBe(before);
  });
});

describe("our finalizer", () => {
  it("goes on, as every write here, just on the very state that was seen", () => {
    expect(writes.addFinalizer(fact())).toEqual([
      ...SAME,
      { op: "add", path: "/metadata/finalizers", value: [FINALIZER.syncer] },
    ]);
  });

  it("goes behind those of others without touching them", () => {
    expect(writes.addFinalizer(fact({ finalizers: ["example.org/hold"] }))).toEqual([
      ...SAME,
      { op: "add", path: "/metadata/finalizers/-", value: FINALIZER.syncer },
    ]);
  });

  it("comes off only where it stands", () => {
    expect(writes.removeFinalizer(fact({ finalizers: ["example.org/hold", FINALIZER.syncer] }))).toEqual([
      ...SAME,
      { op: "test", path: "/metadata/finalizers/1", value: FINALIZER.syncer },
      { op: "remove", path: "/metadata/finalizers/1" },
    ]);
  });

  it("takes the mark with it", () => {
    const marked = fact({
      finalizers: [FINALIZER.syncer],
      annotations: { [ANNOTATION.conflict]: "ForeignObjectExists" },
    });
    expect(writes.removeFinalizer(marked)).toEqual([
      ...SAME,
      { op: "test", path: "/metadata/finalizers/0", value: FINALIZER.syncer },
      { op: "remove", path: "/metadata/finalizers/0" },
      { op: "remove", path: CONFLICT_PATH },
    ]);
  });
});

describe("the mark of a conflict", () => {
  it("goes beside the annotations that are there, and makes their list where there is none", () => {
    expect(writes.addMark(widget({ annotations: { note: "mine" } }), "OwnedByAnother")).toEqual([
      ...SAME,
      { op: "add", path: CONFLICT_PATH, value: "OwnedByAnother" },
    ]);
    expect(writes.addMark(widget(), "OwnedByAnother")).toEqual([
      ...SAME,
      { op: "add", path: "/metadata/annotations", value: { [ANNOTATION.conflict]: "OwnedByAnother" } },
    ]);
  });

  it("comes off alone", () => {
    expect(writes.removeMark(fact())).toEqual([...SAME, { op: "remove", path: CONFLICT_PATH }]);
  });
});

describe("a status", () => {
  it("is replaced as a whole, or taken away", () => {
    expect(writes.putStatus(fact(), { ready: true })).toEqual([
      ...SAME,
      { op: "add", path: "/status", value: { ready: true } },
    ]);
    expect(writes.putStatus(fact(), undefined)).toEqual([...SAME, { op: "remove", path: "/status" }]);
    expect(writes.putStatus(fact(), null)).toEqual([...SAME, { op: "add", path: "/status", value: null }]);
  });

  it("of an object that is not synced keeps whatever else it says", () => {
    const others = { type: "Ready", status: "True" };
    const stale = { type: "Synced", status: "False", reason: "Forbidden" };
    const status = { phase: "up", conditions: [stale, others] };
    const trouble = { reason: "SyncRejected", message: "no" };
    expect(writes.withSyncedFalse(status, undefined, trouble, "2026-01-02T03:04:05.678Z")).toEqual({
      phase: "up",
      conditions: [
        others,
        {
          type: "Synced",
          status: "False",
          reason: "SyncRejected",
          message: "no",
          lastTransitionTime: "2026-01-02T03:04:05Z",
        },
      ],
    });
  });

  it("of an object that is not synced keeps the time since when it is not", () => {
    const since = "2026-01-01T00:00:00Z";
    const shown = (status: string) => ({ conditions: [{ type: "Synced", status, lastTransitionTime: since }] });
    const timeOf = (status: string) =>
      writes.withSyncedFalse({}, shown(status), { reason: "Forbidden", message: "no" }, "2026-01-02T03:04:05Z");
    expect(timeOf("False")).toMatchObject({ conditions: [{ lastTransitionTime: since }] });
    expect(timeOf("True")).toMatchObject({ conditions: [{ lastTransitionTime: "2026-01-02T03:04:05Z" }] });
  });

  it("of an object that is not synced begins where there is none, and survives one of another form", () => {
    const odd: KubeObject["status"][] = [
      undefined,
      {},
      { conditions: null },
      { conditions: "none" },
      { conditions: [7] },
    ];
    for (const status of odd) {
      const trouble = { reason: "Forbidden", message: "no" };
      const written = writes.withSyncedFalse(status, status, trouble, "2026-01-02T03:04:05Z");
      expect(written).toMatchObject({
        conditions: expect.arrayContaining([expect.objectContaining({ type: "Synced" })]),
      });
    }
  });
});

describe("markers", () => {
  const markers = { clusterUid: CLUSTER, objectUid: "uid-a" };
  const at = (name: string) => `/metadata/annotations/core.kube-bind.io~1${name}`;
  const tests = [
    { op: "test", path: "/metadata/uid", value: "copy-of-uid-a" },
    { op: "test", path: at("consumer-cluster-uid"), value: CLUSTER },
    { op: "test", path: at("consumer-object-uid"), value: "uid-a" },
  ];

  it("come off a copy that is provably ours, and nothing else does", () => {
    expect(writes.stripMarkers(copyOfWidget(shape, widget()), markers)).toEqual([
      ...tests,
      { op: "remove", path: at("consumer-cluster-uid") },
      { op: "remove", path: at("consumer-object-uid") },
      { op: "remove", path: "/metadata/labels/core.kube-bind.io~1managed" },
      { op: "remove", path: "/metadata/labels/core.kube-bind.io~1consumer-cluster-uid" },
    ]);
  });

  it("are taken off also where a label is missing: removing what is not there would fail the patch", () => {
    const copy = copyOfWidget(shape, widget(), { labels: { [LABEL.managed]: "true" } });
    const removed = writes.stripMarkers(copy, markers).filter(({ op }) => op === "remove");
    expect(removed.map(({ path }) => path)).not.toContain("/metadata/labels/core.kube-bind.io~1consumer-cluster-uid");
    expect(removed).toHaveLength(3);
  });
});

describe("what we own under Update", () => {
  it("becomes ours under Apply on the very state that was seen, and nothing else changes", () => {
    const [applied] = copyOfWidget(shape, widget()).metadata.managedFields ?? [];
    const theirs = { manager: "controller", operation: "Update" as const, fieldsV1: { "f:spec": { "f:colour": {} } } };
    const updated = { ...applied, operation: "Update" as const, fieldsV1: { "f:spec": { "f:any": {} } } };
    const copy = copyOfWidget(shape, widget(), { managedFields: [theirs, updated] });
    expect(writes.reownFields(copy)).toEqual([
      { op: "test", path: "/metadata/uid", value: "copy-of-uid-a" },
      { op: "test", path: "/metadata/resourceVersion", value: "50" },
      { op: "replace", path: "/metadata/managedFields", value: [theirs, { ...updated, operation: "Apply" }] },
    ]);
  });
});

describe("every patch of a consumer object", () => {
  /** What JSON patch (RFC 6902) and JSON pointers (RFC 6901) ask of a path. */
  const POINTER = /^(?:\/(?:[^~/]|~0|~1)*)*$/;

  it("begins with the test of its uid and of the state that was seen, and points with escaped names", () => {
    const finalizers = fc.subarray(["x/a", FINALIZER.syncer, "y~b"]);
    const annotations = fc.option(fc.dictionary(fc.string(), fc.string()), { nil: undefined });
    fc.assert(
      fc.property(finalizers, annotations, (held, notes) => {
        const object = widget({ finalizers: held, ...(notes ? { annotations: notes } : {}) });
        const seen = consumerFact(shape, object);
        const patches: PatchOperation[][] = [
          writes.addFinalizer(seen),
          ...(seen.claimed ? [writes.removeFinalizer(seen)] : []),
          writes.addMark(object, "ForeignObjectExists"),
          writes.removeMark(seen),
          writes.putStatus(seen, {}),
        ];
        for (const operations of patches) {
          expect(operations.slice(0, 2)).toEqual(SAME);
          for (const { path } of operations) expect(path).toMatch(POINTER);
          const firstWrite = operations.findIndex(({ op }) => op !== "test");
          expect(operations.slice(firstWrite).every(({ op }) => op !== "test")).toBe(true);
        }
      }),
    );
  });
});

describe("a provider namespace", () => {
  it("carries whose it is", () => {
    expect(writes.namespaceBody("team-a", CLUSTER)).toEqual({
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: "team-a",
        labels: { [LABEL.managed]: "true", [LABEL.consumerClusterUid]: CLUSTER },
        annotations: { [ANNOTATION.consumerClusterUid]: CLUSTER },
      },
    });
  });
});

describe("what an Event is about", () => {
  it("has a namespace only where the object has one", () => {
    expect(writes.subjectOf({ uid: "u" }, WIDGETS, { namespace: "default", name: "a" })).toEqual({
      apiVersion: "example.org/v1",
      kind: "Widget",
      namespace: "default",
      name: "a",
      uid: "u",
    });
    expect(writes.subjectOf({ uid: "u" }, WIDGETS, { namespace: "", name: "a" })).not.toHaveProperty("namespace");
  });
});
