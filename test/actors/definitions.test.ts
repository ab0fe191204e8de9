// The two definitions of a bound API: when each is read, what is made of what is there, and what of a failure. The engine
// and both clusters are fakes that count requests and fail to order; what is decided of two definitions is proven in
// test/crds/ownership.test.ts, and what an API server makes of the result in test/e2e.

import { beforeEach, describe, expect, it } from "vitest";
import { type Cache, createCache } from "../../actors/cache.ts";
import { type Definitions, readDefinitions } from "../../actors/definitions.ts";
import { installCrd, removeCrd } from "../../actors/installing.ts";
import type { Engine } from "../../actors/engine.ts";
import { ApiError, UnreachableError } from "../../actors/ports.ts";
import { createSyncer, type Syncer } from "../../actors/syncer.ts";
import type { Crd } from "../../crds/definition-object.ts";
import type { KubeObject, Resource } from "../../crds/kube-object.ts";
import { ANNOTATION, FINALIZER } from "../../crds/labels.ts";
import { consumerCrd } from "../../crds/pull.ts";
import { BINDINGS, CLUSTER_BINDINGS } from "../../crds/resources.ts";
import { ESTABLISHED, widgetCrd } from "../crds/widget-crd.ts";

const API = "widgets.example.org";

/** A side of the fake: what it answers, and what it was asked. */
class Side {
  crd: Crd | undefined;
  fails: Error | undefined;
  readonly asked: string[] = [];

  private answer(what: string): Crd {
    this.asked.push(what);
    if (this.fails) throw this.fails;
    if (!this.crd) throw new ApiError(`customresourcedefinitions "${API}" not found`, { status: 404 });
    return this.crd;
  }
  get = async () => this.answer("get");
  identify = async () => "consumer-uid";
  /** Bindings that the API server has, whatever the caches show; an Error where it does not tell. */
  readonly listed = new Map<Resource, KubeObject[] | Error>();
  /** Of the API. */
  objects: object[] = [];
  async list(resource: Resource, { trim }: { trim?: (object: KubeObject) => KubeObject } = {}) {
    const found = trim ? (this.objects as KubeObject[]).map(trim) : (this.listed.get(resource) ?? []);
    if (found instanceof Error) throw found;
    return found;
  }
  async dryRun(_verb: string, _resource: unknown, _key: unknown, body: Crd) {
    this.asked.push("try");
    if (this.refuses(body)) throw new ApiError("no such schema", { status: 422 });
  }
  async create(_resource: unknown, _namespace: string, body: Crd) {
    if (this.refuses(body)) throw new ApiError("no such schema", { status: 422 });
    if (!this.fails) this.crd = installed({ ...body, status: undefined });
    return this.answer("create");
  }
  replace = async () => this.answer("replace");
  refuses: (crd: Crd) => boolean = () => false;
  coreResources = async () => [{ resource: "pods", group: "", singular: "pod", kind: "Pod", shortNames: ["po"] }];
  discover = async () => [];
  async delete(_resource: unknown, _key: unknown, uid: string) {
    this.answer(`delete ${uid}`);
    return "gone" as const;
  }
}

const installed = (crd: Crd, resourceVersion = "3"): Crd => ({
  ...crd,
  metadata: { ...crd.metadata, uid: "consumer-crd", resourceVersion },
  status: { conditions: ESTABLISHED, storedVersions: ["v1"] },
});

const provided = (change: Parameters<typeof widgetCrd>[0] = {}) => widgetCrd(change);
/** What is on the consumer once it came through Connection acme. */
const pulled = (provider = provided(), connection = "acme"): Crd =>
  installed(consumerCrd(provider, connection, undefined)?.manifest as unknown as Crd);

let consumer: Side;
let provider: Side;
let crds: Cache<KubeObject>;
let engine: Engine;
let syncer: Syncer;
let offer: { version: string; webhookConversion: boolean; api: object } | undefined;
let phase: "ready" | "away";
let bindings: object[];
let source: "CRD" | "OpenAPI";
let twinsBindings: object[];
let othersBindings: object[];
let localPin: string;

const bindingTo = (connection: string): object => ({
  kind: "ClusterBinding",
  metadata: { name: "b", uid: "b", finalizers: [FINALIZER.cleanup], creationTimestamp: "2026-01-01T00:00:00Z" },
  spec: { connectionRef: { name: connection }, apis: [{ name: API }], conflictPolicy: "Fail" },
  status: { boundAPIs: [{ name: API }] },
});

