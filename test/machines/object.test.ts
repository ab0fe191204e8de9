// What the object machine promises, one rule at a time. Where a machine is says what it asks for next.

import { describe, expect, test } from "vitest";

import { type ConsumerFact, type CopyFact, type ObjectEvent, type RefusalCause } from "../../machines/object-facts.ts";
import {
  another,
  CLUSTER,
  consumer,
  copy,
  drive,
  DUE,
  foreign,
  gate,
  PASS,
  refused,
  status,
  told,
  unclaimed,
} from "./object-samples.ts";

const at = (...events: readonly ObjectEvent[]): string => drive(...events).at;

const looked = (found: CopyFact | null): ObjectEvent => ({ type: "looked", found });
const applied = (change: Partial<CopyFact> = {}, object = consumer()): ObjectEvent => ({
  type: "applied",
  consumer: object,
  copy: copy(change),
  sent: "a",
});

describe("before anything is known", () => {
  const facts = told(consumer(), copy());

  test.each(facts)("a pass that lacks %o waits", (missing) => {
    expect(at(...facts.filter((fact) => fact !== missing), PASS)).toBe("engaging.waiting");
  });
});

describe("a new object", () => {
  test("that no copy was ever seen of is written to without a look", () => {
    const fresh: ObjectEvent[] = [...told(unclaimed(), null), { type: "copy.gone", unseen: true }, PASS];
    expect(at(...fresh, { type: "claimed", consumer: consumer() })).toBe("engaging.applying");
  });

  test("gets the finalizer before anything is written to the provider", () => {
    expect(at(...told(unclaimed(), null), PASS)).toBe("engaging.claiming");
    expect(at(...told(unclaimed(), null), PASS, { type: "claimed", consumer: consumer() })).toBe("engaging.applying");
  });

  test("settles with the apply's answer", () => {
    expect(at(...told(consumer(), null), PASS, applied())).toBe("ready.settled");
  });

  test("has its namespace created when the apply names it, and is applied again", () => {
    const missing: ObjectEvent[] = [...told(consumer(), null), PASS, { type: "namespace.missing" }];
    expect(at(...missing)).toBe("engaging.creatingNamespace");
    expect(at(...missing, { type: "namespace.ready" })).toBe("engaging.applying");
  });

  test("that vanishes while it is claimed leaves nothing to do", () => {
    expect(at(...told(unclaimed(), null), PASS, { type: "consumer.gone" })).toBe("gone");
  });
});

describe("two sides that agree", () => {
  test("owe nothing", () => {
    expect(at(...told(consumer(), copy()), PASS)).toBe("ready.settled");
  });

  test("owe an apply once the object wants something else, and once somebody changed what is ours", () => {
    expect(at(...told(consumer({ wanted: "b" }), copy()), PASS)).toBe("engaging.applying");
    expect(at(...told(consumer(), copy({ owned: "changed" })), PASS)).toBe("engaging.applying");
  });

  test("owe a status write once the copy's status differs, and never an apply for that", () => {
    expect(at(...told(consumer(), copy({ status: status("ready") })), PASS)).toBe("ready.mirroring");
  });

  test("owe no second apply where the server makes something else of what is sent", () => {
    const accepted = [...told(consumer(), null), PASS, applied({ owned: "a with defaults" })];
    expect(at(...accepted)).toBe("ready.settled");
    expect(at(...accepted, PASS)).toBe("ready.settled");
    const defaulted: ObjectEvent = { type: "copy.seen", copy: copy({ owned: "b with defaults" }) };
    expect(at(...accepted, defaulted, PASS)).toBe("engaging.applying");
  });

  test("owe no second status write where the server prunes what is sent", () => {
    const shown = copy({ status: status("ready and more") });
    const pruned = consumer({ status: status("ready") });
    const kept: ObjectEvent = { type: "mirrored", consumer: pruned, copy: shown, sent: "ready and more" };
    expect(at(...told(consumer(), shown), PASS, kept)).toBe("ready.settled");
    expect(at(...told(consumer(), shown), PASS, kept, PASS)).toBe("ready.settled");
  });

  test("settle in one go when a write shows a newer object or copy than the facts did", () => {
    const newer = consumer({ wanted: "b", resourceVersion: "11" });
    const later: ObjectEvent = { type: "applied", consumer: newer, copy: copy({ owned: "b" }), sent: "b" };
    expect(at(...told(consumer(), null), PASS, later)).toBe("ready.settled");
    const fresh = copy({ status: status("fresh") });
    const shown: ObjectEvent = {
      type: "mirrored",
      consumer: consumer({ status: status("fresh") }),
      copy: fresh,
      sent: "fresh",
    };
    expect(at(...told(consumer(), copy({ status: status("old") })), PASS, shown)).toBe("ready.settled");
  });

  test("are not written to while the copy is being deleted", () => {
    expect(at(...told(consumer({ wanted: "b" }), copy({ deleting: true })), PASS)).toBe("engaging.awaitingRemoval");
  });

  test("are made again when the copy has gone", () => {
    expect(at(...told(consumer(), copy({ deleting: true })), PASS, { type: "copy.gone" }, PASS)).toBe(
      "engaging.applying",
    );
  });
});

