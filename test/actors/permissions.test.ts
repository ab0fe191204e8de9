// When rights are asked for, and what follows. The API server is a fake whose rules a test sets, and the clock is moved by
// hand: the point is how seldom it is asked in ten minutes, and how soon when something is missing.

import { beforeEach, describe, expect, it } from "vitest";
import { tellingDenials } from "../../actors/denials.ts";
import type { Engagement } from "../../actors/engagement.ts";
import type { Engine } from "../../actors/engine.ts";
import { OURSELVES, permissionsKey } from "../../actors/keys.ts";
import { areRightsUndecided } from "../../actors/permission-news.ts";
import { noteDenial, permissionsPass } from "../../actors/permissions.ts";
import { ApiError, type Cluster, UnreachableError, type WatchSink } from "../../actors/ports.ts";
import type { Syncer } from "../../actors/syncer.ts";
import { CRDS } from "../../crds/resources.ts";
import { describeRights } from "../../machines/rules/permissions.ts";
import { manualClock, type ManualClock } from "./manual-clock.ts";

const KEY = permissionsKey(OURSELVES);
const EVERYTHING = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
const BUT_EVENTS = { ...EVERYTHING, apiGroups: ["core.kube-bind.io", "apiextensions.k8s.io"] };
const CORE = { verbs: ["*"], apiGroups: [""], resources: ["namespaces", "secrets"] };

let clock: ManualClock;
let rules: Record<string, unknown>[] | Error;
let asked: number;
let woken: string[];
let dueIn: number | null;
let engine: Engine;

const consumer = {
  review: () => {
    asked++;
    if (rules instanceof Error) return Promise.reject(rules);
    return Promise.resolve({ resourceRules: rules, nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["*"] }] });
  },
} as unknown as Cluster;

const none = { values: () => [][Symbol.iterator]() };

beforeEach(() => {
  clock = manualClock();
  rules = [EVERYTHING];
  asked = 0;
  woken = [];
  dueIn = null;
  const connection = { metadata: { name: "acme" }, spec: {} };
  engine = {
    clock,
    consumer,
    settings: { namespace: "kube-bind" },
    standings: new Map(),
    engagements: new Map(),
    syncers: new Map(),
    related: new Map(),
    log: { info: () => undefined, warn: () => undefined, debug: () => undefined },
    timers: { takeDue: () => true, set: (key: string, ms: number | null) => key === KEY && (dueIn = ms) },
    directory: {
      complete: true,
      connections: { values: () => [connection][Symbol.iterator]() },
      clusterBindings: none,
      bindings: none,
      allBindings: () => [],
      bindingsOf: () => [],
    },
    wake: (key: string) => woken.push(key),
  } as unknown as Engine;
});

const pass = () => permissionsPass(engine, OURSELVES);
const missing = () => {
  const rights = engine.standings.get(OURSELVES)?.missing;
  return rights ? describeRights(rights) : rights;
};
const after = async (ms: number) => {
  clock.advance(ms);
  await pass();
};
const refusal = (verb: string, resource: string, group = "") =>
  new ApiError(`User "konnector" cannot ${verb} resource "${resource}" in API group "${group}" at the cluster scope`, {
    status: 403,
  });

describe("while all is well", () => {
  it("one question in ten minutes is all, however often it is looked at", async () => {
    await pass();
    expect([missing(), asked, dueIn]).toEqual(["", 1, 600_000]);
    for (let time = 0; time < 9; time++) await after(60_000);
    expect(asked).toBe(1);
    await after(60_000);
    expect(asked).toBe(2);
  });

  it("those who report are woken once", async () => {
    await pass();
    expect(woken).toEqual(["acme/connection"]);
    await after(600_000);
    expect(woken).toHaveLength(1);
  });

  it("a right that was taken away is noticed within ten minutes", async () => {
    await pass();
    rules = [BUT_EVENTS, CORE];
    await after(600_000);
    expect(missing()).toBe("create events in all namespaces");
  });
});

describe("while a right is missing", () => {
  beforeEach(async () => {
    rules = [BUT_EVENTS, CORE];
    await pass();
  });

  it("it is asked for every 5 seconds, and told when it is granted", async () => {
    expect([missing(), asked, dueIn]).toEqual(["create events in all namespaces", 1, 5_000]);
    await after(4_999);
    expect(asked).toBe(1);
    await after(1);
    expect(asked).toBe(2);
    rules = [EVERYTHING];
    await after(5_000);
    expect([missing(), dueIn]).toEqual(["", 600_000]);
    expect(woken).toHaveLength(2);
  });

  it("a refusal for it brings no further question", async () => {
    noteDenial(engine, OURSELVES, refusal("create", "events"));
    expect(woken).not.toContain(KEY);
  });
});

