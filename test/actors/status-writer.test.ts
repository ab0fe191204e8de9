// When a status of our own kinds is written, and how: the promises of actors/status-writer.ts. The engine and the cluster
// are fakes of what the writer touches: which answer comes when is what these tests are about, and no API server would
// give them to order.

import { beforeEach, describe, expect, it } from "vitest";
import { type Cache, createCache } from "../../actors/cache.ts";
import type { Engine } from "../../actors/engine.ts";
import { ApiError, type PatchOperation, UnreachableError } from "../../actors/ports.ts";
import { isOthersStatus, nextConditions, sameStatus, type Status, writeStatus } from "../../actors/status-writer.ts";
import type { ConditionUpdate } from "../../crds/conditions.ts";
import type { KubeObject } from "../../crds/kube-object.ts";
import type { Condition } from "../../crds/meta.ts";
import type { Reason } from "../../crds/reasons.ts";
import { CONNECTIONS } from "../../crds/resources.ts";
import { manualClock } from "./manual-clock.ts";

const THEN = "2026-01-01T00:00:00Z";
const NOW = "2026-02-02T02:02:02.345Z";

const condition = (type: string, status: Condition["status"], reason: string, more: Partial<Condition> = {}) => ({
  type,
  status,
  observedGeneration: 1,
  lastTransitionTime: THEN,
  reason,
  message: "",
  ...more,
});
const ready = (reason: string, more: Partial<Condition> = {}) =>
  condition("Ready", reason === "AsExpected" ? "True" : "False", reason, more);

const connection = (status?: Status, generation = 1): KubeObject => ({
  apiVersion: "core.kube-bind.io/v1alpha1",
  kind: "Connection",
  metadata: { name: "acme", uid: "connection-uid", resourceVersion: "5", generation },
  ...(status === undefined ? {} : { status: status as never }),
});

const update = (type: ConditionUpdate["type"], reason: Reason): ConditionUpdate => ({
  type,
  status: reason === "AsExpected" ? "True" : "False",
  reason,
  message: "",
});