describe("a name that somebody else has", () => {
  const occupied = (found: CopyFact | null, allowed = gate()): ObjectEvent[] => [
    ...told(consumer(), null, allowed),
    PASS,
    { type: "occupied" },
    looked(found),
  ];

  test.each([foreign(), another()])("is never applied to under Fail: %o", (found) => {
    expect(at(...occupied(found))).toBe("conflicted.marking");
    expect(at(...told(consumer(), found), PASS)).toBe("conflicted.marking");
  });

  test("is taken over under Adopt, with the copy as it was found", () => {
    const adopted = drive(...occupied(foreign(), gate({ adopt: true })));
    expect(adopted).toMatchObject({ at: "engaging.applying", context: { found: { uid: "foreign" } } });
  });

  test("is not taken over even under Adopt if it has an owner", () => {
    expect(at(...occupied(another(), gate({ adopt: true })))).toBe("conflicted.marking");
  });

  test("is said once on the object", () => {
    const mark = consumer({ mark: "ForeignObjectExists" });
    expect(at(...occupied(foreign()), { type: "marked", consumer: mark })).toBe("conflicted.resting");
    expect(at(...told(mark, foreign()), PASS)).toBe("conflicted.resting");
    expect(at(...told(mark, another()), PASS)).toBe("conflicted.marking");
  });

  test("is looked at again with back-off, by one read and never by a write", () => {
    const resting = [
      ...occupied(foreign()),
      { type: "marked", consumer: consumer({ mark: "ForeignObjectExists" }) } as const,
    ];
    const again = [DUE, looked(foreign())];
    const delays = [0, 1, 2, 3, 4, 5].map((times) => {
      const { at: where, context } = drive(...resting, ...Array.from({ length: times }, () => again).flat());
      expect(where).toBe("conflicted.resting");
      return context.retryIn;
    });
    expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(at(...resting, DUE)).toBe("conflicted.rechecking");
  });

  test("heals by itself once the name is free: applied, and the mark taken off", () => {
    const mark = consumer({ mark: "ForeignObjectExists" });
    const freed = [...told(mark, null), PASS, DUE, looked(null)];
    expect(at(...freed)).toBe("engaging.applying");
    expect(at(...freed, applied({}, mark))).toBe("ready.unmarking");
    expect(at(...freed, applied({}, mark), { type: "unmarked", consumer: consumer() })).toBe("ready.settled");
  });

  test("is read, not written to, where only the mark tells of it after a restart", () => {
    const marked = [...told(consumer({ mark: "OwnedByAnother" }), null), PASS];
    expect(drive(...marked)).toMatchObject({ at: "conflicted.resting", context: { retryIn: 0 } });
    expect(at(...marked, DUE)).toBe("conflicted.rechecking");
    expect(at(...marked, DUE, looked(another()))).toBe("conflicted.resting");
    expect(at(...marked, DUE, looked(copy()))).toBe("ready.unmarking");
  });

  test("is read again in time, however often the object changes meanwhile", () => {
    const mark = consumer({ mark: "ForeignObjectExists" });
    const edited: ObjectEvent = { type: "consumer.seen", consumer: { ...mark, wanted: "b" } };
    const news = drive(...told(mark, foreign()), PASS, edited, PASS);
    expect(news).toMatchObject({ at: "conflicted.resting", context: { retryIn: null } });
    expect(news.tags.has("timed")).toBe(true);
  });

  test("is not read for an object that is leaving or not governed, nor from a provider that is away", () => {
    const mark = consumer({ mark: "ForeignObjectExists" });
    const resting = [...told(mark, foreign()), PASS];
    const leaving: ObjectEvent = { type: "consumer.seen", consumer: { ...mark, deleting: true } };
    expect(at(...resting, leaving, DUE)).toBe("cleaningUp.releasing");
    expect(at(...resting, { type: "gate.seen", gate: gate({ mode: "held" }) }, DUE)).toBe("unbound");
    expect(at(...resting, { type: "gate.seen", gate: gate({ engaged: false }) }, DUE)).toBe("disengaged");
  });

  test("that is being deleted is awaited under Adopt, by a look now and then", () => {
    const awaiting = drive(...occupied(foreign({ deleting: true }), gate({ adopt: true })));
    expect(awaiting).toMatchObject({ at: "engaging.awaitingRemoval", context: { retryIn: 2_000 } });
    expect(at(...occupied(foreign({ deleting: true }), gate({ adopt: true })), DUE)).toBe("engaging.lookingUp");
  });

  test("is read anew after an adoption that lost a race", () => {
    const lost = [...occupied(foreign(), gate({ adopt: true })), refused("outdated")];
    expect(at(...lost, DUE)).toBe("engaging.applying");
    expect(drive(...lost, DUE).context.found).toBeNull();
  });
});

