// Which entries of managedFields are ours, and what becomes of those that no apply releases. What an API server makes of
// the result is tried in in-sync.test.ts.

import { describe, expect, it } from "vitest";
import type { KubeObject, ManagedFieldsEntry } from "../../../crds/kube-object.ts";
import { FIELD_MANAGER } from "../../../crds/labels.ts";
import { isHeldByUpdate, reowned } from "../../../machines/rules/field-entries.ts";

type Fields = ManagedFieldsEntry["fieldsV1"];

const entry = (operation: "Apply" | "Update", fieldsV1: Fields, more: Partial<ManagedFieldsEntry> = {}) => ({
  manager: FIELD_MANAGER,
  operation,
  apiVersion: "example.org/v1",
  fieldsType: "FieldsV1",
  fieldsV1: fieldsV1 ?? {},
  ...more,
});

const SPEC = (...names: string[]): Fields => ({ "f:spec": Object.fromEntries(names.map((name) => [`f:${name}`, {}])) });
const THEIRS = entry("Update", SPEC("size"), { manager: "controller" });
const holding = (...managedFields: ManagedFieldsEntry[]) => ({ metadata: { managedFields } }) as unknown as KubeObject;

describe("a copy is held by Update", () => {
  it("where our manager has an entry of that operation for the object itself", () => {
    expect(isHeldByUpdate(holding(THEIRS, entry("Update", SPEC("size"))))).toBe(true);
  });

  it.each([
    ["no managedFields", {}],
    ["another manager's entry", THEIRS],
    ["our applies alone", entry("Apply", SPEC("size"))],
    ["an entry for a subresource", entry("Update", { "f:status": {} }, { subresource: "status" })],
  ])("and not by %s", (_what, one) => {
    expect(isHeldByUpdate(holding(one))).toBe(false);
  });
});

describe("entries made ours under Apply", () => {
  it("become one at the place of the first, and those of others stay as they are and where they are", () => {
    const status = entry("Update", { "f:status": {} }, { subresource: "status" });
    expect(reowned([THEIRS, entry("Update", SPEC("size")), status])).toEqual([
      THEIRS,
      entry("Apply", SPEC("size")),
      status,
    ]);
    expect(reowned([entry("Update", SPEC("count")), THEIRS, entry("Apply", SPEC("size"))])).toEqual([
      THEIRS,
      entry("Apply", SPEC("size", "count")),
    ]);
  });

  it("own what any of them did, whatever version of the API it was written in", () => {
    const old = entry("Update", SPEC("count"), { apiVersion: "example.org/v1alpha1" });
    expect(reowned([old, entry("Update", SPEC("color")), entry("Apply", SPEC("size"))])).toEqual([
      entry("Apply", SPEC("size", "count", "color")),
    ]);
  });

  it("own a node itself wherever one of them did", () => {
    const union = (one: Fields, other: Fields) =>
      reowned([entry("Apply", one), entry("Update", other)])[0]?.fieldsV1?.["f:spec"];
    const deep = { "f:parts": { 'k:{"name":"a"}': { ".": {}, "f:name": {} } } };
    expect(union({ "f:spec": {} }, { "f:spec": deep })).toEqual({ ".": {}, ...deep });
    expect(union({ "f:spec": deep }, { "f:spec": {} })).toEqual({ ".": {}, ...deep });
    expect(union({ "f:spec": { ".": {}, "f:a": {} } }, { "f:spec": { "f:a": {} } })).toEqual({ ".": {}, "f:a": {} });
    expect(union({ "f:spec": {} }, { "f:spec": {} })).toEqual({});
    expect(union({ "f:spec": deep }, { "f:spec": { "f:parts": { 'v:"x"': {} } } })).toEqual({
      "f:parts": { 'k:{"name":"a"}': { ".": {}, "f:name": {} }, 'v:"x"': {} },
    });
  });

  it("do not own the status, which the next apply would take away", () => {
    const fields = { ...SPEC("size"), "f:status": { "f:phase": {} } };
    expect(reowned([entry("Update", fields)])).toEqual([entry("Apply", SPEC("size"))]);
  });

  it("are nothing new where there is nothing to do", () => {
    const fine = [THEIRS, entry("Apply", SPEC("size"))];
    expect(reowned(fine)).toEqual(fine);
    expect(reowned([])).toEqual([]);
  });
});
