// What the connection machine promises, one rule at a time. Where a machine is says what it asks for next; while a state is
// tagged "engaged" the provider client is kept open, anywhere else it is closed.

import { describe, expect, test } from "vitest";

import type { ConnectionEvent } from "../../machines/connection-facts.ts";
import {
  complete,
  COMPLETE,
  connection,
  drive,
  DUE,
  failed,
  failedDiscovery,
  identified,
  NO_SECRET,
  PASS,
  PINNED,
  secret,
  told,
  toReady,
  unpinned,
  unusable,
} from "./connection-samples.ts";

const at = (...events: readonly ConnectionEvent[]): string => drive(...events).at;
const isEngaged = (...events: readonly ConnectionEvent[]): boolean => drive(...events).tags.has("engaged");

const secretSeen = (change: Parameters<typeof secret>[0]): ConnectionEvent => ({
  type: "secret.seen",
  secret: secret(change),
});
const discovered = (discovery = COMPLETE): ConnectionEvent => ({ type: "discovery.seen", discovery });
const leaving = connection({ deleting: true });

describe("before anything is known", () => {
  const facts = told(connection());

  test.each(["connection.seen", "secret.seen", "bindings.counted"])("a pass without %s waits", (type) => {
    expect(at(...facts.filter((fact) => fact.type !== type), PASS)).toBe("engaging.waiting");
  });
});

describe("the way to Ready", () => {
  test("claims, identifies, pins, and only then is engaged", () => {
    const claiming: ConnectionEvent[] = [...told(unpinned({ claimed: false }), secret({ settled: false })), PASS];
    expect(at(...claiming)).toBe("engaging.claiming");
    const identifying: ConnectionEvent[] = [...claiming, { type: "claimed" }];
    expect(at(...identifying)).toBe("engaging.identifying");
    const pinning = [...identifying, identified()];
    expect(at(...pinning)).toBe("engaging.pinning");
    expect([claiming, identifying, pinning].map((events) => isEngaged(...events))).toEqual([false, false, false]);
    const discovering = [...pinning, PINNED];
    expect(at(...discovering)).toBe("engaging.discovering");
    expect(isEngaged(...discovering)).toBe(true);
    expect(at(...discovering, discovered(), PASS)).toBe("ready.current");
  });

  test("does not pin again what is pinned", () => {
    expect(at(...told(connection()), PASS, identified())).toBe("engaging.discovering");
  });

  test("is Ready with an empty list of exports, once it is complete", () => {
    const empty: ConnectionEvent = { type: "discovery.seen", discovery: complete([]) };
    expect(at(...told(connection()), PASS, identified(), empty, PASS)).toBe("ready.current");
  });

  test("waits for the Secret to be settled before it is used", () => {
    expect(at(...told(connection(), secret({ settled: false })), PASS)).toBe("engaging.claiming");
  });
});

describe("a Secret", () => {
  test("outside the namespace that is read is neither claimed nor used", () => {
    const outside = connection({ secretAllowed: false });
    expect(at(...told(outside, secret({ settled: false })), PASS)).toBe("disengaged.secretUnusable");
    expect(at(...told({ ...outside, claimed: false }, secret()), PASS, { type: "claimed" })).toBe(
      "disengaged.secretUnusable",
    );
  });

  test.each([
    ["missing", NO_SECRET],
    ["empty", secret({ fingerprint: "", problem: "key kubeconfig is empty" })],
  ])("that is %s is waited for, without a time to try again", (_what, held) => {
    expect(drive(...told(connection(), held), PASS)).toMatchObject({
      at: "disengaged.secretUnusable",
      context: { retryIn: null },
    });
  });

  test("that cannot be used is not tried again before it changes", () => {
    const refused = [...told(connection()), PASS, unusable()];
    expect(at(...refused)).toBe("disengaged.secretUnusable");
    expect(at(...refused, PASS)).toBe("disengaged.secretUnusable");
    expect(at(...refused, DUE)).toBe("disengaged.secretUnusable");
    expect(at(...refused, secretSeen({ fingerprint: "second" }), PASS)).toBe("engaging.identifying");
  });

  test("that vanishes disengages", () => {
    const gone = [...toReady(), { type: "secret.seen", secret: NO_SECRET } as const, PASS];
    expect(at(...gone)).toBe("disengaged.secretUnusable");
    expect(isEngaged(...gone)).toBe(false);
  });

  test("that comes back as it was is tried again after an outage", () => {
    const unreachable = [...told(connection()), PASS, failed()];
    const back = [{ type: "secret.seen", secret: NO_SECRET } as const, PASS, secretSeen({}), PASS];
    expect(at(...unreachable, ...back)).toBe("engaging.identifying");
  });
});