describe("without a governing binding or an engaged provider", () => {
  const owing: [string, ConsumerFact, CopyFact | null][] = [
    ["a new object", unclaimed(), null],
    ["an edited object", consumer({ wanted: "b" }), copy()],
    ["a changed status", consumer(), copy({ status: status("ready") })],
    ["a conflict", consumer(), foreign()],
    ["a mark to take off", consumer({ mark: "OwnedByAnother" }), copy()],
  ];

  test.each(owing)("%s waits without a request", (_what, object, provider) => {
    expect(at(...told(object, provider, gate({ mode: "held" })), PASS)).toBe("unbound");
    expect(at(...told(object, provider, gate({ engaged: false })), PASS)).toBe("disengaged");
  });

  test("an object that another Connection acts for is left alone, its deletion and a drain included", () => {
    const another = gate({ mode: "elsewhere" });
    for (const [, object, provider] of owing) expect(at(...told(object, provider, another), PASS)).toBe("elsewhere");
    expect(at(...told(consumer({ deleting: true }), null, another), PASS)).toBe("elsewhere");
  });

  test("a deletion that a provider has to confirm waits without a request", () => {
    const leaving = told(consumer({ deleting: true }), copy(), gate({ engaged: false }));
    expect(drive(...leaving, PASS)).toMatchObject({ at: "cleaningUp.blocked", context: { retryIn: null } });
    expect(at(...leaving, DUE)).toBe("cleaningUp.blocked");
  });

  test("deletions go on without any binding", () => {
    expect(at(...told(consumer({ deleting: true }), copy(), gate({ mode: "held" })), PASS)).toBe("cleaningUp.deleting");
  });
});

