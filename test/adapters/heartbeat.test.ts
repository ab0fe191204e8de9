// The promises of adapters/kube/heartbeat.ts that concern the number of requests. Time is faked, because "not one more
// in a minute" cannot be seen in less than a minute otherwise; what beats do to watches is tried on real servers in
// kube-watch.test.ts.

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { UnreachableError } from "../../actors/ports.ts";
import { createHeartbeat, type Heartbeat } from "../../adapters/kube/heartbeat.ts";
import { renewEvery } from "../../machines/rules/lease.ts";

const INTERVAL = 10_000;
const MINUTE = 60_000;

let heartbeat: Heartbeat;
let beats: number[];
let reachable: boolean;
const told = { dead: 0, alive: 0 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  beats = [];
  reachable = true;
  Object.assign(told, { dead: 0, alive: 0 });
  const ping = async () => {
    beats.push(performance.now());
    if (!reachable) throw new UnreachableError("silence");
    heartbeat.answered();
  };
  heartbeat = createHeartbeat({ ping, interval: INTERVAL, onDead: () => {} });
  heartbeat.join({ dead: () => told.dead++, alive: () => told.alive++ });
});
afterEach(() => {
  heartbeat.stop();
  vi.useRealTimers();
});

/** Another request that is answered, each so many milliseconds, for as long. */
async function requests(every: number, during: number): Promise<number> {
  let sent = 0;
  for (let left = during; left > 0; left -= every) {
    await vi.advanceTimersByTimeAsync(Math.min(every, left));
    if (left < every) break;
    heartbeat.answered();
    sent++;
  }
  return sent;
}

describe("a heartbeat", () => {
  it("beats each interval while nothing else is asked of the server", async () => {
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(beats).toHaveLength(6);
  });

  it("is not sent while other requests are answered", async () => {
    await requests(INTERVAL / 2, MINUTE);
    expect(beats).toHaveLength(0);
  });

  it("costs, with the renewals of a Lease of 60 s, at most 8 requests a minute", async () => {
    const every = renewEvery(60);
    const renewals = await requests(every, 10 * MINUTE);
    expect(renewals).toBeGreaterThanOrEqual(30);
    expect((renewals + beats.length) / 10).toBeLessThanOrEqual(7);
    const before = (times: number[], end: number) => times.filter((at) => at > end - MINUTE && at <= end).length;
    const all = [...beats, ...Array.from({ length: renewals }, (_, index) => (index + 1) * every)];
    expect(Math.max(...all.map((end) => before(all, end)))).toBeLessThanOrEqual(8);
  });

  it("comes one interval after the last answer, so that an outage is noticed as soon as without other requests", async () => {
    await vi.advanceTimersByTimeAsync(7_000);
    heartbeat.answered();
    const last = performance.now();
    reachable = false;
    await vi.advanceTimersByTimeAsync(INTERVAL + 2_000);
    expect(beats[0]).toBe(last + INTERVAL);
    expect(told.dead).toBe(1);
  });

  it("is what ends an outage, whatever else is answered meanwhile", async () => {
    reachable = false;
    await vi.advanceTimersByTimeAsync(INTERVAL + 1_000);
    expect(told.dead).toBe(1);
    reachable = true;
    await requests(500, 3_000);
    expect(told.alive).toBe(1);
  });

  it("looks at once when a watch could not reach the server, whatever else is answered", async () => {
    heartbeat.answered();
    heartbeat.suspect();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(beats).toHaveLength(1);
  });
});
