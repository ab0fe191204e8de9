// What the object machine promises of what an earlier konnector made: claims without a copy that is shown, fields that are
// owned under Update.

import { describe, expect, test } from "vitest";

import { type CopyFact, type ObjectEvent, owesNothing } from "../../machines/object-facts.ts";
import { another, consumer, copy, drive, DUE, foreign, gate, PASS, refused, told } from "./object-samples.ts";

const at = (...events: readonly ObjectEvent[]): string => drive(...events).at;

const looked = (found: CopyFact | null): ObjectEvent => ({ type: "looked", found });

describe("an object that was claimed before this process began", () => {
  const held = (...events: ObjectEvent[]) =>
    at(...told(consumer(), null), { type: "copy.gone", unseen: true }, PASS, ...events);

  test("has its copy looked for before anything is written: an earlier konnector may have made it without our label", () => {
    expect(held()).toBe("engaging.lookingUp");
    expect(held(looked(copy()))).toBe("ready.settled");
    expect(held(looked(copy({ owned: "less" })))).toBe("engaging.applying");
    expect(held(looked(null))).toBe("engaging.applying");
  });

  test("is not looked for again after a write that failed", () => {
    expect(held(looked(null), refused(), DUE)).toBe("engaging.applying");
  });
});

describe("a copy of which we own fields under Update", () => {
  const held = copy({ heldByUpdate: true });
  const reowned = (change: Partial<CopyFact> = {}): ObjectEvent => ({ type: "reowned", copy: copy(change) });
  const adopting = told(consumer(), null, gate({ adopt: true }));

  test("has them made ours under Apply before the next apply, also when both sides agree", () => {
    expect(at(...told(consumer(), held), PASS)).toBe("engaging.reowning");
    expect(at(...told(consumer({ wanted: "b" }), held), PASS)).toBe("engaging.reowning");
    expect(at(...told(consumer(), held), PASS, reowned())).toBe("ready.settled");
    expect(at(...told(consumer(), held), PASS, reowned({ owned: "a and more" }))).toBe("engaging.applying");
  });

  test("is asked for it once in a pass, whatever the server makes of that", () => {
    expect(at(...told(consumer(), held), PASS, reowned({ heldByUpdate: true }))).toBe("ready.settled");
  });

  test("owes that even if nothing else is owed", () => {
    const memory = { accepted: null, acceptedStatus: null };
    expect(owesNothing(consumer(), copy(), gate(), memory)).toBe(true);
    expect(owesNothing(consumer(), held, gate(), memory)).toBe(false);
  });

  test("is treated so while it is adopted, with what a look has found", () => {
    const found = [...adopting, PASS, { type: "occupied" } as const, looked(foreign({ heldByUpdate: true }))];
    expect(at(...found)).toBe("engaging.reowning");
    const next = drive(...found, { type: "reowned", copy: foreign({ resourceVersion: "21" }) });
    expect(next).toMatchObject({ at: "engaging.applying", context: { copy: null, found: { resourceVersion: "21" } } });
  });

  test("is left alone where it is another's, is being deleted, or nothing governs it", () => {
    expect(at(...told(consumer(), another({ heldByUpdate: true })), PASS)).toBe("conflicted.marking");
    expect(at(...told(consumer(), foreign({ heldByUpdate: true })), PASS)).toBe("conflicted.marking");
    expect(at(...told(consumer(), { ...held, deleting: true }), PASS)).toBe("engaging.awaitingRemoval");
    expect(at(...told(consumer(), held, gate({ mode: "held" })), PASS)).toBe("unbound");
    expect(at(...told(consumer({ deleting: true }), held), PASS)).toBe("cleaningUp.deleting");
  });

  test("waits like any other whose write is refused", () => {
    expect(at(...told(consumer(), held), PASS, refused("forbidden"))).toBe("refused.mirroring");
    expect(at(...told(consumer(), held), PASS, refused("forbidden"), PASS)).toBe("refused.mirroring");
    expect(at(...told(consumer(), held), PASS, refused("outdated"), PASS)).toBe("engaging.reowning");
  });
});
