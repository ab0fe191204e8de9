// What the object machine promises when an object, or the binding that governs it, goes: one rule at a time.

import { describe, expect, test } from "vitest";

import type { ConsumerFact, CopyFact, Gate, ObjectEvent } from "../../machines/object-facts.ts";
import {
  another,
  consumer,
  copy,
  drive,
  DUE,
  foreign,
  gate,
  PASS,
  refused,
  told,
  unclaimed,
} from "./object-samples.ts";

const at = (...events: readonly ObjectEvent[]): string => drive(...events).at;

const looked = (found: CopyFact | null): ObjectEvent => ({ type: "looked", found });

describe("the way out", () => {
  const deletion = (object: Partial<ConsumerFact>, provider: CopyFact | null, allowed = gate()): ObjectEvent[] => [
    ...told(consumer({ deleting: true, ...object }), provider, allowed),
    PASS,
  ];

  test("the absence of the consumer object deletes nothing", () => {
    for (const mode of ["sync", "drain", "held", "elsewhere"] as const) {
      expect(drive(...told(null, copy(), gate({ mode })), PASS)).toMatchObject({
        at: "gone",
        context: { retryIn: null },
      });
    }
  });

  test("an object that never got our finalizer has nothing to wait for", () => {
    expect(at(...deletion({ claimed: false }, null))).toBe("cleaningUp.released");
    expect(at(...told(unclaimed(), copy(), gate({ mode: "drain" })), PASS)).toBe("cleaningUp.released");
  });

  test("a copy that no watch shows is looked for before anything is released", () => {
    expect(at(...deletion({}, null))).toBe("cleaningUp.lookingUp");
    expect(at(...deletion({}, null), looked(null))).toBe("cleaningUp.releasing");
    expect(at(...deletion({}, null), looked(copy()))).toBe("cleaningUp.deleting");
  });

  test("nothing is released before the copy is gone", () => {
    const waiting: ObjectEvent = { type: "delete.waiting", copy: copy({ deleting: true }) };
    expect(at(...deletion({}, copy()))).toBe("cleaningUp.deleting");
    expect(at(...deletion({}, copy()), { type: "deleted" })).toBe("cleaningUp.releasing");
    expect(at(...deletion({}, copy()), waiting)).toBe("cleaningUp.awaitingRemoval");
  });

  test("a copy that has left our watch is confirmed gone by one read", () => {
    const left: ObjectEvent[] = [...deletion({}, copy({ deleting: true })), { type: "copy.gone" }, PASS];
    expect(at(...left)).toBe("cleaningUp.lookingUp");
    expect(at(...left, looked(copy({ deleting: true })))).toBe("cleaningUp.awaitingRemoval");
    expect(at(...left, looked(null))).toBe("cleaningUp.releasing");
  });

  test("a delete is sent once, and its end looked for slowly", () => {
    const awaiting = deletion({}, copy({ deleting: true }));
    expect(drive(...awaiting)).toMatchObject({ at: "cleaningUp.awaitingRemoval", context: { retryIn: 60_000 } });
    expect(at(...awaiting, PASS)).toBe("cleaningUp.awaitingRemoval");
    expect(at(...awaiting, DUE)).toBe("cleaningUp.lookingUp");
  });

  test.each([foreign(), another()])("what is not ours is left: %o", (found) => {
    expect(at(...deletion({}, found))).toBe("cleaningUp.releasing");
    expect(at(...deletion({}, null), looked(found))).toBe("cleaningUp.releasing");
    expect(at(...deletion({}, found, gate({ adopt: true })))).toBe("cleaningUp.releasing");
  });

  test("an adopted copy is looked at again if its adoption was never confirmed", () => {
    const adopting: ObjectEvent[] = [
      ...told(consumer(), null, gate({ adopt: true })),
      PASS,
      { type: "occupied" },
      looked(foreign()),
      refused("fault"),
    ];
    const leaving: ObjectEvent = { type: "consumer.seen", consumer: consumer({ deleting: true }) };
    expect(at(...adopting, leaving, PASS)).toBe("cleaningUp.lookingUp");
  });

  test("Orphan keeps the copy and takes our markers off it", () => {
    expect(at(...deletion({ orphan: true }, copy()))).toBe("cleaningUp.stripping");
    expect(at(...deletion({ orphan: true }, copy()), { type: "orphaned" })).toBe("cleaningUp.releasing");
  });

  test("Orphan releases even while the provider is away, and unblocks a deletion that waits", () => {
    const away = gate({ engaged: false });
    expect(at(...deletion({ orphan: true }, copy(), away))).toBe("cleaningUp.lettingGo");
    const orphan: ObjectEvent = { type: "consumer.seen", consumer: consumer({ deleting: true, orphan: true }) };
    expect(at(...deletion({}, copy(), away), orphan, PASS)).toBe("cleaningUp.lettingGo");
    expect(at(...deletion({}, copy()), refused("forbidden"), orphan, PASS)).toBe("cleaningUp.stripping");
  });

  test("a drain deletes the copy of an object that stays, and lets go of it", () => {
    const drain = told(consumer(), copy(), gate({ mode: "drain" }));
    expect(at(...drain, PASS)).toBe("cleaningUp.deleting");
    expect(at(...drain, PASS, { type: "deleted" }, { type: "released" })).toBe("cleaningUp.released");
  });

  test("an object that has gone by the time its copy would be drained keeps it", () => {
    const drain = told(consumer(), copy(), gate({ mode: "drain" }));
    expect(at(...drain, PASS, { type: "consumer.gone" })).toBe("gone");
  });

  test("a drain that is called off is not carried on by a look that was due", () => {
    const awaiting: ObjectEvent[] = [...told(consumer(), copy({ deleting: true }), gate({ mode: "drain" })), PASS];
    expect(at(...awaiting, { type: "gate.seen", gate: gate() }, { type: "copy.gone" }, DUE)).toBe("engaging.applying");
  });

  test("an object that vanishes while it is released leaves nothing to do", () => {
    expect(at(...deletion({}, foreign()), { type: "consumer.gone" })).toBe("gone");
  });
});

