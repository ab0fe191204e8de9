// What is said of missing rights, on which side: machines/permission-status.ts.

import { describe, expect, it } from "vitest";
import { localPermissionDenied, NOTHING_MISSING, permissionDenied } from "../../machines/permission-status.ts";
import type { Right } from "../../machines/rules/permissions.ts";

const WIDGETS: Right = { verb: "delete", group: "example.org", resource: "widgets", namespace: "", namespaced: true };
const refused = (verb: string, namespace: string) =>
  `apply widgets ${namespace}/a on the provider: widgets.example.org "a" is forbidden: User "konnector" cannot ${verb} resource "widgets" in API group "example.org" in the namespace "${namespace}"`;
const missing = { provider: [WIDGETS], here: [] };

describe("a Connection or binding says of the provider", () => {
  it("that nothing is missing, once that is known and while it is connected", () => {
    expect(permissionDenied(NOTHING_MISSING, [], true).status).toBe("False");
    expect(permissionDenied({ provider: null, here: [] }, [], true).status).toBe("Unknown");
    expect(permissionDenied(NOTHING_MISSING, [], false).status).toBe("Unknown");
  });

  it("what is missing, with verb, resource and namespace", () => {
    expect(permissionDenied(missing, [], true).message).toBe(
      "missing on the provider: delete widgets.example.org in all namespaces",
    );
  });

  it("what a refusal named although no review did, also while nothing else is known", () => {
    const { status, message } = permissionDenied({ provider: null, here: null }, [refused("create", "blue")], false);
    expect([status, message]).toEqual([
      "True",
      "missing on the provider: create widgets.example.org in namespace blue",
    ]);
  });

  it("nothing twice of what a review and refusals name", () => {
    const met = [refused("delete", "blue"), refused("delete", "red"), refused("patch", "red")];
    expect(permissionDenied(missing, met, true).message).toBe(
      "missing on the provider: delete widgets.example.org in all namespaces; patch widgets.example.org in namespace red",
    );
  });

  it("what names no right in the server's own words, in bounded number", () => {
    expect(permissionDenied(NOTHING_MISSING, ["no entry", "no entry"], true).message).toBe(
      "missing on the provider: no entry",
    );
    const met = Array.from({ length: 20 }, (_, index) => `no entry ${index}`);
    expect(permissionDenied(NOTHING_MISSING, met, true).message.match(/no entry/g)).toHaveLength(5);
  });
});

describe("it says of this cluster", () => {
  it("what is missing here, and never what is missing there", () => {
    expect(localPermissionDenied({ provider: [], here: [WIDGETS] })).toMatchObject({
      status: "True",
      reason: "Forbidden",
    });
    expect(localPermissionDenied(missing)).toMatchObject({ status: "False", reason: "AsExpected" });
    expect(permissionDenied({ provider: [], here: [WIDGETS] }, [], true).status).toBe("False");
  });

  it("nothing before it has been asked", () => {
    expect(localPermissionDenied({ provider: [], here: null })).toMatchObject({ status: "Unknown", reason: "Pending" });
  });
});