describe("a kubeconfig that changes while the Connection is engaged", () => {
  const rotated = [...toReady(), secretSeen({ fingerprint: "second" }), PASS];
  const second = identified({ fingerprint: "second" });
  const put = (fingerprint: string) => secretSeen({ fingerprint });
  const failedFor = (what: string): ConnectionEvent => ({ type: "failed", fault: "unreachable", message: what });

  test("is tried while the client before goes on working, and then takes its place with all that was seen", () => {
    expect(at(...rotated)).toBe("engaging.succeeding");
    expect(isEngaged(...rotated)).toBe(true);
    expect(drive(...rotated, second)).toMatchObject({
      at: "ready.current",
      context: { engagedWith: "second", discovery: { state: "complete" } },
    });
  });

  test("takes over what was known also where the client before was refused, and no doubt of it", () => {
    const refused = [...toReady(), discovered(failedDiscovery("unauthorized")), put("second"), PASS];
    expect(at(...refused)).toBe("engaging.succeeding");
    expect(drive(...refused, second)).toMatchObject({
      at: "ready.current",
      context: { discovery: { state: "failed", fault: "degraded" } },
    });
  });

  test.each(["unreachable", "local"] as const)(
    "and cannot be used for now (%s) leaves the client before in use, and is tried again when due",
    (fault) => {
      const held = drive(...rotated, failed(fault));
      expect(held).toMatchObject({ at: "ready.outdated", context: { engagedWith: "first", retryIn: 500 } });
      expect(isEngaged(...rotated, failed(fault))).toBe(true);
      expect(at(...rotated, failed(fault), PASS)).toBe("ready.outdated");
      expect(at(...rotated, failed(fault), DUE)).toBe("engaging.succeeding");
      expect(drive(...rotated, failed(fault), DUE, failed(fault)).context.retryIn).toBe(1_000);
      expect(at(...rotated, failed(fault), DUE, second)).toBe("ready.current");
    },
  );

  test.each(["unauthorized", "forbidden"] as const)("and is refused (%s) disengages", (fault) => {
    expect(at(...rotated, failed(fault))).toBe("disengaged.waiting");
    expect(isEngaged(...rotated, failed(fault))).toBe(false);
  });

  test("and is none disengages", () => {
    expect(at(...rotated, unusable("second"))).toBe("disengaged.secretUnusable");
  });

  test("and leads to another cluster disengages", () => {
    const elsewhere = identified({ remote: "another-cluster", fingerprint: "second" });
    expect(drive(...rotated, elsewhere)).toMatchObject({ at: "conflicted", context: { engagedWith: "" } });
    expect(at(...rotated, elsewhere, put("first"), DUE)).toBe("engaging.identifying");
  });

  test("back to what it was needs nothing", () => {
    expect(at(...rotated, failed(), put("first"), PASS)).toBe("ready.current");
  });

  test("once more is tried at once", () => {
    expect(at(...rotated, failed(), put("third"), PASS)).toBe("engaging.succeeding");
  });

  test("is used no longer with a client before that does not work either", () => {
    const both = [...rotated, failed(), discovered(failedDiscovery("unreachable")), PASS];
    expect(at(...both)).toBe("engaging.verifying");
    expect(at(...both, failed())).toBe("disengaged.waiting");
    expect(at(...both, { type: "verified", remote: "provider-cluster" })).toBe("ready.outdated");
    expect(at(...both, failed(), DUE)).toBe("engaging.identifying");
  });

  test("before anything was seen through the client before leaves nothing to hold on to", () => {
    const early = [...told(connection()), PASS, identified(), put("second"), PASS];
    expect(at(...early)).toBe("engaging.succeeding");
    expect(at(...early, failed())).toBe("disengaged.waiting");
  });

  test("goes on draining with the client before", () => {
    const counted: ConnectionEvent = { type: "bindings.counted", bindings: 1, leftovers: 0 };
    const deleting: ConnectionEvent = { type: "connection.seen", connection: leaving };
    const held = [...toReady(), counted, deleting, put("second"), PASS, failedFor("away")];
    expect(at(...held)).toBe("cleaningUp.draining.outdated");
    expect(isEngaged(...held)).toBe(true);
    expect(at(...held, DUE, second)).toBe("cleaningUp.draining.current");
  });

  test("under a Connection that has lost its pins is pinned before it is used", () => {
    const lost: ConnectionEvent = { type: "connection.seen", connection: unpinned() };
    expect(at(...toReady(), lost, put("second"), PASS, second)).toBe("engaging.pinning");
    const elsewhere = identified({ remote: "another-cluster", fingerprint: "second" });
    expect(drive(...toReady(), lost, put("second"), PASS, elsewhere).context.discovery).toEqual({ state: "unknown" });
  });
});