describe("a drain that no longer waits for the provider's word", () => {
  const drain = (provider: CopyFact | null, allowed: Partial<Gate> = {}, object: Partial<ConsumerFact> = {}) => [
    ...told(consumer(object), provider, gate({ mode: "drain", letGo: true, ...allowed })),
    PASS,
  ];
  const waiting: ObjectEvent = { type: "delete.waiting", copy: copy({ deleting: true }) };

  test("deletes what can be deleted, and lets go of that with the provider's word", () => {
    expect(at(...drain(copy()))).toBe("cleaningUp.deleting");
    expect(at(...drain(copy()), { type: "deleted" })).toBe("cleaningUp.releasing");
    expect(at(...drain(null), looked(null))).toBe("cleaningUp.releasing");
    expect(at(...drain(foreign()))).toBe("cleaningUp.releasing");
  });

  test("lets go without it where the provider is away, refuses, or holds the copy", () => {
    expect(at(...drain(copy(), { engaged: false }))).toBe("cleaningUp.lettingGo");
    expect(at(...drain(null, { engaged: false }, { deleting: true }))).toBe("cleaningUp.lettingGo");
    expect(at(...drain(copy({ deleting: true })))).toBe("cleaningUp.lettingGo");
    expect(at(...drain(copy()), waiting)).toBe("cleaningUp.lettingGo");
    for (const cause of ["forbidden", "rejected", "fault"] as const) {
      expect(at(...drain(copy()), refused(cause))).toBe("cleaningUp.lettingGo");
      expect(at(...drain(null), refused(cause))).toBe("cleaningUp.lettingGo");
      expect(at(...drain(copy(), {}, { orphan: true }), refused(cause))).toBe("cleaningUp.lettingGo");
    }
  });

  test("tries again what merely lost a race, or what this cluster has refused", () => {
    expect(at(...drain(copy()), refused("outdated"))).toBe("cleaningUp.blocked");
    const refusedHere = { ...refused("fault"), here: true } as ObjectEvent;
    expect(at(...drain(copy()), refusedHere)).toBe("cleaningUp.blocked");
    expect(at(...drain(copy(), { engaged: false }), refusedHere)).toBe("cleaningUp.blocked");
  });

  test("is none while it is paused, nor for what a user deletes where a binding governs it", () => {
    expect(at(...drain(copy(), { engaged: false, paused: "Binding a" }))).toMatch(/^paused/);
    for (const mode of ["sync", "held"] as const) {
      const away = { mode, engaged: false };
      expect(at(...drain(copy(), away, { deleting: true }))).toBe("cleaningUp.blocked");
      expect(at(...drain(copy({ deleting: true }), { mode }, { deleting: true }))).toBe("cleaningUp.awaitingRemoval");
    }
  });
});
