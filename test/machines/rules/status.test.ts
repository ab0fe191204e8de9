import { describe, expect, it } from "vitest";
import type { Json } from "../../../crds/json.ts";
import type { KubeObject } from "../../../crds/kube-object.ts";
import { mirroredStatus, statusFact, statusOwed } from "../../../machines/rules/status.ts";

const at = (generation: number, status?: Json): KubeObject => ({
  apiVersion: "example.org/v1",
  kind: "Widget",
  metadata: { name: "one", uid: "u", resourceVersion: "1", generation },
  ...(status === undefined ? {} : { status }),
});

const ready = (observedGeneration: number): Json => ({
  observedGeneration,
  phase: "Ready",
  conditions: [{ type: "Ready", status: "True", observedGeneration }],
});

const owed = (consumer: KubeObject, copy: KubeObject) => statusOwed(statusFact(consumer, true), statusFact(copy, true));

describe("whether a status is owed", () => {
  it("is decided by its content, and by what it says of the present spec", () => {
    expect(owed(at(5, ready(5)), at(2, ready(2)))).toBe(false);
    expect(owed(at(5, { phase: "Busy" }), at(2, { phase: "Ready" }))).toBe(true);
    expect(owed(at(5), at(2, { phase: "Ready" }))).toBe(true);
    expect(owed(at(5, { phase: "Ready" }), at(2))).toBe(true);
    expect(owed(at(5), at(2))).toBe(false);
    expect(owed(at(5, ready(4)), at(2, ready(2)))).toBe(true);
  });

  it("is not renewed when the provider's status merely falls behind its own spec", () => {
    expect(owed(at(5, ready(5)), at(3, ready(2)))).toBe(false);
  });

  it("takes values as they are for types whose generation counts more than specs", () => {
    expect(statusOwed(statusFact(at(5, ready(5)), false), statusFact(at(2, ready(2)), false))).toBe(true);
  });
});

/** An object of generation 7 that shows this. */
const shows = (status?: Json) => ({ generation: 7, status: statusFact(at(7, status), true) });

describe("the status that is mirrored", () => {
  it("translates what speaks of the present spec, at the root and in conditions", () => {
    expect(mirroredStatus(at(2, ready(2)), shows(), true)).toEqual(ready(7));
    expect(mirroredStatus(at(2, ready(2)), shows(ready(5)), true)).toEqual(ready(7));
  });

  it("keeps what is published where the provider lags, or else the generation before", () => {
    expect(mirroredStatus(at(3, ready(2)), shows(ready(5)), true)).toEqual(ready(5));
    expect(mirroredStatus(at(3, ready(2)), shows(ready(7)), true)).toEqual(ready(7));
    expect(mirroredStatus(at(3, ready(2)), shows(), true)).toEqual(ready(6));
    expect(mirroredStatus(at(3, ready(2)), { ...shows(), generation: 0 }, true)).toEqual(ready(0));
  });

  it("looks at each place for itself", () => {
    const status = (root: number, a: number, b: number): Json => ({
      observedGeneration: root,
      conditions: [
        { type: "A", observedGeneration: a },
        { type: "B", observedGeneration: b },
      ],
    });
    expect(mirroredStatus(at(3, status(3, 2, 1)), shows(status(6, 5, 7)), true)).toEqual(status(7, 5, 7));
  });

  it("is none where the provider has none, and untouched where nothing is translated", () => {
    expect(mirroredStatus(at(2), shows(ready(5)), true)).toBeUndefined();
    expect(mirroredStatus(at(2, ready(1)), shows(), false)).toEqual(ready(1));
  });
});