describe("the next conditions", () => {
  it("carry the generation that was looked at", () => {
    expect(nextConditions(connection(undefined, 7), [update("Ready", "AsExpected")], NOW)).toEqual([
      { ...ready("AsExpected"), observedGeneration: 7, lastTransitionTime: "2026-02-02T02:02:02Z" },
    ]);
  });

  it("keep the time while the status stays, and move it when it flips", () => {
    const before = connection({ conditions: [ready("SecretNotFound"), condition("Connected", "True", "AsExpected")] });
    const after = nextConditions(before, [update("Ready", "Pending"), update("Connected", "Pending")], NOW);
    expect(after.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([THEN, "2026-02-02T02:02:02Z"]);
  });

  it("leave those of others as they are, also their place", () => {
    const theirs = condition("Approved", "True", "ByHand", { observedGeneration: 0 });
    const after = nextConditions(connection({ conditions: [theirs] }), [update("Ready", "Pending")], NOW);
    expect(after[0]).toEqual(theirs);
    expect(after.map(({ type }) => type)).toEqual(["Approved", "Ready"]);
  });
});

describe("two statuses say the same", () => {
  const status = (more: Status = {}): Status => ({ conditions: [ready("Pending")], ...more });

  it("whatever their transition times and the order of their conditions", () => {
    const other = condition("Connected", "True", "AsExpected");
    const later = ready("Pending", { lastTransitionTime: NOW });
    expect(sameStatus({ conditions: [ready("Pending"), other] }, { conditions: [other, later] })).toBe(true);
  });

  it("also in the entries of a binding's APIs", () => {
    const bound = (lastTransitionTime: string, reason = "Pending") => ({
      boundAPIs: [{ name: "widgets.example.org", conditions: [ready(reason, { lastTransitionTime })] }],
    });
    expect(sameStatus(status(bound(THEN)), status(bound(NOW)))).toBe(true);
    expect(sameStatus(status(bound(THEN)), status(bound(THEN, "Forbidden")))).toBe(false);
  });

  it("when neither says anything", () => {
    expect(sameStatus(undefined, undefined)).toBe(true);
    expect(sameStatus(undefined, {})).toBe(true);
    expect(sameStatus(undefined, { conditions: [] })).toBe(true);
  });

  it.each<[string, Status]>([
    ["reason", { conditions: [ready("Forbidden")] }],
    ["message", { conditions: [ready("Pending", { message: "for something else" })] }],
    ["generation", { conditions: [ready("Pending", { observedGeneration: 2 })] }],
    ["condition more", { conditions: [ready("Pending"), condition("Connected", "True", "AsExpected")] }],
    ["condition less", { conditions: [] }],
    ["pin", status({ remoteClusterUID: "provider" })],
    ["exported version", status({ exportedAPIs: [{ name: "widgets.example.org", versions: ["v1", "v2"] }] })],
  ])("unless one has another %s", (_what, other) => {
    expect(sameStatus(status(), other)).toBe(false);
    expect(sameStatus(other, status())).toBe(false);
  });
});

describe("a status", () => {
  let patches: { operations: PatchOperation[]; subresource: string | undefined }[];
  let answer: (status: Status) => Promise<KubeObject>;
  let warned: number;
  let cache: Cache<KubeObject>;
  let engine: Engine;
  const clock = manualClock();

  beforeEach(() => {
    patches = [];
    warned = 0;
    answer = async (status) => {
      const written = connection(status);
      return { ...written, metadata: { ...written.metadata, resourceVersion: "6" } };
    };
    cache = createCache({ changed: () => {} });
    engine = {
      clock,
      startedAt: clock.now() - 60_000,
      shown: new Map(),
      unwritable: new Set(),
      overdue: new Set(),
      doubts: new Map(),
      log: { warn: () => warned++ },
      consumer: {
        patch: async (_resource: unknown, _key: unknown, operations: PatchOperation[], subresource?: string) => {
          patches.push({ operations, subresource });
          return answer(operations.at(-1)?.value as Status);
        },
      },
    } as never;
  });

  const write = (object: KubeObject, status: Status, isUndecided = false) => {
    cache.sink.seen(object);
    return writeStatus(engine, CONNECTIONS, cache, object, status, isUndecided);
  };

  it("that says something new is one JSON patch on the status, fenced by the uid, and is known at once", async () => {
    const status = { remoteClusterUID: "provider", conditions: [ready("AsExpected")] };
    expect(await write(connection(), status)).toBe(true);
    expect(patches).toEqual([
      {
        operations: [
          { op: "test", path: "/metadata/uid", value: "connection-uid" },
          { op: "test", path: "/metadata/resourceVersion", value: "5" },
          { op: "add", path: "/status", value: status },
        ],
        subresource: "status",
      },
    ]);
    expect(cache.get("/acme")).toMatchObject({ metadata: { resourceVersion: "6" }, status });
  });

  it("that says nothing new is not written", async () => {
    const before = connection({ conditions: [ready("AsExpected")] });
    expect(await write(before, { conditions: [ready("AsExpected", { lastTransitionTime: NOW })] })).toBe(true);
    expect(patches).toEqual([]);
  });

  it.each([409, 422])("that lost a race (%d) is owed, and nothing to log", async (status) => {
    answer = () => Promise.reject(new ApiError("too late", { status }));
    expect(await write(connection(), { conditions: [ready("AsExpected")] })).toBe(false);
    expect(warned).toBe(0);
  });

  it("of what has gone is no longer owed", async () => {
    answer = () => Promise.reject(new ApiError("gone", { status: 404 }));
    expect(await write(connection(), { conditions: [ready("AsExpected")] })).toBe(true);
  });

  it("is known as ours when its event comes; what somebody else writes is not", async () => {
    const before = connection({ conditions: [ready("Pending")] });
    const status = { conditions: [ready("AsExpected")] };
    await write(before, status);
    expect(isOthersStatus(engine, before, connection(status))).toBe(false);
    expect(isOthersStatus(engine, connection(status), connection({ conditions: [] }))).toBe(true);
    expect(isOthersStatus(engine, before, before)).toBe(false);
  });

  it.each([
    ["an API server that refuses", new ApiError("no", { status: 403 })],
    [
      "a schema",
      new ApiError("no", { status: 422, causes: [{ field: "status.conditions[0].type", message: "wrong" }] }),
    ],
    ["an API server that is away", new UnreachableError("away")],
  ])("that %s does not take is logged and owed", async (_who, error) => {
    answer = () => Promise.reject(error);
    expect(await write(connection(), { conditions: [ready("AsExpected")] })).toBe(false);
    expect(warned).toBe(1);
  });

  describe("that takes back what was decided as merely pending", () => {
    const decided = connection({ conditions: [ready("AsExpected")] });
    const doubtful = { conditions: [ready("Pending")] };

    it("is not written before it has been so for two seconds", async () => {
      expect(await write(decided, doubtful)).toBe(false);
      clock.advance(1_999);
      expect(await write(decided, doubtful)).toBe(false);
      expect(patches).toEqual([]);
      clock.advance(1);
      expect(await write(decided, doubtful)).toBe(true);
      expect(patches).toHaveLength(1);
    });

    it("is not written for eight seconds while the process is young and looks at everything at once", async () => {
      engine.startedAt = clock.now();
      expect(await write(decided, doubtful)).toBe(false);
      clock.advance(7_999);
      expect(await write(decided, doubtful)).toBe(false);
      clock.advance(1);
      expect(await write(decided, doubtful)).toBe(true);
    });

    it("is not written while nothing has been learnt, however old the process, and is after five minutes", async () => {
      for (const age of [0, 20_000, 40_000, 239_999]) {
        clock.advance(age);
        expect(await write(decided, doubtful, true)).toBe(false);
      }
      expect(patches).toEqual([]);
      clock.advance(1);
      expect(await write(decided, doubtful, true)).toBe(true);
    });

    it("is written two seconds after it has been learnt, and not by what it took to learn it", async () => {
      expect(await write(decided, doubtful, true)).toBe(false);
      clock.advance(60_000);
      expect(await write(decided, doubtful)).toBe(false);
      clock.advance(1_000);
      // Tried again meanwhile: what has failed before is no less so.
      expect(await write(decided, doubtful, true)).toBe(false);
      clock.advance(1_000);
      expect(await write(decided, doubtful)).toBe(true);
    });

    it("is said at once where a deletion has come to wait, whether or not more is known", async () => {
      const waiting = { conditions: [ready("DrainingObjects"), condition("Connected", "False", "Pending")] };
      const before = connection({ conditions: [ready("AsExpected"), condition("Connected", "True", "AsExpected")] });
      expect(await write(before, waiting, true)).toBe(true);
    });

    it("counts for the APIs of a binding as well", async () => {
      const bound = (reason: string): Status => ({
        conditions: [ready("Forbidden")],
        boundAPIs: [{ name: "widgets.example.org", conditions: [ready(reason)] }],
      });
      expect(await write(connection(bound("AsExpected")), bound("Pending"), true)).toBe(false);
      expect(await write(connection(bound("AsExpected")), bound("Forbidden"), true)).toBe(true);
    });

    it("is forgotten when it turns out as before, and doubted anew the next time", async () => {
      await write(decided, doubtful);
      clock.advance(1_500);
      expect(await write(decided, { conditions: [ready("AsExpected")] })).toBe(true);
      clock.advance(1_500);
      expect(await write(decided, doubtful)).toBe(false);
      expect(patches).toEqual([]);
    });

    it("counts for any reason that was decided, also a bad one, and for any condition", async () => {
      const bad = connection({ conditions: [ready("Forbidden"), condition("Connected", "True", "AsExpected")] });
      expect(await write(bad, doubtful)).toBe(false);
      const other = { conditions: [ready("Forbidden"), condition("Connected", "Unknown", "Pending")] };
      expect(await write(bad, other)).toBe(false);
    });

    it("is judged for each object by itself", async () => {
      await write(decided, doubtful);
      clock.advance(5_000);
      const other = { ...decided, metadata: { ...decided.metadata, name: "other", uid: "other-uid" } };
      expect(await write(other, doubtful)).toBe(false);
      expect(await write(decided, doubtful)).toBe(true);
    });
  });

  it("that decides otherwise is written at once, as is a first one, pending or not", async () => {
    expect(await write(connection({ conditions: [ready("AsExpected")] }), { conditions: [ready("Forbidden")] })).toBe(
      true,
    );
    expect(await write(connection({ conditions: [ready("Pending")] }), { conditions: [ready("AsExpected")] })).toBe(
      true,
    );
    expect(await write(connection(), { conditions: [ready("Pending")] })).toBe(true);
    expect(patches).toHaveLength(3);
  });
});
