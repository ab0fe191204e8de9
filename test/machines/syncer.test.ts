// What the syncer machine promises, one rule at a time. Where a machine is says what it asks for next; the tag "watching"
// says that the watches on both sides are kept open.

import { describe, expect, test } from "vitest";

import type { SyncerEvent, SyncerFacts } from "../../machines/syncer.ts";
import {
  absent,
  COMING,
  drive,
  DUE,
  EAGER,
  ENDING,
  failed,
  foreignCrd,
  NOBODY,
  LISTED,
  OFFERED,
  PASS,
  served,
  told,
  WANTED,
} from "./syncer-samples.ts";

const at = (...events: readonly SyncerEvent[]): string => drive(...events).at;
const watches = (...events: readonly SyncerEvent[]): boolean => drive(...events).tags.has("watching");

/** Where it is in these facts, after one pass. */
const given = (change: Partial<SyncerFacts> = {}): string => at(...told(change), PASS);

describe("before anything is known", () => {
  test.each(["connection.seen", "demand.seen", "crd.seen", "lists.seen", "holding.counted"])(
    "a pass without %s waits",
    (type) => {
      expect(at(...told().filter((fact) => fact.type !== type), PASS)).toBe("engaging.waiting");
    },
  );

  test("an API that is wanted waits until the provider's offer is known", () => {
    expect(given({ offer: null, crd: absent({ step: "unknown" }) })).toBe("engaging.waiting");
  });
});

describe("a binding that is still to be claimed", () => {
  test("stops the drain and the removal of the definition that another one's deletion began", () => {
    expect(given({ demand: COMING, holding: 1 })).toBe("engaging.awaitingClaim");
    expect(given({ demand: COMING, holding: 0 })).toBe("engaging.awaitingClaim");
    expect(watches(...told({ demand: COMING }), PASS)).toBe(true);
  });
});

describe("the definition", () => {
  test("is pulled when a binding wants it, established, listed, and then synced", () => {
    expect(given({ crd: absent() })).toBe("engaging.pulling");
    expect(given({ crd: absent({ step: "update", state: "established", mine: true, ours: true }) })).toBe(
      "engaging.pulling",
    );
    expect(given({ crd: served({ state: "installing" }) })).toBe("engaging.establishing");
    expect(given({ lists: { consumer: true, provider: false, whole: true } })).toBe("engaging.listing");
    expect(given({ lists: { consumer: false, provider: true, whole: false } })).toBe("engaging.listing");
  });

  test("works in the namespaces that have been listed, and waits for no other", () => {
    expect(given({ lists: { consumer: true, provider: true, whole: false } })).toBe("ready");
    expect(given()).toBe("ready");
  });

  test.each<[string, Partial<SyncerFacts>]>([
    ["no binding wants it", { demand: NOBODY }],
    ["its last binding is going", { demand: ENDING }],
    ["the Connection is away", { connection: "away" }],
    ["there is no Connection", { connection: "absent" }],
    ["the Connection is being deleted", { connection: "deleting" }],
    ["the provider does not export it", { offer: { exported: false, refusal: null } }],
    [
      "it may not be taken",
      { offer: { exported: true, refusal: { reason: "ConversionWebhook", message: "converted" } } },
    ],
  ])("is not pulled when %s", (_why, change) => {
    expect(given({ crd: absent(), ...change })).not.toBe("engaging.pulling");
  });

  test("of somebody else is never pulled over, and the API says so", () => {
    expect(given({ crd: foreignCrd() })).toBe("conflicted");
  });

  test("that was refused for good is not pulled again until it is due", () => {
    const resting = [...told({ crd: absent() }), PASS, failed(true)];
    expect(drive(...resting)).toMatchObject({ at: "conflicted", context: { retryIn: 60_000 } });
    expect(at(...resting, PASS)).toBe("conflicted");
    expect(at(...resting, DUE)).toBe("engaging.pulling");
  });

  test("that could not be written is tried again with back-off", () => {
    const resting = [...told({ crd: absent() }), PASS, failed()];
    expect(drive(...resting)).toMatchObject({ at: "engaging.failing", context: { retryIn: 500 } });
    expect(at(...resting, PASS)).toBe("engaging.failing");
    expect(drive(...resting, DUE, failed())).toMatchObject({ at: "engaging.failing", context: { retryIn: 1_000 } });
  });

  test("that could not be written is pulled at once after it has come and gone", () => {
    const failing = [...told({ crd: served({ step: "update" }) }), PASS, failed()];
    const going: SyncerEvent = { type: "crd.seen", crd: served({ state: "deleting" }) };
    expect(at(...failing, going, PASS, { type: "crd.seen", crd: absent() }, PASS)).toBe("engaging.pulling");
  });

  test("that vanishes while it is wanted is pulled again", () => {
    expect(at(...told(), PASS, { type: "crd.seen", crd: absent() }, PASS)).toBe("engaging.pulling");
  });

  test("of somebody else that is being deleted is awaited", () => {
    expect(given({ crd: absent({ state: "deleting", step: "leave" }) })).toBe("engaging.establishing");
  });
});

