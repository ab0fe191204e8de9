// When the objects of a binding are let go of without the provider's word, to the millisecond, and what is told of it at the
// end. The clock is the test's own; what clusters make of it is in test/e2e/letting-go.test.ts and blocked-deletions.test.ts.

import { beforeEach, describe, expect, test } from "vitest";

import { createDirectory, type Directory } from "../../actors/directory.ts";
import type { Engine } from "../../actors/engine.ts";
import { rulingFor } from "../../actors/governance.ts";
import {
  forgetUnasked,
  isPassedOver,
  letGoBy,
  noteOverdue,
  noteUnasked,
  tellUnasked,
  timeLeft,
} from "../../actors/letting-go.ts";
import type { Work } from "../../actors/object-work.ts";
import { createSyncer, gateFor, type Syncer } from "../../actors/syncer.ts";
import type { AnyBinding } from "../../crds/binding.ts";
import { parseKey } from "../../crds/kube-object.ts";
import { FINALIZER } from "../../crds/labels.ts";
import { BINDINGS } from "../../crds/resources.ts";
import { type Blocker } from "../../machines/rules/blockers.ts";
import { identityMapper } from "../../machines/rules/mapper.ts";
import { manualClock } from "./manual-clock.ts";
import { shapeOf } from "./widget-objects.ts";

const API = "widgets.example.org";
const DELETED = "2026-01-02T03:04:05Z";
const RELEASE = { annotations: { "core.kube-bind.io/release": "true" } };
const AWAY: Blocker = { cause: "ProviderUnreachable", detail: "no answer" };
const ID = "default/a";

let clock: ReturnType<typeof manualClock>;
let directory: Directory;
let engine: Engine;
let syncer: Syncer;
let events: string[];
let version: number;

beforeEach(() => {
  const ignored = () => undefined;
  directory = createDirectory({
    connection: ignored,
    binding: ignored,
    secret: ignored,
    crd: ignored,
    listed: ignored,
  });
  clock = manualClock(Date.parse(DELETED));
  events = [];
  version = 1;
  syncer = createSyncer("acme", API);
  engine = {
    clock,
    directory,
    settings: { mapper: identityMapper, drainTimeout: 60_000 },
    syncers: new Map([[syncer.key, syncer]]),
    phases: new Map([["acme", { state: "away", lost: true, because: "SecretNotFound", reason: "no Secret" }]]),
    unwritable: new Set(),
    overdue: new Set(),
    unasked: new Map(),
    lingering: new Map(),
    startedAt: clock.now() - 1_000,
    log: { warn: ignored },
    recorder: {
      event: (about: { name: string }, _type: string, reason: string, message: string) =>
        events.push(`${about.name} ${reason}: ${message}`),
    },
  } as unknown as Engine;
  syncer.tried = true;
  syncer.watching = { shape: shapeOf(), provider: null } as unknown as Syncer["watching"];
  syncer.ruleFor = (namespace) => rulingFor(engine, syncer, namespace, true);
});

interface Making {
  name?: string;
  namespace?: string;
  annotations?: object;
  deletionTimestamp?: string | undefined;
}

function bind({ name = "one", namespace = "default", annotations = {}, ...rest }: Making = {}): AnyBinding {
  const { deletionTimestamp = DELETED } = rest;
  const isLive = "deletionTimestamp" in rest && rest.deletionTimestamp === undefined;
  const binding = {
    apiVersion: "core.kube-bind.io/v1alpha1",
    kind: "Binding",
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      resourceVersion: String(version++),
      finalizers: [FINALIZER.cleanup],
      annotations,
      ...(isLive ? {} : { deletionTimestamp }),
    },
    spec: { connectionRef: { name: "acme" }, apis: [{ name: API }], conflictPolicy: "Fail" },
    status: { boundAPIs: [{ name: API }] },
  } as unknown as AnyBinding;
  directory.bindings.sink.seen(binding);
  return binding;
}

const isLetGo = (): boolean => syncer.ruleFor("default").letGo === true;
const block = (blocker: Blocker | null): unknown =>
  syncer.leaving.set(ID, { since: 0, blocker, told: "", line: 0, unanswered: false });
const work = (id = ID): Work => ({ engine, syncer, key: parseKey(id), id }) as unknown as Work;

