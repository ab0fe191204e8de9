// Which objects need no pass, and whose bodies are kept: the promises of actors/settled.ts.

import { describe, expect, it } from "vitest";
import { isAtPeace, isSettled, keepsBodies } from "../../actors/settled.ts";
import { createSyncer, type Syncer } from "../../actors/syncer.ts";
import { contextFrom, createTable, type Entry, type Memory } from "../../actors/table.ts";
import { FINALIZER } from "../../crds/labels.ts";
import type { Gate } from "../../machines/object-facts.ts";
import { copyOfWidget, shapeOf, widget } from "./widget-objects.ts";

const ID = "default/a";
const shape = shapeOf();
const claimed = widget({ finalizers: [FINALIZER.syncer] });
const leaving = widget({ finalizers: [FINALIZER.syncer], deletionTimestamp: "2026-01-02T03:04:05Z" });
const remembered: Memory = { ...contextFrom(null), rest: "ready.settled" };

function world({ mode = "sync", engaged = true }: { mode?: Gate["mode"]; engaged?: boolean } = {}) {
  const table = createTable(shape);
  const syncer: Syncer = createSyncer("acme", "widgets.example.org");
  syncer.ruleFor = () => ({ mode, adopt: false, paused: "" });
  const feeds = { isListed: () => engaged, isUnserved: () => false };
  syncer.watching = { shape, table, provider: { feeds } } as unknown as Syncer["watching"];
  const entry = (): Entry => table.get(ID) as Entry;
  return {
    table,
    syncer,
    isSettled: () => isSettled(syncer, ID, entry()),
    keeps: () => keepsBodies(syncer, ID, entry()),
  };
}

describe("an object needs no pass", () => {
  it("when its copy is in sync, and does when it has none", () => {
    const { table, isSettled: settled } = world();
    table.consumerSeen(claimed);
    expect(settled()).toBe(false);
    table.copySeen(copyOfWidget(shape, claimed));
    expect(settled()).toBe(true);
  });

  it.each([{ mode: "held" as const }, { engaged: false }])("while nothing can be done for it: %o", (state) => {
    const { table, isSettled: settled } = world(state);
    table.consumerSeen(claimed);
    expect(settled()).toBe(true);
    // What is remembered of it is to be forgotten.
    table.remember(ID, remembered);
    expect(settled()).toBe(false);
  });

  it("unless it has to go, wherever its provider is", () => {
    for (const state of [{ mode: "held" as const }, { engaged: false }, { mode: "drain" as const }]) {
      const { table, isSettled: settled } = world(state);
      table.consumerSeen(leaving);
      expect(settled()).toBe(false);
    }
  });

  it("when what was written a moment ago has been left alone, and nothing else is remembered", () => {
    const contest = { sent: "a", spent: 0, message: "" };
    expect(isAtPeace(null)).toBe(true);
    expect(isAtPeace({ ...remembered, contest })).toBe(true);
    expect(isAtPeace({ ...remembered, contest: { ...contest, spent: 1 } })).toBe(false);
    expect(isAtPeace({ ...remembered, contest, accepted: { wanted: "a", owned: "b" } })).toBe(false);
    expect(isAtPeace({ ...remembered, contest, attempts: 1 })).toBe(false);
    expect(isAtPeace({ ...remembered, contest, rest: "conflicted.resting" })).toBe(false);
  });
});

describe("bodies", () => {
  it("are kept of what waits for the provider, and while the lists are awaited of a thousand", () => {
    const away = world({ engaged: false });
    away.table.consumerSeen(claimed);
    expect(away.keeps()).toBe(true);

    const starting = world({ mode: "held" });
    starting.table.consumerSeen(claimed);
    expect(starting.keeps()).toBe(true);
    for (let index = 0; index < 1_000; index++) starting.table.consumerSeen(widget({ name: `other-${index}` }));
    expect(starting.keeps()).toBe(false);
  });

  it("are not kept of what is in sync, nor of what no binding decides over", () => {
    const ready = world();
    ready.table.consumerSeen(claimed);
    ready.table.copySeen(copyOfWidget(shape, claimed));
    expect(ready.keeps()).toBe(false);

    const unbound = world({ mode: "held" });
    unbound.syncer.undecided = false;
    unbound.table.consumerSeen(claimed);
    expect(unbound.keeps()).toBe(false);
  });
});