describe("an API that is no longer exported", () => {
  test("stays watched, so that its deletions go on", () => {
    const gone = told({ offer: { exported: false, refusal: null } });
    expect(at(...gone, PASS)).toBe("engaging.notExported");
    expect(watches(...gone, PASS)).toBe(true);
  });
});

describe("an API that no binding lists and the Connection's policy wants", () => {
  const eager = (change: Partial<SyncerFacts> = {}): SyncerEvent[] => told({ demand: EAGER, ...change });

  test("is pulled and served, and none of its objects is watched", () => {
    expect(at(...eager({ crd: absent() }), PASS)).toBe("unbound.pulling");
    expect(at(...eager({ crd: served({ state: "installing" }) }), PASS)).toBe("unbound.establishing");
    expect(drive(...eager(), PASS)).toMatchObject({ at: "unbound.installed" });
    expect(watches(...eager(), PASS)).toBe(false);
  });

  test("waits for a provider that offers it", () => {
    expect(at(...eager({ connection: "away", crd: absent() }), PASS)).toBe("unbound.waiting");
    expect(at(...eager({ offer: null, crd: absent() }), PASS)).toBe("unbound.waiting");
    expect(at(...eager({ offer: { exported: false, refusal: null }, crd: absent() }), PASS)).toBe("unbound.waiting");
  });

  test("that may not be delivered says so, and one that could not be written is tried again when due", () => {
    expect(at(...eager({ crd: foreignCrd() }), PASS)).toBe("unbound.conflicted");
    expect(at(...eager({ crd: absent() }), PASS, failed(true))).toBe("unbound.conflicted");
    const resting = [...eager({ crd: absent() }), PASS, failed()];
    expect(drive(...resting)).toMatchObject({ at: "unbound.failing", context: { retryIn: 500 } });
    expect(at(...resting, PASS)).toBe("unbound.failing");
    expect(at(...resting, DUE)).toBe("unbound.pulling");
  });

  test("keeps its definition when the last binding goes, once the objects have let go", () => {
    expect(at(...eager({ holding: 2 }), PASS)).toBe("cleaningUp.draining");
    expect(at(...eager({ holding: 2 }), PASS, { type: "holding.counted", holding: 0 }, PASS)).toBe("unbound.installed");
  });
});

describe("a Connection that is not engaged", () => {
  test.each(["away", "absent"] as const)("(%s) leaves the objects waiting, watched on the consumer", (connection) => {
    expect(given({ connection })).toBe("disengaged");
    expect(watches(...told({ connection }), PASS)).toBe(true);
  });

  test("does not keep an unbound API from being left, once nothing holds it", () => {
    expect(given({ connection: "away", demand: ENDING, holding: 0 })).toBe("cleaningUp.removingCrd");
    expect(given({ connection: "away", demand: ENDING, holding: 2 })).toBe("cleaningUp.draining");
  });
});

describe("a Connection that is being deleted", () => {
  test("lets deletions go on, and nothing else", () => {
    expect(given({ connection: "deleting" })).toBe("cleaningUp.deletionsOnly");
    expect(watches(...told({ connection: "deleting" }), PASS)).toBe(true);
  });
});

