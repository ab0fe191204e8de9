// When source OpenAPI asks what, and what it says meanwhile. The provider is a fake that counts.
// Rule: docs/reference/behaviour.md, "Schema sources".

import { beforeEach, describe, expect, it } from "vitest";

import type { Source } from "../../actors/source.ts";
import { openApiSource } from "../../actors/source-openapi.ts";
import { ApiError, UnreachableError } from "../../actors/ports.ts";
import { isExcludedGroup } from "../../crds/denied-groups.ts";
import type { ExportedApi } from "../../crds/connection.ts";
import { fakeProvider, type Provider, refused, RESYNC, settle, surely, WIDGETS } from "./source-world.ts";
import { group } from "../crds/openapi/discovery.ts";

const API = "widgets.example.org";

let provider: Provider;
let source: Source;
let told: string[];

const open = (before: ExportedApi[] | null = null): Source =>
  openApiSource(
    {
      ...provider,
      connection: "acme",
      resync: RESYNC,
      isExcluded: (name) => isExcludedGroup(name),
      before,
      discovered: () => undefined,
    },
    { discovery: () => told.push("discovery"), offer: (api) => told.push(api) },
  );
const exportsOf = (one: Source): string[] | null => {
  const found = one.discovery();
  return found.state === "unknown" ? null : (found.exports?.map(({ name }) => name) ?? null);
};
const turn = () => provider.pass(surely(2 * RESYNC));

beforeEach(async () => {
  provider = fakeProvider();
  told = [];
  source = open();
  await settle();
});

describe("a look", () => {
  it("asks for the index and for discovery at first, and exports what is not excluded", () => {
    expect(provider.heard()).toEqual(["documents", "discover"]);
    expect(exportsOf(source)).toEqual([API]);
    expect(told).toEqual([API, "discovery"]);
  });

  it("comes after two resync intervals, and asks for the index alone while that is the same", async () => {
    provider.heard();
    told = [];
    await provider.pass(2 * RESYNC - 1);
    expect(provider.heard()).toEqual([]);
    for (let n = 0; n < 3; n++) await turn();
    expect(provider.heard()).toEqual(["documents", "documents", "documents"]);
    expect(told).toEqual([]);
  });

  it("asks for discovery, too, with every fifth, because names change no document", async () => {
    provider.heard();
    provider.groups = [group("example.org", { shortNames: ["wd"] })];
    for (let n = 0; n < 4; n++) await turn();
    expect(provider.heard().filter((what) => what === "discover")).toHaveLength(1);
    expect(told.slice(2)).toEqual([API, "discovery"]);
  });

  it("tells of an API whose document has changed, and gives it another version", async () => {
    const { version } = source.offer(API) ?? {};
    provider.published = new Map([["example.org/v1", "hash=B"]]);
    told = [];
    await turn();
    expect(told).toEqual([API, "discovery"]);
    expect(source.offer(API)?.version).not.toBe(version);
  });

  it("comes after one resync interval while an API is asked for that is not exported", async () => {
    provider.heard();
    expect(source.offer("gadgets.example.org")).toBeUndefined();
    await provider.pass(surely(RESYNC));
    expect(provider.heard()).toEqual(["documents"]);
  });

  it("comes at once, and then ever later, while an API has no document yet, and soon no more often than usual", async () => {
    provider.published = new Map();
    await turn();
    provider.heard();
    await provider.pass(surely(500));
    expect(provider.heard()).toContain("documents");
    provider.published = new Map([["example.org/v1", "hash=A"]]);
    await provider.pass(surely(1_000));
    expect(provider.heard()).toContain("documents");
    await provider.pass(2 * RESYNC - 1);
    expect(provider.heard()).toEqual([]);
    provider.published = new Map();
    for (let n = 0; n < 20; n++) await turn();
    provider.heard();
    await provider.pass(2 * RESYNC - 1);
    expect(provider.heard()).toEqual([]);
  });

  it("asks for nothing once it is closed", async () => {
    provider.heard();
    source.close();
    await provider.pass(3_600_000);
    expect(provider.heard()).toEqual([]);
    expect(provider.clock.waiting).toBe(0);
  });

  it("that ends after it was closed says nothing", async () => {
    told = [];
    const late = open();
    late.close();
    await settle();
    expect(told).toEqual([]);
    expect(provider.clock.waiting).toBe(1); // of the other one
  });
});

