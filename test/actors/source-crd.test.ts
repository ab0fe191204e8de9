// What source CRD does where definitions may be listed and not watched, or neither. The provider is a fake that counts.
// Rule: docs/reference/behaviour.md, "Schema sources".

import { beforeEach, describe, expect, it } from "vitest";

import { type CrdSource, crdSource } from "../../actors/source-crd.ts";
import { fakeProvider, labelledCrd, type Provider, refused, RESYNC, settle, surely } from "./source-world.ts";

let provider: Provider;
let told: string[];

const open = (patience?: () => number): CrdSource =>
  crdSource(
    { ...provider, resync: RESYNC, before: null },
    { discovery: () => told.push("discovery"), offer: (api) => told.push(api) },
    patience,
  );

beforeEach(() => {
  provider = fakeProvider();
  provider.crds = [labelledCrd()];
  told = [];
});

describe("with the right to watch", () => {
  it("follows one watch, and asks for nothing else", async () => {
    const source = open();
    await settle();
    expect(source.discovery()).toMatchObject({
      state: "complete",
      note: "",
      exports: [{ name: "widgets.example.org" }],
    });
    provider.sink?.seen(labelledCrd("2"));
    expect(source.offer("widgets.example.org")?.version).toBe("crd/2");
    await provider.pass(3_600_000);
    expect(provider.heard()).toEqual(["watch"]);
  });
});

describe("with the right to list alone", () => {
  beforeEach(() => (provider.fails.watch = refused(403)));

  it("lists at the resync interval, whole only when something has changed, and says so", async () => {
    const source = open();
    await settle();
    expect(source.discovery()).toMatchObject({ state: "complete", note: expect.stringContaining("every 30 s") });
    expect(provider.heard()).toEqual(["watch", "list names", "list"]);
    told = [];
    await provider.pass(surely(RESYNC));
    expect(provider.heard()).toEqual(["list names"]);
    expect(told).toEqual([]);
    provider.crds = [labelledCrd("2")];
    await provider.pass(surely(RESYNC));
    expect(provider.heard()).toEqual(["list names", "list"]);
    expect(told).toContain("widgets.example.org");
    provider.crds = [];
    await provider.pass(surely(RESYNC));
    expect(source.discovery()).toMatchObject({ state: "complete", exports: [] });
  });

  it("tries the watch now and then, and goes on with it once it may", async () => {
    const source = open();
    await settle();
    for (let n = 0; n < 19; n++) await provider.pass(surely(RESYNC));
    provider.heard();
    provider.fails = {};
    await provider.pass(surely(RESYNC));
    expect(provider.heard()).toEqual(["watch"]);
    expect(source.discovery()).toMatchObject({ state: "complete", note: "" });
    await provider.pass(3_600_000);
    expect(provider.heard()).toEqual([]);
  });

  it("keeps the exports when a list fails, and mends", async () => {
    const source = open();
    await settle();
    provider.fails.list = refused(503);
    await provider.pass(surely(RESYNC));
    expect(source.discovery()).toMatchObject({ state: "failed", exports: [{ name: "widgets.example.org" }] });
    provider.fails = { watch: refused(403) };
    await provider.pass(surely(500));
    expect(source.discovery()).toMatchObject({ state: "complete" });
  });
});

describe("with no right to either", () => {
  beforeEach(() => (provider.fails = { watch: refused(403), list: refused(403) }));

  it("is forbidden, tries again with back-off, and mends", async () => {
    const source = open();
    await settle();
    expect(source.labelled()).toBe("forbidden");
    expect(source.discovery()).toMatchObject({ state: "failed", fault: "forbidden", exports: null });
    provider.heard();
    await provider.pass(surely(500));
    expect(provider.heard()).toEqual(["watch", "list names"]);
    provider.fails = {};
    await provider.pass(surely(1_000));
    expect(source.labelled()).toBe("some");
  });

  it("waits longer where it is told to be patient", async () => {
    open(() => 600_000);
    await settle();
    provider.heard();
    await provider.pass(599_999);
    expect(provider.heard()).toEqual([]);
    await provider.pass(surely(600_000) - 599_999);
    expect(provider.heard()).toEqual(["watch", "list names"]);
  });

  it("asks for nothing once it is closed", async () => {
    const source = open();
    await settle();
    source.close();
    provider.heard();
    await provider.pass(3_600_000);
    expect(provider.heard()).toEqual([]);
  });
});
