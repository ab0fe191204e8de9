// The first facts of every actor, in every order in which they can arrive and with a pass after each: one state.

import { describe, expect, test } from "vitest";

import type { ConnectionEvent } from "../../machines/connection-facts.ts";
import * as bindings from "./binding-samples.ts";
import * as connections from "./connection-samples.ts";
import * as objects from "./object-samples.ts";
import * as related from "./related-samples.ts";
import * as syncers from "./syncer-samples.ts";

const permutations = <T>(items: readonly T[]): T[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]));

/** The states that the facts lead to, over all their orders. */
function ends<Event>(facts: readonly Event[], pass: Event, drive: (...events: Event[]) => { at: string }): string[] {
  return [...new Set(permutations(facts).map((order) => drive(...order.flatMap((fact) => [fact, pass])).at))];
}

const { consumer, copy, foreign, gate, unclaimed } = objects;

describe("the facts of an object", () => {
  test.each([
    ["engaging.claiming", objects.told(unclaimed(), null)],
    ["engaging.applying", objects.told(consumer(), null)],
    ["engaging.applying", objects.told(consumer({ wanted: "b" }), copy())],
    ["ready.settled", objects.told(consumer(), copy())],
    ["ready.mirroring", objects.told(consumer(), copy({ status: objects.status("ready") }))],
    ["conflicted.marking", objects.told(consumer(), foreign())],
    ["cleaningUp.deleting", objects.told(consumer({ deleting: true }), copy())],
    ["cleaningUp.lookingUp", objects.told(consumer({ deleting: true }), null)],
    ["cleaningUp.blocked", objects.told(consumer({ deleting: true }), copy(), gate({ engaged: false }))],
    ["paused.told", objects.told(consumer({ paused: true }), copy())],
    ["paused.told", objects.told(consumer({ deleting: true, paused: true }), copy())],
    ["paused.told", objects.told(consumer({ wanted: "b" }), copy(), gate({ paused: "Connection acme" }))],
    ["paused.silent", objects.told(consumer(), copy(), gate({ paused: "Connection acme" }))],
    ["unbound", objects.told(consumer(), copy(), gate({ mode: "held" }))],
    ["disengaged", objects.told(consumer(), copy(), gate({ engaged: false }))],
    ["gone", objects.told(null, copy())],
  ])("lead to %s in any order", (state, facts) => {
    expect(ends(facts, objects.PASS, objects.drive)).toEqual([state]);
  });
});

describe("the facts of a related object", () => {
  const { copy: itsCopy, foreign: foreignCopy, gate: open, source, told } = related;

  test.each([
    ["engaging.applying", told(source(), null)],
    ["engaging.applying", told(source({ content: "b" }), itsCopy())],
    ["engaging.applying", told(source(), itsCopy({ binding: "before" }))],
    ["engaging.replacing", told(source({ type: "example.org/other" }), itsCopy())],
    ["ready", told(source(), itsCopy())],
    ["conflicted.telling", told(source(), foreignCopy())],
    ["cleaningUp.deleting", told(null, itsCopy(), open({ mode: "remove" }))],
    ["unbound", told(null, itsCopy(), open({ mode: "held" }))],
    ["disengaged", told(source(), itsCopy(), open({ open: false }))],
    ["paused", told(source({ content: "b" }), itsCopy(), open({ paused: "Connection acme" }))],
    ["elsewhere", told(source(), itsCopy(), open({ mode: "elsewhere" }))],
    ["gone", told(null, null, open({ mode: "remove" }))],
  ])("lead to %s in any order", (state, facts) => {
    expect(ends(facts, related.PASS, related.drive)).toEqual([state]);
  });
});

const { absent, ENDING, foreignCrd, LISTED, NOBODY, PAUSED, served } = syncers;