describe("a look that fails", () => {
  it.each([
    ["unauthorized", refused(401)],
    ["forbidden", refused(403)],
    ["degraded", refused(503)],
    ["unreachable", new UnreachableError("away")],
  ] as const)("(%s) keeps what was exported, and is tried again with back-off", async (fault, error) => {
    provider.fails.documents = error;
    await turn();
    expect(source.discovery()).toMatchObject({ state: "failed", source: "OpenAPI", fault });
    expect(exportsOf(source)).toEqual([API]);
    expect(source.offer(API)).toBeDefined();
    provider.heard();
    await provider.pass(surely(500));
    await provider.pass(surely(1_000));
    expect(provider.heard()).toEqual(["documents", "documents"]);
    provider.fails = {};
    await provider.pass(surely(2_000));
    expect(source.discovery()).toMatchObject({ state: "complete" });
  });

  it("waits as long as the server asks for", async () => {
    provider.fails.discover = new ApiError("busy", { status: 429, retryAfter: 300 });
    provider.published = new Map([["example.org/v1", "hash=B"]]);
    await turn();
    provider.heard();
    await provider.pass(299_000);
    expect(provider.heard()).toEqual([]);
  });

  it("before any has succeeded exports what the status names, without claiming to know what that is", async () => {
    provider.fails.discover = refused(503);
    const before = [{ name: API, group: "example.org", resource: "widgets", scope: "Namespaced", versions: ["v1"] }];
    const fresh = open(before);
    expect(fresh.discovery()).toEqual({ state: "unknown" });
    await settle();
    expect(fresh.discovery()).toMatchObject({ state: "failed", exports: before });
    expect(fresh.offer(API)?.api).toEqual(before[0]);
    await expect(fresh.definition(API)).rejects.toThrow("does not tell at the moment");
    expect(exportsOf(open())).toBeNull();
  });
});

describe("a group that cannot be told", () => {
  it("keeps its APIs and is named; discovery is asked each resync interval until it can", async () => {
    provider.groups = [{ ...WIDGETS, resources: [], failed: ["v1"] }];
    provider.published = new Map([...provider.published, ["other.example.org/v1", "hash=C"]]);
    await turn();
    expect(source.discovery()).toMatchObject({ state: "complete", missing: ["example.org/v1"] });
    expect(exportsOf(source)).toEqual([API]);
    provider.heard();
    await provider.pass(surely(RESYNC));
    expect(provider.heard()).toEqual(["documents", "discover"]);
    provider.groups = [WIDGETS];
    await provider.pass(surely(RESYNC));
    expect(source.discovery()).toMatchObject({ state: "complete", missing: [] });
  });
});

describe("a definition", () => {
  it("is made of one download, however often it is asked for", async () => {
    provider.heard();
    const crd = await source.definition(API);
    expect(crd.spec).toMatchObject({ group: "example.org", names: { plural: "widgets", kind: "Widget" } });
    await source.definition(API);
    expect(provider.heard()).toEqual(["document example.org/v1"]);
  });

  it("of what is not exported is answered with 404", async () => {
    await expect(source.definition("gadgets.example.org")).rejects.toMatchObject({ status: 404 });
  });

  it("that is not published, or not described there, is said to be so", async () => {
    provider.published = new Map();
    await turn();
    await expect(source.definition(API)).rejects.toThrow("publishes no OpenAPI document of example.org/v1");
    provider.groups = [group("example.org", { kind: "Gadget", resource: "gadgets" })];
    provider.published = new Map([["example.org/v1", "hash=A"]]);
    await turn();
    await expect(source.definition("gadgets.example.org")).rejects.toThrow("does not describe Gadget");
  });

  it("whose document cannot be read has the index looked at once more, and not again and again", async () => {
    provider.fails.document = new UnreachableError("a redirect: the document has moved on");
    await expect(source.definition(API)).rejects.toThrow("moved on");
    provider.heard();
    await provider.pass(surely(500));
    expect(provider.heard()).toContain("documents");
    await expect(source.definition(API)).rejects.toThrow("moved on");
    await provider.pass(surely(500));
    expect(provider.heard()).not.toContain("documents");
  });
});
