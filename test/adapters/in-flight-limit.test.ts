// How many requests may be in flight, as the answers of a server decide it. The servers are arithmetic: what becomes of
// minutes of load must be tried in no time, and a collapse cannot be ordered from a real one.

import { describe, expect, it } from "vitest";
import { createInFlightLimit } from "../../adapters/kube/in-flight-limit.ts";

const CAP = 32;

interface Answer {
  sent: number;
  at: number;
}

/** When a request that arrives at `now` is answered. */
type Server = (now: number) => number;

/** One request after the other, as a server that lacks CPU; `service`: milliseconds for each. */
const serial = (service: (now: number) => number): Server => {
  let free = 0;
  return (now) => (free = Math.max(free, now) + service(now));
};

/** So many callers for so long (milliseconds), each of whom asks again as soon as he is answered and the limit lets him. */
function load(server: Server, callers: number, until: number) {
  const limit = createInFlightLimit(CAP);
  const flying: Answer[] = [];
  const answers: Answer[] = [];
  const limits: { at: number; limit: number }[] = [];
  for (let now = 0; now < until;) {
    while (flying.length < Math.min(callers, limit.now)) flying.push({ sent: now, at: server(now) });
    flying.sort((a, b) => a.at - b.at);
    const answer = flying.shift() as Answer;
    now = answer.at;
    answers.push(answer);
    limit.measured(answer.sent, now, flying.length + 1, true);
    limit.answered(answer.sent);
    limits.push({ at: now, limit: limit.now });
  }
  const between = (from: number, to: number) => {
    const some = answers.filter(({ at }) => at >= from && at < to);
    const times = some.map(({ at, sent }) => at - sent).sort((a, b) => a - b);
    const known = limits.filter(({ at }) => at >= from && at < to).map((one) => one.limit);
    return {
      rate: some.length / ((to - from) / 1_000),
      p99: times[Math.floor(times.length * 0.99)] ?? NaN,
      least: Math.min(...known),
      last: known.at(-1),
    };
  };
  return { limit, between };
}

describe("the number of requests in flight", () => {
  it("begins at the cap, and never exceeds it however good the answers are", () => {
    const limit = createInFlightLimit(CAP);
    expect(limit.now).toBe(CAP);
    for (let n = 1; n < 1_000; n++) limit.answered(n);
    expect(limit.now).toBe(CAP);
  });

  it("is halved when the server has too much to do, once for all requests that were sent before that, and never below 1", () => {
    const limit = createInFlightLimit(CAP);
    for (let n = 0; n < CAP; n++) limit.refused(100, 200 + n);
    expect(limit.now).toBe(16);
    const seen = [1_300, 2_400, 3_500, 4_600, 5_700, 6_800].map((sent) => {
      limit.refused(sent, sent + 10);
      return limit.now;
    });
    expect(seen).toEqual([8, 4, 2, 1, 1, 1]);
  });

  it("grows by about one with each round of good answers to what was sent since", () => {
    const limit = createInFlightLimit(CAP);
    limit.refused(100, 200);
    for (let n = 0; n < 1_000; n++) limit.answered(150);
    expect(limit.now).toBe(16);
    for (let n = 0; n < 17; n++) limit.answered(201);
    expect(limit.now).toBe(17);
    for (let n = 0; n < 500; n++) limit.answered(201);
    expect(limit.now).toBe(CAP);
  });

  it("is not lowered because requests take turns: a closed loop of the cap on a server of one CPU", () => {
    const { between } = load(
      serial(() => 1),
      CAP,
      60_000,
    );
    expect(between(0, 60_000)).toMatchObject({ least: CAP });
    expect(between(30_000, 60_000).rate).toBeCloseTo(1_000, -1);
  });

  it("is not lowered by a server that is as far away as ever", () => {
    expect(load((now) => now + 1_500, 16, 600_000).between(0, 600_000)).toMatchObject({ least: CAP });
  });

  it("is lowered when a server collapses under us, so that answers take about a second, at no cost in answers", () => {
    const collapsed = serial((now) => (now < 30_000 ? 2 : 250));
    const { between } = load(collapsed, 16, 90_000);
    expect(between(0, 30_000).least).toBe(CAP);
    // Without a limit the 16 callers would wait for 4 s each.
    expect(between(60_000, 90_000).p99).toBeLessThan(2_000);
    expect(between(60_000, 90_000).rate).toBeGreaterThan(3.8);
    expect(between(30_000, 90_000).least).toBeGreaterThanOrEqual(CAP / 8);
  });

  it("is not lowered by slow requests among quick ones: they have a reason of their own", () => {
    let n = 0;
    const mixed: Server = (now) => now + (now > 30_000 && n++ % 4 > 0 ? 8_000 : 20);
    expect(load(mixed, 16, 300_000).between(0, 300_000).least).toBe(CAP);
  });

  it("is back in three minutes where a server is merely slower than it was, and nobody gains by our asking less", () => {
    const slower: Server = (now) => now + (now < 30_000 ? 20 : 2_000);
    const { between } = load(slower, 16, 240_000);
    expect(between(30_000, 90_000).least).toBeLessThan(16);
    expect(between(210_000, 240_000)).toMatchObject({ least: CAP });
    expect(between(210_000, 240_000).rate).toBeCloseTo(8, 0);
  });

  it("is lowered by writes that are not answered at all, and not by those that fail at once", () => {
    const limit = createInFlightLimit(CAP);
    for (let n = 1; n <= 2 * CAP; n++) limit.measured(n, n + 20, CAP, true);
    for (let n = 200; n < 1_200; n++) limit.measured(n, n + 1, CAP, false);
    expect(limit.now).toBe(CAP);
    for (let n = 0; n < CAP; n++) limit.measured(2_000, 32_000, CAP, false);
    expect(limit.now).toBe(CAP * 0.75);
  });
});
