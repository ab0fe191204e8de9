import { describe, expect, test } from "vitest";

import type { KubeObject, ManagedFieldsEntry } from "../../../crds/kube-object.ts";
import { FIELD_MANAGER } from "../../../crds/labels.ts";
import { rivalry } from "../../../machines/rules/rivals.ts";

// Who holds the fields that are wanted and no longer ours, as a copy's managedFields tell.

const object = (spec: KubeObject["spec"] & object, managedFields: ManagedFieldsEntry[] = []): KubeObject => ({
  apiVersion: "example.org/v1",
  kind: "Widget",
  metadata: { name: "a", namespace: "default", uid: "u", resourceVersion: "7", managedFields },
  spec,
});

const set = (...names: string[]) => Object.fromEntries(names.map((name) => [`f:${name}`, {}]));

const ours = (fields: ReturnType<typeof set>): ManagedFieldsEntry => ({
  manager: FIELD_MANAGER,
  operation: "Apply",
  fieldsV1: { "f:spec": fields },
});

const theirs = (manager: string, fieldsV1: object, change: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry => ({
  manager,
  operation: "Update",
  fieldsV1: fieldsV1 as NonNullable<ManagedFieldsEntry["fieldsV1"]>,
  ...change,
});

describe("the rival", () => {
  test("is who holds a field that is wanted and not ours any more", () => {
    const copy = object({ size: "theirs", color: "red" }, [
      ours(set("color")),
      theirs("hog", { "f:spec": set("size") }),
    ]);
    expect(rivalry(copy, object({ size: "mine", color: "red" }))).toEqual({ managers: ["hog"], fields: ["spec.size"] });
  });

  test("is nobody who only adds fields, shares one of ours, or writes the status", () => {
    const copy = object({ size: "mine", extra: 1 }, [
      ours(set("size")),
      theirs("adder", { "f:spec": set("extra") }),
      theirs("sharer", { "f:spec": set("size") }),
      theirs("status", { "f:spec": set("color") }, { subresource: "status" }),
      theirs("hog", { "f:spec": set("color") }),
    ]);
    expect(rivalry(copy, object({ size: "mine", color: "red" }))).toEqual({
      managers: ["hog"],
      fields: ["spec.color"],
    });
  });

  test("is found in lists, by the keys or the value of their items", () => {
    const items = { 'k:{"name":"a"}': { ".": {}, "f:weight": {} } };
    const copy = object({}, [
      ours(set()),
      theirs("one", { "f:spec": { "f:parts": items } }),
      theirs("two", { "f:spec": { "f:tags": { 'v:"x"': {} } } }),
      theirs("other", { "f:spec": { "f:parts": { 'k:{"name":"b"}': { "f:weight": {} } } } }),
    ]);
    expect(rivalry(copy, object({ parts: [{ name: "a", weight: 2 }], tags: ["x"] }))).toEqual({
      managers: ["one", "two"],
      fields: ['spec.parts[{"name":"a"}].weight', 'spec.tags["x"]'],
    });
  });

  test("who has taken fields away is the one that wrote last, as far as anybody can tell", () => {
    const copy = object({}, [
      ours(set()),
      theirs("early", { "f:spec": set("other") }, { time: "2030-01-01T00:00:00Z" }),
      theirs("late", { "f:spec": set("another") }, { time: "2030-01-02T00:00:00Z" }),
      theirs("status", {}, { time: "2030-01-03T00:00:00Z", subresource: "status" }),
    ]);
    expect(rivalry(copy, object({ size: "mine" }))).toEqual({ managers: ["late"], fields: [] });
    expect(rivalry(object({}), object({ size: "mine" }))).toEqual({ managers: [], fields: [] });
  });
});