describe("a refusal", () => {
  beforeEach(pass);

  it("for a right that was believed to be granted has it asked for after 2 seconds", async () => {
    rules = [BUT_EVENTS, CORE];
    noteDenial(engine, OURSELVES, refusal("create", "events"));
    expect(woken).toContain(KEY);
    await pass();
    expect([asked, dueIn]).toEqual([1, 2_000]);
    await after(2_000);
    expect([missing(), asked]).toEqual(["create events in all namespaces", 2]);
  });

  it("in the whole cluster, of what is needed in a namespace and believed to be granted everywhere, has that asked for", async () => {
    noteDenial(engine, OURSELVES, refusal("list", "secrets"));
    expect(woken).toContain(KEY);
    const syncer = { key: "acme/syncer/widgets", connection: "acme", watching: null };
    engine.syncers.set(syncer.key, syncer as unknown as Syncer);
    rules = [BUT_EVENTS, { ...CORE, resources: ["namespaces", "events", "secrets"] }];
    await after(2_000);
    expect([asked, missing()]).toEqual([2, ""]);
    expect(woken).toContain(syncer.key);
  });

  it("that was mistaken leaves all as it is", async () => {
    noteDenial(engine, OURSELVES, refusal("create", "events"));
    await after(2_000);
    expect([missing(), asked, dueIn]).toEqual(["", 2, 600_000]);
  });

  it.each([
    ["for a right that nothing needs", refusal("create", "leases", "coordination.k8s.io")],
    ["that names no right", new ApiError("no entry", { status: 403 })],
  ])("%s brings no question", (_name, error) => {
    noteDenial(engine, OURSELVES, error);
    expect(woken).not.toContain(KEY);
  });

  it("of a namespace for copies makes that a need, for a minute after the last one", async () => {
    const standing = () => engine.standings.get(OURSELVES);
    rules = [
      BUT_EVENTS,
      { ...CORE, verbs: ["get", "list", "watch", "patch"] },
      { ...CORE, verbs: ["*"], resources: ["events"] },
    ];
    noteDenial(engine, OURSELVES, refusal("create", "namespaces"));
    await after(2_000);
    expect(missing()).toBe("create namespaces");
    await after(50_000);
    expect(missing()).toBe("create namespaces");
    await after(10_000);
    expect([missing(), standing()?.missing]).toEqual(["", []]);
  });
});

describe("a server that cannot be asked at the moment", () => {
  it("is asked again after 15 seconds, and what was known stands", async () => {
    rules = [BUT_EVENTS, CORE];
    await pass();
    rules = new UnreachableError("away");
    await after(5_000);
    expect([missing(), dueIn]).toEqual(["create events in all namespaces", 15_000]);
  });

  it("has told nothing before it answers", async () => {
    rules = new UnreachableError("away");
    await pass();
    expect([missing(), woken]).toEqual([null, []]);
  });

  it("is waited for with whatever was said before, until it is known that there is no answer", async () => {
    const undecided = () => areRightsUndecided(engine, "acme");
    expect(undecided()).toBe(true);
    rules = new UnreachableError("away");
    const asking = pass();
    expect(undecided()).toBe(true);
    await asking;
    expect(undecided()).toBe(false);
    rules = [EVERYTHING];
    await after(15_000);
    expect(undecided()).toBe(false);
    // What the provider allows is asked for once it is engaged, and waited for since then.
    engine.engagements.set("acme", {} as Engagement);
    expect(undecided()).toBe(true);
  });
});

describe("the rights on a provider", () => {
  it("are forgotten with its engagement", async () => {
    engine.standings.set("acme", {
      epoch: 1,
      answers: new Map(),
      needs: [],
      missing: [],
      unanswered: false,
      doubted: new Set(),
      homeless: 0,
    });
    await permissionsPass(engine, "acme");
    expect(engine.standings.has("acme")).toBe(false);
  });
});

describe("a client that tells of denials", () => {
  const denied: string[] = [];
  const quota = new ApiError('widgets "a" is forbidden: exceeded quota: few', { status: 403 });
  const failing = (error: Error) => {
    const reject = () => Promise.reject(error);
    const methods = {
      get: reject,
      list: reject,
      apply: reject,
      create: reject,
      replace: reject,
      patch: reject,
      delete: reject,
    };
    const watch = (_resource: unknown, _options: unknown, sink: WatchSink) => {
      sink.failed(error as ApiError);
      return { stop: () => undefined };
    };
    return tellingDenials({ ...methods, watch } as unknown as Cluster, ({ message }) => denied.push(message));
  };
  const all = async (client: Cluster) => {
    const key = { namespace: "", name: "a" };
    const failed: unknown[] = [];
    await Promise.allSettled([
      client.get(CRDS, key),
      client.list(CRDS),
      client.apply(CRDS, key, {}, "m"),
      client.create(CRDS, "", {}),
      client.replace(CRDS, key, {}),
      client.patch(CRDS, key, []),
      client.delete(CRDS, key, "uid"),
    ]).then((results) => results.forEach((one) => one.status === "rejected" && failed.push(one.reason)));
    const sink = { seen: () => undefined, gone: () => undefined, listed: () => undefined };
    client.watch(CRDS, {}, { ...sink, failed: (error) => failed.push(error) });
    return failed;
  };

  it("tells of each request that a missing right refused, and passes every error on", async () => {
    denied.length = 0;
    const error = refusal("get", "secrets");
    expect(await all(failing(error))).toEqual(Array.from({ length: 8 }, () => error));
    expect(denied).toEqual(Array.from({ length: 8 }, () => error.message));
  });

  it("does not tell of a quota, nor of anything else", async () => {
    denied.length = 0;
    expect(await all(failing(quota))).toHaveLength(8);
    expect(await all(failing(new UnreachableError("away")))).toHaveLength(8);
    expect(denied).toEqual([]);
  });
});
