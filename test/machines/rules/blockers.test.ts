// What stands in the way of a deletion, fact by fact, and how many of them read in one sentence.

import { describe, expect, test } from "vitest";

import type { ObjectContext, RefusalCause } from "../../../machines/object-facts.ts";
import {
  blockedMessage,
  type Blocker,
  blockerOf,
  type LeavingFacts,
  NOTHING_BLOCKED,
  sumUp,
} from "../../../machines/rules/blockers.ts";
import { copy, gate } from "../object-samples.ts";

const AWAY: Blocker = { cause: "ProviderUnreachable", detail: "Connection acme is not Ready: it is away" };

const facts = (change: Partial<LeavingFacts> = {}): LeavingFacts => ({
  gate: gate(),
  paused: "",
  copy: copy(),
  refused: null,
  unanswered: false,
  away: AWAY,
  ...change,
});

const refused = (cause: RefusalCause): ObjectContext["refused"] => ({
  cause,
  message: `it is ${cause}`,
  wanted: "",
  isNews: true,
});

const held = copy({ deleting: true, heldBy: "example.org/hold" });

describe("what blocks a deletion", () => {
  test("is nothing while its turn has not come", () => {
    expect(blockerOf(facts())).toBeNull();
    expect(blockerOf(facts({ copy: null }))).toBeNull();
    expect(blockerOf(facts({ refused: refused("outdated") }))).toBeNull();
  });

  test("is a pause, whatever else is known, and by what", () => {
    const paused = facts({ paused: "Connection acme", gate: gate({ engaged: false }), unanswered: true });
    expect(blockerOf(paused)).toEqual({
      cause: "Paused",
      detail: "the annotation core.kube-bind.io/paused is on Connection acme",
    });
  });

  test("is a provider that is not engaged, in its Connection's words, whatever else is known", () => {
    const away = gate({ engaged: false });
    expect(blockerOf(facts({ gate: away }))).toEqual(AWAY);
    expect(blockerOf(facts({ gate: away, copy: held, refused: refused("forbidden"), unanswered: true }))).toEqual(AWAY);
  });

  test("is a provider that does not answer, as soon as one request shows it", () => {
    expect(blockerOf(facts({ unanswered: true }))).toMatchObject({ cause: "ProviderUnreachable" });
  });

  test.each<[RefusalCause, string]>([
    ["forbidden", "Forbidden"],
    ["forbiddenHere", "Forbidden"],
    ["rejected", "Forbidden"],
    ["terminating", "Forbidden"],
    ["fault", "ProviderUnreachable"],
  ])("is a delete that was refused (%s), in the server's words", (cause, blocker) => {
    expect(blockerOf(facts({ refused: refused(cause) }))).toEqual({ cause: blocker, detail: `it is ${cause}` });
  });

  test("is a finalizer of the provider's side, by its name", () => {
    expect(blockerOf(facts({ copy: held }))).toEqual({
      cause: "ProviderFinalizer",
      detail: "the copy waits for example.org/hold on the provider",
    });
  });
});

describe("blocked deletions in one sentence", () => {
  const one = (index: number, cause: Blocker["cause"] = "ProviderFinalizer") => ({
    cause,
    detail: `because of ${cause}`,
    name: `widgets.example.org a/${index}`,
  });

  test("are none", () => {
    expect(sumUp([])).toEqual(NOTHING_BLOCKED);
    expect(blockedMessage(NOTHING_BLOCKED)).toBe("");
  });

  test("are counted by cause, with the first five names and each reason once", () => {
    const many = [...Array(7).keys()].map((index) => one(index, index === 3 ? "Forbidden" : undefined));
    expect(blockedMessage(sumUp(many))).toBe(
      "7 deletion(s) blocked, 6 by ProviderFinalizer, 1 by Forbidden: widgets.example.org a/0, widgets.example.org a/1, " +
        "widgets.example.org a/2, widgets.example.org a/3, widgets.example.org a/4 and 2 more " +
        "(because of ProviderFinalizer; because of Forbidden)",
    );
  });

  test("are cut where a reason is long", () => {
    const message = blockedMessage(sumUp([{ ...one(1), detail: "x".repeat(10_000) }]));
    expect(message.length).toBeLessThan(500);
  });
});
