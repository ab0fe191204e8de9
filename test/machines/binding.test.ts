// What the binding machine promises, one rule at a time. Where a machine is says what it asks for next.

import { describe, expect, test } from "vitest";

import type { BindingEvent } from "../../machines/binding.ts";
import {
  api,
  binding,
  drive,
  DUE,
  FAILED,
  NO_CONNECTION,
  NOT_READY,
  NOTHING_LEFT,
  PASS,
  READY,
  remaining,
  SOME_LEFT,
  told,
} from "./binding-samples.ts";

const at = (...events: readonly BindingEvent[]): string => drive(...events).at;
const leaving = binding({ deleting: true });

describe("before anything is known", () => {
  const facts = told(binding());

  test.each(facts)("a pass that lacks %o waits", (missing) => {
    expect(at(...facts.filter((fact) => fact !== missing), PASS)).toBe("engaging.waiting");
  });

  test("a binding that is not there needs nothing else to be known", () => {
    expect(at({ type: "binding.gone" }, PASS)).toBe("gone");
  });
});

describe("a live binding", () => {
  test("gets the finalizer before anything else, whatever its Connection and APIs say", () => {
    for (const connection of [READY, NOT_READY, NO_CONNECTION]) {
      expect(at(...told(binding({ claimed: false }), connection), PASS)).toBe("engaging.claiming");
    }
    expect(at(...told(binding({ claimed: false })), PASS, { type: "claimed" })).toBe("ready");
  });

  test.each([NOT_READY, NO_CONNECTION])("waits for its Connection: %o", (connection) => {
    expect(at(...told(binding(), connection), PASS)).toBe("disengaged");
  });

  test("is ready when every API is synced", () => {
    expect(at(...told(binding(), READY, [api(), api({ name: "gadgets.example.org" })]), PASS)).toBe("ready");
    expect(at(...told(binding(), READY, [api(), api({ reason: "APINotExported" })]), PASS)).toBe(
      "engaging.awaitingApis",
    );
  });

  test.each([
    api({ reason: "ForeignObjectExists" }),
    api({ reason: "OwnedByAnother" }),
    api({ conflicts: { foreign: 1, another: 0 } }),
    api({ conflicts: { foreign: 0, another: 1 } }),
  ])("is conflicted by %o", (conflicting) => {
    expect(at(...told(binding(), READY, [api(), conflicting]), PASS)).toBe("conflicted");
  });

  test("tries to claim again when due", () => {
    const failing = [...told(binding({ claimed: false })), PASS, FAILED];
    expect(drive(...failing)).toMatchObject({
      at: "engaging.failing",
      context: { retryIn: 500, failed: expect.any(String) },
    });
    expect(at(...failing, DUE)).toBe("engaging.claiming");
    expect(drive(...failing, DUE, FAILED).context.retryIn).toBe(1_000);
    expect(drive(...failing, DUE, { type: "claimed" }).context).toMatchObject({ failed: null, attempts: 0 });
  });
});

describe("a binding that is being deleted", () => {
  test("drains before it is released", () => {
    expect(at(...told(leaving), remaining(SOME_LEFT), PASS)).toBe("cleaningUp.draining");
    expect(at(...told(leaving), remaining(SOME_LEFT), PASS, remaining(NOTHING_LEFT), PASS)).toBe(
      "cleaningUp.releasing",
    );
    expect(at(...told(leaving), remaining(NOTHING_LEFT), PASS, { type: "released" })).toBe("gone");
  });

  test("takes what cannot be told for something that is left", () => {
    expect(at(...told(leaving), PASS)).toBe("cleaningUp.draining");
    expect(at(...told(leaving), remaining(null), PASS)).toBe("cleaningUp.draining");
  });

  test("waits for a definition that is going, even if no object is left", () => {
    const going = { ...NOTHING_LEFT, apis: ["widgets.example.org"] };
    expect(at(...told(leaving), remaining(going), PASS)).toBe("cleaningUp.draining");
  });

  test.each([NOT_READY, NO_CONNECTION])("goes without its Connection if nothing is left: %o", (connection) => {
    expect(at(...told(leaving, connection), remaining(NOTHING_LEFT), PASS)).toBe("cleaningUp.releasing");
  });

  test("has nothing to wait for if it never got our finalizer", () => {
    expect(at(...told({ ...leaving, claimed: false }), PASS)).toBe("gone");
  });

  test("tries its release again when due", () => {
    const failing = [...told(leaving), remaining(NOTHING_LEFT), PASS, FAILED];
    expect(drive(...failing)).toMatchObject({ at: "cleaningUp.draining", context: { retryIn: 500 } });
    expect(at(...failing, DUE)).toBe("cleaningUp.releasing");
  });

  test.each([PASS, DUE])("that vanishes leaves nothing to do", (start) => {
    expect(at(...told(leaving), remaining(SOME_LEFT), PASS, { type: "binding.gone" }, start)).toBe("gone");
    expect(at(...told(leaving), remaining(NOTHING_LEFT), PASS, { type: "binding.gone" })).toBe("gone");
    expect(at(...told(binding({ claimed: false })), PASS, { type: "binding.gone" })).toBe("gone");
  });
});
