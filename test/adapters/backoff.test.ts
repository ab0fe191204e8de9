import { describe, expect, it } from "vitest";
import { ApiError, UnreachableError } from "../../actors/ports.ts";
import { BACKOFF, backoffDelay, peaceAsked } from "../../adapters/kube/backoff.ts";

const unreachable = new UnreachableError("gone");
const refused = (status: number, retryAfter?: number) => new ApiError("no", { status, retryAfter });
const longest = (failures: number, error: Error): number => backoffDelay(failures, error, BACKOFF, () => 1);

describe("the back-off of a watch", () => {
  it("doubles, is jittered down to nothing, and never exceeds 30 s", () => {
    expect([0, 1, 2, 3].map((failures) => longest(failures, unreachable))).toEqual([500, 1_000, 2_000, 4_000]);
    expect(backoffDelay(5, unreachable, BACKOFF, () => 0)).toBe(0);
    for (const failures of [7, 100, 1e9]) expect(longest(failures, unreachable)).toBe(30_000);
  });

  it("is short where the API is likely to appear in a moment", () => {
    for (const status of [404, 429]) {
      expect(longest(0, refused(status))).toBe(100);
      expect(longest(100, refused(status))).toBe(5_000);
    }
    expect(longest(100, refused(403))).toBe(30_000);
  });

  it("is at least what the server asks for, longer than its own bound, too", () => {
    expect(backoffDelay(0, refused(503, 3), BACKOFF, () => 0)).toBe(3_000);
    expect(backoffDelay(0, refused(503, 600), BACKOFF, () => 0)).toBe(600_000);
  });
});

describe("the peace that a whole server asks for", () => {
  const ofServer = (status: number, retryAfter?: number) =>
    new ApiError("no", { status, retryAfter, isOfServer: true });

  it("is what it says with 429 or 503, a second where 429 says nothing, and that of a page in between", () => {
    expect([ofServer(429, 7), ofServer(503, 7), new UnreachableError("a page", 7)].map(peaceAsked)).toEqual([7, 7, 7]);
    expect([ofServer(429), ofServer(429, 0)].map(peaceAsked)).toEqual([1, 1]);
  });

  it("is none where it says so of one request, or only fails", () => {
    const others = [refused(429, 7), refused(503, 7), ofServer(503), ofServer(500, 7), ofServer(504, 7), unreachable];
    expect(others.map(peaceAsked)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});