beforeEach(() => {
  consumer = new Side();
  provider = new Side();
  provider.crd = provided();
  crds = createCache({ changed: () => {} });
  syncer = createSyncer("acme", API);
  offer = { version: "7", webhookConversion: false, api: { scope: "Namespaced", versions: ["v1"] } };
  phase = "ready";
  twinsBindings = [];
  othersBindings = [];
  localPin = "consumer-uid";
  source = "CRD";
  bindings = [bindingTo("acme")];
  const connections: Record<string, string> = { acme: "provider-uid", twin: "provider-uid", other: "other-uid" };
  engine = {
    consumer,
    log: { info: () => {} },
    settings: { groups: { excluded: new Set(), allowed: new Set() } },
    phases: { get: () => ({ state: phase, lost: false, reason: "" }) },
    unwritable: new Set(),
    overdue: new Set(),
    engagements: {
      get: () => ({ epoch: 1, source, cluster: provider, offer: () => offer, definition: () => provider.get() }),
    },
    directory: {
      crds,
      bindingsOf: (name: string) => ({ acme: bindings, twin: twinsBindings, other: othersBindings })[name] ?? [],
      allBindings: () => [...bindings, ...twinsBindings, ...othersBindings],
      connections: { values: () => [] },
      clusterBindings: { values: () => [] },
      bindings: { values: () => [] },
      connection: (name: string) =>
        connections[name] && {
          metadata: { name },
          spec: { schema: { pullPolicy: "Bound", updatePolicy: "Always" } },
          status: { remoteClusterUID: connections[name], localClusterUID: localPin },
        },
    },
  } as unknown as Engine;
});

/** The consumer has this definition, and its watch shows it. */
const shown = (crd: Crd) => {
  consumer.crd = crd;
  crds.sink.seen({ ...crd, spec: undefined });
};
const read = () => readDefinitions(engine, syncer);

describe("the consumer's definition", () => {
  it("is read whole once for each change that the watch shows, and not at all while it shows none", async () => {
    await read();
    expect(consumer.asked).toEqual([]);
    shown(pulled());
    await read();
    await read();
    expect(consumer.asked).toEqual(["get"]);
    const { metadata, ...rest } = pulled();
    shown({ ...rest, metadata: { ...metadata, resourceVersion: "4" } });
    await read();
    expect(consumer.asked).toEqual(["get", "get"]);
  });

  it("counts as absent when it goes between the event and the read", async () => {
    shown(pulled());
    consumer.crd = undefined;
    expect(await read()).toMatchObject({ mine: false, installedHash: "", step: "create" });
  });

  it("that cannot be read is said so, naming the cluster, and decides nothing", async () => {
    shown(pulled());
    consumer.fails = new ApiError("forbidden", { status: 403 });
    const found = await read();
    expect(found).toMatchObject({ step: "unknown", offer: null });
    expect(found.failed).toBe(`get customresourcedefinitions ${API} on this cluster: forbidden`);
  });
});

describe("the provider's definition", () => {
  it("is read once for each version of it", async () => {
    await read();
    await read();
    expect(provider.asked).toEqual(["get"]);
    offer = { ...(offer as NonNullable<typeof offer>), version: "8" };
    await read();
    expect(provider.asked).toEqual(["get", "get"]);
  });

  it("is not read while the Connection is away, the API not exported, or nobody wants it", async () => {
    phase = "away";
    expect(await read()).toMatchObject({ offer: null, step: "unknown" });
    phase = "ready";
    bindings = [];
    expect(await read()).toMatchObject({ offer: { exported: true, refusal: null }, step: "unknown" });
    offer = undefined;
    expect(await read()).toMatchObject({ offer: { exported: false, refusal: null }, step: "unknown" });
    expect(provider.asked).toEqual([]);
  });

  it("that is converted by a webhook is refused unread", async () => {
    offer = { ...(offer as NonNullable<typeof offer>), webhookConversion: true };
    expect(await read()).toMatchObject({ offer: { exported: true, refusal: { reason: "ConversionWebhook" } } });
    expect(provider.asked).toEqual([]);
  });

  it.each<[string, Error, Partial<Definitions>]>([
    ["404: not exported any more", new ApiError("not found", { status: 404 }), { offer: { exported: false, refusal: null } }],
    ["503: known again later", new ApiError("busy", { status: 503 }), { offer: { exported: true, refusal: null }, step: "unknown" }],
    ["no answer: known again later", new UnreachableError("reset"), { offer: { exported: true, refusal: null }, step: "unknown" }],
  ])("that cannot be read, %s", async (_what, error, expected) => {
    provider.fails = error;
    expect(await read()).toMatchObject(expected);
  }); // prettier-ignore

  it("that may not be read is refused, with the right that is missing", async () => {
    provider.fails = new ApiError("no right", { status: 403 });
    const message = `get customresourcedefinitions ${API} on the provider: no right`;
    expect(await read()).toMatchObject({ step: "refuse", refusal: { reason: "Forbidden", message }, failed: message });
  });
});

