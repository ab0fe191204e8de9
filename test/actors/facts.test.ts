// What of an object is weighed: the promises of actors/facts.ts.

import { describe, expect, it } from "vitest";
import { consumerFact, copyFact, projectionOf } from "../../actors/facts.ts";
import { parseJson } from "../../crds/json.ts";
import type { KubeObject } from "../../crds/kube-object.ts";
import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { CLUSTER, copyOfWidget, prefixingMapper, shapeOf, widget } from "./widget-objects.ts";

const shape = shapeOf();

describe("the facts of a consumer object", () => {
  it("of a new one: nothing of ours is on it", () => {
    expect(consumerFact(shape, widget())).toMatchObject({
      uid: "uid-a",
      resourceVersion: "5",
      generation: 1,
      deleting: false,
      claimed: false,
      finalizers: { count: 0, ours: -1 },
      orphan: false,
      mark: "",
      status: { shape: "", current: [] },
    });
  });

  it("of one with everything on it", () => {
    const fact = consumerFact(
      shape,
      widget({
        generation: 3,
        deletionTimestamp: "2026-01-02T03:04:05Z",
        finalizers: ["x/a", FINALIZER.syncer],
        annotations: { [ANNOTATION.deletionPolicy]: "Orphan", [ANNOTATION.conflict]: "OwnedByAnother" },
        status: { observedGeneration: 3 },
      }),
    );
    expect(fact).toMatchObject({
      generation: 3,
      deleting: true,
      claimed: true,
      finalizers: { count: 2, ours: 1 },
      orphan: true,
      mark: "OwnedByAnother",
      status: { current: [""] },
    });
  });

  it("know one word for keeping the copy; any other means delete", () => {
    for (const word of ["orphan", "Delete", "Orphan ", ""]) {
      expect(consumerFact(shape, widget({ annotations: { [ANNOTATION.deletionPolicy]: word } })).orphan, word).toBe(
        false,
      );
    }
  });

  it("want something else only when something that travels has changed", () => {
    const wanted = (object: KubeObject) => consumerFact(shape, object).wanted;
    const base = wanted(widget());
    expect(wanted(widget({ resourceVersion: "9", generation: 4, status: { phase: "up" }, finalizers: ["x/y"] }))).toBe(
      base,
    );
    expect(wanted(widget({ annotations: { note: "mine" }, labels: { "app.kubernetes.io/name": "x" } }))).toBe(base);
    expect(wanted(widget({ spec: { size: 2 } }))).not.toBe(base);
    expect(wanted(widget({ labels: { team: "a" } }))).not.toBe(base);
    expect(wanted(widget({ uid: "another" }))).not.toBe(base);
  });

  it("tell apart numbers that JavaScript cannot", () => {
    const big = (text: string) => consumerFact(shape, widget({ spec: parseJson(text) as never })).wanted;
    expect(big('{"size":9007199254740993}')).not.toBe(big('{"size":9007199254740992}'));
    expect(big('{"size":1.10}')).not.toBe(big('{"size":1.1}'));
  });
});

describe("the facts of a copy", () => {
  it("say that it holds what the object wants, from the copy alone", () => {
    const copy = copyOfWidget(shape, widget());
    expect(copyFact(shape, copy)).toMatchObject({
      uid: "copy-of-uid-a",
      resourceVersion: "50",
      deleting: false,
      clusterUid: CLUSTER,
      objectUid: "uid-a",
      owned: consumerFact(shape, widget()).wanted,
    });
  });

  it("do not count what others add, and notice what they take over of ours", () => {
    const copy = copyOfWidget(shape, widget());
    const { owned } = copyFact(shape, copy);
    const added = { ...copy, spec: { size: 1, colour: "red" }, metadata: { ...copy.metadata, finalizers: ["x/y"] } };
    expect(copyFact(shape, added).owned).toBe(owned);
    const [entry] = copy.metadata.managedFields ?? [];
    const { "f:spec": _lost, ...left } = entry?.fieldsV1 ?? {};
    const taken = { ...copy, metadata: { ...copy.metadata, managedFields: [{ ...entry, fieldsV1: left }] } };
    expect(copyFact(shape, taken as KubeObject).owned).not.toBe(owned);
  });

  it("tell what of it our manager owns under Update, which no apply releases", () => {
    const copy = copyOfWidget(shape, widget());
    expect(copyFact(shape, copy).heldByUpdate).toBe(false);
    const [entry] = copy.metadata.managedFields ?? [];
    const managedFields = [{ ...entry, operation: "Update" as const }];
    expect(copyFact(shape, { ...copy, metadata: { ...copy.metadata, managedFields } }).heldByUpdate).toBe(true);
  });

  it("of a foreign object: nobody's markers, nothing owned", () => {
    const foreign = widget({ uid: "foreign", deletionTimestamp: "2026-01-02T03:04:05Z" });
    expect(copyFact(shape, foreign)).toMatchObject({ clusterUid: "", objectUid: "", owned: "", deleting: true });
  });

  it("speak of generations only where the type has a status subresource", () => {
    const copy = copyOfWidget(shape, widget(), { status: { observedGeneration: 1 } });
    expect(copyFact(shape, copy).status.current).toEqual([""]);
    expect(copyFact(shapeOf({ hasStatus: false }), copy).status.current).toEqual([]);
  });
});

describe("the body of an apply", () => {
  it("goes where the Mapper says, with our markers, without what stays at home", () => {
    const object = widget({ annotations: { note: "mine" }, status: { phase: "up" }, finalizers: ["x/y"] });
    const body = projectionOf(shapeOf({ mapper: prefixingMapper }), object);
    expect(body).toMatchObject({ metadata: { namespace: "tenant-default", name: "a" }, spec: { size: 1 } });
    expect(Object.keys(body.metadata).sort()).toEqual(["annotations", "labels", "name", "namespace"]);
    expect(body.metadata.annotations).toEqual({
      [ANNOTATION.consumerClusterUid]: CLUSTER,
      [ANNOTATION.consumerObjectUid]: "uid-a",
    });
    expect(body.status).toBeUndefined();
  });

  it("is the same wherever it goes, as far as being in sync is concerned", () => {
    expect(consumerFact(shapeOf({ mapper: prefixingMapper }), widget()).wanted).toBe(
      consumerFact(shape, widget()).wanted,
    );
  });

  it("is not made where the Mapper throws", () => {
    const refusing = { ...prefixingMapper, toProvider: () => { throw new Error("no place for it"); } }; // prettier-ignore
    expect(() => projectionOf(shapeOf({ mapper: refusing }), widget())).toThrow("no place for it");
  });
});

describe("facts of two states that have much in common", () => {
  it("are the same as those of each alone", () => {
    const object = widget({ finalizers: [FINALIZER.syncer], status: { observedGeneration: 1, phase: "Ready" } });
    const known = consumerFact(shape, object);
    const copy = copyOfWidget(shape, object, { status: { observedGeneration: 1, phase: "Ready" } });
    expect(copyFact(shape, copy, known)).toEqual(copyFact(shape, copy));
    expect(copyFact(shape, copy, known).status).toBe(known.status);
    const edited = { ...object, spec: { size: 2 }, status: { observedGeneration: 0, phase: "Ready" } };
    expect(consumerFact(shape, edited, known)).toEqual(consumerFact(shape, edited));
    expect(consumerFact(shape, edited, known).status).not.toBe(known.status);
  });
});