describe("another cluster than the pinned one", () => {
  const elsewhere = [...told(connection()), PASS, identified({ remote: "another-cluster" })];

  test("is never engaged, and looked at again", () => {
    expect(drive(...elsewhere)).toMatchObject({ at: "conflicted", context: { engagedWith: "", retryIn: 10_000 } });
    expect(isEngaged(...elsewhere)).toBe(false);
    expect(at(...elsewhere, DUE)).toBe("engaging.identifying");
  });

  test("recovers by itself when the old one is back", () => {
    expect(at(...elsewhere, DUE, identified(), discovered(), PASS)).toBe("ready.current");
  });

  test("is noticed on our own side too", () => {
    expect(at(...told(connection()), PASS, identified({ local: "restored-cluster" }))).toBe("conflicted");
  });

  test("is noticed when it answers in the place of the old one after an outage", () => {
    const verifying = [...toReady(), discovered(failedDiscovery("unreachable")), PASS];
    expect(at(...verifying)).toBe("engaging.verifying");
    expect(at(...verifying, { type: "verified", remote: "another-cluster" })).toBe("conflicted");
  });

  test("is not suspected of a provider that is the same, however long it has been engaged", () => {
    const verifying = [...toReady(), DUE, discovered(failedDiscovery("unreachable")), PASS];
    expect(at(...verifying, { type: "verified", remote: "provider-cluster" })).toBe("ready.current");
  });

  test("is not claimed by half: what one pin lacks is pinned, what it has must fit", () => {
    const half = told(connection({ localClusterUid: "" }));
    expect(at(...half, PASS, identified())).toBe("engaging.pinning");
    expect(at(...half, PASS, identified({ remote: "another-cluster" }))).toBe("conflicted");
  });
});

describe("a provider that fails", () => {
  test.each(["unreachable", "unauthorized", "forbidden", "local"] as const)(
    "(%s) is tried again with back-off, and not before",
    (fault) => {
      const waiting = [...told(connection()), PASS, failed(fault)];
      expect(drive(...waiting)).toMatchObject({ at: "disengaged.waiting", context: { retryIn: 500 } });
      expect(at(...waiting, PASS)).toBe("disengaged.waiting");
      expect(drive(...waiting, DUE, failed(fault))).toMatchObject({ context: { retryIn: 1_000, attempts: 2 } });
    },
  );

  test("is tried at once with other bytes in the Secret", () => {
    expect(at(...told(connection()), PASS, failed(), secretSeen({ fingerprint: "second" }), PASS)).toBe(
      "engaging.identifying",
    );
  });

  test("waits at least as long as the server asked for", () => {
    const busy: ConnectionEvent = { type: "failed", fault: "unreachable", message: "busy", retryAfter: 20 };
    expect(drive(...told(connection()), PASS, busy).context.retryIn).toBe(20_000);
  });

  test.each(["unreachable", "unauthorized"] as const)(
    "while it is engaged (%s) is verified before it is given up",
    (fault) => {
      const verifying = [...toReady(), discovered(failedDiscovery(fault)), PASS];
      expect(at(...verifying)).toBe("engaging.verifying");
      expect(at(...verifying, { type: "verified", remote: "provider-cluster" })).toBe("ready.current");
      expect(at(...verifying, failed(fault))).toBe("disengaged.waiting");
      expect(isEngaged(...verifying, failed(fault))).toBe(false);
    },
  );

  test("to list its exports keeps Ready with what was last known", () => {
    const degraded = drive(...toReady(), discovered(failedDiscovery("forbidden")), PASS);
    expect(degraded).toMatchObject({
      at: "ready.current",
      context: { discovery: { exports: [{ name: "widgets.example.org" }] } },
    });
  });

  test("to list its exports from the start is engaged, but not Ready", () => {
    expect(at(...told(connection()), PASS, identified(), discovered(failedDiscovery("forbidden", null)), PASS)).toBe(
      "engaging.discovering",
    );
  });
});

