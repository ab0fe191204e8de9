// How Auto finds out what there is to decide on, over hours. The provider is a fake that counts; each clause on real API
// servers is in test/e2e/sources.test.ts. Rule: docs/reference/behaviour.md, "Schema sources".

import { beforeEach, describe, expect, it } from "vitest";

import type { Source } from "../../actors/source.ts";
import { openSource } from "../../actors/source-choice.ts";
import { isExcludedGroup } from "../../crds/denied-groups.ts";
import {
  APIEXTENSIONS,
  fakeProvider,
  labelledCrd,
  type Provider,
  refused,
  RESYNC,
  settle,
  surely,
  WIDGETS,
} from "./source-world.ts";

let provider: Provider;
let told: string[];

const open = (decided = ""): Source =>
  openSource(
    { ...provider, connection: "acme", resync: RESYNC, isExcluded: (name) => isExcludedGroup(name) },
    { source: "Auto", decided, exported: null },
    { discovery: () => told.push("discovery"), offer: (api) => told.push(api) },
  );

const hours = async (count: number): Promise<void> => {
  for (let minute = 0; minute < count * 60; minute++) await provider.pass(60_000);
};

beforeEach(() => {
  provider = fakeProvider();
  told = [];
});

describe("deciding", () => {
  it("asks discovery before it asks for definitions, and not for those where they are not served", async () => {
    provider.groups = [WIDGETS];
    const source = open();
    await settle();
    expect(source.kind).toBe("OpenAPI");
    await hours(1);
    expect(provider.heard().filter((what) => /watch|list/.test(what))).toEqual([]);
  });

  it("waits while discovery fails, says why, and tries again", async () => {
    provider.fails.discover = refused(503);
    const source = open();
    await settle();
    expect(source.kind).toBeNull();
    expect(source.discovery()).toMatchObject({ state: "failed", source: null, fault: "degraded", exports: null });
    await expect(source.definition("widgets.example.org")).rejects.toMatchObject({ status: 404 });
    provider.fails = {};
    await provider.pass(surely(500));
    expect(source.kind).toBe("OpenAPI");
  });

  it("does not take definitions that are down for definitions that are not served", async () => {
    provider.groups = [{ ...APIEXTENSIONS, resources: [], failed: ["v1"] }, WIDGETS];
    provider.crds = [labelledCrd()];
    const source = open();
    await settle();
    expect(source.kind).toBe("CRD");
  });

  it("waits while the list of definitions fails for another cause than a missing right", async () => {
    provider.fails.watch = refused(503);
    const source = open();
    await settle();
    expect(source.kind).toBeNull();
    expect(source.discovery()).toMatchObject({ state: "failed", source: null });
    provider.sink?.listed(new Set());
    await settle();
    expect(source.kind).toBe("OpenAPI");
  });
});

describe("after OpenAPI", () => {
  it("hears at once of the first labelled definition, tells the APIs of it, and asks for no index any more", async () => {
    const source = open();
    await settle();
    expect(source.kind).toBe("OpenAPI");
    told = [];
    provider.sink?.seen(labelledCrd());
    expect(source.kind).toBe("CRD");
    expect(source.offer("widgets.example.org")?.version).toBe("crd/1");
    expect(told).toEqual(expect.arrayContaining(["widgets.example.org", "discovery"]));
    provider.heard();
    await hours(1);
    expect(provider.heard()).toEqual([]);
  });

  it("never comes back to it, whatever becomes of the labels", async () => {
    const source = open("OpenAPI");
    await settle();
    provider.sink?.seen(labelledCrd());
    provider.sink?.gone(labelledCrd("2"));
    await settle();
    expect(source.kind).toBe("CRD");
    expect(source.discovery()).toMatchObject({ state: "complete", exports: [] });
  });

  it("asks somebody who may not list definitions again only every ten minutes, and moves when there is one", async () => {
    provider.fails = { watch: refused(403), list: refused(403) };
    const source = open();
    await settle();
    expect(source.kind).toBe("OpenAPI");
    provider.heard();
    await hours(1);
    expect(provider.heard().filter((what) => what === "watch").length).toBeLessThanOrEqual(6);
    provider.fails = {};
    provider.crds = [labelledCrd()];
    await provider.pass(surely(600_000));
    expect(source.kind).toBe("CRD");
  });

  it("notices when definitions come to be served, and then a labelled one", async () => {
    provider.groups = [WIDGETS];
    const source = open();
    await settle();
    provider.groups = [WIDGETS, APIEXTENSIONS];
    provider.published = new Map([...provider.published, ["apiextensions.k8s.io/v1", "hash=X"]]);
    await provider.pass(surely(2 * RESYNC));
    expect(source.kind).toBe("OpenAPI");
    provider.sink?.seen(labelledCrd());
    expect(source.kind).toBe("CRD");
  });

  it("is not disturbed by a failure of the watch for labels", async () => {
    const source = open();
    await settle();
    told = [];
    provider.sink?.failed(refused(503));
    expect(told).toEqual([]);
    expect(source.discovery()).toMatchObject({ state: "complete", source: "OpenAPI" });
  });
});

describe("after CRD", () => {
  it.each([
    ["nothing is labelled", {}],
    ["listing is forbidden", { watch: refused(403), list: refused(403) }],
    ["everything fails", { watch: refused(503), discover: refused(503) }],
  ])("stays with it when %s, and never asks for an index", async (_what, fails) => {
    provider.fails = fails;
    const source = open("CRD");
    await settle();
    await hours(1);
    expect(source.kind).toBe("CRD");
    expect(provider.heard()).not.toContain("documents");
  });
});

it("closes everything that it has opened", async () => {
  for (const decided of ["", "CRD", "OpenAPI"]) {
    const source = open(decided);
    await settle();
    source.close();
  }
  provider.heard();
  told = [];
  await hours(1);
  expect(provider.heard()).toEqual([]);
  expect(told).toEqual([]);
  expect(provider.clock.waiting).toBe(0);
});
