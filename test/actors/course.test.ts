// Which Connection a binding's objects go through, for every relation of the one it names to the one they are with.

import { describe, expect, it } from "vitest";

import { courseOf, isMoving } from "../../actors/course.ts";
import type { ClusterBinding } from "../../crds/binding.ts";
import type { Connection } from "../../crds/connection.ts";
import { ANNOTATION, LABEL } from "../../crds/labels.ts";

/** Connections by name, each with the provider it leads to; "": not known yet. */
const PROVIDERS: Record<string, string> = { acme: "one", twin: "one", other: "two", fresh: "", keeper: "one" };

const connection = (name: string): Connection | undefined =>
  name in PROVIDERS
    ? ({
        metadata: { name, uid: `uid-of-${name}` },
        spec: { autoBind: name === "keeper" },
        status: { remoteClusterUID: PROVIDERS[name] },
      } as unknown as Connection)
    : undefined;

const binding = (names: string, bound?: string, metadata: object = {}): ClusterBinding =>
  ({
    kind: "ClusterBinding",
    metadata: {
      name: "acme",
      ...(bound === undefined ? {} : { annotations: { [ANNOTATION.boundConnection]: bound } }),
      ...metadata,
    },
    spec: { connectionRef: { name: names }, apis: [] },
  }) as unknown as ClusterBinding;

const course = (one: ClusterBinding) => courseOf({ connection }, one);
const DELETING = { deletionTimestamp: "2030-01-01T00:00:00Z" };

describe("the objects of a binding", () => {
  it("go through the Connection that it names, which is noted where it is not yet", () => {
    expect(course(binding("acme", "acme"))).toEqual({ stage: "settled", through: "acme" });
    expect(course(binding("acme"))).toEqual({ stage: "unrecorded", through: "acme" });
    expect(course(binding("nowhere", "nowhere"))).toEqual({ stage: "settled", through: "nowhere" });
  });

  it("go at once through another one to the same provider", () => {
    expect(course(binding("twin", "acme"))).toEqual({ stage: "unrecorded", through: "twin" });
    expect(course(binding("twin", "acme", DELETING))).toEqual({ stage: "unrecorded", through: "twin" });
  });

  it("leave another provider first, also where that one's Connection has gone or was never engaged", () => {
    for (const bound of ["acme", "gone", "fresh"])
      expect(course(binding("other", bound))).toEqual({ stage: "draining", through: bound });
  });

  it("wait while it is not known where it leads, and are drained where they are when it is deleted meanwhile", () => {
    for (const next of ["fresh", "nowhere"]) {
      expect(course(binding(next, "acme"))).toEqual({ stage: "waiting", through: "acme" });
      expect(course(binding(next, "acme", DELETING))).toEqual({ stage: "draining", through: "acme" });
    }
    expect(course(binding("nowhere", "fresh"))).toEqual({ stage: "waiting", through: "fresh" });
  });

  it("stay where they are when somebody changes what autoBind keeps, since that is set back", () => {
    const owner = { apiVersion: "", kind: "", name: "keeper", uid: "uid-of-keeper", controller: true };
    const kept = { name: "keeper", labels: { [LABEL.managed]: "true" }, ownerReferences: [owner] };
    const annotations = { [ANNOTATION.boundConnection]: "keeper" };
    expect(course(binding("other", "keeper", { ...kept, annotations }))).toEqual({
      stage: "settled",
      through: "keeper",
    });
  });

  it("are on the move only where they may be with another provider than the one it names", () => {
    const moving = [binding("other", "acme"), binding("fresh", "acme"), binding("twin", "acme"), binding("acme")];
    expect(moving.map((one) => isMoving(course(one)))).toEqual([true, true, false, false]);
  });
});