describe("the way out", () => {
  const ending = (change: Partial<SyncerFacts> = {}): SyncerEvent[] => told({ demand: ENDING, ...change });

  test("drains the objects before the definition is removed", () => {
    expect(at(...ending({ holding: 2 }), PASS)).toBe("cleaningUp.draining");
    expect(watches(...ending({ holding: 2 }), PASS)).toBe(true);
    expect(at(...ending({ holding: 2 }), PASS, { type: "holding.counted", holding: 0 }, PASS)).toBe(
      "cleaningUp.removingCrd",
    );
  });

  test("does not take objects that have not been listed for none", () => {
    const unlisted = ending({ lists: { consumer: false, provider: true, whole: false } });
    expect(at(...unlisted, PASS)).toBe("cleaningUp.listing");
    expect(watches(...unlisted, PASS)).toBe(true);
  });

  test("does not take the namespaces that have been listed for all of them", () => {
    const some = ending({ lists: { consumer: true, provider: true, whole: false } });
    expect(at(...some, PASS)).toBe("cleaningUp.listing");
    expect(at(...some, PASS, { type: "lists.seen", lists: LISTED }, PASS)).toBe("cleaningUp.removingCrd");
  });

  test("removes only what we made, and only with the last ClusterBinding", () => {
    expect(at(...ending(), PASS)).toBe("cleaningUp.removingCrd");
    expect(at(...ending({ crd: served({ ours: false }) }), PASS)).toBe("cleaningUp.idle");
    expect(at(...ending({ crd: served({ mine: false, ours: false }) }), PASS)).toBe("cleaningUp.idle");
    expect(at(...ending({ crd: foreignCrd() }), PASS)).toBe("cleaningUp.idle");
    expect(at(...ending({ demand: { live: 0, draining: 1, takesCrd: false } }), PASS)).toBe("cleaningUp.idle");
    expect(at(...ending({ demand: NOBODY }), PASS)).toBe("cleaningUp.idle");
  });

  test("ends with the definition, at once or as soon as its last instance has gone", () => {
    const removing = [...ending(), PASS];
    expect(at(...removing, { type: "removed", crd: absent() })).toBe("cleaningUp.idle");
    const terminating: SyncerEvent = { type: "removed", crd: served({ state: "deleting" }) };
    expect(at(...removing, terminating)).toBe("cleaningUp.crdTerminating");
    expect(at(...removing, terminating, { type: "crd.seen", crd: absent() }, PASS)).toBe("cleaningUp.idle");
  });

  test.each<[string, Partial<SyncerFacts>]>([
    ["wanted", { demand: WANTED }],
    ["wanted, with the Connection away", { demand: WANTED, connection: "away" }],
    ["not wanted", { demand: NOBODY }],
    ["drained", { demand: ENDING, holding: 2 }],
  ])("keeps watching while a definition of ours is being deleted: %s", (_how, change) => {
    const terminating = told({ crd: served({ state: "deleting" }), ...change });
    expect(at(...terminating, PASS)).toBe("cleaningUp.crdTerminating");
    expect(watches(...terminating, PASS)).toBe(true);
  });

  test("tries a removal that failed again when due, and not before", () => {
    const resting = [...ending(), PASS, failed()];
    expect(drive(...resting)).toMatchObject({ at: "cleaningUp.failing", context: { retryIn: 500 } });
    expect(at(...resting, PASS)).toBe("cleaningUp.failing");
    expect(at(...resting, DUE)).toBe("cleaningUp.removingCrd");
  });

  test("is not held up by a pull that had failed before", () => {
    const rejected = [...told({ crd: served({ step: "update" }) }), PASS, failed(true)];
    expect(at(...rejected)).toBe("conflicted");
    expect(at(...rejected, { type: "demand.seen", demand: ENDING }, PASS)).toBe("cleaningUp.removingCrd");
  });

  test("is not remembered against a binding that comes back", () => {
    const resting = [...ending(), PASS, failed(true)];
    expect(at(...resting, { type: "demand.seen", demand: WANTED }, PASS)).toBe("ready");
  });

  test("stops watching once nothing of ours is left, and starts again with the next binding", () => {
    const left = told({ demand: NOBODY });
    expect(at(...left, PASS)).toBe("cleaningUp.idle");
    expect(watches(...left, PASS)).toBe(false);
    expect(
      at(...left, PASS, { type: "lists.seen", lists: { consumer: false, provider: false, whole: false } }, PASS),
    ).toBe("cleaningUp.idle");
    expect(at(...left, PASS, { type: "demand.seen", demand: WANTED }, PASS)).toBe("ready");
  });

  test("looks at the objects again when it may look where it could not, and not while it may not", () => {
    const lists = (blind: boolean, whole = false): SyncerEvent => ({
      type: "lists.seen",
      lists: { consumer: whole, provider: whole, whole, blind },
    });
    const left = [...told({ demand: NOBODY }), lists(true, true), PASS];
    expect(at(...left)).toBe("cleaningUp.idle");
    expect(at(...left, lists(true), PASS)).toBe("cleaningUp.idle");
    const looking = [...left, lists(false), PASS];
    expect(at(...looking)).toBe("cleaningUp.listing");
    const found: SyncerEvent = { type: "holding.counted", holding: 1 };
    expect(at(...looking, lists(false, true), found, PASS)).toBe("cleaningUp.draining");
    expect(at(...looking, lists(false, true), PASS, lists(true), PASS, lists(false), PASS)).toBe("cleaningUp.idle");
  });

  test("looks at the objects again when a later binding goes too", () => {
    const again: SyncerEvent[] = [
      { type: "demand.seen", demand: WANTED },
      PASS,
      { type: "demand.seen", demand: NOBODY },
    ];
    const unlisted: SyncerEvent = { type: "lists.seen", lists: { consumer: false, provider: false, whole: false } };
    expect(at(...told({ demand: NOBODY }), PASS, ...again, unlisted, PASS)).toBe("cleaningUp.listing");
  });
});

describe("objects and definitions of somebody else", () => {
  test("are not drained: a definition that came another way holds nothing of ours", () => {
    expect(given({ demand: ENDING, crd: served({ mine: false, ours: false }), holding: 3 })).toBe("cleaningUp.idle");
  });

  test("are not touched by an API that was never offered", () => {
    expect(given({ demand: NOBODY, offer: OFFERED, crd: absent() })).toBe("cleaningUp.idle");
  });
});