describe("the facts of a syncer", () => {
  test.each([
    ["ready", syncers.told()],
    ["engaging.pulling", syncers.told({ crd: absent() })],
    ["engaging.listing", syncers.told({ lists: { ...LISTED, provider: false } })],
    ["conflicted", syncers.told({ crd: foreignCrd() })],
    ["disengaged", syncers.told({ connection: "away" })],
    ["cleaningUp.draining", syncers.told({ demand: ENDING, holding: 1 })],
    ["cleaningUp.removingCrd", syncers.told({ demand: ENDING })],
    ["cleaningUp.idle", syncers.told({ demand: NOBODY })],
    ["engaging.paused", syncers.told({ crd: absent(), demand: PAUSED })],
    ["ready", syncers.told({ crd: served({ step: "update" }), demand: PAUSED })],
    ["cleaningUp.crdTerminating", syncers.told({ crd: served({ state: "deleting" }) })],
  ])("lead to %s in any order", (state, facts) => {
    expect(ends(facts, syncers.PASS, syncers.drive)).toEqual([state]);
  });
});

describe("the facts of a binding", () => {
  const { api, binding, NOT_READY, NOTHING_LEFT, READY, remaining, SOME_LEFT } = bindings;
  const leaving = bindings.told(binding({ deleting: true }));
  const moving = bindings.told(binding({ stage: "draining", through: "old" }));

  test.each([
    ["engaging.claiming", bindings.told(binding({ claimed: false }))],
    ["ready", bindings.told(binding())],
    ["disengaged", bindings.told(binding(), NOT_READY)],
    ["engaging.awaitingApis", bindings.told(binding(), READY, [api({ reason: "Pending" })])],
    ["conflicted", bindings.told(binding(), READY, [api({ reason: "OwnedByAnother" })])],
    ["cleaningUp.draining", [...leaving, remaining(SOME_LEFT)]],
    ["paused", bindings.told(binding({ claimed: false, paused: "Connection acme" }))],
    ["paused", [...bindings.told(binding({ deleting: true, paused: "Binding acme" })), remaining(NOTHING_LEFT)]],
    ["moving.waiting", bindings.told(binding({ stage: "waiting", through: "old" }), NOT_READY)],
    ["moving.draining", [...moving, remaining(SOME_LEFT)]],
    ["moving.recording", [...moving, remaining(NOTHING_LEFT)]],
    ["moving.recording", bindings.told(binding({ stage: "unrecorded" }))],
    ["cleaningUp.releasing", [...leaving, remaining(NOTHING_LEFT)]],
    ["gone", bindings.told(null)],
  ])("lead to %s in any order", (state, facts) => {
    expect(ends(facts, bindings.PASS, bindings.drive)).toEqual([state]);
  });
});

describe("the facts of a Connection", () => {
  const { connection, NO_SECRET, secret, unpinned } = connections;
  const unusable = secret({ fingerprint: "", problem: "key kubeconfig is empty" });
  const leaving = connection({ deleting: true });

  test.each<[string, ConnectionEvent[]]>([
    ["engaging.claiming", connections.told(connection({ claimed: false }))],
    ["engaging.claiming", connections.told(connection(), secret({ settled: false }))],
    ["engaging.identifying", connections.told(connection())],
    ["disengaged.secretUnusable", connections.told(connection(), NO_SECRET)],
    ["disengaged.secretUnusable", connections.told(connection(), unusable)],
    ["disengaged.paused", connections.told(connection({ claimed: false, paused: true }))],
    ["disengaged.paused", connections.told(unpinned({ paused: true }))],
    ["engaging.identifying", connections.told(connection({ paused: true }), secret({ settled: false }))],
    ["cleaningUp.paused", connections.told(connection({ deleting: true, paused: true }))],
    ["cleaningUp.sweeping", connections.told(leaving)],
    ["engaging.identifying", connections.told(leaving, secret(), { bindings: 1 })],
    ["gone", connections.told(null)],
  ])("lead to %s in any order", (state, facts) => {
    expect(ends(facts, connections.PASS, connections.drive)).toEqual([state]);
  });
});