describe("a refused write", () => {
  const lasting: RefusalCause[] = ["forbidden", "forbiddenHere", "terminating", "rejected"];
  const causes: RefusalCause[] = [...lasting, "outdated", "fault"];
  const edited = told(consumer({ wanted: "b" }), copy());

  test.each(lasting)("(%s) is not sent again unchanged until it is due", (cause) => {
    const resting = [...edited, PASS, refused(cause)];
    expect(at(...resting, PASS)).toBe("refused.mirroring");
    expect(at(...resting, DUE)).toBe("engaging.applying");
  });

  test.each(causes)("(%s) is sent again at once when the object changes", (cause) => {
    const change: ObjectEvent = { type: "consumer.seen", consumer: consumer({ wanted: "c" }) };
    expect(at(...edited, PASS, refused(cause), change, PASS)).toBe("engaging.applying");
  });

  test.each<[RefusalCause, number[]]>([
    ["outdated", [5_000, 5_000, 5_000]],
    ["forbidden", [30_000, 30_000, 30_000]],
    ["forbiddenHere", [30_000, 30_000, 30_000]],
    ["terminating", [500, 1_000, 2_000]],
    ["rejected", [60_000, 120_000, 240_000]],
    ["fault", [500, 1_000, 2_000]],
  ])("(%s) is tried again after %o", (cause, delays) => {
    const tries = delays.map((_delay, index) => {
      const again = Array.from({ length: index }, () => [DUE, refused(cause)]).flat();
      return drive(...edited, PASS, refused(cause), ...again).context.retryIn;
    });
    expect(tries).toEqual(delays);
  });

  test("waits at least as long as the server asked for", () => {
    const busy: ObjectEvent = { type: "refused", cause: "fault", message: "busy", retryAfter: 20 };
    expect(drive(...edited, PASS, busy).context.retryIn).toBe(20_000);
  });

  test("of a finalizer is not sent again unchanged until it is due", () => {
    const resting = [...told(unclaimed(), null), PASS, refused("forbidden")];
    expect(at(...resting, PASS)).toBe("refused.mirroring");
    expect(at(...resting, DUE)).toBe("engaging.claiming");
  });

  test("of a conflict mark is not sent again unchanged until it is due", () => {
    const resting = [...told(consumer(), foreign()), PASS, refused("forbidden")];
    expect(at(...resting, PASS)).toBe("refused.mirroring");
    expect(at(...resting, DUE)).toBe("conflicted.marking");
  });

  test.each(["ready.unmarking", "ready.mirroring"])("in %s is not sent again unchanged until it is due", (state) => {
    const facts =
      state === "ready.unmarking"
        ? told(consumer({ mark: "OwnedByAnother" }), copy())
        : told(consumer(), copy({ status: status("new") }));
    expect(at(...facts, PASS)).toBe(state);
    expect(at(...facts, PASS, refused("forbidden"), PASS)).toBe("refused.mirroring");
    expect(at(...facts, PASS, refused("forbidden"), DUE)).toBe(state);
  });

  test("of a status is tried at once when the provider's status changes, one of a spec is not", () => {
    const news: ObjectEvent = { type: "copy.seen", copy: copy({ resourceVersion: "21", status: status("newer") }) };
    const mirroring = [...told(consumer(), copy({ status: status("new") })), PASS, refused("rejected")];
    expect(at(...mirroring, news, PASS)).toBe("ready.mirroring");
    expect(at(...edited, PASS, refused("rejected"), news, PASS)).toBe("refused.mirroring");
  });

  test("is tried at once when the object comes back from where it was not written to", () => {
    const away: ObjectEvent = { type: "gate.seen", gate: gate({ engaged: false }) };
    const back: ObjectEvent = { type: "gate.seen", gate: gate() };
    expect(at(...edited, PASS, refused("rejected"), away, PASS, back, PASS)).toBe("engaging.applying");
  });

  test("is said once for each cause and each state of the object, however often it is tried", () => {
    const isNews = (...events: readonly ObjectEvent[]) => drive(...edited, PASS, ...events).context.refused?.isNews;
    const change: ObjectEvent = { type: "consumer.seen", consumer: consumer({ wanted: "c" }) };
    expect(isNews(refused("forbidden"))).toBe(true);
    expect(isNews(refused("forbidden"), DUE, refused("forbidden"))).toBe(false);
    expect(isNews(refused("forbidden"), DUE, refused("fault"), DUE, refused("forbidden"))).toBe(false);
    expect(isNews(refused("forbidden"), DUE, refused("rejected"))).toBe(true);
    expect(isNews(refused("rejected"), change, PASS, refused("rejected"))).toBe(true);
  });

  test("is said even if another step failed before", () => {
    const isNews = (...events: readonly ObjectEvent[]) => drive(...edited, PASS, ...events).context.refused?.isNews;
    expect(isNews(refused("fault"))).toBe(false);
    expect(isNews(refused("fault"), DUE, refused("forbidden"))).toBe(true);
  });

  test("is forgotten once the object settles", () => {
    const settled = drive(...edited, PASS, refused("fault"), DUE, applied({ owned: "b" }, consumer({ wanted: "b" })));
    expect(settled.context).toMatchObject({ refused: null, attempts: 0, said: "" });
  });
});

describe("whose a copy is", () => {
  test("goes by both markers, so the copy of an earlier object of ours is another's", () => {
    expect(at(...told(consumer(), copy({ objectUid: "earlier" })), PASS)).toBe("conflicted.marking");
    expect(at(...told(consumer(), copy({ clusterUid: "elsewhere" })), PASS)).toBe("conflicted.marking");
    expect(at(...told(consumer(), copy({ clusterUid: CLUSTER, objectUid: "" })), PASS)).toBe("conflicted.marking");
  });
});
