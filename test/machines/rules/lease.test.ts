// The heartbeat Lease without a server: what is done with the one that was found, and how its times are written.

import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Lease, microTime, newLease, renewedLease } from "../../../crds/lease.ts";
import { leaseStep, renewEvery } from "../../../machines/rules/lease.ts";

const US = "4c9f";
const NOW = Date.parse("2030-01-01T00:00:00.120Z");
const SETTINGS = { namespace: "kube-bind", seconds: 60 };

const lease = (spec: Lease["spec"] = {}, now = NOW): Lease => {
  const made = newLease(US, "kube-bind", 60, now) as Lease;
  return { ...made, metadata: { ...made.metadata, uid: "u", resourceVersion: "7" }, spec: { ...made.spec, ...spec } };
};

describe("a MicroTime", () => {
  it("has exactly six digits after the point, whatever the time", () => {
    expect(microTime(NOW)).toBe("2030-01-01T00:00:00.120000Z");
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true }), (date) => {
        expect(microTime(date.getTime())).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
        expect(Date.parse(microTime(date.getTime()))).toBe(date.getTime());
      }),
    );
  });
});

describe("a Lease", () => {
  it("that is missing is created", () => {
    expect(leaseStep(null, US, SETTINGS, NOW)).toEqual({ do: "create" });
  });

  it("that is ours is renewed when a third of its duration has nearly passed, and not before", () => {
    expect(leaseStep(lease(), US, SETTINGS, NOW + 20_000)).toEqual({ do: "renew" });
    expect(leaseStep(lease(), US, SETTINGS, NOW + 5_000)).toEqual({ do: "wait", ms: renewEvery(60) - 5_000 });
    expect(renewEvery(60)).toBeLessThanOrEqual(20_000);
    expect(renewEvery(60) * 1.05).toBeLessThanOrEqual(20_000);
  });

  it("that another holds is respected, expired or not", () => {
    const theirs = lease({ holderIdentity: "9d1e" });
    expect(leaseStep(theirs, US, SETTINGS, NOW)).toEqual({ do: "respect", holder: "9d1e" });
    expect(leaseStep(theirs, US, SETTINGS, NOW + 3_600_000)).toEqual({ do: "respect", holder: "9d1e" });
  });

  it("that nobody holds is taken, and counts as acquired then", () => {
    const free = lease({ holderIdentity: "" }, NOW - 5_000);
    expect(leaseStep(free, US, SETTINGS, NOW)).toEqual({ do: "renew" });
    expect(renewedLease(free, US, 60, NOW).spec).toEqual({
      holderIdentity: US,
      leaseDurationSeconds: 60,
      acquireTime: microTime(NOW),
      renewTime: microTime(NOW),
    });
  });

  it.each<[string, Lease]>([
    ["whose duration is another than wanted", lease({ leaseDurationSeconds: 15 })],
    ["without our marks", { ...lease(), metadata: { ...lease().metadata, labels: {}, annotations: {} } }],
    ["without a time", lease({ renewTime: undefined })],
    ["renewed in the future, by another clock", lease({ renewTime: microTime(NOW + 3_600_000) })],
  ])("%s is renewed at once", (_which, found) => {
    expect(leaseStep(found, US, SETTINGS, NOW + 1)).toEqual({ do: "renew" });
  });

  it("keeps, when it is renewed, the time it was acquired and what others have put on it", () => {
    const found = lease({ acquireTime: microTime(NOW - 60_000) });
    const { metadata } = found;
    const busy = { ...found, metadata: { ...metadata, labels: { ...metadata.labels, team: "blue" } } };
    const renewed = renewedLease(busy, US, 60, NOW + 1_000);
    expect(renewed.metadata).toEqual({ ...busy.metadata, managedFields: undefined });
    expect(renewed.spec).toEqual({ ...found.spec, renewTime: microTime(NOW + 1_000) });
  });
});
