// How much of a cluster is watched for one bound API.

import { describe, expect, it } from "vitest";

import { scopeFor } from "../../../machines/rules/watch-scope.ts";

const rooms = (count: number): string[] => Array.from({ length: count }, (_, index) => `room-${index}`);
const scope = (namespaces: string[], why: { everywhere?: boolean; searching?: boolean } = {}) =>
  scopeFor({ everywhere: false, searching: false, ...why, namespaces });

describe("the whole cluster", () => {
  it("is needed where objects are synced everywhere, whatever else is bound", () => {
    expect(scope([], { everywhere: true })).toEqual({ wide: "needed", namespaces: new Set() });
    expect(scope(rooms(50), { everywhere: true, searching: true }).wide).toBe("needed");
  });

  it("is wanted for more than ten namespaces, and where something is searched for", () => {
    expect([0, 1, 10, 11, 300].map((count) => scope(rooms(count)).wide)).toEqual([
      "no",
      "no",
      "no",
      "wanted",
      "wanted",
    ]);
    expect(scope([], { searching: true }).wide).toBe("wanted");
  });
});

it("each namespace counts once", () => {
  expect(scope([...rooms(10), ...rooms(10)])).toEqual({ wide: "no", namespaces: new Set(rooms(10)) });
});
