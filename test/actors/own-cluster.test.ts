// Being sure of our own cluster: what a look costs, for how long it counts, and what follows when another one is met. The
// clients are fakes, since it is who answers that matters; two real clusters change places in test/e2e/own-identity.

import { describe, expect, it } from "vitest";
import { ownCluster } from "../../actors/own-cluster.ts";
import { AnotherClusterError, ApiError, type Cluster, type Identity } from "../../actors/ports.ts";
import { manualClock } from "./manual-clock.ts";

/** What answers at the address, and how often it was asked who it is. */
const world = () => {
  const state = { uid: "ours", looks: 0, error: null as Error | null, opened: [] as (Identity | undefined)[] };
  const open = (identity?: Identity): Cluster => {
    state.opened.push(identity);
    const get = (): Promise<unknown> => {
      state.looks++;
      if (state.error !== null) return Promise.reject(state.error);
      if (identity && identity.uid !== state.uid) return Promise.reject(new AnotherClusterError("another", state.uid));
      return Promise.resolve({ metadata: { name: "kube-system", uid: state.uid } });
    };
    const groups = () => Promise.resolve([]);
    const close = () => Promise.resolve();
    return { get, groups, close } as unknown as Cluster;
  };
  const clock = manualClock();
  const own = ownCluster(open, clock);
  const told: (string | undefined)[] = [];
  own.onStranger((found) => told.push(found));
  return { state, clock, own, told };
};

describe("our own cluster", () => {
  it("is recognised once, by the first who asks, and from then on used by connections that introduce themselves", async () => {
    const { state, own } = world();
    expect(await Promise.all([own.identify(), own.identify()])).toEqual(["ours", "ours"]);
    expect(state.opened.map((identity) => identity?.uid)).toEqual([undefined, "ours"]);
  });

  it("is looked at once in five seconds, however many want to be sure", async () => {
    const { state, clock, own } = world();
    await own.identify();
    state.looks = 0;
    await Promise.all([own.confirm("ours"), own.confirm("ours")]);
    for (let round = 0; round < 100; round++) await own.confirm("ours");
    expect(state.looks).toBeLessThanOrEqual(2);
    state.looks = 0;
    clock.advance(5_001);
    await own.confirm("ours");
    expect(state.looks).toBe(1);
  });

  it("is not taken for that of another pin", async () => {
    const { own } = world();
    await own.identify();
    await expect(own.confirm("restored")).rejects.toBeInstanceOf(AnotherClusterError);
  });

  it("releases what is its own before it was ever recognised, and then only while it is the same", async () => {
    const { state, own } = world();
    await own.confirm();
    expect(state.looks).toBe(0);
    await own.identify();
    state.uid = "another";
    await expect(own.confirm()).rejects.toBeInstanceOf(AnotherClusterError);
  });

  it("need not say who it is once more to Connections that begin with the process", async () => {
    const { clock, state, own } = world();
    await own.identify();
    state.looks = 0;
    expect(await own.uid()).toBe("ours");
    expect(state.looks).toBe(0);
    clock.advance(5_001);
    state.uid = "another";
    expect(await own.uid()).toBe("another");
    expect(await own.uid()).toBe("another");
    expect(state.looks).toBeGreaterThan(0);
  });

  it("stays what it was while it cannot be told, and nothing is confirmed", async () => {
    const { state, own, told } = world();
    await own.identify();
    state.error = new ApiError("not now", { status: 503 });
    await expect(own.confirm("ours")).rejects.toBe(state.error);
    await expect(own.identify()).rejects.toBe(state.error);
    expect([own.stranger(), told]).toEqual([undefined, []]);
  });
});

describe("another cluster at its address", () => {
  it("is told of once, whoever meets it, and the end of it, too, which is looked for without being asked", async () => {
    const { state, clock, own, told } = world();
    await own.identify();
    await own.confirm("ours");
    state.uid = "another";
    for (let round = 0; round < 3; round++) expect(await own.identify()).toBe("another");
    expect([own.stranger(), told]).toEqual(["another", ["another"]]);
    // What was seen before it came counts no more.
    await expect(own.confirm("ours")).rejects.toBeInstanceOf(AnotherClusterError);
    clock.advance(5_000);
    await Promise.resolve();
    state.uid = "ours";
    for (let round = 0; round < 10; round++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(5_000);
    for (let round = 0; round < 10; round++) await new Promise((resolve) => setImmediate(resolve));
    expect([own.stranger(), told]).toEqual([undefined, ["another", undefined]]);
    await own.confirm("ours");
  });
});