describe("a Connection that is being deleted", () => {
  const draining = [...told(leaving, secret(), { bindings: 1 }), PASS, identified()];

  test("stays engaged for the deletions of its bindings", () => {
    expect(at(...draining)).toBe("cleaningUp.draining.current");
    expect(isEngaged(...draining)).toBe(true);
    const counted: ConnectionEvent = { type: "bindings.counted", bindings: 1, leftovers: 0 };
    const deleting: ConnectionEvent = { type: "connection.seen", connection: leaving };
    expect(at(...toReady(), counted, deleting, PASS)).toBe("cleaningUp.draining.current");
  });

  test("waits for the objects that still hold us, after the last binding", () => {
    expect(at(...told(leaving, secret(), { leftovers: 3 }), PASS, identified())).toBe("cleaningUp.draining.current");
  });

  test("sweeps, releases and goes once nothing is left, and needs neither Secret nor provider for that", () => {
    for (const held of [secret(), NO_SECRET, secret({ settled: false })]) {
      const sweeping = [...told(leaving, held), PASS];
      expect(at(...sweeping)).toBe("cleaningUp.sweeping");
      expect(at(...sweeping, { type: "swept" })).toBe("cleaningUp.releasing");
      expect(at(...sweeping, { type: "swept" }, { type: "released" })).toBe("gone");
    }
  });

  test("is not claimed again, but a Secret is that it still needs for its bindings", () => {
    expect(at(...told({ ...leaving, claimed: false }), PASS)).toBe("gone");
    expect(at(...told(leaving, secret({ settled: false }), { bindings: 1 }), PASS)).toBe("engaging.claiming");
    expect(at(...told(leaving, secret({ settled: false })), PASS)).toBe("cleaningUp.sweeping");
  });

  test("tries a step that failed again when due", () => {
    const blocked = [...told(leaving), PASS, failed("local")];
    expect(drive(...blocked)).toMatchObject({ at: "cleaningUp.blocked", context: { retryIn: 500 } });
    expect(at(...blocked, DUE)).toBe("cleaningUp.sweeping");
  });

  test("that a binding comes to while its clean-up is blocked is engaged anew for it", () => {
    const blocked = [...told(leaving, secret(), { bindings: 1 }), PASS, identified()];
    const counted = (bindings: number): ConnectionEvent => ({ type: "bindings.counted", bindings, leftovers: 0 });
    expect(at(...blocked, counted(0), PASS, failed("local"), counted(1), PASS)).toBe("disengaged.waiting");
    expect(at(...blocked, counted(0), PASS, failed("local"), counted(1), DUE)).toBe("engaging.identifying");
  });

  test("blocks a drain while its Secret is missing, until it is mended", () => {
    const blocked = [...told(leaving, NO_SECRET, { bindings: 1 }), PASS];
    expect(at(...blocked)).toBe("disengaged.secretUnusable");
    expect(at(...blocked, secretSeen({}), PASS, identified())).toBe("cleaningUp.draining.current");
  });

  test("never drains through another cluster", () => {
    expect(at(...told(leaving, secret(), { bindings: 1 }), PASS, identified({ remote: "another-cluster" }))).toBe(
      "conflicted",
    );
  });
});

describe("a Connection that vanishes", () => {
  test("disengages", () => {
    const vanished: ConnectionEvent[] = [...toReady(), { type: "connection.gone" }, PASS];
    expect(at(...vanished)).toBe("gone");
    expect(drive(...vanished).context.engagedWith).toBe("");
  });

  test.each(["engaging.claiming", "engaging.pinning"])("during %s leaves nothing to do", (state) => {
    const facts = state === "engaging.claiming" ? told(unpinned({ claimed: false })) : told(unpinned());
    const midway = [...facts, PASS, ...(state === "engaging.pinning" ? [identified()] : [])];
    expect(at(...midway)).toBe(state);
    expect(at(...midway, { type: "connection.gone" })).toBe("gone");
  });

  test("and comes anew under its name is pinned before it is used, even by a client that is still open", () => {
    const anew: ConnectionEvent = { type: "connection.seen", connection: unpinned({ uid: "another" }) };
    expect(at(...toReady(), anew, PASS)).toBe("engaging.pinning");
  });
});