describe("the step", () => {
  it("is to create where there is nothing, and to leave what is as wanted", async () => {
    expect(await read()).toMatchObject({ step: "create" });
    shown(pulled());
    expect(await read()).toMatchObject({ step: "leave", mine: true, ours: true });
  });

  it("is to share what came through another Connection to the same provider, as long as that one wants it", async () => {
    twinsBindings = [bindingTo("twin")];
    shown(pulled(provided(), "twin"));
    expect(await read()).toMatchObject({ step: "leave", mine: true, ours: true });
    twinsBindings = [];
    expect(await read()).toMatchObject({ step: "update", decision: { why: "handover" } });
  });

  it("is to refuse what came through a Connection to another provider, as long as anything there asks for it", async () => {
    othersBindings = [bindingTo("other")];
    shown(pulled(provided(), "other"));
    expect(await read()).toMatchObject({ step: "refuse", mine: false, refusal: { reason: "OwnedByAnother" } });
    othersBindings = [];
    expect(await read()).toMatchObject({ step: "update", mine: false, decision: { why: "takeover" } });
  });

  it("tells a definition that somebody else made from one of ours", async () => {
    const crd = pulled();
    const annotations = { ...crd.metadata.annotations, [ANNOTATION.crdOrigin]: "user" };
    shown({ ...crd, metadata: { ...crd.metadata, annotations } });
    expect(await read()).toMatchObject({ mine: true, ours: false });
  });

  it("is to wait for one that is going", async () => {
    const crd = pulled();
    shown({ ...crd, metadata: { ...crd.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    expect(await read()).toMatchObject({ step: "leave", waiting: expect.any(String) });
  });
});

describe("installing", () => {
  it("takes nothing over from another provider while an object of it still carries our finalizer", async () => {
    shown(pulled(provided(), "other"));
    consumer.objects = [{ metadata: { name: "held", finalizers: [FINALIZER.syncer] } }, { metadata: { name: "free" } }];
    const refused = await installCrd(engine, syncer, await read());
    expect(refused).toMatchObject({ reason: "OwnedByAnother", message: expect.stringMatching(/^1 object.*other/) });
    expect(consumer.asked).not.toContain("replace");
    consumer.objects = [];
    await installCrd(engine, syncer, await read());
    expect(consumer.asked).toContain("replace");
  });

  it("writes what was decided, and knows at once what is there", async () => {
    const result = await installCrd(engine, syncer, await read());
    expect(consumer.asked).toEqual(["create"]);
    expect(result).toMatchObject({ step: "leave", mine: true, ours: true });
    expect((result as Definitions).installedHash).toMatch(/^sha256:/);
  });

  it("writes nothing where nothing is to be written", async () => {
    shown(pulled());
    const definitions = await read();
    await installCrd(engine, syncer, definitions);
    expect(consumer.asked).toEqual(["get"]);
  });

  it("tries what was made up, and opens its schema where this cluster refuses it", async () => {
    source = "OpenAPI";
    const isOpen = (crd: Crd) => JSON.stringify(crd.spec.versions).includes("preserve-unknown-fields");
    consumer.refuses = (crd) => !isOpen(crd);
    expect(await installCrd(engine, syncer, await read())).toMatchObject({ step: "leave" });
    expect(consumer.asked).toEqual(["try", "create"]);
    expect(syncer.desired).toMatchObject({
      openedFor: "no such schema",
      notes: [expect.stringContaining("no such schema")],
    });
    expect(await read()).toMatchObject({ step: "leave" });
  });

  it("of what was made up is refused, and said so, where not even an open schema is taken", async () => {
    source = "OpenAPI";
    consumer.refuses = () => true;
    expect(await installCrd(engine, syncer, await read())).toMatchObject({ reason: "SchemaRejected", lasting: true });
    expect(consumer.crd).toBeUndefined();
  });

  it("leaves out a short name that something else has on this cluster", async () => {
    const names = { ...provided().spec.names, shortNames: ["po", "wi"], categories: ["kube-bind", "all"] };
    provider.crd = provided({ spec: { names } });
    await installCrd(engine, syncer, await read());
    expect(consumer.crd?.spec.names).toMatchObject({ shortNames: ["wi"], categories: ["all"] });
    expect(syncer.desired?.notes).toEqual(["without the short name po, which pods has on this cluster"]);
  });

  it.each<[number, object]>([
    [422, { reason: "SchemaRejected", lasting: true }],
    [400, { reason: "SchemaRejected", lasting: true }],
    [409, { reason: "Pending", lasting: false }],
    [403, { reason: "Pending", lasting: false }],
    [429, { reason: "Pending", lasting: false, retryAfter: 7 }],
    [503, { reason: "Pending", lasting: false, retryAfter: 7 }],
  ])("that is answered with %d says whether trying again helps, and on which cluster", async (status, expected) => {
    const definitions = await read();
    consumer.fails = new ApiError("no", { status, retryAfter: 7 });
    const message = `create customresourcedefinitions ${API} on this cluster: no`;
    const failure = await installCrd(engine, syncer, definitions);
    expect(failure).toEqual({ ...expected, message });
  });
});

describe("removing", () => {
  it("deletes by uid, and knows at once that it is gone", async () => {
    shown(pulled());
    await read();
    expect(await removeCrd(engine, syncer)).toMatchObject({ mine: false, installedHash: "" });
    expect(consumer.asked).toEqual(["get", "delete consumer-crd"]);
    expect(syncer.crd).toBeNull();
  });

  const lists = (change: object = {}) => ({
    apiVersion: "core.kube-bind.io/v1alpha1",
    kind: "Binding",
    metadata: { name: "b", namespace: "a", uid: "b", resourceVersion: "1", ...change },
    spec: { connectionRef: { name: "twin" }, apis: [{ name: API }] },
  });
  const refused = async (): Promise<unknown> => {
    shown(pulled());
    await read();
    const answer = await removeCrd(engine, syncer);
    expect(consumer.asked).toEqual(["get"]);
    expect(syncer.crd).not.toBeNull();
    return answer;
  };

  it.each([
    ["ClusterBinding", CLUSTER_BINDINGS],
    ["Binding", BINDINGS],
  ])(
    "deletes nothing while the API server shows a live %s of any Connection that lists it",
    async (_kind, resource) => {
      consumer.listed.set(resource, [lists()]);
      const message = `a binding lists ${API}`;
      expect(await refused()).toEqual({ reason: "Pending", message, lasting: false });
    },
  );

  it("is not held up by a binding that is going itself, or lists other APIs", async () => {
    const others = { ...lists(), spec: { connectionRef: { name: "twin" }, apis: [{ name: "gadgets.example.org" }] } };
    consumer.listed.set(BINDINGS, [lists({ deletionTimestamp: "2026-01-01T00:00:00Z" }), others]);
    shown(pulled());
    await read();
    await removeCrd(engine, syncer);
    expect(consumer.asked).toEqual(["get", "delete consumer-crd"]);
  });

  it.each([
    ["ClusterBindings", CLUSTER_BINDINGS],
    ["Bindings", BINDINGS],
  ])("deletes nothing while the API server does not tell which %s there are", async (_kind, resource) => {
    consumer.listed.set(resource, new UnreachableError("reset"));
    const message = `delete customresourcedefinitions ${API} on this cluster: reset`;
    expect(await refused()).toEqual({ reason: "Pending", message, lasting: false });
  });

  it("deletes nothing on another cluster than the one its Connection was made for", async () => {
    localPin = "the cluster it was restored from";
    const message = `this cluster is not ${localPin}, the one it was installed on`;
    expect(await refused()).toEqual({ reason: "Pending", message, lasting: false });
  });

  it("asks for nothing where there is nothing", async () => {
    await removeCrd(engine, syncer);
    expect(consumer.asked).toEqual([]);
  });
});