describe("the drain of a binding waits for the provider", () => {
  test("until its time is over, to the millisecond, and is found to be over once, though nothing of it has changed", () => {
    const binding = bind();
    expect([timeLeft(engine, binding), isLetGo()]).toEqual([60_000, false]);
    clock.advance(59_999);
    expect([timeLeft(engine, binding), noteOverdue(engine, binding), isLetGo()]).toEqual([1, false, false]);
    clock.advance(1);
    expect([timeLeft(engine, binding), noteOverdue(engine, binding), isLetGo()]).toEqual([null, true, true]);
    expect([noteOverdue(engine, binding), letGoBy(engine, binding)]).toEqual([false, "--drain-timeout, which is over"]);
  });

  test("for ever where no time is set, and a binding that stays has none", () => {
    engine.settings.drainTimeout = 0;
    const [going, staying] = [bind(), bind({ name: "two", deletionTimestamp: undefined })];
    clock.advance(1_000_000_000);
    expect(noteOverdue(engine, going)).toBe(false);
    engine.settings.drainTimeout = 1_000;
    expect(noteOverdue(engine, staying)).toBe(false);
    expect([timeLeft(engine, staying), engine.overdue.size]).toEqual([null, 0]);
  });

  test('until an operator says "true", which counts only once it is being deleted', () => {
    bind({ annotations: { "core.kube-bind.io/release": "yes" } });
    expect(isLetGo()).toBe(false);
    bind({ ...RELEASE, deletionTimestamp: undefined });
    expect(syncer.ruleFor("default")).toMatchObject({ mode: "sync" });
    bind(RELEASE);
    expect(isLetGo()).toBe(true);
  });
});

describe("an object is let go of", () => {
  test("only where something was found to stand in its way", () => {
    bind(RELEASE);
    expect(gateFor(syncer, ID).letGo).toBeUndefined();
    block(null);
    expect(gateFor(syncer, ID).letGo).toBeUndefined();
    block({ ...AWAY, cause: "Paused" });
    expect(gateFor(syncer, ID).letGo).toBeUndefined();
    block(AWAY);
    expect(gateFor(syncer, ID)).toMatchObject({ mode: "drain", letGo: true, engaged: false });
  });

  test("not before the provider has been tried", () => {
    bind(RELEASE);
    block(AWAY);
    syncer.tried = false;
    expect(gateFor(syncer, ID).letGo).toBeUndefined();
    const refusing = { isListed: () => false, isUnserved: () => false, troubleOf: () => ({ reason: "Forbidden" }) };
    Object.assign(syncer.watching as object, { provider: { feeds: refusing } });
    expect(gateFor(syncer, ID)).toMatchObject({ letGo: true, engaged: false });
  });
});

describe("related copies", () => {
  const LEFT = { copies: 1, waiting: ["related secrets"] };
  const passed = (binding: AnyBinding, alone = true, left = LEFT) => isPassedOver(engine, binding, left, alone);

  test("are waited for no longer once nothing else is, for 3 s, by a binding that lets go", () => {
    const binding = bind(RELEASE);
    expect(passed(binding, false)).toBe(false);
    clock.advance(60_000);
    expect(passed(binding)).toBe(false);
    clock.advance(2_999);
    expect(passed(binding)).toBe(false);
    clock.advance(1);
    expect(passed(binding)).toBe(true);
    expect(passed(binding, true, { copies: 0, waiting: [] })).toBe(false);
    expect(engine.lingering.size).toBe(0);
  });

  test("are waited for by any other binding, for as long as it takes", () => {
    const binding = bind();
    passed(binding);
    clock.advance(50_000);
    expect(passed(binding)).toBe(false);
  });
});

describe("what may be left on the provider", () => {
  const tell = (binding: AnyBinding) => tellUnasked(engine, binding, BINDINGS);

  test("is counted for each binding that goes and reaches it, by who wanted it so, and told once", () => {
    const [one, elsewhere] = [bind(RELEASE), bind({ name: "two", namespace: "other", ...RELEASE })];
    for (let index = 0; index < 7; index++) expect(noteUnasked(work(`default/n${index}`), "asked")).toBe(true);
    noteUnasked(work("default/n0"), "asked");
    noteUnasked(work("default/kept"), "Orphan");
    for (const binding of [one, elsewhere]) tell(binding);
    const names = [0, 1, 2, 3, 4].map((index) => `${API} n${index} -n default`).join("; ");
    expect(events).toEqual([
      `one FinalizerReleased: 8 object(s) were let go without the provider's word, 7 by the annotation core.kube-bind.io/release, 1 by deletion-policy Orphan: as many copies may be left there, with the marks of this cluster: ${names}; and 3 more`,
    ]);
  });

  test("is not what the provider has answered for after all", () => {
    const binding = bind(RELEASE);
    noteUnasked(work(), "asked");
    forgetUnasked(work());
    tell(binding);
    expect(events).toEqual([]);
  });

  test("is no binding's to tell while none goes that reaches it", () => {
    bind({ deletionTimestamp: undefined });
    expect(noteUnasked(work(), "Orphan")).toBe(false);
    expect(engine.unasked.size).toBe(0);
  });

  test("is told with a caution by a process that began while the drain was under way", () => {
    engine.startedAt = clock.now() + 5_000;
    const binding = bind(RELEASE);
    tell(binding);
    noteUnasked(work(), "asked");
    tell(binding);
    expect(events[0]).toMatch(/^one FinalizerReleased: the process began anew during the drain: .* not counted/);
    expect(events[1]).toMatch(/^one FinalizerReleased: at least 1 object\(s\) were let go/);
    tell(bind({ name: "asks-nothing" }));
    expect(events).toHaveLength(2);
  });
});
