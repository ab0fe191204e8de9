// What becomes of a write of autoBind that fails: whether it is told, and when it is tried again. The engine is a fake with
// what such a pass looks at, and its consumer fails to order. Which write is made is proven in
// test/machines/rules/auto-bind.test.ts, the writes themselves in test/e2e/auto-bind.test.ts.

import { beforeEach, describe, expect, it } from "vitest";
import { keepAutoBinding } from "../../actors/auto-bind.ts";
import type { Engine } from "../../actors/engine.ts";
import { ApiError, UnreachableError } from "../../actors/ports.ts";
import { autoBinding } from "../../crds/auto-binding.ts";
import type { ClusterBinding } from "../../crds/binding.ts";
import type { Connection } from "../../crds/connection.ts";

const API = "widgets.example.org";
const acme = {
  metadata: { name: "acme", uid: "acme-uid" },
  spec: { autoBind: true },
} as unknown as Connection;

let connection: Connection;
let binding: ClusterBinding | undefined;
let fails: Error | undefined;
let asked: string[];
let noted: unknown[];
let engine: Engine;

/** One that is kept for the Connection and lists these. */
const kept = (...apis: string[]): ClusterBinding => {
  const made = autoBinding(acme, apis) as ClusterBinding;
  return { ...made, metadata: { ...made.metadata, uid: "kept", resourceVersion: "1" } };
};

beforeEach(() => {
  connection = acme;
  binding = undefined;
  fails = undefined;
  asked = [];
  noted = [];
  const answer = async (verb: string) => {
    asked.push(verb);
    if (fails) throw fails;
    return kept(API);
  };
  const discovery = { state: "complete", missing: [], exports: [{ name: API }] };
  engine = {
    consumer: { create: () => answer("create"), patch: () => answer("patch"), delete: () => answer("delete") },
    directory: {
      connection: () => connection,
      binding: () => binding,
      clusterBindings: { note: (one: unknown) => noted.push(one) },
    },
    engagements: { get: () => ({ discovery: () => discovery }) },
    autoBindTroubles: new Map(),
    log: { info: () => {}, warn: () => {} },
  } as unknown as Engine;
});

const trouble = () => engine.autoBindTroubles.get("acme");
const keep = (error?: Error): Promise<number | null> => {
  fails = error;
  return keepAutoBinding(engine, "acme");
};
const forbidden = new ApiError('User "k" cannot create resource "clusterbindings"', { status: 403 });

/** What is there before, and the write that follows from it. */
const WRITES: [string, string, () => void][] = [
  ["create", "create", () => {}],
  ["update", "patch", () => void (binding = kept("gadgets.example.org", API))],
  ["letGo", "patch", () => {
    binding = kept(API);
    connection = { ...acme, spec: { ...acme.spec, autoBind: false } };
  }],
  ["delete", "delete", () => {
    binding = kept(API);
    connection = { ...acme, metadata: { ...acme.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  }],
]; // prettier-ignore

describe.each(WRITES)("a ClusterBinding that autoBind is to %s", (step, verb, prepare) => {
  beforeEach(() => {
    prepare();
    // Of what is not exported any more nothing has objects.
    const isReleased = { crd: { state: "absent" } };
    Object.assign(engine, { syncers: { get: () => ({}) }, records: { get: () => ({ context: isReleased }) } });
  });

  it("is not for want of a right, which is told with the cluster and the write, and tried again after 30 s", async () => {
    expect(await keep(forbidden)).toBe(30_000);
    const message = `on this cluster: ${step} ClusterBinding acme: ${forbidden.message}`;
    expect(trouble()).toEqual({ reason: "Pending", message });
  });

  it.each<[string, Error, number]>([
    ["does not answer, after 5 s", new UnreachableError("reset"), 5_000],
    ["is out of order, after 5 s", new ApiError("etcd", { status: 500 }), 5_000],
    ["does not take it, after 5 s", new ApiError("denied the request", { status: 400 }), 5_000],
    ["has too much to do, after what it asks for", new ApiError("busy", { status: 429, retryAfter: 60 }), 60_000],
  ])("where this cluster %s: told, and tried again", async (_why, error, again) => {
    expect(await keep(error)).toBe(again);
    const message = `on this cluster: ${step} ClusterBinding acme: ${error.message}`;
    expect(trouble()).toEqual({ reason: "Pending", message });
  });

  it.each([409, 404])(
    "and that changed or went meanwhile (%d) is looked at again, and nothing is told",
    async (status) => {
      expect(await keep(new ApiError("changed", { status }))).toBe(5_000);
      expect(trouble()).toBeUndefined();
    },
  );

  it("is written by one request once that is possible, and what was told is taken back", async () => {
    await keep(forbidden);
    expect(await keep()).toBeNull();
    expect(asked).toEqual([verb, verb]);
    expect(trouble()).toBeUndefined();
  });
});

describe("a ClusterBinding that is deleted with its Connection", () => {
  beforeEach(() => {
    binding = kept(API);
    connection = { ...acme, metadata: { ...acme.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  });

  it.each<["gone" | "absent" | "waiting", number]>([
    ["gone", 0],
    ["absent", 0],
    ["waiting", 1],
  ])("is known in the state that the answer (%s) has, if it has one", async (answered, times) => {
    const answer = answered === "waiting" ? { ...kept(API), metadata: { ...acme.metadata } } : answered;
    Object.assign(engine.consumer, { delete: async () => answer });
    expect(await keep()).toBeNull();
    expect(noted).toHaveLength(times);
  });
});
